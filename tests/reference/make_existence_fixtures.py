#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/numeric/spectra/existence.txt: which singular directions of a tuned weight exist, what
they are to clusters of base directions, and the counts, by NumPy's dense SVD in double.

    python3 tests/reference/make_existence_fixtures.py

The weights are made by the integer hash of make_spectra_fixtures.py, or on diagonals, and rounded to
`bits` significant bits (0 = as they are); test_existence.c repeats all of it to the bit. One case is

    case kind rows cols rank seed bits top
    base_count floor rounding
    2 * top lines, side u before side v: sigma exists max_cosine span cluster_overlap apart
    6 lines, sides by epsilon .3 .5 .8: existing unresolved intruders energy

apart: 1 where the direction is unique within rounding (so that its numbers can be compared).
"""
import os
import numpy as np

from make_spectra_fixtures import grid

CASES = [  # kind, rows, cols, rank, seed, bits, top
    ("zero", 64, 96, 0, 1, 0, 10), ("zero", 200, 170, 0, 2, 0, 10),
    ("lowrank", 64, 96, 2, 3, 0, 10), ("lowrank", 96, 64, 3, 4, 0, 12), ("lowrank", 180, 200, 4, 5, 0, 10),
    ("lowrank", 30, 30, 1, 6, 0, 30), ("lowrank", 1, 20, 1, 7, 0, 1),
    ("lowrank", 64, 96, 2, 8, 8, 10), ("lowrank", 96, 64, 2, 9, 11, 10), ("lowrank", 180, 200, 4, 10, 8, 20),
    ("update", 64, 64, 2, 11, 0, 10), ("update", 96, 40, 4, 12, 0, 10), ("update", 40, 96, 4, 13, 0, 10),
    ("update", 180, 260, 8, 14, 0, 10), ("update", 260, 180, 8, 15, 0, 10), ("update", 64, 64, 2, 16, 8, 10),
    ("thin", 96, 64, 3, 17, 0, 10), ("thin", 64, 96, 3, 18, 0, 10),
    ("dense", 96, 96, 0, 19, 0, 12), ("dense", 176, 190, 0, 20, 0, 10),
    ("hadamard", 64, 64, 0, 21, 0, 10), ("hadamard", 256, 256, 0, 22, 0, 10),
    ("pairs", 64, 64, 0, 23, 0, 32), ("pairs", 64, 80, 0, 24, 0, 32), ("pairs", 80, 64, 0, 25, 0, 32),
    ("pairs", 256, 200, 0, 26, 0, 20), ("pairs", 64, 64, 0, 27, 8, 32),
]
EPSILONS = (0.3, 0.5, 0.8)
EPS = float(np.finfo(np.float32).eps)


def rounded(x, bits):
    """To `bits` significant bits, ties to even: bf16 has 8, f16 has 11 (no subnormals here)."""
    if not bits:
        return x
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)


def rounding_of(x, bits):
    """Root mean square of ulp / sqrt(12) at the values."""
    if not bits:
        return 0.0
    _, exponent = np.frexp(x)
    least = -133.0 if bits == 8 else -24.0
    place = np.where(x == 0, least, np.maximum(exponent - bits, least))
    return float(np.sqrt(np.mean(4.0 ** place / 12)))


def weights(kind, rows, cols, rank, seed):
    full = grid(rows, cols, 100 * seed, 512) / 256
    product = grid(rows, rank, 100 * seed + 3, 16) @ grid(rank, cols, 100 * seed + 4, 16) / 256 if rank else None
    if kind == "zero":
        return full, np.zeros((rows, cols))
    if kind == "lowrank":  # the tuned weight itself is of low rank
        return full, product
    if kind == "update":
        return full, full + product
    if kind == "thin":  # a base of rank 5, an update of low rank
        base = grid(rows, 5, 100 * seed + 1, 16) @ grid(5, cols, 100 * seed + 2, 16) / 256
        return base, base + product
    if kind == "dense":
        return full, full + grid(rows, cols, 100 * seed + 5, 512) / 1024
    if kind == "hadamard":  # all singular values equal, and a change of about 1e-6
        base = np.ones((1, 1))
        while len(base) < rows:
            base = np.block([[base, base], [base, -base]])
        return base, base + grid(rows, cols, 100 * seed + 5, 8) * 2.0 ** -22
    # pairs of singular values whose relative gaps lie around 1e-3, turned by 45 degrees or so
    base, tuned = np.zeros((rows, cols)), np.zeros((rows, cols))
    for i in range(0, min(rows, cols) - 1, 2):
        value = 32.0 - i / 8
        gap = value * np.rint((0.9 + (i // 2 % 5) * 0.05) * 2.0 ** 20) * 1e-3 / 2.0 ** 20
        gap = float(np.rint(gap * 2.0 ** 18) / 2.0 ** 18)
        base[i, i], base[i + 1, i + 1] = value, value - gap
        tuned[i, i], tuned[i + 1, i + 1] = value, value - gap
        turn = 2.0 ** -4 if i // 2 % 2 else 2.0 ** -12
        tuned[i, i + 1] = tuned[i + 1, i] = turn
    return base, tuned


def clusters(sigma, floor):
    """All runs whose first and last sigma are at most 1e-3 of the first, or two floors, apart."""
    runs = []
    for i in range(len(sigma)):
        near = sigma[i] - sigma[i:] <= max(1e-3 * sigma[i], 2 * floor)
        runs.append(np.arange(i, i + near.sum()))
    return runs


def main():
    path = os.path.join(os.path.dirname(__file__), "..", "numeric", "spectra", "existence.txt")
    with open(path, "w") as file:
        for kind, rows, cols, rank, seed, bits, top in CASES:
            base, tuned = weights(kind, rows, cols, rank, seed)
            tuned = rounded(tuned, bits)
            for w in (base, tuned):
                assert np.array_equal(w.astype(np.float32).astype(np.float64), w), (kind, seed)
            rounding = rounding_of(tuned, bits)
            larger, noise = max(rows, cols), (rows ** 0.5 + cols ** 0.5) * rounding
            u0, s0, v0 = np.linalg.svd(base, full_matrices=False)
            count = int((s0 > larger * EPS * s0[0]).sum())
            u, s, v = np.linalg.svd(tuned, full_matrices=False)
            floor = max(larger * EPS * s[0], noise)
            runs = clusters(s0[:count], max(larger * EPS * s0[0], noise))
            print("case", kind, rows, cols, rank, seed, bits, top, file=file)
            print(count, "%.17g %.17g" % (floor, rounding), file=file)
            gaps = np.append(np.append(np.inf, np.abs(np.diff(s))), np.inf)
            apart = np.minimum(gaps[:-1], gaps[1:]) > 1e-5 * max(s[0], 1e-300)
            sides = []
            for x, y in ((u0[:, :count], u), (v0[:count].T, v.T)):
                side = []
                for j in range(top):
                    squares = (x.T @ y[:, j]) ** 2
                    widest = max(squares[run].sum() for run in runs)
                    exists = bool(s[j] > floor)
                    side.append((s[j], exists, np.sqrt(squares.max()), squares.sum(), np.sqrt(widest)))
                    print("%.17g %d %.17g %.17g %.17g %d" % (*side[-1], apart[j]), file=file)
                sides.append(side)
            for side in sides:
                for epsilon in EPSILONS:
                    first = [d for d in side[:10] if d[1]]
                    low = [d for d in first if d[2] < epsilon]
                    found = [d for d in low if d[4] < epsilon]
                    energy = sum(d[0] ** 2 for d in first)
                    print(len(first), len(low) - len(found), len(found),
                          "%.17g" % (sum(d[0] ** 2 for d in found) / energy if energy else -1), file=file)


if __name__ == "__main__":
    main()
