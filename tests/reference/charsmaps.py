# SPDX-License-Identifier: Apache-2.0
"""SentencePiece's tables of characters ("precompiled_charsmap"), as it makes them itself."""
import base64
import functools
import io
import pathlib
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as model_pb2


def train(**options):
    """The table of a model that is trained with these options, in base64."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a few words"] * 3), model_writer=out, vocab_size=20,
        hard_vocab_limit=False, minloglevel=2, **options)
    model = model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


@functools.cache
def charsmap(rule):
    """One of those it comes with: nmt_nfkc, nfkc, nmt_nfkc_cf, nfkc_cf."""
    return train(normalization_rule_name=rule)


def charsmap_of(pairs):
    """Of [(text, what it becomes)]."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.tsv"
        path.write_text("".join("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in pair) +
                                "\n" for pair in pairs))
        return train(normalization_rule_tsv=str(path))
