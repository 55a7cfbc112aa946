# SPDX-License-Identifier: Apache-2.0
"""Every code point of Unicode through each normalizer and pre-tokenizer, wane against `tokenizers`.

    python3 compare_code_points.py --tool build/release/tests/encode_lines

The model's tokens are bytes, and each piece a pre-tokenizer makes begins with U+2581, so ids show
exactly what a part did. Prints, for each part, the code points that came out differently.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402
from tokenizers.pre_tokenizers import ByteLevel  # noqa: E402

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SHOW = [{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]


def split(expression):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated",
            "invert": False}


def parts():
    for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip"):
        yield {"type": form, **({"strip_left": True, "strip_right": True} if form == "Strip" else {})}, None
    for kind in ("Whitespace", "WhitespaceSplit"):
        yield None, {"type": kind}
    yield None, {"type": "Digits", "individual_digits": True}
    yield None, {"type": "Punctuation", "behavior": "Isolated"}
    yield None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                 "use_regex": True}
    for expression in (LLAMA3, r"\s", r"\w", r"\W", r"[\w]", r"[^\w]", r"[\s\d]", r"\d", r"\b", r"\p{L}", r"\p{N}", r"\p{P}", r"\p{S}",
                       r"\p{M}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{Han}",
                       r"\p{Hiragana}", r"\p{Z}", r"\p{C}", r"[^\s\p{L}\p{N}]"):
        yield None, split(expression)


def texts():
    codes = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
    group = 32
    for i in range(0, len(codes), group):
        yield codes[i:i + group]


def run(tool, path, strings):
    data = b"".join(struct.pack("<I", len(s)) + s for s in (s.encode() for s in strings))
    done = subprocess.run([tool, path, "--plain"], input=data, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode().splitlines()
    if done.returncode:
        sys.exit(lines[0])
    return lines


def compare(tool, path, library, strings):
    ours = run(tool, path, strings)
    return [i for i, (string, line) in enumerate(zip(strings, ours))
            if " ".join(map(str, library.encode(string).ids)) != line]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    options = parser.parse_args()
    path = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.json"
    vocab = {c: i for i, c in enumerate(sorted(ByteLevel.alphabet()))}
    total = 0
    for normalizer, pre in parts():
        made = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                "normalizer": normalizer, "post_processor": None, "decoder": None,
                "pre_tokenizer": {"type": "Sequence", "pretokenizers":
                                  ([pre] if pre else []) + (SHOW[1:] if pre and pre["type"] == "ByteLevel"
                                                            else SHOW)},
                "model": {"type": "BPE", "vocab": vocab, "merges": []}}
        if pre and pre["type"] == "ByteLevel":  # show its pieces before it makes them bytes
            made["pre_tokenizer"]["pretokenizers"] = [
                split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
                *SHOW]
        path.write_text(json.dumps(made))
        library = Tokenizer.from_file(str(path))
        groups = list(texts())
        # Each code point between letters, so that groups neither compose nor join.
        bad = compare(options.tool, path, library,
                      ["".join(f" x{chr(c)}y{chr(c)} {chr(c)}1" for c in g) for g in groups])
        suspects = [c for i in bad for c in groups[i]]
        wrong = [suspects[i] for i in compare(options.tool, path, library,
                                              [f" x{chr(c)}y{chr(c)} {chr(c)}1" for c in suspects])]
        total += len(wrong)
        name = (normalizer or pre)["type"]
        if name == "Split":
            name += " " + pre["pattern"]["Regex"][:30]
        ranges = []
        for c in wrong:
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
        print(f"{name}: {len(wrong)} differ", " ".join(
            f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in ranges[:24]), flush=True)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
