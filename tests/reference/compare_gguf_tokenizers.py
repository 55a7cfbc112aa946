# SPDX-License-Identifier: Apache-2.0
"""Compares tokenizers that wane reads from GGUF files with the libraries they come from.

    python3 compare_gguf_tokenizers.py --tool build/release/tests/encode_lines --data DATA FILE.gguf...

Of a file of model "llama" the pieces, scores and types become a model of SentencePiece; of "gpt2" the
tokens and merges become a tokenizer of the `tokenizers` library with the pre-tokenizer that the
family's tokenizer.json has. Prints also how many texts transformers' reading of the same file takes
otherwise (it has no pre-tokenizer for some families, and ranks Gemma's merges by id). Exits 1 on a
mismatch with a library.
"""
import argparse
import os
import pathlib
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
import sentencepiece.sentencepiece_model_pb2 as pb  # noqa: E402
import transformers  # noqa: E402
from gguf import GGUFReader  # noqa: E402
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers  # noqa: E402

import tokenizer_strings  # noqa: E402
from compare_tokenizers import run  # noqa: E402

transformers.logging.set_verbosity_error()
CONTROL, USER = 3, 4


def byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


PRE = {"smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                  byte_level()]),
       "gpt-2": byte_level}


class Metadata:
    def __init__(self, path):
        self.fields = GGUFReader(path).fields

    def get(self, key, fallback=None):
        field = self.fields.get("tokenizer.ggml." + key)
        return field.contents() if field else fallback


def of_scores(meta):
    proto = pb.ModelProto()
    unknown = meta.get("unknown_token_id", 0)
    kinds = meta.get("token_type")
    for i, (text, score) in enumerate(zip(meta.get("tokens"), meta.get("scores"))):
        text = text.replace(" ", "\u2581") if kinds[i] == USER else text
        proto.pieces.add(piece=text, score=score, type=2 if i == unknown else kinds[i])
    proto.trainer_spec.model_type = 2
    proto.trainer_spec.byte_fallback = True
    proto.normalizer_spec.add_dummy_prefix = meta.get("add_space_prefix", True)
    proto.normalizer_spec.remove_extra_whitespaces = meta.get("remove_extra_whitespaces", False)
    library = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    special = [t for t, kind in zip(meta.get("tokens"), kinds) if kind == USER][::7]
    return library.encode, special


def of_merges(meta):
    tokens, kinds = meta.get("tokens"), meta.get("token_type")
    merges = [tuple(merge.split(" ")) for merge in meta.get("merges")]
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = PRE[meta.get("pre")]()
    made.add_tokens([AddedToken(t, normalized=False, special=kind == CONTROL)
                     for t, kind in zip(tokens, kinds) if kind in (CONTROL, USER)])
    special = [t for t, kind in zip(tokens, kinds) if kind in (CONTROL, USER)]
    return (lambda text: made.encode(text).ids), special


def compare(path, options):
    meta = Metadata(path)
    scored = meta.get("model") == "llama"
    encode, special = (of_scores if scored else of_merges)(meta)
    texts = tokenizer_strings.made(options.count, options.seed, special)
    texts += tokenizer_strings.real(options.data, options.seed, options.count)
    if scored:  # SentencePiece does not look for control pieces
        texts = [text.replace(b"<unk>", b"unk") for text in texts]
    theirs = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    bad = others = 0
    for text, line in zip(texts, run(options.tool, path, texts, "--plain")):
        string = text.decode("utf-8", "replace")
        want = " ".join(map(str, encode(string)))
        if line != want:
            bad += 1
            if bad <= 5:
                print(f"  text {text!r}\n   got  {line}\n   want {want}")
        others += " ".join(map(str, theirs.encode(string, add_special_tokens=False))) != line
    print(f"{path.name}: {len(texts)} strings, {bad} mismatches; {others} by transformers",
          flush=True)
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    sys.exit(1 if sum(compare(path, options) for path in options.files) else 0)


if __name__ == "__main__":
    main()
