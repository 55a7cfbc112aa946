#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""drift and drift_abs of wane run against transformers on a real model.

    check_drift.py MODEL CORPUS TUNED... [--wane build/release/wane] [--tokens 5000] [--threads 1]

MODEL is a Hugging Face folder of a Llama with fp32 weights, CORPUS a JSON list of texts (those that are
ASCII are taken) or plain text with blank lines between documents, each TUNED a PEFT adapter of MODEL or a
safetensors file of whole tensors. The second moment of every matrix's inputs in MODEL is formed from
hooks, over all tokens of all windows, under several rules of windows; traces are taken in double. Prints the largest difference of each checkpoint; exits 1 when one is beyond 1e-5. Needs torch,
transformers, safetensors.
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM


def documents_of(path):
    if path.suffix == ".json":
        return [t for t in json.loads(path.read_text()) if t.strip() and t.isascii()]
    parts, lines = [], []
    for line in path.read_text().split("\n") + [""]:
        if line.strip():
            lines.append(line)
        elif lines:
            parts.append("\n".join(lines))
            lines = []
    return parts


def second_moments(model, tokenizer, texts, window, stride, most):
    """name -> sum of x x^T over all tokens of all windows; and how many are scored in them."""
    moment, inputs = {}, {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and ".layers." in name:
            module.register_forward_pre_hook(
                lambda _, x, name=name: inputs.__setitem__(name, x[0][0].double().numpy()))
            moment[name] = np.zeros((module.in_features,) * 2)
    tokens = 0
    for text in texts:
        if tokens >= most:
            break
        ids = tokenizer.encode(text).ids
        scored, start = 1, 0
        while scored < len(ids):
            piece = ids[start : start + window]
            model(torch.tensor([piece]))
            for name, x in inputs.items():
                moment[name] += x.T @ x
            tokens += start + len(piece) - scored
            scored = start + len(piece)
            start += stride
    return moment, tokens


def changes(tuned, base):
    """name -> W - W_0 of the matrices that a checkpoint holds."""
    if tuned.is_dir():
        facts = json.loads((tuned / "adapter_config.json").read_text())
        root = np.sqrt(facts["r"]) if facts.get("use_rslora") else facts["r"]
        factors = load_file(tuned / "adapter_model.safetensors")
        for name, a in factors.items():
            if name.endswith("lora_A.weight"):
                b = factors[name.replace("lora_A", "lora_B")].double().numpy()
                own = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                yield own, facts["lora_alpha"] / root * b @ a.double().numpy()
    else:
        for name, w in load_file(tuned).items():
            own = name.removesuffix(".weight")
            if own in base:
                yield own, w.double().numpy() - base[own]


def reference(moment, base, change):
    out, sums = {}, np.zeros(4)
    for name, sigma in moment.items():
        d, w = change.get(name, np.zeros_like(base[name])), base[name]
        turned, own = np.trace(d @ sigma @ d.T), np.trace(w @ sigma @ w.T)
        part = np.array([sigma.shape[0] * turned, np.sum(d * d) * np.trace(sigma), turned, own])
        sums += part
        for matrix, s in ((name + ".weight", part), ("", sums)):
            out[matrix, "drift"] = s[0] / s[1] if s[1] else None
            out[matrix, "drift_abs"] = s[2] / s[3]
    return out


def measured(options, rule, tuned, folder):
    """{(matrix, name): value} by wane, of the checkpoint as the only stage of a run."""
    database = folder / f"{len(list(folder.iterdir()))}.db"
    corpus = {"name": "text", "path": str(options.corpus.resolve()), "role": "pretraining",
              "tokens": options.tokens, **rule}
    corpus |= {"filter": "ascii"} if options.corpus.suffix == ".json" else {"documents": "blank"}
    experiment = {
        "name": "drift", "model": str(options.model.resolve()), "corpora": [corpus],
        "tasks": [{"path": "builtin/topic", "train_rows": 8, "test_rows": 8}],
        "methods": [{"name": "tuned", "kind": "given", "stages": [str(tuned.resolve())]}],
        "protocol": {"adapter": "merge"}, "intruders": {"nulls": "none"}, "measures": ["drift"]}
    file = folder / "drift.yaml"
    file.write_text(json.dumps(experiment))
    done = subprocess.run([options.wane, "run", file, "--db", database, "--threads", str(options.threads)],
                          capture_output=True, text=True)
    if not database.exists() or done.returncode > 1:  # 1: a gate that says nothing here
        sys.exit(done.stderr)
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT matrix, name, value FROM measured WHERE name LIKE 'drift%'").fetchall()
        tokens = db.execute("SELECT DISTINCT tokens FROM likelihood").fetchall()
    return {(m, n): v for m, n, v in rows}, tokens[0][0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("tuned", type=pathlib.Path, nargs="+")
    parser.add_argument("--wane", default="build/release/wane")
    parser.add_argument("--tokens", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    texts = documents_of(options.corpus)
    failed = False
    for window, stride in ((0, 0), (64, 32), (100, 37)):
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
        width = window or model.config.max_position_embeddings
        moment, tokens = second_moments(model, tokenizer, texts, width, stride or width - 1, options.tokens)
        base = {n: m.weight.double().numpy() for n, m in model.named_modules() if n in moment}
        rule = {key: value for key, value in (("window", window), ("stride", stride)) if value}
        for tuned in options.tuned:
            with tempfile.TemporaryDirectory() as folder:
                own, counted = measured(options, rule, tuned, pathlib.Path(folder))
            want = reference(moment, base, dict(changes(tuned, base)))
            bad = own.keys() != want.keys() or counted != tokens
            worst = 0.0
            for key, value in want.items():
                if value is None or own.get(key) is None:
                    bad |= value is not own.get(key)
                else:
                    worst = max(worst, abs(own[key] - value) / max(abs(value), 1e-12))
            bad |= not worst <= 1e-5
            failed |= bad
            print(f"{'FAIL' if bad else 'ok  '} window {width} stride {stride or width - 1}, {tokens} tokens, "
                  f"{tuned.name[:12]}: {len(want)} numbers, largest relative difference {worst:.1e}; drift "
                  f"{want['', 'drift'] or 0:.6f}, drift_abs {want['', 'drift_abs']:.3e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
