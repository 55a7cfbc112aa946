# SPDX-License-Identifier: Apache-2.0
"""Checks f_delta, angles between increments and overlaps of a database against torch and SciPy.

usage: python3 check_changes.py RESULTS.db MODEL_FOLDER [VERBALIZER]

Replays the updates of every trained stage (RESULTS.db.artifacts) on the base weights. f_delta: the
inputs of every linear layer by hooks in transformers, on the first 64 measured rows of the trained task
(its template with {text} alone; the prompt's ids are those of
prompt + VERBALIZER, one token, " A" by default, but the last). Angles: scipy.linalg.subspace_angles of the leading 8 singular
vectors of dense increments. Overlaps: |U_0^T U| by dense SVDs, where gaps of sigma allow. Needs
torch, transformers, scipy, safetensors. Exit status 1 when a number differs.
"""
import json
import os
import sqlite3
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from scipy.linalg import subspace_angles
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast


def apply(weights, kind, path):
    weights = dict(weights)
    if kind == "tensors":
        weights.update({n: v.astype(np.float64) for n, v in load_file(path).items()})
        return weights
    with open(os.path.join(path, "adapter_config.json")) as file:
        config = json.load(file)
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    factors = load_file(os.path.join(path, "adapter_model.safetensors"))
    for key, a in factors.items():
        if key.endswith("lora_A.weight"):
            b = factors[key.replace("lora_A", "lora_B")].astype(np.float64)
            name = key[len("base_model.model."):].replace(".lora_A", "")
            weights[name] = weights[name] + scale * (b @ a.astype(np.float64))
    return weights


def responses(model, base, tuned, names, prompts, tokenizer):
    model.load_state_dict({n: torch.tensor(w, dtype=torch.float32) for n, w in tuned.items()},
                          strict=False)
    sums, counts, hooks = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0), []

    def hook(name):
        delta = torch.tensor(tuned[name] - base[name])

        def run(_, inputs):
            x = inputs[0].reshape(-1, inputs[0].shape[-1]).double()
            ratio = (x @ delta.T).norm(dim=1) / x.norm(dim=1)
            sums[name] += ratio.sum().item()
            counts[name] += len(ratio)

        return run

    for name in names:
        layer = model.get_submodule(name[: -len(".weight")])
        hooks.append(layer.register_forward_pre_hook(hook(name)))
    with torch.no_grad():
        for prompt in prompts:
            model(tokenizer(prompt, return_tensors="pt").input_ids[:, :-1])
    for h in hooks:
        h.remove()
    return {n: sums[n] / counts[n] for n in names}, counts[names[0]]


def leading(change, rank):
    u, s, vt = np.linalg.svd(change, full_matrices=False)
    return u[:, :rank], vt[:rank].T


def main():
    path, folder = sys.argv[1:3]
    verbalizer = sys.argv[3] if len(sys.argv) > 3 else " A"
    db = sqlite3.connect(path)
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"))
    base = {n: w.double().numpy() for n, w in model.state_dict().items()}
    matrices = dict(db.execute("SELECT id, name FROM matrix ORDER BY id"))
    stages = db.execute(
        "SELECT s.id, s.parent, a.kind, a.path FROM stage s JOIN artifact a ON a.stage = s.id "
        "WHERE a.gone = 0 AND a.kind IN ('adapter', 'tensors') AND s.status = 'done' "
        "ORDER BY s.id").fetchall()
    tuned, parents = {}, {}
    worst = {"f_delta": 0.0, "angle": 0.0, "overlap": 0.0}
    compared = dict.fromkeys(worst, 0)
    for stage, parent, kind, artifact in stages:
        start = tuned.get(parent, base)
        tuned[stage] = apply(start, kind, os.path.join(path + ".artifacts", artifact))
        parents[stage] = parent
        rows = db.execute("SELECT matrix, f_delta, tokens, directions, angle_u, angle_v, t.path, "
                          "t.template, t.id FROM change c JOIN task t ON t.id = c.task WHERE stage = ? "
                          "AND step = -1", (stage,)).fetchall()
        with open(os.path.join(rows[0][6], "test.jsonl")) as file:
            lines = file.readlines()
        measured = db.execute("SELECT row FROM example WHERE stage = ? AND step = -1 AND task = ? "
                              "ORDER BY row LIMIT 64", (stage, rows[0][8])).fetchall()
        texts = [json.loads(lines[row])["text"] for row, in measured]
        prompts = [rows[0][7].replace("{text}", text) + verbalizer for text in texts]
        expected, tokens = responses(model, base, tuned[stage], list(matrices.values()), prompts,
                                     tokenizer)
        assert tokens == rows[0][2], (tokens, rows[0][2])
        for matrix, f_delta, _, directions, angle_u, angle_v, _, _, _ in rows:
            name = matrices[matrix]
            worst["f_delta"] = max(worst["f_delta"], abs(f_delta / expected[name] - 1))
            compared["f_delta"] += 1
            if directions is None:
                continue
            now = leading(tuned[stage][name] - start[name], directions)
            before = tuned.get(parents[parent], base)
            before = leading(start[name] - before[name], directions)
            for angle, a, b in ((angle_u, now[0], before[0]), (angle_v, now[1], before[1])):
                worst["angle"] = max(worst["angle"], abs(angle - subspace_angles(a, b).max()))
                compared["angle"] += 1
        for matrix, side in db.execute("SELECT DISTINCT matrix, side FROM overlap WHERE stage = ? "
                                       "AND step = -1", (stage,)):
            name = matrices[matrix]
            size = int(db.execute("SELECT max(i) FROM overlap WHERE stage = ? AND matrix = ?",
                                  (stage, matrix)).fetchone()[0])
            stored = np.array([row[0] for row in db.execute(
                "SELECT value FROM overlap WHERE stage = ? AND step = -1 AND matrix = ? AND side = ? "
                "ORDER BY i, j", (stage, matrix, side))]).reshape(size, size)
            spectra = [np.linalg.svd(w[name], full_matrices=False) for w in (base, tuned[stage])]
            gaps = []
            for _, s, _ in spectra:
                gap = np.minimum(np.append(np.inf, (s[:-1] - s[1:]) / s[1:]),
                                 np.append((s[:-1] - s[1:]) / s[:-1], np.inf))
                gaps.append(gap[:size] > 1e-3)
            vectors = [u[:, :size] if side == "u" else vt[:size].T for u, _, vt in spectra]
            difference = np.abs(stored - np.abs(vectors[0].T @ vectors[1]))
            good = np.outer(gaps[0], gaps[1])
            worst["overlap"] = max(worst["overlap"], difference[good].max())
            compared["overlap"] += int(good.sum())
    bounds = {"f_delta": 1e-4, "angle": 1e-4, "overlap": 1e-3}
    for name, value in worst.items():
        print(f"{name}: {compared[name]} compared, largest difference {value:.2e}")
    sys.exit(1 if any(worst[n] > bounds[n] for n in worst) else 0)


main()
