# SPDX-License-Identifier: Apache-2.0
"""Varied texts for comparing tokenizers: a seeded list of byte strings.

Scripts of the whole world, emoji, control characters, white space of every kind, broken UTF-8,
contractions, numbers, combining marks, added tokens in the midst, and lines of real data.
"""
import json
import pathlib
import random

RANGES = [
    (0x20, 0x7e), (0xa0, 0xff), (0x100, 0x24f), (0x250, 0x2af), (0x300, 0x36f), (0x370, 0x3ff),
    (0x400, 0x4ff), (0x530, 0x58f), (0x590, 0x5ff), (0x600, 0x6ff), (0x700, 0x74f), (0x780, 0x7bf),
    (0x900, 0x97f), (0x980, 0x9ff), (0xa00, 0xa7f), (0xb80, 0xbff), (0xc00, 0xc7f), (0xd00, 0xd7f),
    (0xe00, 0xe7f), (0xf00, 0xfff), (0x1000, 0x109f), (0x10a0, 0x10ff), (0x1100, 0x11ff),
    (0x1200, 0x137f), (0x13a0, 0x13ff), (0x1680, 0x169f), (0x1780, 0x17ff), (0x1800, 0x18af),
    (0x1e00, 0x1eff), (0x1f00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x20cf), (0x2100, 0x218f),
    (0x2190, 0x23ff), (0x2500, 0x27bf), (0x2800, 0x28ff), (0x2c00, 0x2c5f), (0x3000, 0x30ff),
    (0x3130, 0x318f), (0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xa000, 0xa48f), (0xac00, 0xd7a3),
    (0xe000, 0xe0ff), (0xf900, 0xfaff), (0xfb00, 0xfb4f), (0xfe00, 0xfe6f), (0xff00, 0xffef),
    (0xfff0, 0xffff), (0x10000, 0x100ff), (0x10330, 0x1034f), (0x10400, 0x1044f),
    (0x12000, 0x123ff), (0x1d100, 0x1d1ff), (0x1d400, 0x1d7ff), (0x1f000, 0x1f0ff),
    (0x1f100, 0x1f1ff), (0x20000, 0x2a6df), (0xe0000, 0xe007f), (0xe0100, 0xe01ef),
    (0x10fff0, 0x10ffff),
]
SPACES = [" ", " ", " ", "  ", "\t", "\n", "\n", "\n\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x1d",
          "\x1f", "\x85", "\xa0", "\u1680", "\u180e", "\u2000", "\u2003", "\u200a", "\u200b",
          "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea",
         "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062"]
WORDS = ["the", "Lily", "said", "don't", "I'll", "we've", "they're", "he'd", "it's", "I'm", "CAN'T",
         "IT'S", "'\u017f", "O'Neil", "rock'n'roll", "''s", "x'll", "_under_score_", "a_b", "C++",
         "e.g.", "http://x.org/?a=1&b=2", "me@x.org", "#tag", "@user", "$3.50", "100%", "1,234.56",
         "3rd", "2024-01-31", "12345678901234567890", "0x1F", "\u0661\u0662\u0663", "\u00bd",
         "\u2167", "na\u00efve", "nai\u0308ve", "\u1e9b\u0323", "\ufb01ne", "\u0130stanbul",
         "stra\u00dfe", "STRASSE", "\u03a3\u0391\u03a3", "\u2581", "\u2581x", "x\u2581y", "\u0120",
         "\u0120word", "\u010a", "<0x0A>", "<0x41>", "...", "\u2026", "?!", "--", "\u2014", "(a)",
         "[b]", "{c}", "`d`", "\"q\"", "\u201cq\u201d", "\u00abq\u00bb", "```\nx = 1\n```",
         "\u4f60\u597d", "\u3053\u3093\u306b\u3061\u306f", "\uc548\ub155", "\u1112\u1161\u11ab",
         "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd",
         "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
         "\u041f\u0440\u0438\u0432\u0435\u0442", "\u0393\u03b5\u03b9\u03ac"]


def character(rng):
    low, high = rng.choice(RANGES)
    code = rng.randint(low, high)
    return chr(code)


def control(rng):
    return chr(rng.choice([*range(0x20), 0x7f, *range(0x80, 0xa0), 0x200c, 0x200d, 0x200e, 0x202a,
                           0xfeff, 0xfff9, 0xfffd, 0xffff]))


def one(rng, special):
    """One text of a random kind, as bytes."""
    kind = rng.randrange(12)
    if kind == 0:  # one script
        low, high = rng.choice(RANGES)
        text = "".join(chr(rng.randint(low, high)) if rng.random() < .8 else " "
                       for _ in range(rng.randint(1, 40)))
    elif kind == 1:  # many scripts
        text = "".join(character(rng) for _ in range(rng.randint(1, 40)))
    elif kind == 2:
        text = "".join(rng.choice(EMOJI) if rng.random() < .6 else rng.choice(WORDS + SPACES)
                       for _ in range(rng.randint(1, 12)))
    elif kind == 3:
        text = "".join(control(rng) if rng.random() < .5 else rng.choice(WORDS)
                       for _ in range(rng.randint(1, 20)))
    elif kind == 4:  # white space
        text = "".join(rng.choice(SPACES) * rng.choice([1, 1, 2, 3, 17])
                       if rng.random() < .6 else rng.choice(WORDS) for _ in range(rng.randint(1, 20)))
    elif kind == 5:
        text = rng.choice(SPACES) * rng.randint(1, 300) + rng.choice(WORDS + [""])
    elif kind in (6, 7) and special:
        text = "".join(rng.choice(special) if rng.random() < .4 else rng.choice(WORDS + SPACES)
                       for _ in range(rng.randint(1, 15)))
    elif kind == 8:  # broken UTF-8
        data = bytearray("".join(rng.choice(WORDS + SPACES + EMOJI) if rng.random() < .5 else
                                 character(rng) for _ in range(rng.randint(1, 20))).encode())
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data) + 1)
            if rng.random() < .5 and data:
                del data[at:at + rng.randint(1, 2)]
            else:
                data[at:at] = bytes(rng.choice([0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed, 0xa0,
                                                0xf0, 0x9f, 0xf4, 0x90, 0xff]) for _ in range(
                                                    rng.randint(1, 3)))
        return bytes(data)
    elif kind == 9:  # letters at random
        text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ABC.,'!?0123456789\n")
                       for _ in range(rng.randint(1, 200)))
    else:
        text = "".join(rng.choice(WORDS) + rng.choice(SPACES + [""])
                       for _ in range(rng.randint(1, 25)))
    return text.encode("utf-8", "replace")


def made(count, seed, special=()):
    """`count` made-up texts; `special` are strings of added tokens to mix in."""
    rng = random.Random(seed)
    return [b"", b" ", b"  ", b"\n", b"a", b"\xff"] + [one(rng, special) for _ in range(count - 6)]


def real(root, seed, count):
    """About `count` texts of the real data under `root`: whole documents, lines, parts of lines."""
    rng = random.Random(seed)
    root = pathlib.Path(root)
    texts = json.loads((root / "corpora/tinystories-1000.json").read_text())
    wiki = (root / "corpora/wikitext-2-valid.txt").read_text()
    lines = wiki.split("\n")
    for folder in sorted((root / "tasks").iterdir()):
        for name in ("train.jsonl", "test.jsonl"):
            rows = (folder / name).read_text().splitlines()
            rng.shuffle(rows)
            lines += [json.loads(row)["text"] for row in rows[:400]]
    rng.shuffle(lines)
    texts = texts[:300] + lines
    parts = []
    for text in texts[:count]:
        if len(text) > 40 and rng.random() < .3:
            at = rng.randrange(len(text))
            text = text[at:at + rng.randint(1, 400)]
        parts.append(text.encode("utf-8", "replace"))
    return parts
