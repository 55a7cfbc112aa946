# SPDX-License-Identifier: Apache-2.0
"""Compares wane with the `tokenizers` library over every code point, part by part.

    python3 compare_code_points.py --tool build/release/tests/encode_lines [PART...]

Each normalizer and pre-tokenizer stands in a tokenizer whose tokens are bytes and the ends of
words, so that the ids show what came out and where it was cut. Each code point stands alone, doubled,
before and behind letters, marks and spaces. Needs `sentencepiece`. Exits 1 on a mismatch.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "true"
from tokenizers import Tokenizer  # noqa: E402

from charsmaps import charsmap  # noqa: E402

CONTEXTS = ["a{c}b", "{c}a\u0301", "a{c}\u0301x", " {c}{c} ", "e\u0323{c}\u0301", "\u0915\u094d{c}\u0301",
            "\U0001f468\u200d{c}", "\r{c}\n"]
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
        "strip_accents": None, "lowercase": True}


def parts():
    """Name -> (normalizer, pre-tokenizer)."""
    made = {name: ({"type": name}, None) for name in
            ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt")}
    made["Strip"] = {"type": "Strip", "strip_left": True, "strip_right": True}, None
    made["Bert"] = BERT, None
    for rule in ("nmt_nfkc", "nmt_nfkc_cf"):
        made[rule] = {"type": "Precompiled", "precompiled_charsmap": charsmap(rule)}, None
    for name in ("BertPreTokenizer", "UnicodeScripts", "Whitespace", "WhitespaceSplit"):
        made[name] = None, {"type": name}
    made["Digits"] = None, {"type": "Digits", "individual_digits": True}
    made["Punctuation"] = None, {"type": "Punctuation", "behavior": "Isolated"}
    made["ByteLevel"] = None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                               "use_regex": True}
    made["FixedLength"] = None, {"type": "FixedLength", "length": 3}
    return made


def tokenizer(normalizer, splitter):
    vocab = {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}}
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
             "end_of_word_suffix": "|", "fuse_unk": False, "byte_fallback": True,
             "ignore_merges": False, "vocab": vocab, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
            "normalizer": normalizer, "pre_tokenizer": splitter, "post_processor": None,
            "decoder": None, "model": model}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    codes = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
    texts = ["".join(context.replace("{c}", chr(c)) for context in CONTEXTS) for c in codes]
    data = b"".join(struct.pack("<I", len(text)) + text for text in (t.encode() for t in texts))
    path = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.json"
    failed = False
    for name, (normalizer, splitter) in parts().items():
        if options.parts and name not in options.parts:
            continue
        made = json.dumps(tokenizer(normalizer, splitter))
        path.write_text(made)
        library = Tokenizer.from_str(made)
        got = subprocess.run([options.tool, path], input=data, check=True,
                             stdout=subprocess.PIPE).stdout.decode().splitlines()
        bad = []
        for start in range(0, len(texts), 20000):
            batch = library.encode_batch(texts[start:start + 20000])
            bad += [start + i for i, encoding in enumerate(batch)
                    if " ".join(map(str, encoding.ids)) != got[start + i]]
        print(f"{name}: {len(texts)} code points, {len(bad)} mismatches"
              f"{' ' if bad else ''}{' '.join(f'U+{codes[i]:04X}' for i in bad[:12])}", flush=True)
        failed = failed or bool(bad)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
