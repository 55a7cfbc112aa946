# SPDX-License-Identifier: Apache-2.0
"""Writes tests/reference/text/*.gguf: tokenizers of this folder in the metadata of GGUF files.

    python3 make_gguf_tokenizers.py

NAME.gguf holds what llama.cpp's conversion writes of NAME.json or NAME.model, and one tensor. What
becomes of texts stands in NAME-expected.json already.
"""
import json

import numpy
import sentencepiece.sentencepiece_model_pb2 as pb
from gguf import GGUFWriter

from make_tokenizer_fixtures import HERE

NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
PRE = {"gpt2": "gpt-2", "llama3": "llama-bpe", "smollm2": "smollm", "qwen2": "qwen2"}


def writer(name, architecture, model):
    made = GGUFWriter(str(HERE / f"{name}.gguf"), architecture)
    made.add_tokenizer_model(model)
    return made


def close(made):
    made.add_tensor("token_embd.weight", numpy.zeros((1, 32), dtype=numpy.float32))
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


def byte_level(name):
    parsed = json.loads((HERE / f"{name}.json").read_text())
    vocab = dict(parsed["model"]["vocab"])
    kinds = {}
    for token in parsed["added_tokens"]:
        vocab[token["content"]] = token["id"]
        kinds[token["id"]] = CONTROL if token["special"] else USER
    tokens = sorted(vocab, key=vocab.get)
    made = writer(name, "llama", "gpt2")
    made.add_tokenizer_pre(PRE[name])
    made.add_token_list(tokens)
    made.add_token_types([kinds.get(i, NORMAL) for i in range(len(tokens))])
    made.add_token_merges([m if isinstance(m, str) else " ".join(m)
                           for m in parsed["model"]["merges"]])
    if name == "llama3":
        made.add_bos_token_id(vocab["<|begin_of_text|>"])
    close(made)


def pieces(name, model):
    proto = pb.ModelProto.FromString((HERE / f"{name}.model").read_bytes())
    made = writer(name, "llama", model)
    made.add_token_list([p.piece.replace("\u2581", " ") if p.type == USER else p.piece
                         for p in proto.pieces])
    made.add_token_scores([p.score for p in proto.pieces])
    made.add_token_types([p.type for p in proto.pieces])
    made.add_add_bos_token(False)
    made.add_add_eos_token(False)
    made.add_add_space_prefix(proto.normalizer_spec.add_dummy_prefix)
    made.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    if proto.normalizer_spec.precompiled_charsmap:
        made.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    close(made)


def write_corpus(name, text):
    """An input of fuzz_sentencepiece: the size of a model, the model, a text."""
    model = (HERE / f"{name}.gguf").read_bytes()
    path = HERE.parent.parent / "fuzz/corpus/sentencepiece" / f"gguf-{name}"
    path.write_bytes(len(model).to_bytes(2, "little") + model + text.encode())


def main():
    for name in PRE:
        byte_level(name)
    for name in ("spm-llama", "spm-gemma"):
        pieces(name, "llama")
    for name in ("spm-unigram", "spm-unigram-bytes"):
        pieces(name, "t5")
    write_corpus("spm-unigram", "AB \ufb01 x")
    write_corpus("smollm2", "it's 12 <|im_start|>")


if __name__ == "__main__":
    main()
