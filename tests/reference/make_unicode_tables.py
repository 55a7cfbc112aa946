# SPDX-License-Identifier: Apache-2.0
"""Writes tasks/text/unicode_tables.c: the classes of code points as the `tokenizers` library has them.

    python3 make_unicode_tables.py > ../../tasks/text/unicode_tables.c
    python3 make_unicode_tables.py --scripts > ../../tasks/text/unicode_scripts.c

The library's parts know different versions of Unicode. The tables make wane independent of the
versions that PCRE2 and utf8proc know. Needs libutf8proc and `sentencepiece` beside `tokenizers` and
Python 3.11 or later.
"""
import base64
import ctypes
import ctypes.util
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

from charsmaps import charsmap_of

CODES = [c for c in range(0x80, 0x110000) if not 0xd800 <= c < 0xe000]
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cf".split()
# Code points that PCRE2 of any version knows, by category, of 2, 3 and 4 bytes.
STAND_INS = {"Lu": (0xc0, 0x1e00, 0x10400), "Ll": (0xdf, 0x1e01, 0x10428), "Lm": (0x2b0, 0x1d2c, 0x16b40),
             "Lo": (0x1bb, 0x10d0, 0x10280), "Han": (None, 0x4e00, 0x20000),
             "Mn": (0x300, 0x900, 0x101fd), "Mc": (None, 0x903, 0x11000), "Nd": (0x660, 0x966, 0x104a0),
             "No": (0xb2, 0x9f4, 0x10107), "Po": (0xa1, 0x964, 0x10100), "So": (0xa6, 0x2100, 0x10137),
             "Sm": (0xac, 0x2044, 0x1d6c1), "Cf": (0xad, 0x200b, 0x1d173), "Pd": (None, 0x2010, 0x10ead)}


def ranges(pairs):
    """[(code, value)] as [first, last, value] with equal values in a row."""
    out = []
    for code, value in pairs:
        if out and out[-1][1] == code - 1 and out[-1][2] == value:
            out[-1][1] = code
        else:
            out.append([code, code, value])
    return out


def table(name, comment, rows):
    print(f"\n/* {comment} */\nstatic const range {name}[] = {{")
    line = "   "
    for first, last, value in rows:
        item = f" {{0x{first:x}, 0x{last:x}, {value}}},"
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line.rstrip(",") + "};")


def splits(splitter):
    return [(c, 0) for c in CODES if len(splitter.pre_tokenize_str("x" + chr(c))) == 2]


def stand_ins():
    new = [c for c in CODES if unicodedata.category(chr(c)) == "Cn"]
    text = "".join(map(chr, new))
    kinds = {}
    for kind in CATEGORIES + ["Han"]:
        kept = set(normalizers.Replace(Regex(rf"\p{{{kind}}}"), "").normalize_str(text))
        kinds.update((c, kind) for c in new if chr(c) not in kept)  # Han goes over Lo
    return [(c, f"0x{STAND_INS[kinds[c]][len(chr(c).encode()) - 2]:x}") for c in new if c in kinds]


def undivided():
    library = normalizers.NFKD()
    utf8proc = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
    codes = (ctypes.c_int32 * 32)()
    return [(c, 0) for c in CODES if library.normalize_str(chr(c)) == chr(c) and not
            (utf8proc.utf8proc_decompose_char(c, codes, 32, 4 | 2 | 16, ctypes.byref(ctypes.c_int()))
             == 1 and codes[0] == c)]


def unordered():
    """What utf8proc gives a combining class, and the library does not move past another mark."""
    library = normalizers.NFD()
    utf8proc = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
    utf8proc.utf8proc_get_property.restype = ctypes.POINTER(ctypes.c_int16)  # category, class, ...

    def moves(c, kind):
        text = chr(c) + "\u0334" if kind > 1 else "\u0301" + chr(c)  # of class 1 and 230
        return library.normalize_str(text) != text
    classes = [(c, utf8proc.utf8proc_get_property(c)[1]) for c in CODES]
    return [(c, 0) for c, kind in classes if kind and library.normalize_str(chr(c)) == chr(c) and
            not moves(c, kind)]


def conjuncts():
    """Consonants and linkers of rule GB9c. Precompiled shows what is one grapheme: a consonant that
    its table has takes a mark behind it along, unless they stand in a cluster of 6 bytes or more."""
    letters = [c for c in CODES if 0x900 <= c < 0xac00 and unicodedata.category(chr(c)) == "Lo" and not
               (0x1100 <= c < 0x1200 or 0x3000 <= c < 0xa000)]
    table_of = base64.b64decode(charsmap_of([(chr(c), "X") for c in letters]))
    library = normalizers.Precompiled(table_of)

    def joined(text):
        return "\u0301" in library.normalize_str(text + "\u0301")
    consonants = [(c, 0) for c in letters if joined("\u0915\u094d" + chr(c)) and not
                  joined("a" + chr(c))]
    linkers = [(c, 0) for c in CODES if joined("\u0915" + chr(c) + "\u0915") and not
               joined("a" + chr(c) + "\u0915")]
    return consonants, linkers


def graphemes(replaced):
    """What joins a letter otherwise than utf8proc says, with one of its kind that it knows: a mark, a
    prefix or a letter. `replaced`: the stand-ins that are put for it in any case."""
    library = normalizers.Precompiled(base64.b64decode(charsmap_of([("a", "X")])))
    breaks = ctypes.CDLL(ctypes.util.find_library("utf8proc")).utf8proc_grapheme_break
    breaks.restype = ctypes.c_bool
    found = []
    for c in CODES:
        ends = library.normalize_str("a" + chr(c)) == "X"  # else it is kept
        begins = library.normalize_str(chr(c) + "a\u0301") != chr(c) + "X"  # else the mark is gone
        known = int(replaced.get(c, str(c)), 0)
        if (ends, begins) != (not breaks(0x61, known), not breaks(known, 0x61)):
            found.append((c, "0x300" if ends else "0x600" if begins else "0x61"))
    return found


def lower():
    library = normalizers.Lowercase()
    pairs = []
    for c in CODES:
        text = library.normalize_str(chr(c))
        if text != chr(c) and text != chr(c).lower():
            pairs.append((c, str(ord(text) - c)))
    return pairs


def bert(**options):
    """The code points of which one part of BertNormalizer leaves nothing."""
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    library = normalizers.BertNormalizer(**{**off, **options})
    return ranges((c, 0) for c in CODES if library.normalize_str(chr(c)) == "")


def scripts():
    """[(code, number)] of all that have a script; equal numbers are not cut apart."""
    library = pre_tokenizers.UnicodeScripts()
    known, pairs = [], []
    for c in [*range(0x80)] + CODES:
        if not library.pre_tokenize_str(chr(c)):
            continue  # as text alone it is dropped
        number = pairs[-1][1] if pairs else 0
        if not known or len(library.pre_tokenize_str(chr(known[number]) + chr(c))) == 2:
            number = next((i for i, other in enumerate(known) if
                           len(library.pre_tokenize_str(chr(other) + chr(c))) == 1), len(known))
            if number == len(known):
                known.append(c)
        pairs.append((c, number))
    return pairs


def write_scripts():
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(f" * Scripts, made by tests/reference/make_unicode_tables.py from tokenizers {tokenizers.__version__}.")
    print(" */\n#include \"tasks/text/unicode.h\"\n")
    print("typedef struct range {\n    uint32_t first, last;\n    int script;\n} range;")
    table("scripts", "Numbered by their first code point.", ranges(scripts()))
    print("""
int wane_unicode_script(uint32_t code)
{
    size_t low = 0, count = sizeof scripts / sizeof *scripts;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (code > scripts[middle].last) low = middle + 1;
        else if (code < scripts[middle].first) count = middle;
        else return scripts[middle].script;
    }
    return -1;
}""")


def main():
    if sys.argv[1:] == ["--scripts"]:
        return write_scripts()
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(f" * Made by tests/reference/make_unicode_tables.py from tokenizers {tokenizers.__version__}.")
    print(" */\n#include \"tasks/text/unicode.h\"\n")
    print("typedef struct range {\n    uint32_t first, last;\n    int32_t value;\n} range;")
    marks = normalizers.StripAccents()
    table("numbers", "Numeric characters beyond ASCII.",
          ranges(splits(pre_tokenizers.Digits(individual_digits=True))))
    table("punctuation", "Punctuation beyond ASCII.",
          ranges(splits(pre_tokenizers.Punctuation("isolated"))))
    table("marks", "Marks that StripAccents removes.",
          ranges((c, 0) for c in CODES if marks.normalize_str(chr(c)) == ""))
    table("undivided", "What newer Unicode decomposes, but the library does not.",
          ranges(undivided()))
    table("unordered", "What newer Unicode gives a combining class, but the library does not.",
          ranges(unordered()))
    consonants, linkers = conjuncts()
    table("consonants", "Of 3 bytes, that a linker joins.", ranges(consonants))
    table("linkers", "Join two consonants to one grapheme.", ranges(linkers))
    table("lower", "Lower case since Unicode 15, as a distance.", ranges(lower()))
    replaced = stand_ins()
    table("graphemes", "Class in graphemes that neither utf8proc nor a stand-in below has.",
          ranges(graphemes(dict(replaced))))
    table("stand_ins", "Assigned since Unicode 15, with one of the same category, script Han or not,"
          "\n * and number of bytes that is older.", ranges(replaced))
    table("others", "What BertNormalizer takes out: control, format and private use.",
          bert(clean_text=True))
    table("accents", "Marks that BertNormalizer removes.", bert(strip_accents=True))
    print("""
static const range *find(const range *table, size_t count, uint32_t code)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (code > table[middle].last) low = middle + 1;
        else if (code < table[middle].first) count = middle;
        else return table + middle;
    }
    return NULL;
}

#define FIND(table, code) find((table), sizeof(table) / sizeof *(table), (code))

bool wane_unicode_number(uint32_t code)
{
    return code < 0x80 ? code >= '0' && code <= '9' : FIND(numbers, code) != NULL;
}

bool wane_unicode_punctuation(uint32_t code)
{
    if (code < 0x80)
        return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') ||
               (code >= '[' && code <= '`') || (code >= '{' && code <= '~');
    return FIND(punctuation, code) != NULL;
}

bool wane_unicode_mark(uint32_t code)
{
    return code >= 0x300 && FIND(marks, code);
}

bool wane_unicode_other(uint32_t code)
{
    if (code < 0x80)
        return (code < 0x20 && code != '\\t' && code != '\\n' && code != '\\r') || code == 0x7f;
    return FIND(others, code) != NULL;
}

bool wane_unicode_accent(uint32_t code)
{
    return code >= 0x300 && FIND(accents, code);
}

bool wane_unicode_undivided(uint32_t code)
{
    return code >= 0x3000 && FIND(undivided, code);
}

bool wane_unicode_unordered(uint32_t code)
{
    return code >= 0x700 && FIND(unordered, code);
}

uint32_t wane_unicode_grapheme_class(uint32_t code)
{
    const range *found = code < 0x80 ? NULL : FIND(graphemes, code);
    if (!found) found = FIND(stand_ins, code);
    return found ? (uint32_t)found->value : code;
}

bool wane_unicode_consonant(uint32_t code)
{
    return code >= 0x900 && FIND(consonants, code);
}

bool wane_unicode_linker(uint32_t code)
{
    return code >= 0x900 && FIND(linkers, code);
}

uint32_t wane_unicode_newer_lower(uint32_t code)
{
    const range *found = code < 0x1c89 ? NULL : FIND(lower, code);
    return found ? (uint32_t)((int32_t)code + found->value) : 0;
}

uint32_t wane_unicode_stand_in(uint32_t code)
{
    const range *found = FIND(stand_ins, code);
    return found ? (uint32_t)found->value : 0;
}""")


if __name__ == "__main__":
    main()
