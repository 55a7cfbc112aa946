# SPDX-License-Identifier: Apache-2.0
"""Checks every stored direction of a results database against dense NumPy.

usage: python3 check_spectra.py RESULTS.db MODEL_FOLDER

Replays the updates of every trained stage (RESULTS.db.artifacts) on the base weights in double,
takes dense SVDs of base and tuned weight, and compares, for every matrix, side and position:
max_cosine (where the relative gap of sigma is at least 1e-3), sigma, and the intruder count at
k = 10, epsilon = 0.5 (where no max_cosine lies within 1e-3 of epsilon), against the base and, where
it was asked for, against the stage before; intruder energies too. Needs numpy, safetensors.
"""
import json
import os
import sqlite3
import sys

import numpy as np
from safetensors.numpy import load_file


def base_weights(folder):
    weights = load_file(os.path.join(folder, "model.safetensors"))
    return {name: value.astype(np.float64) for name, value in weights.items()}


def apply(weights, kind, path):
    """The weights after one update; a merged stage adds to its parent's."""
    weights = dict(weights)
    if kind == "tensors":
        weights.update({n: v.astype(np.float64) for n, v in load_file(path).items()})
        return weights
    with open(os.path.join(path, "adapter_config.json")) as file:
        config = json.load(file)
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    factors = load_file(os.path.join(path, "adapter_model.safetensors"))
    for key, a in factors.items():
        if not key.endswith("lora_A.weight"):
            continue
        b = factors[key.replace("lora_A", "lora_B")].astype(np.float64)
        name = key[len("base_model.model."):].replace(".lora_A", "")
        weights[name] = weights[name] + scale * (b @ a.astype(np.float64))
    return weights


def thin(weight):
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    kept = s > max(weight.shape) * np.finfo(np.float32).eps * s[0]
    return {"u": u[:, kept], "v": vt[kept].T, "s": s}


def main():
    path, folder = sys.argv[1:3]
    db = sqlite3.connect(path)
    base = base_weights(folder)
    matrices = db.execute("SELECT id, name FROM matrix ORDER BY id").fetchall()
    references = {name: thin(base[name]) for _, name in matrices}
    stages = db.execute(
        "SELECT s.id, s.parent, a.kind, a.path FROM stage s JOIN artifact a ON a.stage = s.id "
        "WHERE a.gone = 0 AND s.status = 'done' ORDER BY s.id").fetchall()
    tuned = {}
    worst_cosine = worst_sigma = worst_energy = 0.0
    kinds = [row[0] for row in db.execute(
        "SELECT DISTINCT against FROM spectrum WHERE step = -1 ORDER BY against")]
    directions = counts = unequal = close = total = 0
    for stage, parent, kind, artifact in stages:
        start = tuned.get(parent, base)
        tuned[stage] = apply(start, kind, os.path.join(path + ".artifacts", artifact))
        for matrix, name in matrices:
            u, s, vt = np.linalg.svd(tuned[stage][name], full_matrices=False)
            gap = np.full(len(s), np.inf)
            relative = (s[:-1] - s[1:]) / s[:-1]
            gap[:-1] = relative
            gap[1:] = np.minimum(gap[1:], relative)
            for against, side, vectors in ((a, x, y) for a in kinds
                                           for x, y in (("u", u), ("v", vt.T))):
                reference = references[name] if against == "base" else thin(start[name])
                cosine = np.abs(reference[side].T @ vectors).max(axis=0)
                rows = db.execute(
                    "SELECT position, sigma, max_cosine FROM direction WHERE stage = ? AND step = -1 "
                    "AND against = ? AND matrix = ? AND side = ? ORDER BY position",
                    (stage, against, matrix, side)).fetchall()
                assert rows, (stage, against, name, side)
                energy = db.execute(
                    f"SELECT energy_{side} FROM spectrum WHERE stage = ? AND step = -1 AND against = ? "
                    "AND matrix = ?", (stage, against, matrix)).fetchone()[0]
                if np.abs(cosine[:10] - 0.5).min() >= 1e-3:
                    squares = s[:10] ** 2
                    expected = squares[cosine[:10] < 0.5].sum() / squares.sum()
                    worst_energy = max(worst_energy, abs(energy - expected))
                for position, sigma, stored in rows:
                    j = position - 1
                    worst_sigma = max(worst_sigma, abs(sigma - s[j]) / s[0])
                    if gap[j] >= 1e-3:
                        worst_cosine = max(worst_cosine, abs(stored - cosine[j]))
                        directions += 1
                top = cosine[:10]
                found = sum(row[2] < 0.5 for row in rows[:10])
                total += found
                if np.abs(top - 0.5).min() < 1e-3:
                    close += 1
                else:
                    counts += 1
                    unequal += found != int((top < 0.5).sum())
    print(f"{len(stages)} stages, {len(matrices)} matrices, both sides, against {kinds}, "
          f"{total} intruders; energy: largest difference {worst_energy:.2e}")
    print(f"{directions} directions with a gap: largest difference of max_cosine {worst_cosine:.2e}")
    print(f"sigma: largest difference {worst_sigma:.2e} of sigma_1")
    print(f"{counts} counts compared ({close} too close to epsilon): {unequal} unequal")
    sys.exit(1 if unequal or worst_cosine > 1e-3 or worst_energy > 1e-5 else 0)


if __name__ == "__main__":
    main()
