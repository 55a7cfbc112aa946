# SPDX-License-Identifier: Apache-2.0
"""Compares tokenizers that wane reads from other files than tokenizer.json with transformers.

    python3 compare_tokenizer_files.py --tool build/release/tests/encode_lines --data DATA [NAME...]

DATA is the folder of real inputs (tokenizers/, corpora/, tasks/). Each case is a folder with some of
those files, and configurations beside them; NAME picks cases. Exits 1 on a mismatch.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
import transformers  # noqa: E402

import tokenizer_strings  # noqa: E402
from compare_tokenizers import run  # noqa: E402

transformers.logging.set_verbosity_error()

PAIR = ["vocab.json", "merges.txt"]
MASK = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False,
        "single_word": False, "normalized": False}
LISTED = {"50257": {"content": "<|im_start|>", "lstrip": False, "rstrip": False,
                    "single_word": False, "normalized": False, "special": True},
          "50258": {"content": "<tool>", "lstrip": False, "rstrip": True, "single_word": False,
                    "normalized": True, "special": False}}
# name: (folder of tokenizers/, files, model_type, tokenizer_config.json, others)
CASES = {
    "gpt2": ("gpt2", PAIR, "gpt2", None, {}),
    "gpt2-bos": ("gpt2", PAIR, None, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True},
                 {}),
    "gpt2-space": ("gpt2", PAIR, None, {"tokenizer_class": "GPT2TokenizerFast",
                                        "add_prefix_space": True}, {}),
    "gpt2-listed": ("gpt2", PAIR, None, {"tokenizer_class": "GPT2Tokenizer",
                                         "added_tokens_decoder": LISTED,
                                         "bos_token": "<|im_start|>"}, {}),
    "gpt2-older": ("gpt2", PAIR, "gpt2", None,
                   {"added_tokens.json": {"<a>": 50257, "[x]": 50258},
                    "special_tokens_map.json": {"pad_token": "[x]", "unk_token": "<|endoftext|>"}}),
    "gpt2-as-qwen2": ("gpt2", PAIR, "qwen2", None, {}),
    "gpt2-as-qwen3": ("gpt2", PAIR, "qwen3", {"tokenizer_class": "Qwen2Tokenizer",
                                              "bos_token": None, "pad_token": "<|endoftext|>"}, {}),
    "gpt2-as-neox": ("gpt2", PAIR, "gpt_neox", None, {}),
    "roberta": ("roberta-base", PAIR, "roberta", None, {}),
    "roberta-alone": ("roberta-base", PAIR, None, None, {}),
    "roberta-mask": ("roberta-base", PAIR, None, {"tokenizer_class": "RobertaTokenizer",
                                                  "mask_token": MASK}, {}),
    "llama2-alone": ("llama2", ["tokenizer.model"], None, None, {}),
    "llama2-mistral": ("llama2", ["tokenizer.model"], "mistral", {"add_bos_token": True}, {}),
    "llama2-first": ("llama2", ["tokenizer.model"], "llama",
                     {"legacy": False, "add_bos_token": True, "add_eos_token": True}, {}),
    "bert": ("bert-base-uncased", ["vocab.txt"], "bert", None, {}),
    "bert-alone": ("bert-base-uncased", ["vocab.txt"], None, None, {}),
    "bert-cased": ("bert-base-uncased", ["vocab.txt"], None,
                   {"tokenizer_class": "BertTokenizer", "do_lower_case": False,
                    "tokenize_chinese_chars": False}, {}),
    "bert-accents": ("bert-base-uncased", ["vocab.txt"], None,
                     {"tokenizer_class": "BertTokenizer", "strip_accents": False}, {}),
    "roberta-as-phi": ("roberta-base", PAIR, "phi", None, {}),
}


def make(case, data, folder):
    source, files, model, config, others = CASES[case]
    for name in files:
        shutil.copy(data / "tokenizers" / source / name, folder / name)
    if model:
        (folder / "config.json").write_text(json.dumps({"model_type": model}))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    for name, value in others.items():
        (folder / name).write_text(json.dumps(value))


def sentencepiece_ids(tool, folder, options):
    """Mismatches with the library of SentencePiece, which knows no special tokens in texts (some of
    the real ones hold <unk>)."""
    from sentencepiece import SentencePieceProcessor
    theirs = SentencePieceProcessor(model_file=str(next(pathlib.Path(folder).glob("*.model"))))
    texts = tokenizer_strings.made(options.count, options.seed)
    texts += tokenizer_strings.real(options.data, options.seed, options.count)
    texts = [text.replace(b"<unk>", b"unk") for text in texts]
    bad = 0
    for text, line in zip(texts, run(tool, folder, texts, "--plain")):
        want = " ".join(map(str, theirs.encode(text.decode("utf-8", "replace"))))
        if line != want:
            bad += 1
            if bad <= 5:
                print(f"  text {text!r}\n   got  {line}\n   want {want}")
    print(f"  SentencePiece: {len(texts)} strings, {bad} mismatches", flush=True)
    return bad


def library(case, folder):
    if case == "bert-alone":
        return transformers.BertTokenizer.from_pretrained(folder)
    if case == "roberta-alone":
        return transformers.RobertaTokenizer.from_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def compare(tool, case, folder, options):
    theirs = library(case, folder)
    special = sorted({t.content for t in theirs.added_tokens_decoder.values()})
    texts = tokenizer_strings.made(options.count, options.seed, special)
    texts += tokenizer_strings.real(options.data, options.seed, options.count)
    bad = 0
    lines = [run(tool, folder, texts), run(tool, folder, texts, "--plain")]
    for i, text in enumerate(texts):
        string = text.decode("utf-8", "replace")
        want = [" ".join(map(str, theirs(string, add_special_tokens=add)["input_ids"]))
                for add in (True, False)]
        if [lines[0][i], lines[1][i]] != want:
            bad += 1
            if bad <= 5:
                print(f"  text {text!r}\n   got  {lines[0][i]}\n   want {want[0]}")
    print(f"{case} ({type(theirs).__name__}): {len(texts)} strings, {bad} mismatches", flush=True)
    if case.endswith("-alone") and list(pathlib.Path(folder).glob("*.model")):
        bad += sentencepiece_ids(tool, folder, options)
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    bad = 0
    for case in options.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            make(case, options.data, pathlib.Path(folder))
            bad += compare(options.tool, case, folder, options)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
