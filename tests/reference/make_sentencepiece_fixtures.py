# SPDX-License-Identifier: Apache-2.0
"""Writes tests/reference/text/spm-*: small models of SentencePiece and what its library makes of
texts.

    python3 make_sentencepiece_fixtures.py

Their specs are those of well-known models; they are trained here, on made-up text. NAME.model is the
model, NAME-expected.json a list of texts (`text`, or `hex` where it is no UTF-8) with `ids`, and
`decoded` where every text comes back whole.
"""
import io

import sentencepiece
import sentencepiece.sentencepiece_model_pb2

import tokenizer_strings
from make_tokenizer_fixtures import HERE, TEXT, write_rows

RULES = "41\t61\n42\t62\nFB01\t66 69\n9\t20\nA\t20\n3000\t20\n61 300\tE0\nBD\t31 2044 32\n"
# name: (type, settings of the trainer, user-defined pieces)
MODELS = {
    # Llama 2: spaces count, a dummy prefix, bytes for what is unknown
    "spm-llama": ("bpe", {"byte_fallback": True, "normalization_rule_name": "identity",
                          "remove_extra_whitespaces": False, "control_symbols": ["<pad>"]}, []),
    # Gemma: no dummy prefix, rows of spaces and line ends are pieces
    "spm-gemma": ("bpe", {"byte_fallback": True, "normalization_rule_name": "identity",
                          "remove_extra_whitespaces": False, "add_dummy_prefix": False},
                  ["\n", "\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "<tag>", "<tag>x"]),
    # no bytes; a table of characters; spaces in rows are one; a user-defined piece after the prefix
    "spm-rules": ("bpe", {"rules": RULES}, ["tag", "ab"]),
    "spm-unigram": ("unigram", {"rules": RULES}, []),
    "spm-unigram-bytes": ("unigram", {"byte_fallback": True, "vocab_size": 560,
                                      "normalization_rule_name": "identity"}, []),
}


def train(kind, settings, whole):
    options = {"vocab_size": 620 if settings.get("byte_fallback") else 330, "num_threads": 1,
               "hard_vocab_limit": False, "minloglevel": 2, **settings}
    rules = options.pop("rules", None)
    if rules:
        (HERE / "rules.tsv").write_text(rules)
        options["normalization_rule_tsv"] = str(HERE / "rules.tsv")
    out = io.BytesIO()
    lines = [line for line in (TEXT * 3).split("\n") if line]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out,
                                             model_type=kind, user_defined_symbols=whole, **options)
    (HERE / "rules.tsv").unlink(missing_ok=True)
    model = sentencepiece.sentencepiece_model_pb2.ModelProto.FromString(out.getvalue())
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    return model.SerializeToString(deterministic=True)


def tiny(pieces, **settings):
    """A model of (text, score, type); settings of the trainer and the normalizer by their names."""
    model = sentencepiece.sentencepiece_model_pb2.ModelProto()
    for text, score, kind in pieces:
        model.pieces.add(piece=text, score=score, type=kind)
    for key, value in settings.items():
        trainer = hasattr(model.trainer_spec, key)
        setattr(model.trainer_spec if trainer else model.normalizer_spec, key, value)
    return model.SerializeToString(deterministic=True)


def write_corpus():
    """Inputs of fuzz_sentencepiece: the size of a model, the model, a text."""
    folder = HERE.parent.parent / "fuzz/corpus/sentencepiece"
    folder.mkdir(exist_ok=True)
    few = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("a", -3, 1), ("b", -2, 1),
           ("ab", -1, 5), ("abab", -4, 1), ("bb", -1, 4), ("\u2581", -5, 1), ("\u2581a", 0, 1)]
    models = {
        "bpe": (tiny(few, model_type=2), "abab bb  aab <s>b\u00e9 "),
        "bpe-plain": (tiny(few, model_type=2, add_dummy_prefix=False, escape_whitespaces=False,
                           remove_extra_whitespaces=False), " a b ab\u2581a"),
        "unigram": (tiny(few), "abab bb  aab</s>b\u00e9\u00e9 "),
        "words": (tiny(few, model_type=3), "ab"),
        "suffix": (tiny(few, treat_whitespace_as_suffix=True), "ab"),
        "two-unknown": (tiny(few + [("?", 0, 2)]), "ab"),
        "rules": ((HERE / "spm-rules.model").read_bytes(), "AB \ufb01 \u00bd tag  ab\t"),
        "bytes": ((HERE / "spm-unigram-bytes.model").read_bytes(), "\u4f60 <0x41> x"),
    }
    for name, (model, text) in models.items():
        (folder / name).write_bytes(len(model).to_bytes(2, "little") + model + text.encode())


def main():
    for name, (kind, settings, whole) in MODELS.items():
        data = train(kind, settings, whole)
        (HERE / f"{name}.model").write_bytes(data)
        library = sentencepiece.SentencePieceProcessor(model_proto=data)
        rows = []
        for text in tokenizer_strings.made(400, 7, whole):
            if len(text) > 90 or len(rows) == 200:
                continue
            try:
                row = {"text": text.decode()}
            except UnicodeDecodeError:
                row = {"hex": text.hex()}
            row["ids"] = library.encode(text.decode("utf-8", "replace"))
            if settings.get("remove_extra_whitespaces") is False:
                row["decoded"] = library.decode(row["ids"])
            rows.append(row)
        write_rows(HERE / f"{name}-expected.json", rows)
        print(name, library.get_piece_size(), len(data))
    write_corpus()


if __name__ == "__main__":
    main()
