# SPDX-License-Identifier: Apache-2.0
"""Compares wane's token ids and decoded texts with those of the `tokenizers` library.

    python3 compare_tokenizers.py --tool build/release/tests/encode_lines --data DATA [--seconds]
    python3 compare_tokenizers.py --tool ... TOKENIZER.json ...

DATA is the folder of real inputs (models/, tokenizers/, corpora/, tasks/). Exits 1 on a mismatch.
--transformers also compares with transformers' loader of tokenizer.json. --seconds measures one
thread of each on the same real texts.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

import tokenizer_strings  # noqa: E402


def run(tool, path, texts, *options):
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    done = subprocess.run([tool, str(path), *options], input=data, stdout=subprocess.PIPE,
                          check=False)
    lines = done.stdout.decode().splitlines()
    if done.returncode != 0:
        sys.exit(f"{path}: {lines[0] if lines else done.returncode}")
    return lines


def compare(tool, path, texts):
    """Mismatches of ids (with and without special tokens) and of decoded texts."""
    library = Tokenizer.from_file(str(path))
    library.no_truncation()
    library.no_padding()
    # Left out by id: tokenizers 0.23 no longer skips special tokens marked "normalized".
    special = {i for i, t in library.get_added_tokens_decoder().items() if t.special}
    bad = 0
    with_special = run(tool, path, texts, "--decode")
    plain = run(tool, path, texts, "--plain")
    for i, text in enumerate(texts):
        unicode = text.decode("utf-8", "replace")
        whole = library.encode(unicode).ids
        inner = library.encode(unicode, add_special_tokens=False).ids
        kept = [i for i in whole if i not in special]
        back = library.decode(kept).encode("utf-8", "replace").hex()
        got = (with_special[2 * i], plain[i], with_special[2 * i + 1])
        want = (" ".join(map(str, whole)), " ".join(map(str, inner)), back)
        if got != want:
            bad += 1
            if bad <= 5:
                print(f"  text {text!r}\n   got  {got}\n   want {want}")
    return bad


def transformers_ids(path, texts):
    import transformers
    name = getattr(transformers, "PreTrainedTokenizerFast")
    loaded = name(tokenizer_file=str(path))
    return [loaded(text.decode("utf-8", "replace")).input_ids for text in texts]


def seconds(tool, path, texts):
    library = Tokenizer.from_file(str(path))
    strings = [text.decode("utf-8", "replace") for text in texts]
    size = sum(map(len, texts)) / 1e6
    start = time.perf_counter()
    for string in strings:
        library.encode(string)
    theirs = time.perf_counter() - start
    ours = float(run(tool, path, texts, "--seconds")[0].split()[0])
    print(f"  {size:.2f} MB: wane {size / ours:.1f} MB/s, tokenizers {size / theirs:.1f} MB/s, "
          f"ratio {theirs / ours:.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--data")
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", action="store_true")
    parser.add_argument("--transformers", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = [pathlib.Path(f) for f in options.files]
    real = []
    if options.data:
        root = pathlib.Path(options.data)
        real = tokenizer_strings.real(root, options.seed, options.count)
        files += [root / "models/TinyStories-656K/tokenizer.json",
                  root / "tokenizers/gpt2/tokenizer.json"]
    failed = False
    for path in files:
        parsed = json.loads(path.read_text())
        special = [t["content"] for t in parsed["added_tokens"]]
        texts = tokenizer_strings.made(options.count, options.seed, special) + real
        bad = compare(options.tool, path, texts)
        print(f"{path}: {len(texts)} strings, {bad} mismatches")
        failed = failed or bad > 0
        if options.transformers:
            ids = transformers_ids(path, texts)
            ours = run(options.tool, path, texts)
            bad = sum(" ".join(map(str, a)) != b for a, b in zip(ids, ours))
            print(f"  transformers: {len(texts)} strings, {bad} mismatches")
            failed = failed or bad > 0
        if options.seconds and real:
            seconds(options.tool, path, real)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
