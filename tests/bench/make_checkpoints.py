#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes checkpoints of the shape of large models, for timing: their linear matrices alone.

    python3 tests/bench/make_checkpoints.py llama-2-7b|llama-3.2-1b|SPEC FOLDER [--no-tuned]

SPEC: LAYERSxWIDTHxINNERxKV, as 2x256x688x64 (KV: width of keys and values). Into FOLDER:
  base/    bf16 safetensors in shards, config.json. A matrix is D (G + sum of s_k x_k y_k^T) C: G normal
           numbers, x_k and y_k normal vectors, s_k = 8 k^-.6 spectral norms of G, k to 128; D and C scales
           of rows and columns, log-normal of deviation .25.
  adapter/ a peft LoRA of rank 16 on every matrix, of spectral norm .05 to .8 of the base's.
  tuned/   base + a dense change of a hundredth of its Frobenius norm, half of whose square falls like
           k^-.7 (k to 64) and half is normal numbers; rounded to bf16.
Bytes depend on SPEC and NumPy's version. 13 GB each for 7B, about 10 minutes.
"""
import argparse
import json
import os
import struct
import zlib

import numpy as np

SPECS = {"llama-2-7b": (32, 4096, 11008, 4096), "llama-3.2-1b": (16, 2048, 8192, 512)}
RANK, ALPHA = 16, 32
SHARD = 4 << 30


def matrices(layers, width, inner, kv):
    """Name, rows, cols of every linear matrix, in order."""
    shapes = [("self_attn.q_proj", width, width), ("self_attn.k_proj", kv, width),
              ("self_attn.v_proj", kv, width), ("self_attn.o_proj", width, width),
              ("mlp.gate_proj", inner, width), ("mlp.up_proj", inner, width), ("mlp.down_proj", width, inner)]
    return [(f"model.layers.{i}.{name}", m, n) for i in range(layers) for name, m, n in shapes]


def falling(rng, m, n, count, power):
    """Sum of k^-power x_k y_k^T, x_k and y_k of length about 1."""
    x = rng.standard_normal((m, count), np.float32) * (np.arange(1, count + 1, dtype=np.float32) ** -power)
    return (x / np.float32(np.sqrt(m))) @ (rng.standard_normal((count, n), np.float32) / np.float32(np.sqrt(n)))


def bf16(w):
    """To nearest, ties to even: as 16-bit integers."""
    bits = w.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype("<u2")


def base_matrix(rng, m, n):
    edge = np.float32(np.sqrt(m) + np.sqrt(n))
    w = falling(rng, m, n, min(128, m, n), 0.6) * (8 * edge)
    w += rng.standard_normal((m, n), np.float32)
    w *= np.exp(0.25 * rng.standard_normal((m, 1), np.float32))
    w *= np.exp(0.25 * rng.standard_normal((1, n), np.float32)) * np.float32(0.4 / np.sqrt(n))
    return w


def tuned_matrix(rng, w):
    m, n = w.shape
    change = falling(rng, m, n, min(64, m, n), 0.7)
    change *= np.float32(1 / np.linalg.norm(change))
    noise = rng.standard_normal((m, n), np.float32)
    change += noise * np.float32(1 / np.linalg.norm(noise))
    change *= np.float32(0.01 * np.linalg.norm(w) / np.sqrt(2))
    change += w
    return change


def factors(rng, w):
    """B, A of a term whose spectral norm, scale included, is .05 to .8 of that of w, about."""
    m, n = w.shape
    x = rng.standard_normal(n, np.float32)
    for _ in range(8):
        x = w.T @ (w @ x)
        x /= np.linalg.norm(x)
    size = np.linalg.norm(w @ x) * 0.05 * 16 ** rng.random() * RANK / ALPHA
    b = rng.standard_normal((m, RANK), np.float32) * np.float32(size / (np.sqrt(m) + np.sqrt(RANK)))
    return b, rng.standard_normal((RANK, n), np.float32) / np.float32(np.sqrt(n) + np.sqrt(RANK))


def header(tensors, dtype):
    entries, at = {"__metadata__": {"format": "pt"}}, 0
    for name, m, n in tensors:
        size = m * n * (2 if dtype == "BF16" else 4)
        entries[name] = {"dtype": dtype, "shape": [m, n], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def shards_of(names):
    shards, size = [[]], 0
    for name, m, n in names:
        if size + 2 * m * n > SHARD:
            shards.append([])
            size = 0
        shards[-1].append((name, m, n))
        size += 2 * m * n
    return shards


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)


def write_model(folder, spec, shards):
    layers, width, inner, kv = spec
    os.makedirs(folder, exist_ok=True)
    head = 128 if width >= 4096 else 64
    write_json(os.path.join(folder, "config.json"), {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width,
        "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": width // head,
        "num_key_value_heads": kv // head, "vocab_size": 32000, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "torch_dtype": "bfloat16"})
    file_of = {}
    for i, shard in enumerate(shards):
        for name, _, _ in shard:
            file_of[name + ".weight"] = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
    write_json(os.path.join(folder, "model.safetensors.index.json"), {"metadata": {}, "weight_map": file_of})


def write_adapter(folder, base, pairs):
    os.makedirs(folder, exist_ok=True)
    modules = sorted({name.rsplit(".", 1)[1] for name, _, _ in pairs})
    write_json(os.path.join(folder, "adapter_config.json"), {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": RANK,
        "lora_alpha": ALPHA, "lora_dropout": 0.0, "bias": "none", "target_modules": modules})
    tensors = []
    for name, b, a in pairs:
        tensors += [(f"base_model.model.{name}.lora_A.weight", a), (f"base_model.model.{name}.lora_B.weight", b)]
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as file:
        file.write(header([(name, *value.shape) for name, value in tensors], "F32"))
        for _, value in tensors:
            file.write(value.astype("<f4").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("folder")
    parser.add_argument("--no-tuned", action="store_true", help="leave tuned/ out")
    args = parser.parse_args()
    spec = SPECS.get(args.spec) or tuple(int(x) for x in args.spec.split("x"))
    shards = shards_of(matrices(*spec))
    kinds = ["base"] if args.no_tuned else ["base", "tuned"]
    for kind in kinds:
        write_model(os.path.join(args.folder, kind), spec, shards)
    pairs = []
    for i, shard in enumerate(shards):
        path = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        files = [open(os.path.join(args.folder, kind, path), "wb") for kind in kinds]
        for file in files:
            file.write(header([(name + ".weight", m, n) for name, m, n in shard], "BF16"))
        for name, m, n in shard:
            rng = np.random.Generator(np.random.SFC64([zlib.crc32(name.encode()), m, n]))
            w = base_matrix(rng, m, n)
            file_values = [w] if args.no_tuned else [w, tuned_matrix(rng, w)]
            for file, values in zip(files, file_values):
                bf16(values).tofile(file)
            pairs.append((name, *factors(rng, w)))
        for file in files:
            file.close()
        print(f"shard {i + 1} of {len(shards)}", flush=True)
    write_adapter(os.path.join(args.folder, "adapter"), "../base", pairs)


if __name__ == "__main__":
    main()
