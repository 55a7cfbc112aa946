#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/rope.json: frequencies and attention factors of transformers for many ways
to write rotary positions into a config.json.

  config        the text of a config.json
  attention     the factor of cosines and sines
  lengths       of sequences, each seen by a new model
  frequencies   of each length: one of each pair

Needs torch and transformers (made with 2.15, 5.24)."""
import json
import pathlib

import torch
from transformers import LlamaConfig, Phi3Config
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

SIZES = dict(vocab_size=100, hidden_size=96, intermediate_size=80, num_hidden_layers=2,
             num_attention_heads=6, max_position_embeddings=512)
SHORT = [1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5, 2.0]
LONG = [1.0, 1.5, 2.25, 4.0, 9.0, 17.0, 31.0, 64.5]


def llama(**keys):
    return dict(model_type="llama", **{**SIZES, **keys})


def phi3(**keys):
    return dict(model_type="phi3", pad_token_id=0, bos_token_id=1, eos_token_id=2,
                **{**SIZES, **keys})


def scaling(kind, **keys):
    return llama(rope_scaling=dict(type=kind, **keys))


CASES = [
    llama(),
    llama(rope_theta=500000.0, head_dim=20),
    llama(rope_parameters=dict(rope_type="default", rope_theta=777.0)),
    scaling("linear", factor=3.7),
    llama(rope_parameters=dict(rope_type="linear", factor=8, rope_theta=1e6)),
    scaling("dynamic", factor=2.0),
    llama(rope_theta=5e4, rope_scaling=dict(type="dynamic", factor=3.3,
                                            original_max_position_embeddings=64)),
    scaling("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=128),
    scaling("llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0),
    scaling("yarn", factor=4.0, original_max_position_embeddings=128),
    scaling("yarn", factor=4.0),
    scaling("yarn", factor=None, original_max_position_embeddings=100),
    scaling("yarn", factor=0.5, original_max_position_embeddings=128),
    scaling("yarn", factor=4, original_max_position_embeddings=128, truncate=False),
    scaling("yarn", factor=4, original_max_position_embeddings=128, truncate=None),
    scaling("yarn", factor=40, original_max_position_embeddings=64, beta_fast=8, beta_slow=0.5),
    scaling("yarn", factor=40, original_max_position_embeddings=64, beta_fast=0, beta_slow=None),
    scaling("yarn", factor=40, original_max_position_embeddings=64, mscale=0.707,
            mscale_all_dim=1.2),
    scaling("yarn", factor=40, original_max_position_embeddings=64, mscale=0.707),
    scaling("yarn", factor=40, original_max_position_embeddings=64, mscale=1, mscale_all_dim=0),
    scaling("yarn", factor=40, original_max_position_embeddings=64, attention_factor=1.5,
            mscale=0.707, mscale_all_dim=1.2),
    scaling("yarn", factor=2.0, original_max_position_embeddings=4),
    scaling("yarn", factor=2.0, original_max_position_embeddings=1),
    llama(rope_theta=2.0, rope_scaling=dict(type="yarn", factor=2.0,
                                            original_max_position_embeddings=400)),
    llama(original_max_position_embeddings=256, rope_parameters=dict(
        rope_type="yarn", factor=2.0, rope_theta=10000.0, original_max_position_embeddings=64)),
    scaling("longrope", short_factor=SHORT, long_factor=LONG,
            original_max_position_embeddings=64),
    scaling("longrope", short_factor=SHORT, long_factor=LONG),
    scaling("longrope", short_factor=SHORT, long_factor=LONG, factor=32.0,
            original_max_position_embeddings=64),
    scaling("longrope", short_factor=SHORT, long_factor=LONG, factor=0.5,
            original_max_position_embeddings=64),
    scaling("longrope", short_factor=SHORT, long_factor=LONG, attention_factor=1.25, factor=8,
            original_max_position_embeddings=64),
    llama(original_max_position_embeddings=128, rope_scaling=dict(
        type="longrope", short_factor=SHORT, long_factor=LONG)),
    phi3(),
    phi3(partial_rotary_factor=0.75),
    phi3(original_max_position_embeddings=64, rope_scaling=dict(
        type="longrope", short_factor=SHORT, long_factor=LONG)),
    phi3(original_max_position_embeddings=64, rope_scaling=dict(
        type="su", short_factor=SHORT, long_factor=LONG, original_max_position_embeddings=32)),
    phi3(original_max_position_embeddings=64, rope_scaling=dict(
        type="yarn", short_factor=SHORT, long_factor=LONG, original_max_position_embeddings=32)),
    phi3(original_max_position_embeddings=64, partial_rotary_factor=0.75, rope_theta=250000.0,
         rope_scaling=dict(type="longrope", short_factor=SHORT[:6], long_factor=LONG[:6])),
    phi3(max_position_embeddings=8192, rope_scaling=dict(
        type="longrope", short_factor=SHORT, long_factor=LONG,
        original_max_position_embeddings=64)),
]
LENGTHS = [1, 64, 65, 512, 513, 700, 4097]


def make(keys):
    config = (LlamaConfig if keys["model_type"] == "llama" else Phi3Config)(
        **{k: v for k, v in json.loads(json.dumps(keys)).items() if k != "model_type"})
    kind = LlamaRotaryEmbedding if keys["model_type"] == "llama" else Phi3RotaryEmbedding
    found = []
    for length in LENGTHS:
        rope = kind(config)
        rope(torch.zeros(1), torch.arange(length)[None])
        found.append([float(f) for f in rope.inv_freq])
    return dict(config=json.dumps(keys), attention=float(rope.attention_scaling), lengths=LENGTHS,
                frequencies=found)


if __name__ == "__main__":
    path = pathlib.Path(__file__).resolve().parent / "rope.json"
    lines = ",\n".join(json.dumps(make(case)) for case in CASES)
    path.write_text(f"[\n{lines}\n]\n")
