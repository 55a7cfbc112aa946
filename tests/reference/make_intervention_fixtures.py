#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/numeric/spectra/interventions.txt: the five arms by NumPy, dense and in double.

    python3 tests/reference/make_intervention_fixtures.py

Weights as in make_spectra_fixtures.py. One case is a line
"case rows cols base_rank rank seed k stored side", a line "count position neighbour position ..."
(neighbour 0: none), and one line per choice, arm and lambda:
"choice arm lambda state norm_d moved probe": ||W_arm - W_0||, ||W_arm - W|| and the sum of
W_arm * grid(rows, cols, seed + 7000, 16) / 16, which every element of W_arm takes part in.
"""
import os
import numpy as np
from make_spectra_fixtures import grid, weights

CASES = [  # rows, cols, base_rank, rank, seed, k, stored, side
    (64, 64, 0, 2, 21, 10, 32, "u"), (96, 40, 0, 4, 22, 10, 32, "u"), (40, 96, 0, 4, 23, 10, 32, "v"),
    (128, 128, 0, 12, 24, 10, 0, "u"), (384, 128, 0, 8, 25, 10, 0, "v"), (128, 384, 0, 8, 26, 10, 64, "u"),
    (200, 180, 0, 8, 27, 10, 11, "u"), (320, 320, 0, 24, 28, 8, 40, "u"), (300, 170, 20, 4, 29, 10, 20, "u"),
    (170, 300, 30, 6, 30, 4, 20, "u"), (176, 176, 0, 1, 31, 10, 20, "u"), (256, 320, 0, 10, 32, 10, 30, "v"),
]
ARMS = ("intruders", "neighbour", "shrink", "rescale", "energy")
LAMBDAS = (0, 0.3, 0.7, 0.9, 1, 1.25)
EPSILON = 0.5


def choose(s, cosine, k, stored):
    """Positions of intruders and of their neighbours, greedily in order; None: no neighbour."""
    stored = max(k, stored) if stored else len(s)
    free = [j for j in range(min(stored, len(s))) if not cosine[j] < EPSILON]
    pairs = []
    for i in range(min(k, len(s))):
        if cosine[i] < EPSILON:
            near = min(free, key=lambda j: abs(s[j] - s[i]), default=None)
            if near is not None:
                free.remove(near)
            pairs.append((i, near))
    return pairs


def arms(w0, w, u, s, v, pairs, lam):
    """{arm: (state, W_arm or None)} as measures.md has them."""
    dw, norm = w - w0, np.linalg.norm
    part = sum(s[i] * np.outer(u[:, i], v[:, i]) for i, _ in pairs)
    da = dw + (lam - 1) * part
    out = {"intruders": ("exists", w0 + da)}
    if any(j is None for _, j in pairs):
        out["neighbour"] = ("no_neighbour", None)
    else:
        other = sum(s[j] * np.outer(u[:, j], v[:, j]) for _, j in pairs)
        out["neighbour"] = ("exists", w + (lam - 1) * other)
    out["shrink"] = ("exists", w0 + dw * norm(da) / norm(dw))
    tiny = norm(da) < 1e-3 * norm(dw)
    out["rescale"] = ("vanished", None) if tiny else ("exists", w0 + da * norm(dw) / norm(da))
    ui, vi = u[:, [i for i, _ in pairs]], v[:, [i for i, _ in pairs]]
    n = (dw - ui @ (ui.T @ dw))
    n = n - (n @ vi) @ vi.T
    e = norm(dw) ** 2 - norm(da) ** 2 if lam != 1 else 0
    if e < 0 or e > norm(n) ** 2:
        out["energy"] = ("unreachable", None)
    else:
        c = 1 - np.sqrt(1 - e / norm(n) ** 2)
        out["energy"] = ("exists", w - c * n)
        assert abs(norm(w - c * n - w0) - norm(da)) <= 1e-10 * norm(dw)
    return out


def main():
    path = os.path.join(os.path.dirname(__file__), "..", "numeric", "spectra", "interventions.txt")
    with open(path, "w") as file:
        for rows, cols, base_rank, rank, seed, k, stored, side in CASES:
            base, b, a = weights(rows, cols, base_rank, rank, seed)
            b[:, (rank + 1) // 2:] /= 4  # half of the change stays under the base's spectrum
            base = base / 16 if base_rank else base
            w = base + b @ a
            assert np.array_equal(w.astype(np.float32).astype(np.float64), w)
            u0, s0, v0 = np.linalg.svd(base, full_matrices=False)
            count = int((s0 > max(rows, cols) * np.finfo(np.float32).eps * s0[0]).sum())
            u, s, vt = np.linalg.svd(w, full_matrices=False)
            v = vt.T
            cosine = np.abs(u0[:, :count].T @ u if side == "u" else v0[:count] @ v).max(axis=0)
            if stored:  # nothing is decided within rounding
                assert np.abs(cosine[:max(k, stored)] - EPSILON).min() > 1e-4
            pairs = choose(s, cosine, k, stored)
            print("case", rows, cols, base_rank, rank, seed, k, stored, side, file=file)
            print(len(pairs), *(f"{i + 1} {0 if j is None else j + 1}" for i, j in pairs), file=file)
            probe = grid(rows, cols, seed + 7000, 16) / 16
            for choice in range(2):
                chosen = pairs[:1] if choice == 0 else pairs
                for lam in LAMBDAS:
                    made = arms(base, w, u, s, v, chosen, lam) if chosen else {}
                    for arm in range(5):
                        state, wa = made.get(ARMS[arm], ("no_intruder", None))
                        values = (0, 0, 0) if wa is None else (
                            np.linalg.norm(wa - base), np.linalg.norm(wa - w), (wa * probe).sum())
                        print(choice, arm, lam, state, *("%.17g" % x for x in values), file=file)


if __name__ == "__main__":
    main()
