# SPDX-License-Identifier: Apache-2.0
"""Compares wane with the `tokenizers` library on random tokenizer.json files.

    python3 compare_tokenizer_parts.py --tool build/release/tests/encode_lines [--files 300]

Needs `sentencepiece` for its tables of characters.

Each file combines normalizers, pre-tokenizers, added tokens, post-processors, decoders and a model
at random, over a small random vocabulary; each encodes and decodes some made-up texts. Files that
the library itself does not load, or that wane refuses by name, are counted apart. Exits 1 on a
mismatch.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

import tokenizer_strings  # noqa: E402
from charsmaps import charsmap  # noqa: E402

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
          r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN3_5 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
           r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
EXPRESSIONS = [
    TEKKEN, DEEPSEEK, QWEN3_5, r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+$",
    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6]+", r"[0-9][0-9][0-9]", r"'(?i:[sdmt]|ll|ve|re)",
    LLAMA3, O200K, CL100K, r" ?[^(\s|[.,!?…。，、।۔،])]+", r"\s+", r"\w+", r"\W+", r"\d", r"\D+", r"[\d\s]+",
    r"[^\w]", r"x*", r"a|b|", r"\p{N}{2}+", r"\p{L}{2}?", r"^.", r".$", r"(?m).+", r".", r"\h+",
    r"\b", r"\bl\w*", r"(?<=e)\s", r"(?i)[a-f]+", r"\p{Letter}+", r"\p{Han}", r"[^\p{^L}]", r"(.)\1",
    r"[[:space:][:digit:]]+", r"[]'-]", r"[a-c-]", r"(ab|c){,2}d?", r"\p{Lu}\p{Ll}*|\p{Lu}+",
    r"[\u4e00-\u9fff]", r"\x20", r"{", r"a{,}", r"\A\S+|\S+\z", r"[\p{P}\p{S}]", r"\p{M}+",
    r"[\t ]*\n", r"(?:\r\n|[\n\r\v\f\x{85}])", r"\p{Nd}", r"\S+(?!\S)", r"((a+)(b))?c"]
LITERALS = [" ", "  ", "a", "the", ".", "\n", "\u2581", "_", "'", "ab", "\u0301", "-"]


def pattern(rng):
    return ({"String": rng.choice(LITERALS)} if rng.random() < .4 else
            {"Regex": rng.choice(EXPRESSIONS)})


def normalizer(rng, depth=0):
    kind = rng.randrange(-3, 9 if depth else 14)
    if kind == -3:
        return {"type": "BertNormalizer", "clean_text": rng.random() < .5,
                "handle_chinese_chars": rng.random() < .5,
                "strip_accents": rng.choice([None, True, False]), "lowercase": rng.random() < .5}
    if kind == -2:
        return {"type": "Nmt"}
    if kind == -1:
        return {"type": "Precompiled", "precompiled_charsmap":
                charsmap(rng.choice(["nmt_nfkc", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf"]))}
    if kind == 0:
        return {"type": "Prepend", "prepend": rng.choice(["\u2581", "_", "ab", " "])}
    if kind in (1, 2):
        return {"type": "Replace", "pattern": pattern(rng),
                "content": rng.choice(["", "\u2581", " ", "xy", "\u00e9"])}
    if kind == 3:
        return {"type": rng.choice(["NFC", "NFD", "NFKC", "NFKD"])}
    if kind == 4:
        return {"type": "Lowercase"}
    if kind == 5:
        return {"type": "Strip", "strip_left": rng.random() < .5, "strip_right": rng.random() < .5}
    if kind == 6:
        return {"type": "StripAccents"}
    if kind == 7:
        return {"type": "ByteLevel"}
    if kind == 8:
        return {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    if kind < 11:
        return {"type": "Sequence",
                "normalizers": [normalizer(rng, 1) for _ in range(rng.randint(0, 3))]}
    return None


def metaspace(rng):
    scheme = rng.choice(["always", "first", "never"])
    return {"type": "Metaspace", "replacement": rng.choice(["\u2581", "\u2581", "_"]),
            "prepend_scheme": scheme, "split": rng.random() < .6}


def byte_level(rng):
    return {"type": "ByteLevel", "add_prefix_space": rng.random() < .5, "trim_offsets": True,
            "use_regex": rng.random() < .6}


def pre_tokenizer(rng, depth=0):
    kind = rng.randrange(-3, 9 if depth else 15)
    if kind == -3:
        return {"type": "BertPreTokenizer"}
    if kind == -2:
        return {"type": "UnicodeScripts"}
    if kind == -1:
        return {"type": "FixedLength", "length": rng.choice([1, 2, 5, 17])}
    behaviours = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    if kind == 0:
        return byte_level(rng)
    if kind in (1, 2):
        return {"type": "Split", "pattern": pattern(rng), "behavior": rng.choice(behaviours),
                "invert": rng.random() < .3}
    if kind == 3:
        return {"type": rng.choice(["Whitespace", "WhitespaceSplit"])}
    if kind == 4:
        return {"type": "Digits", "individual_digits": rng.random() < .5}
    if kind in (5, 6):
        return metaspace(rng)
    if kind == 7:
        return {"type": "Punctuation", "behavior": rng.choice(behaviours)}
    if kind == 8:
        return {"type": "CharDelimiterSplit", "delimiter": rng.choice([" ", "e", "\u2581"])}
    if kind < 13:
        return {"type": "Sequence",
                "pretokenizers": [pre_tokenizer(rng, 1) for _ in range(rng.randint(0, 3))]}
    return None


def decoder(rng, depth=0):
    kind = rng.randrange(-2, 8 if depth else 12)
    if kind == -2:
        return {"type": "WordPiece", "prefix": rng.choice(["##", "", "\u2581"]),
                "cleanup": rng.random() < .6}
    if kind == -1:
        return {"type": "CTC", "pad_token": rng.choice(["<pad>", "a", "th"]),
                "word_delimiter_token": rng.choice(["|", "e"]), "cleanup": rng.random() < .6}
    if kind == 0:
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                "use_regex": True}
    if kind == 1:
        return {"type": "ByteFallback"}
    if kind == 2:
        return {"type": "Fuse"}
    if kind in (3, 4):
        return {"type": "Replace", "pattern": pattern(rng), "content": rng.choice(["", " ", "zz"])}
    if kind == 5:
        return {"type": "Strip", "content": rng.choice([" ", "a", "\u2581"]), "start": rng.randint(0, 2),
                "stop": rng.choice([0, 0, 0, 1])}
    if kind == 6:
        return metaspace(rng)
    if kind == 7:
        return {"type": "BPEDecoder", "suffix": rng.choice(["</w>", "e"])}
    if kind < 10:
        return {"type": "Sequence", "decoders": [decoder(rng, 1) for _ in range(rng.randint(0, 4))]}
    return None


def pieces(base, texts):
    """The words the model will see."""
    probe = Tokenizer.from_str(json.dumps(base))
    words = collections.Counter()
    for text in texts:
        text = text.decode("utf-8", "replace")
        if probe.normalizer:
            text = probe.normalizer.normalize_str(text)
        if probe.pre_tokenizer:
            words.update(word for word, _ in probe.pre_tokenizer.pre_tokenize_str(text))
        else:
            words[text] += 1
    return words


def bpe(rng, words):
    prefix = rng.choice([None] * 8 + ["", "##"])
    suffix = rng.choice([None] * 8 + ["", "</w>"])
    spelt = []
    for word in words:
        units = list(word)
        if prefix:
            units = units[:1] + [prefix + unit for unit in units[1:]]
        if suffix and units:
            units[-1] += suffix
        spelt.append(units)
    alphabet = sorted({unit for units in spelt for unit in units})
    kept = [unit for unit in alphabet if "\0" not in unit and
            (rng.random() < .9 or unit in "abcdefghij")]
    vocab = ["<unk>"] + kept
    if rng.random() < .5:
        vocab += [f"<0x{byte:02X}>" for byte in range(256) if rng.random() < .98]
    known = set(vocab)
    cut = len(prefix or "")
    merges = []
    for _ in range(rng.randint(0, 150)):
        units = rng.choice(spelt) if spelt else []
        if len(units) < 2:
            continue
        at = rng.randrange(len(units) - 1)
        left, right = units[at], units[at + 1]
        if left not in known or right not in known:
            continue
        whole = left + right[cut:]
        if whole not in known:
            known.add(whole)
            vocab.append(whole)
        merges.append([left, right])
        if rng.random() < .8:
            for other in spelt:
                i = 0
                while i + 1 < len(other):
                    if other[i] == left and other[i + 1] == right:
                        other[i:i + 2] = [whole]
                    i += 1
    if rng.random() < .3:
        rng.shuffle(merges)
    if rng.random() < .3 and not any(" " in part for merge in merges for part in merge):
        merges = [" ".join(merge) for merge in merges]
    ids = list(range(len(vocab)))
    if rng.random() < .3:
        rng.shuffle(ids)
    return {"type": "BPE", "dropout": None, "unk_token": rng.choice(["<unk>", "<unk>", None]),
            "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix,
            "fuse_unk": rng.random() < .5, "byte_fallback": rng.random() < .5,
            "ignore_merges": rng.random() < .3, "vocab": dict(zip(vocab, ids)), "merges": merges}


def unigram(rng, words):
    """Scores of few values, so that many ways to cut a word are alike."""
    vocab = {"<unk>": 0.0}
    grid = rng.choice([0.5, 0.1, 0.000001])
    for word in words:
        for _ in range(rng.randint(0, 3)):
            at = rng.randrange(len(word)) if word else 0
            piece = word[at:at + rng.choice([1, 1, 1, 2, 2, 3, 4, 8])]
            if piece and "\0" not in piece:
                vocab[piece] = round(-rng.randint(0, 12) * grid * rng.choice([1, 1.1]), 6)
    if rng.random() < .5:
        vocab.update({f"<0x{byte:02X}>": 0.0 for byte in range(256) if rng.random() < .98})
    return {"type": "Unigram", "unk_id": rng.choice([0, 0, 0, 0, None]),
            "vocab": [list(item) for item in vocab.items()], "byte_fallback": rng.random() < .5}


def word_piece(rng, words):
    prefix = rng.choice(["##", "##", "", "\u2581"])
    vocab = {"[UNK]": 0}
    for word in words:
        at = 0
        while at < len(word) and rng.random() < .95:
            size = rng.choice([1, 1, 2, 3, 9])
            piece = (prefix if at else "") + word[at:at + size]
            if "\0" not in piece:
                vocab.setdefault(piece, len(vocab))
            at += size
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": rng.choice([100, 100, 5, 1000000]), "vocab": vocab}


def word_level(rng, words):
    vocab = ["<unk>"] + sorted(word for word in words if rng.random() < .7 and
                                 word != "<unk>" and "\0" not in word)
    return {"type": "WordLevel", "unk_token": "<unk>", "vocab": {w: i for i, w in enumerate(vocab)}}


def ids_of(model):
    if model["type"] == "Unigram":
        return {token: i for i, (token, _) in enumerate(model["vocab"])}
    return model["vocab"]


def added(rng, model):
    tokens, texts = [], ["<unk>", "<s>", "</s>", "<s>x", "the", "Lily", " ", "\n\n", "\u2581x", "  ",
                         "<|end|>", "I'm", "\u00e9"]
    rng.shuffle(texts)
    vocab = ids_of(model)
    top = len(vocab)
    for text in texts[:rng.choice([0, 0, 1, 3, 6])]:
        if text not in vocab:
            number, top = top, top + 1
        else:
            number = vocab[text]
        tokens.append({"id": number, "content": text, "single_word": rng.random() < .3,
                       "lstrip": rng.random() < .3, "rstrip": rng.random() < .3,
                       "normalized": rng.random() < .4, "special": rng.random() < .5})
    return tokens


def post_processor(rng, model):
    tokens = list(ids_of(model).items())
    (a, i), (b, j) = rng.choice(tokens), rng.choice(tokens)
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "A1", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "B1", "type_id": 0}}][:rng.randint(2, 3)],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {"A1": {"id": "A1", "ids": [i], "tokens": [a]},
                                   "B1": {"id": "B1", "ids": [j, i], "tokens": [b, a]}}}
    kind = rng.randrange(4)
    if kind == 0:
        return None
    if kind == 1:
        return template
    if kind == 2:
        return {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False,
             "use_regex": True}, template][:rng.randint(1, 2)]}
    return {"type": "RobertaProcessing", "sep": [a, i], "cls": [b, j], "trim_offsets": True,
            "add_prefix_space": True}


def file(rng, texts):
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
            "normalizer": normalizer(rng), "pre_tokenizer": pre_tokenizer(rng),
            "post_processor": None, "decoder": decoder(rng),
            "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}
    words = pieces(base, texts)
    words.pop("", None)
    model = rng.choice([word_level, bpe, bpe, bpe, unigram, unigram, word_piece])
    base["model"] = model(rng, words)
    base["added_tokens"] = added(rng, base["model"])
    base["post_processor"] = post_processor(rng, base["model"])
    return base


def call(function):
    """The result, or None where the library panics or fails."""
    try:
        return function()
    except BaseException as error:  # a panic of the library is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def wanted(library, special, text):
    text = text.decode("utf-8", "replace")
    whole = call(lambda: library.encode(text).ids)
    inner = call(lambda: library.encode(text, add_special_tokens=False).ids)
    if whole is None or inner is None:
        return None
    back = call(lambda: library.decode([i for i in whole if i not in special]))
    return whole, inner, None if back is None else back.encode("utf-8", "replace").hex()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts = collections.Counter()
    refused = collections.Counter()
    shown = set()
    path = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.json"
    for number in range(options.files):
        rng = random.Random(f"{options.seed} {number}")
        texts = tokenizer_strings.made(options.texts, rng.random(), ["<s>", "</s>", "<unk>", "<s>x"])
        made = call(lambda: file(rng, texts))
        library = call(lambda: Tokenizer.from_str(json.dumps(made))) if made else None
        if library is None:
            counts["not loaded by the library"] += 1
            continue
        special = {t["id"] for t in made["added_tokens"] if t["special"]}
        normalized = any(t["normalized"] and not t["special"] for t in made["added_tokens"])
        path.write_text(json.dumps(made))
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        results = [subprocess.run([options.tool, path, option], input=data, check=False,
                                  stdout=subprocess.PIPE) for option in ("--decode", "--plain")]
        if any(result.returncode not in (0, 2) for result in results):
            sys.exit(f"file {number}: the tool died: {results[0].returncode}")
        lines = [result.stdout.decode().splitlines() for result in results]
        if results[0].returncode:
            refused[lines[0][0].split(": ", 3)[-1][:90]] += 1
            continue
        for i, text in enumerate(texts):
            want = wanted(library, special, text)
            if want is None:
                counts["texts the library fails on"] += 1
                continue
            counts["texts"] += 1
            got = lines[0][2 * i], lines[1][i], lines[0][2 * i + 1]
            want = (" ".join(map(str, want[0])), " ".join(map(str, want[1])),
                    got[2] if want[2] is None or normalized else want[2])
            if got != want:
                counts["mismatches"] += 1
                if number not in shown and len(shown) < 12:
                    shown.add(number)
                    brief = {k: v for k, v in made.items() if k != "model"}
                    brief = json.loads(re.sub(r'[A-Za-z0-9+/=]{200,}', "...", json.dumps(brief)))
                    brief["model"] = {k: v for k, v in made["model"].items()
                                      if k not in ("vocab", "merges")}
                    print(f"file {number} {json.dumps(brief)}\n  text {text!r}\n  got  {got}\n  want {want}")
        counts["files"] += 1
    for cause, times in refused.most_common():
        print(f"refused {times}: {cause}")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    sys.exit(1 if counts["mismatches"] else 0)


if __name__ == "__main__":
    main()
