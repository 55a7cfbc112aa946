#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/numeric/spectra/spectra.txt: spectra of tuned weights by NumPy's dense SVD in double.

    python3 tests/reference/make_spectra_fixtures.py

The weights are made by an integer hash that test_numpy.c repeats, on a grid on which W_0 + B A is
exact in fp32, so that the same matrix reaches the chain, the whole weight and NumPy.
One case is a line "case rows cols base_rank rank top seed", a line of norms, and 2 * top lines
"sigma max_cosine span subspace_overlap argmax gap", side u before side v; gap is the distance of
sigma to its nearest neighbour over sigma_1.
"""
import os
import numpy as np

CASES = [  # rows, cols, base_rank (0 = full), rank, top, seed
    (64, 64, 0, 2, 10, 1), (96, 40, 0, 4, 10, 2), (40, 96, 0, 4, 10, 3), (1, 30, 0, 1, 1, 4),
    (30, 1, 0, 1, 1, 5), (128, 128, 0, 8, 32, 6), (384, 128, 0, 8, 12, 7), (128, 384, 0, 8, 12, 8),
    (200, 180, 0, 8, 10, 9), (180, 260, 0, 8, 10, 10), (300, 170, 20, 4, 10, 11),
    (170, 300, 20, 4, 10, 12), (176, 176, 24, 1, 10, 13), (256, 256, 0, 1, 10, 14),
    (320, 320, 0, 40, 8, 15),
]


def grid(rows, cols, seed, levels):
    i = np.arange(rows, dtype=np.uint64)[:, None]
    j = np.arange(cols, dtype=np.uint64)[None, :]
    mask = np.uint64(0xFFFFFFFF)
    h = (i * np.uint64(2654435761) ^ j * np.uint64(2246822519) ^ np.uint64(seed * 3266489917)) & mask
    for shift, factor in ((15, 2246822519), (13, 3266489917)):
        h = ((h ^ (h >> np.uint64(shift))) * np.uint64(factor)) & mask
    h ^= h >> np.uint64(16)
    return ((h >> np.uint64(8)) % np.uint64(2 * levels)).astype(np.float64) - levels


def weights(rows, cols, base_rank, rank, seed):
    if base_rank:
        base = grid(rows, base_rank, 100 * seed + 1, 16) @ grid(base_rank, cols, 100 * seed + 2, 16) / 256
    else:
        base = grid(rows, cols, 100 * seed, 512) / 256
    b = grid(rows, rank, 100 * seed + 3, 16) / 16
    a = grid(rank, cols, 100 * seed + 4, 16) / 16
    return base, b, a


def directions(vectors, base, sigma, top):
    gaps = np.abs(np.diff(sigma)) / sigma[0]
    near = np.minimum(np.append(np.inf, gaps), np.append(gaps, np.inf))
    out = []
    for j in range(top):
        squares = (base.T @ vectors[:, j]) ** 2
        windows = [squares[max(0, i - 3):i + 4].sum() for i in range(len(squares))]
        out.append((sigma[j], np.sqrt(squares.max()), squares.sum(), np.sqrt(max(windows)),
                    int(squares.argmax()) + 1, near[j] if np.isfinite(near[j]) else 1))
    return out


def main():
    path = os.path.join(os.path.dirname(__file__), "..", "numeric", "spectra", "spectra.txt")
    with open(path, "w") as file:
        for rows, cols, base_rank, rank, top, seed in CASES:
            base, b, a = weights(rows, cols, base_rank, rank, seed)
            tuned = base + b @ a
            assert np.array_equal(tuned.astype(np.float32).astype(np.float64), tuned)
            u0, s0, v0 = np.linalg.svd(base, full_matrices=False)
            count = int((s0 > max(rows, cols) * np.finfo(np.float32).eps * s0[0]).sum())
            u, s, v = np.linalg.svd(tuned, full_matrices=False)
            d = np.linalg.svd(b @ a, compute_uv=False)
            p = d[d > 1e-13 * d[0]] / d.sum()
            k = min(10, count)
            inside = u0[:, :k].T @ (b @ a) @ v0[:k].T
            norms = (count, np.linalg.norm(base), s0[0], np.linalg.norm(d), d[0],
                     np.exp(-(p * np.log(p)).sum()), (inside ** 2).sum() / (d ** 2).sum())
            print("case", rows, cols, base_rank, rank, top, seed, file=file)
            print(*("%.17g" % x for x in norms), file=file)
            for side in (directions(u, u0[:, :count], s, top), directions(v.T, v0[:count].T, s, top)):
                for row in side:
                    print(*("%.17g" % x for x in row), file=file)


if __name__ == "__main__":
    main()
