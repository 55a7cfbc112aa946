# SPDX-License-Identifier: Apache-2.0
"""Compares wane with transformers where tokens stand beside tokenizer.json.

    python3 compare_added_tokens.py --tool build/dev/tests/encode_lines [--variants 300] [TOKENIZER.json ...]

For each tokenizer (default: those of reference/text) makes folders with tokenizer_config.json,
special_tokens_map.json and added_tokens.json of many forms and compares the ids that
PreTrainedTokenizerFast gives with wane's, on texts in which the tokens stand in every place. Where
transformers opens the folder and wane does not, wane must name a contradiction of ids. Exits 1 on
anything else. Needs transformers.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
         "image_token", "turn_token"]
CONTENTS = ["<pad>", "[PAD]", "<|x|>", "<|xy|>", "[MASK]", "word", " lead", "trail ", "\u00e9t\u00e9", "<a b>",
            "\u2581m", "the", "e", "<0x41>", "Once", "\n", "<|endoftext|>", "<s>", "</s>", "<unk>", ""]
REFUSALS = ("where the vocabulary gives", "in tokenizer.json", "same once normalised")


def run(tool, path, texts):
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    done = subprocess.run([tool, str(path)], input=data, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode().splitlines()
    return lines if done.returncode == 0 else lines[0] if lines else f"exit {done.returncode}"


def flags(rng, content, special=True):
    """An object as a file holds it; members may be left out."""
    made = {"content": content}
    for key in ("lstrip", "rstrip", "single_word"):
        if rng.random() < 0.8:
            made[key] = rng.random() < 0.4
    if rng.random() < 0.7:
        made["normalized"] = rng.random() < 0.4
    if special and rng.random() < 0.8:
        made["special"] = rng.random() < 0.7
    return made


def name_value(rng, content, in_map):
    form = rng.random()
    if form < 0.5:
        return content
    if form < 0.55:
        return None
    return flags(rng, content) if in_map else {"__type": "AddedToken", **flags(rng, content)}


def variant(rng, own, size):
    """The three files (None: absent) of one folder; `own`: added tokens of the tokenizer.json."""
    contents = [t["content"] for t in own] + CONTENTS
    config, map_, older = {}, None, None
    for name in rng.sample(NAMES, rng.randint(0, 5)):
        config[name] = name_value(rng, rng.choice(contents), False)
    for key in ("extra_special_tokens", "additional_special_tokens"):
        form = rng.random()
        some = rng.sample(contents, rng.randint(0, 3))
        if form < 0.3:
            config[key] = [c if rng.random() < 0.6 else {"__type": "AddedToken", **flags(rng, c)}
                           for c in some]
        elif form < 0.4:
            config[key] = {f"n{i}_token": c for i, c in enumerate(some)}
        elif form < 0.45:
            config[key] = None
    if rng.random() < 0.5:
        listed = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in own}
        for token in listed.values():
            if rng.random() < 0.3:
                token[rng.choice(["lstrip", "rstrip", "single_word", "normalized"])] ^= True
        known = {t["content"] for t in own}
        new = [c for c in rng.sample(CONTENTS, rng.randint(0, 4)) if c and c not in known]
        for i, content in enumerate(new):
            listed[str(size + i)] = flags(rng, content)
        items = list(listed.items())
        rng.shuffle(items)
        config["added_tokens_decoder"] = dict(items)
    if rng.random() < 0.5:
        map_ = {name: name_value(rng, rng.choice(contents), True)
                for name in rng.sample(NAMES, rng.randint(0, 4))}
        form = rng.random()
        some = rng.sample(contents, rng.randint(0, 3))
        if form < 0.2:
            map_["additional_special_tokens"] = some
        elif form < 0.4:
            map_["extra_special_tokens"] = [c if rng.random() < 0.5 else flags(rng, c, False) for c in some]
        elif form < 0.5:
            map_["extra_special_tokens"] = {f"m{i}_token": c for i, c in enumerate(some)}
    if rng.random() < 0.4:
        older = {c: size + i for i, c in enumerate(c for c in rng.sample(CONTENTS, rng.randint(0, 3)) if c)}
    if rng.random() < 0.1:
        config["split_special_tokens"] = True
    if rng.random() < 0.1:
        config = None
    return {"tokenizer_config.json": config, "special_tokens_map.json": map_, "added_tokens.json": older}


def texts_of(rng, contents):
    texts = ["", " ", "x", "Once upon a time.", "<pad>x y", "x <pad> y", " <pad> <pad>  z"]
    pieces = ["x", " ", "  ", "\n", "word", "Words", ".", "ab", "the", "\u00e9", "\t", "_"]
    for content in contents:
        texts += [content, f"a{content}b", f"a  {content}  b", content * 3, f"{content} {content.upper()}"]
    for _ in range(80):
        texts.append("".join(rng.choice(pieces + contents) for _ in range(rng.randint(1, 9))))
    return texts


def compare(tool, tokenizer, variants, seed):
    rng = random.Random(f"{seed} {tokenizer.name}")
    root = json.loads(tokenizer.read_text())
    own = root.get("added_tokens") or []
    size = max([*root["model"]["vocab"].values(), *(t["id"] for t in own)]) + 1
    texts = texts_of(rng, [t["content"] for t in own] + CONTENTS)
    count = collections.Counter()
    for _ in range(variants):
        files = variant(rng, own, size)
        padding = rng.choice([None, None, "<pad>", "[PAD2]"])
        root["padding"] = padding and {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None,
                                       "pad_id": 0, "pad_type_id": 0, "pad_token": padding}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "tokenizer.json").write_text(json.dumps(root))
            for name, content in files.items():
                if content is not None:
                    (folder / name).write_text(json.dumps(content))
            got = run(tool, folder, [t.encode() for t in texts])
            try:
                library = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
                want = [" ".join(map(str, library(t).input_ids)) for t in texts]
            except BaseException as error:  # pylint: disable=broad-except  # panics of the library too
                want = f"{type(error).__name__}: {error}"[:200]
        if isinstance(want, str):
            kind = "both refuse" if isinstance(got, str) else "transformers alone refuses: " + want[:60]
        elif isinstance(got, str):
            kind = "a contradiction refused" if any(r in got for r in REFUSALS) else "BAD refusal " + got[-120:]
        else:
            kind = "equal" if got == want else "BAD ids"
        count[kind] += 1
        if kind.startswith("BAD") and sum(n for k, n in count.items() if k.startswith("BAD")) < 4:
            print(json.dumps(files, indent=1))
            for text, a, b in zip(texts, got, want):
                if isinstance(got, list) and a != b:
                    print(f"  text {text!r}\n   got  {a}\n   want {b}")
                    break
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--variants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("tokenizers", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    bad = False
    default = [p for p in sorted((HERE / "text").glob("*.json")) if "expected" not in p.name and p.stem != "real"]
    for tokenizer in options.tokenizers or default:
        count = compare(options.tool, tokenizer, options.variants, options.seed)
        bad = bad or any(kind.startswith("BAD") for kind in count)
        print(tokenizer, dict(count))
    sys.exit(bad)


if __name__ == "__main__":
    main()
