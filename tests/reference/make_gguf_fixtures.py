#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/gguf, which gguf-py writes, and inputs for tests/fuzz/corpus/gguf.

  NAME.gguf       the model of tests/reference/architectures/NAME as llama.cpp's converter has that
                  family (names from gguf-py's table, all in F32): rows of queries and keys by rotary
                  pairs, norms of 1 + w, matrices turned back, queries, keys and values of one matrix
                  apart. transformers, where it reads the family's GGUF, must read the weights that the
                  folder has, but for rounding 1 + w: this script asks it
  types.gguf      64 blocks of every type that is read, of extreme and random bytes; types.sha256 has,
                  for each, the hash of its numbers in fp32 as gguf-py reads them, every NaN as 7fc00000
  unread.gguf     one block of each type that is not; unread_weight.gguf a matrix of one
  metadata.gguf   every kind of value
  quantized.gguf  the gpt_neox, matrices with rows of whole blocks in Q4_1
  set-0000N-of-00003.gguf   the llama in three files

With names as arguments only the models of those families are made. Needs numpy, gguf, safetensors,
torch, transformers (made with gguf 0.19, transformers 5.24)."""
import hashlib
import json
import pathlib
import struct
import sys

import numpy
from gguf import (MODEL_ARCH_NAMES, GGMLQuantizationType as Type, GGUFValueType, GGUFWriter, RopeScalingType,
                  get_tensor_name_map)
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize
from safetensors.numpy import load_file

import gguf_types

HERE = pathlib.Path(__file__).resolve().parent
MODELS, OUT = HERE / "architectures", HERE / "gguf"
FUZZ = HERE.parent / "fuzz" / "corpus" / "gguf"
BLOCKS = 64

# general.architecture by the folder's name; `pairs`: families whose rows of queries and keys are turned.
FAMILIES = {"llama": "llama", "llama_3": "llama", "llama_linear": "llama", "llama_yarn": "llama",
            "llama_longrope": "llama", "gpt2": "gpt2", "qwen2": "qwen2", "qwen3": "qwen3", "mistral": "llama",
            "smollm3": "smollm3", "granite": "granite", "gemma2": "gemma2", "gemma3_text": "gemma3",
            "olmo2": "olmo2", "gpt_neox": "gptneox", "phi3": "phi3", "gpt_neox_series": "gptneox"}
PAIRS = {"llama", "smollm3", "granite"}
# transformers' reader of GGUF knows these.
CHECKED = {"llama", "llama_linear", "llama_yarn", "gpt2", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3"}


def first(config, *names):
    return next((config[name] for name in names if config.get(name) is not None), None)


def add_sizes(writer, config, family):
    width, heads = first(config, "hidden_size", "n_embd"), first(config, "num_attention_heads", "n_head")
    head = first(config, "head_dim") or width // heads
    writer.add_context_length(first(config, "max_position_embeddings", "n_positions"))
    writer.add_embedding_length(width)
    writer.add_block_count(first(config, "num_hidden_layers", "n_layer"))
    writer.add_feed_forward_length(first(config, "intermediate_size", "n_inner") or 4 * width)
    writer.add_head_count(heads)
    writer.add_vocab_size(config["vocab_size"])
    if "num_key_value_heads" in config:
        writer.add_head_count_kv(config["num_key_value_heads"])
    if "head_dim" in config or family.startswith("gemma"):
        writer.add_key_length(head)
        writer.add_value_length(head)
    for key in ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"):
        if key in config:
            (writer.add_layer_norm_rms_eps if "rms" in key else writer.add_layer_norm_eps)(config[key])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    if config.get("pad_token_id") is not None:
        writer.add_pad_token_id(config["pad_token_id"])
    return heads, head


def add_rope(writer, config, head):
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rope = rope.get("full_attention", rope)
    theta = first(config, "rope_theta") or rope.get("rope_theta")
    if theta is None:
        return None
    part = first(config, "partial_rotary_factor", "rotary_pct") or rope.get("partial_rotary_factor") or 1
    writer.add_rope_freq_base(theta)
    writer.add_rope_dimension_count(int(head * part))
    return rope


def add_rest(writer, config):
    for key, add in (("sliding_window", "add_sliding_window"), ("attn_logit_softcapping", "add_attn_logit_softcapping"),
                     ("final_logit_softcapping", "add_final_logit_softcapping"),
                     ("attention_multiplier", "add_attention_scale"), ("embedding_multiplier", "add_embedding_scale"),
                     ("residual_multiplier", "add_residual_scale"), ("logits_scaling", "add_logit_scale"),
                     ("use_parallel_residual", "add_parallel_residual")):
        if config.get(key) is not None:
            getattr(writer, add)(config[key])


def converted(family, name, data, heads, head):
    """A tensor as llama.cpp's converter writes it."""
    kind = name.split(".")[-2]
    if family in PAIRS and kind in ("q_proj", "k_proj"):
        shape = data.shape
        return data.reshape(-1, 2, head // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
    if family.startswith("gemma") and "norm" in kind:
        return data + numpy.float32(1)
    if family == "gpt2" and kind in ("c_attn", "c_proj", "c_fc") and data.ndim == 2:
        return data.T
    if family == "gptneox" and kind == "query_key_value":
        shape = data.shape
        return data.reshape(heads, 3, head, *shape[1:]).swapaxes(0, 1).reshape(shape)
    return data


def make_model(folder, path, quantized=None, **options):
    config = json.loads((MODELS / folder / "config.json").read_text())
    family = FAMILIES[folder]
    writer = GGUFWriter(path, family, **options)
    heads, head = add_sizes(writer, config, family)
    rope = add_rope(writer, config, head)
    add_rest(writer, config)
    arch = next(key for key, value in MODEL_ARCH_NAMES.items() if value == family)
    names = get_tensor_name_map(arch, first(config, "num_hidden_layers", "n_layer"))
    for name, data in load_file(MODELS / folder / "model.safetensors").items():
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise SystemExit(f"{folder}: gguf-py has no name for {name}")
        data = converted(family, name, data.astype(numpy.float32), heads, head)
        data = numpy.ascontiguousarray(data)
        if quantized is not None and data.ndim == 2 and data.shape[1] % 32 == 0:
            writer.add_tensor(known, quantize(data, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(known, data)
    add_scaling(writer, config, rope or {}, head)
    finish(writer)


def add_scaling(writer, config, rope, head):
    """Rotary scaling: keys, or what frequencies are divided by, as tensors."""
    kind = rope.get("rope_type", "default")
    if kind == "llama3":
        theta, old = rope["rope_theta"], rope["original_max_position_embeddings"]
        low, high = old / rope["low_freq_factor"], old / rope["high_freq_factor"]
        factors = []
        for frequency in theta ** -(numpy.arange(0, head, 2) / head):
            length = 2 * numpy.pi / frequency
            smooth = (old / length - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 if length < high else rope["factor"] if length > low
                           else 1 / ((1 - smooth) / rope["factor"] + smooth))
        writer.add_tensor("rope_freqs.weight", numpy.array(factors, numpy.float32))
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(RopeScalingType.LINEAR if kind == "linear" else RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        for key, add in (("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"),
                         ("original_max_position_embeddings", "orig_ctx_len")):
            if rope.get(key) is not None:
                getattr(writer, f"add_rope_scaling_{add}")(rope[key])
        if rope.get("attention_factor") is not None:
            usual = 0.1 * numpy.log(rope["factor"]) + 1
            writer.add_rope_scaling_attn_factors(rope["attention_factor"] / usual)
    if kind == "longrope":
        writer.add_rope_scaling_orig_ctx_len(first(config, "original_max_position_embeddings")
                                             or rope["original_max_position_embeddings"])
        old = first(config, "original_max_position_embeddings") or rope["original_max_position_embeddings"]
        usual = numpy.sqrt(1 + numpy.log(config["max_position_embeddings"] / old) / numpy.log(old))
        writer.add_rope_scaling_attn_factors(rope.get("attention_factor") or usual)
        for name in ("long", "short"):
            writer.add_tensor(f"rope_factors_{name}.weight", numpy.array(rope[f"{name}_factor"], numpy.float32))


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ask_transformers(folder):
    """The weights of the file as transformers reads it are those of the folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    config = AutoConfig.from_pretrained(MODELS / folder)
    theirs = AutoModelForCausalLM.from_pretrained(OUT, gguf_file=f"{folder}.gguf", config=config,
                                                  dtype=torch.float32)
    wanted = AutoModelForCausalLM.from_pretrained(MODELS / folder, dtype=torch.float32)
    state = theirs.state_dict()
    for name, value in wanted.state_dict().items():
        if folder.startswith("gemma") and "norm" in name:
            value = value + 1 - 1
        if name not in state or not torch.equal(state[name], value):
            raise SystemExit(f"{folder}: transformers reads another {name}")


def make_types():
    gguf_types.write(OUT / "types.gguf", BLOCKS)
    lines = []
    for name, values in gguf_types.values(BLOCKS).items():
        bits = values.view(numpy.uint32).copy()
        bits[numpy.isnan(values)] = 0x7FC00000
        lines.append(f"{name} {hashlib.sha256(bits.tobytes()).hexdigest()}\n")
    (OUT / "types.sha256").write_text("".join(lines))
    writer = GGUFWriter(OUT / "unread.gguf", "none")
    for kind in Type:
        if kind in gguf_types.READ or kind in (Type.F32, Type.F64):
            continue
        raw = numpy.zeros((1, GGML_QUANT_SIZES[kind][1]), numpy.uint8)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
    finish(writer)
    writer = GGUFWriter(OUT / "unread_weight.gguf", "none")
    writer.add_tensor("a.weight", numpy.zeros((2, GGML_QUANT_SIZES[Type.IQ2_XXS][1]), numpy.uint8),
                      raw_dtype=Type.IQ2_XXS)
    finish(writer)


def make_metadata():
    writer = GGUFWriter(OUT / "metadata.gguf", "none")
    for name, value in (("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768), ("uint32", 2**32 - 1),
                        ("int32", -2**31), ("uint64", 2**64 - 1), ("int64", -2**63), ("float32", 0.1),
                        ("float64", 0.1)):
        getattr(writer, f"add_{name}")(f"a.{name}", value)
    writer.add_bool("a.yes", True)
    writer.add_bool("a.no", False)
    writer.add_string("a.string", "d\u00e9j\u00e0\0vu")
    writer.add_array("a.strings", ["one", "", "\u4e09"])
    writer.add_array("a.numbers", [1, -2, 3])
    writer.add_array("a.reals", [0.5, -1.5])
    writer.add_array("a.flags", [True, False, True])
    writer.add_key_value("a.bytes", bytes([1, 200]), GGUFValueType.ARRAY, sub_type=GGUFValueType.UINT8)
    writer.add_array("a.nested", [[1, 2], [3]])
    writer.add_tensor("cube", numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4))
    writer.add_tensor("double", numpy.array([0.1, 2.5]))
    writer.add_tensor("whole", numpy.array([1, 2, 3], numpy.int32))
    finish(writer)


def make_fuzz():
    FUZZ.mkdir(parents=True, exist_ok=True)
    for name in ("types", "unread", "metadata"):
        data = (OUT / f"{name}.gguf").read_bytes()
        if len(data) < 20000:
            (FUZZ / name).write_bytes(data)
    gguf_types.write(FUZZ / "blocks", 1)
    data = bytearray((OUT / "metadata.gguf").read_bytes())
    for name, at, value in (("version-1", 4, struct.pack("<I", 1)), ("version-2", 4, struct.pack("<I", 2)),
                            ("big-endian", 4, struct.pack(">I", 3)), ("many-tensors", 8, struct.pack("<Q", 2**60)),
                            ("many-keys", 16, struct.pack("<Q", 2**63)), ("long-key", 24, struct.pack("<Q", 2**64 - 1))):
        damaged = data.copy()
        damaged[at:at + len(value)] = value
        (FUZZ / name).write_bytes(damaged)
    (FUZZ / "cut").write_bytes(data[:len(data) // 2])
    tiny = GGUFWriter(FUZZ / "llama", "llama")
    for add, value in (("context_length", 8), ("embedding_length", 4), ("block_count", 1), ("feed_forward_length", 4),
                       ("head_count", 2), ("head_count_kv", 1), ("layer_norm_rms_eps", 1e-5), ("rope_freq_base", 1e4)):
        getattr(tiny, f"add_{add}")(value)
    for name, shape in (("token_embd", (5, 4)), ("blk.0.attn_norm", (4,)), ("blk.0.attn_q", (4, 4)),
                        ("blk.0.attn_k", (2, 4)), ("blk.0.attn_v", (2, 4)), ("blk.0.attn_output", (4, 4)),
                        ("blk.0.ffn_norm", (4,)), ("blk.0.ffn_gate", (4, 4)), ("blk.0.ffn_up", (4, 4)),
                        ("blk.0.ffn_down", (4, 4)), ("output_norm", (4,))):
        tiny.add_tensor(f"{name}.weight", numpy.ones(shape, numpy.float32))
    finish(tiny)


def main():
    OUT.mkdir(exist_ok=True)
    asked = sys.argv[1:]
    for folder in FAMILIES:
        if (asked and folder not in asked) or not (MODELS / folder).is_dir():
            continue
        make_model(folder, OUT / f"{folder}.gguf")
        if folder in CHECKED:
            ask_transformers(folder)
        print(folder, (OUT / f"{folder}.gguf").stat().st_size)
    if asked:
        return
    make_types()
    make_metadata()
    make_model("llama", OUT / "set.gguf", split_max_tensors=14)
    make_model("gpt_neox", OUT / "quantized.gguf", Type.Q4_1)
    make_fuzz()


main()
