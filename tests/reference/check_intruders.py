#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wane intruders against dense NumPy on random matrices of 12 shapes, as an adapter and whole.

    python3 check_intruders.py [--wane build/release/wane] [--seed 1]

Writes a base checkpoint (safetensors) of 12 matrices (tall, wide, square, rank-deficient, clustered
singular values), a tuned one (a file of torch.save, prefix module.) and a PEFT adapter, calls the
program and compares, per matrix and side,
- sigma of every direction, ||dW|| and effective rank, always;
- max_cosine and span of a direction whose sigma has no neighbour within 1e-4 (relative), where the
  base direction it leans on most has none either; the count of intruders where that holds for all of
  the top k + 1;
- elsewhere what does not depend on the choice of vectors inside a cluster: the norm of a direction's
  projection onto a cluster of the base (7 values, the width of subspace_overlap's window) bounds
  max_cosine from both sides and subspace_overlap from below, and equals it where a whole cluster of
  the tuned matrix lies in one of the base; the spans of a tuned cluster add up alike.
Exits 1 when anything differs. Needs numpy, torch and safetensors.
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.numpy import save_file

K, EPSILON, GAP, CLUSTER = 10, 0.5, 1e-4, 7
RANK, ALPHA = 8, 16
# rows, cols, kind
CASES = [
    (300, 300, "random"), (512, 512, "power"), (640, 200, "random"), (200, 640, "random"),
    (1024, 96, "power"), (96, 1024, "power"), (129, 257, "random"), (400, 400, "rank 60"),
    (600, 220, "rank 50"), (220, 600, "rank 50"), (384, 256, "clusters"), (320, 320, "kept clusters"),
]


def orthonormal(random, rows, cols):
    return numpy.linalg.qr(random.standard_normal((rows, cols)))[0]


def base_matrix(random, rows, cols, kind):
    least = min(rows, cols)
    if kind == "random":
        return random.standard_normal((rows, cols)) / numpy.sqrt(cols)
    sigma = numpy.arange(1, least + 1.0) ** -0.4
    if kind.startswith("rank"):
        sigma[int(kind.split()[1]):] = 0
    if kind.endswith("clusters"):  # the first seven equal, and seven in the middle
        sigma[:CLUSTER] = 1.3
        sigma[20:20 + CLUSTER] = sigma[20]
    return orthonormal(random, rows, least) * sigma @ orthonormal(random, cols, least).T


def spike(random, base, rank):
    """A few new directions, some of them strong enough to become intruders."""
    rows, cols = base.shape
    top = numpy.linalg.norm(base, 2)
    strengths = top * numpy.linspace(0.2, 1.6, rank)
    return (random.standard_normal((rows, rank)) / numpy.sqrt(rows) * strengths,
            random.standard_normal((rank, cols)) / numpy.sqrt(cols))


def beside(base, left, right):
    """Both without what lies in the base's first cluster, so that the tuned matrix keeps it."""
    u, _, v = numpy.linalg.svd(base.astype(numpy.float64), full_matrices=False)
    u, v = u[:, :CLUSTER], v[:CLUSTER]
    return left - u @ (u.T @ left), right - (right @ v.T) @ v


def reference(base, tuned):
    """sigma of the tuned matrix, cosines of its directions with the base's, both sides."""
    base, tuned = base.astype(numpy.float64), tuned.astype(numpy.float64)
    u0, s0, v0 = numpy.linalg.svd(base, full_matrices=False)
    count = int((s0 > max(base.shape) * numpy.finfo(numpy.float32).eps * s0[0]).sum())
    u, s, v = numpy.linalg.svd(tuned, full_matrices=False)
    change = numpy.linalg.svd(tuned - base, compute_uv=False)
    p = change[change > 0] / change.sum()
    return {"s": s, "s0": s0[:count], "frobenius": float(numpy.linalg.norm(tuned - base)),
            "effective": float(numpy.exp(-(p * numpy.log(p)).sum())),
            "u": numpy.abs(u0[:, :count].T @ u), "v": numpy.abs(v0[:count] @ v.T)}


def clusters_of(values):
    """Runs of values whose relative gaps are below GAP, as slices."""
    out, start = [], 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i - 1] - values[i] >= GAP * values[i - 1]:
            out.append(slice(start, i))
            start = i
    return out


def check(side, got, overlap, want, tally):
    """One matrix and side; returns what is wrong."""
    wrong = []
    cosines, sigma, directions = want[side], want["s"], got["directions"]
    if len(directions) != min(K, len(sigma)):
        return [f"{len(directions)} directions"]
    base_clusters, tuned_clusters = clusters_of(want["s0"]), clusters_of(sigma)
    loose = {i for c in base_clusters if c.stop - c.start > 1 for i in range(c.start, c.stop)}
    alone = {c.start for c in tuned_clusters if c.stop - c.start == 1}
    # norms of the projections of each direction onto each cluster of the base
    norms = numpy.array([numpy.sqrt((cosines[c] ** 2).sum(axis=0)) for c in base_clusters])

    def near(what, ours, theirs, tolerance):
        if abs(ours - theirs) > tolerance:
            wrong.append(f"{what}: {ours} not {theirs}")

    count, determined = 0, all(j in alone for j in range(K + 1))
    for j, d in enumerate(directions):
        column, most = cosines[:, j], norms[:, j].max()
        near(f"sigma {j + 1}", d["sigma"], sigma[j], 1e-9 * sigma[0])
        count += column.max() < EPSILON
        steady = j in alone and int(column.argmax()) not in loose
        determined = determined and steady and abs(column.max() - EPSILON) > 1e-6
        if j not in alone:
            continue
        near(f"span {j + 1}", d["span"], (column ** 2).sum(), 1e-8)
        if steady:
            tally["cosines"] += 1
            tally["worst"] = max(tally["worst"], abs(d["max_cosine"] - column.max()))
            near(f"max_cosine {j + 1}", d["max_cosine"], column.max(), 1e-6)
            continue
        tally["clusters"] += 1
        if not most / numpy.sqrt(CLUSTER) - 1e-6 <= d["max_cosine"] <= most + 1e-6:
            wrong.append(f"max_cosine {j + 1}: {d['max_cosine']}, onto the cluster {most}")
        if overlap[j] < most - 1e-6:
            wrong.append(f"subspace_overlap {j + 1}: {overlap[j]}, onto the cluster {most}")
    for c in tuned_clusters:
        if c.stop - c.start == 1 or c.stop > K:
            continue
        tally["clusters"] += c.stop - c.start
        near(f"spans of the cluster at {c.start + 1}", sum(directions[j]["span"] for j in
             range(c.start, c.stop)), (cosines[:, c] ** 2).sum(), 1e-6)
        if norms[:, c].max(axis=0).min() > 1 - 1e-9:
            tally["kept"] += 1
            for j in range(c.start, c.stop):
                near(f"projection onto the cluster {j + 1}", overlap[j], 1, 1e-6)
    if determined:
        tally["counts"] += 1
        tally["intruders"] += int(count)
        near("intruders", got["intruders"], count, 0)
    near("||dW||", got["delta_frobenius"], want["frobenius"], 1e-7 * want["frobenius"])
    near("effective rank", got["effective_rank"] or 0, want["effective"], 1e-4 * want["effective"])
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wane", default="build/release/wane")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    random = numpy.random.default_rng(asked.seed)
    base, tuned, merged, factors = {}, {}, {}, {}
    for i, (rows, cols, kind) in enumerate(CASES):
        module = f"layers.{i}.mlp.proj"
        name = f"{module}.weight"
        w = base_matrix(random, rows, cols, kind).astype(numpy.float32)
        b, a = spike(random, w, 4)
        change = 0.1 * random.standard_normal((rows, cols)) / numpy.sqrt(cols) + b @ a
        factors_b, factors_a = spike(random, w, RANK)
        if kind.startswith("kept"):
            change = beside(w, change, w)[0]
            change = beside(w, w, change)[1]
            factors_b, factors_a = beside(w, factors_b, factors_a)
        base[name] = w
        tuned[name] = (w + change).astype(numpy.float32)
        b, a = factors_b.astype(numpy.float32), factors_a.astype(numpy.float32)
        factors[f"base_model.model.{module}.lora_A.weight"] = a
        factors[f"base_model.model.{module}.lora_B.weight"] = b / numpy.float32(ALPHA / RANK)
        merged[name] = w.astype(numpy.float64) + ALPHA / RANK * (
            (b / numpy.float32(ALPHA / RANK)).astype(numpy.float64) @ a.astype(numpy.float64))
    wrong, tally = 0, {"cosines": 0, "counts": 0, "intruders": 0, "clusters": 0, "kept": 0,
                    "worst": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        save_file(base, folder / "base.safetensors")
        torch.save({f"module.{k}": torch.from_numpy(v) for k, v in tuned.items()}, folder / "tuned.pt")
        (folder / "adapter").mkdir()
        save_file(factors, folder / "adapter" / "adapter_model.safetensors")
        (folder / "adapter" / "adapter_config.json").write_text(json.dumps(
            {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": ["proj"]}))
        for form, whole in (("tuned.pt", tuned), ("adapter", merged)):
            line = [asked.wane, "intruders", str(folder / "base.safetensors"), str(folder / form),
                    "--side", "both", "--json"]
            quick = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
            database = folder / f"{form}.db"
            kept = json.loads(subprocess.run(line + ["--db", str(database)], check=True,
                                             capture_output=True, text=True).stdout)
            rows = sqlite3.connect(database).execute(
                "SELECT m.name, d.side, d.position, d.subspace_overlap FROM direction d "
                "JOIN matrix m ON m.id = d.matrix").fetchall()
            overlaps = {(name, side, position): value for name, side, position, value in rows}
            for name, (_, _, kind) in zip(base, CASES):
                want = reference(base[name], whole[name])
                for answer in (quick, kept):  # ten directions, and the first ten of 32
                    for one in answer:
                        side = one["side"]
                        got = next(m for m in one["matrices"] if m["name"] == name)
                        overlap = [overlaps[name, side, j + 1] for j in range(K)]
                        for text in check(side, got, overlap, want, tally):
                            print(f"{form} {name} {base[name].shape} {kind}, side {side}: {text}")
                            wrong += 1
    print(f"seed {asked.seed}: {len(CASES)} matrices, adapter and whole, both sides, two ways: "
          f"{tally['counts']} counts equal ({tally['intruders']} intruders), {tally['cosines']} "
          f"max_cosines (worst difference {tally['worst']:.2g}), {tally['clusters']} projections "
          f"onto clusters ({tally['kept']} whole clusters kept); {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
