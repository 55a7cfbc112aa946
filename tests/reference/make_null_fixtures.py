#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/numeric/spectra/null.txt: random updates beside a change, by NumPy in double.

    python3 tests/reference/make_null_fixtures.py

Every draw here is made in the space of the weight itself and judged by the dense SVD of the whole drawn
weight (wane draws in the singular basis of the base). Weights are made by the integer hash of
make_spectra_fixtures.py, so test_null.c repeats them to the bit. One case is

    case kind rows cols rank seed bits shift      W = W_0 + 2^-shift times the change, to `bits` bits
    floor rounding kept frobenius nuclear         of the singular values of the change above the floor
    draws, then for rotated and gaussian, sides u and v: mean sd low high        of that many counts
    onset scan        by the definition; the first multiple of 1/1280 with an intruder; -1: none
    fed, then for each: k seed shift, two lines (u, v): intruders unresolved existing below[20]

A fed draw is a weight in coordinates on the base's singular vectors, diag(sigma) + P Q^T, of factors
from the hash; k = 0: P is the change itself. At the end, quantiles of given counts:

    summary observed mean low high p_low p_high, then 99 counts
"""
import os
import numpy as np

from make_existence_fixtures import EPS, clusters, rounded, rounding_of
from make_spectra_fixtures import grid

CASES = [  # kind, rows, cols, rank, seed, bits, shift, draws
    ("update", 64, 96, 2, 1, 0, 1, 2000), ("update", 96, 64, 3, 2, 0, 1, 2000), ("update", 64, 64, 1, 3, 0, 0, 2000),
    ("update", 30, 30, 8, 4, 0, 1, 2000), ("update", 96, 40, 6, 5, 0, 1, 2000), ("update", 24, 32, 24, 6, 0, 1, 2000),
    ("update", 6, 9, 2, 7, 0, 0, 2000), ("thin", 64, 48, 3, 8, 0, 0, 2000), ("update", 64, 48, 2, 9, 8, 1, 2000),
    ("dense", 48, 64, 0, 10, 0, -1, 2000), ("dense", 64, 48, 0, 11, 0, -2, 2000), ("dense", 40, 40, 0, 12, 0, -1, 2000),
    ("update", 400, 430, 5, 13, 0, 2, 250),
]
TOP, BINS, EPSILON = 10, 20, 0.5


def weights(kind, rows, cols, rank, seed, shift):
    base = grid(rows, cols, 100 * seed, 512) / 256
    if kind == "thin":
        base = grid(rows, 5, 100 * seed + 1, 16) @ grid(5, cols, 100 * seed + 2, 16) / 256
    if kind == "dense":
        return base, grid(rows, cols, 100 * seed + 5, 512) / 1024 * 2.0 ** -shift
    return base, grid(rows, rank, 100 * seed + 3, 16) @ grid(rank, cols, 100 * seed + 4, 16) / 256 * 2.0 ** -shift


class Judge:
    def __init__(self, base, rounding):
        self.rounding, self.shape = rounding, base.shape
        self.u, self.s, vt = np.linalg.svd(base)
        self.v = vt.T
        self.count = int((self.s > max(base.shape) * EPS * self.s[0]).sum())
        self.runs = clusters(self.s[:self.count], self.floor(self.s[0]))

    def floor(self, largest):
        rows, cols = self.shape
        return max(max(rows, cols) * EPS * largest, (rows ** 0.5 + cols ** 0.5) * self.rounding)

    def directions(self, weight, bases):
        """Per side: (max_cosine, cluster_overlap) of those of the first ten that exist."""
        u, s, vt = np.linalg.svd(weight, full_matrices=False)
        exist = int((s[:TOP] > self.floor(s[0])).sum())
        sides = []
        for x, y in zip(bases, (u, vt.T)):
            squares = (x[:, :self.count].T @ y[:, :exist]) ** 2
            widest = np.max([squares[run].sum(axis=0) for run in self.runs], axis=0)
            sides.append((np.sqrt(squares.max(axis=0)), np.sqrt(widest)))
        return sides

    def counts(self, weight):
        return [int((overlap < EPSILON).sum()) for _, overlap in self.directions(weight, (self.u, self.v))]

    def tallies(self, weight):
        """Of a weight in coordinates on the base's vectors."""
        rows, cols = self.shape
        lines = []
        for cosine, overlap in self.directions(weight, (np.eye(rows), np.eye(cols))):
            edges = np.arange(1, BINS + 1) / BINS
            nearest = np.abs(np.concatenate([cosine, overlap])[:, None] - edges[None, :-1])
            assert nearest.size == 0 or nearest.min() > 1e-6
            below = [int(((cosine < e) & (overlap < e)).sum()) for e in edges]
            low = int((cosine < EPSILON).sum())
            lines.append((below[9], low - below[9], len(cosine), *below))
        return lines


def haar(rng, n, k):
    q, r = np.linalg.qr(rng.standard_normal((n, k)))
    return q * np.where(np.diag(r) < 0, -1, 1)


def draw(rng, kind, shape, sigma):
    rows, cols = shape
    k = len(sigma)
    if kind == "rotated":
        return haar(rng, rows, k) * sigma @ haar(rng, cols, k).T
    if k == min(shape):
        change = rng.standard_normal(shape)
    else:
        change = rng.standard_normal((rows, k)) @ rng.standard_normal((cols, k)).T
    return change * np.sqrt(np.sum(sigma ** 2)) / np.linalg.norm(change)


def onset(judge, base, change):
    def has(t):
        return judge.counts(base + t * change)[0] > 0
    coarse = [i for i in range(1, 26) if has(0.05 * i)]
    if not coarse:
        value = -1
    else:
        high = coarse[0] * 64
        low = high - 64
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if has(middle / 1280) else (middle, high)
        value = high / 1280
    scan = next((i / 1280 for i in range(1, 1601) if has(i / 1280)), -1)
    return value, scan


def fed(file, judge, seed, rank):
    rows, cols = judge.shape
    plan = [(1, 0), (2, 1), (min(rank, 3) or 3, -1), (0, 1), (0, -1)]
    print(len(plan), file=file)
    for i, (k, shift) in enumerate(plan):
        own = 1000 * seed + 10 * i
        p = grid(rows, k or cols, own, 16) / 16 * 2.0 ** -shift
        change = p @ (grid(cols, k, own + 1, 16) / 16).T if k else p
        lines = judge.tallies(np.eye(rows, len(judge.s)) * judge.s @ np.eye(len(judge.s), cols) + change)
        print(k, own, shift, file=file)
        for line in lines:
            print(*line, file=file)


def summaries(file, rng):
    for observed, law in ((0, lambda: rng.integers(0, 1, 99)), (3, lambda: rng.poisson(3, 99)),
                          (12, lambda: rng.poisson(9, 99)), (0, lambda: rng.poisson(0.02, 99)),
                          (140, lambda: rng.integers(100, 141, 99))):
        counts = law()
        low, high = np.quantile(counts, [0.025, 0.975], method="weibull")
        print("summary", observed, "%.17g %.17g %.17g" % (counts.mean(), low, high),
              (1 + (counts <= observed).sum()) / 100, (1 + (counts >= observed).sum()) / 100, *counts, file=file)


def main():
    rng = np.random.default_rng(20240611)
    with open(os.path.join(os.path.dirname(__file__), "..", "numeric", "spectra", "null.txt"), "w") as file:
        for kind, rows, cols, rank, seed, bits, shift, draws in CASES:
            base, change = weights(kind, rows, cols, rank, seed, shift)
            tuned = rounded(base + change, bits)
            for w in (base, tuned):
                assert np.array_equal(w.astype(np.float32).astype(np.float64), w), (kind, seed)
            rounding = rounding_of(tuned, bits)
            judge = Judge(base, rounding)
            floor = judge.floor(np.linalg.svd(tuned, compute_uv=False)[0])
            sigma = np.linalg.svd(tuned - base, compute_uv=False)
            sigma = sigma[sigma > floor]
            print("case", kind, rows, cols, rank, seed, bits, shift, file=file)
            print("%.17g %.17g" % (floor, rounding), len(sigma),
                  "%.17g %.17g" % (np.sqrt(np.sum(sigma ** 2)), sigma.sum()), file=file)
            print(draws, file=file)
            for null in ("rotated", "gaussian"):
                counts = np.array([judge.counts(base + draw(rng, null, base.shape, sigma)) for _ in range(draws)])
                for side in (0, 1):
                    low, high = np.quantile(counts[:, side], [0.025, 0.975], method="weibull")
                    print("%.17g %.17g %.17g %.17g" % (counts[:, side].mean(), counts[:, side].std(ddof=1), low, high),
                          file=file)
                print(kind, rows, cols, rank, null, counts.mean(axis=0), counts.std(axis=0), flush=True)
            print(*(onset(judge, base, change) if rank and not bits else (-1, -1)), file=file)
            fed(file, judge, seed, rank)
        summaries(file, rng)


if __name__ == "__main__":
    main()
