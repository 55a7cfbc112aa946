# SPDX-License-Identifier: Apache-2.0
"""Checks the interventions of a results database against dense NumPy.

usage: python3 check_interventions.py RESULTS.db MODEL_FOLDER [FOLDER]

Replays the updates of every stage that has interventions (RESULTS.db.artifacts) on the base weights
in double, takes dense SVDs, builds every arm by its definition and compares, over all matrices:
which exist, ||W_arm - W_0||, ||W_arm - W||, matrices changed and matrices with intruders. For
k = 10, epsilon = .5, side u, 32 stored directions, compare: pairs, and adapters that are merged.
With FOLDER, the changed weights of the first stage are written there as a model per arm and lambda
(NAME/model.safetensors beside copies of the base's files), for another tool to measure. Needs
numpy, safetensors.
"""
import os
import shutil
import sqlite3
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

from check_spectra import apply, base_weights
from make_intervention_fixtures import ARMS, arms, choose


def stage_weights(db, stage, base, artifacts):
    path = []
    while stage is not None:
        path.append(stage)
        stage = db.execute("SELECT parent FROM stage WHERE id = ?", (stage,)).fetchone()[0]
    weights = base
    for one in reversed(path[:-1]):
        kind, name = db.execute("SELECT kind, path FROM artifact WHERE stage = ? AND kind IN "
                                "('adapter', 'tensors')", (one,)).fetchone()
        weights = apply(weights, kind, os.path.join(artifacts, name))
    return weights


def triplets(w0, w):
    u0, s0, _ = np.linalg.svd(w0, full_matrices=False)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    kept = s0 > max(w0.shape) * np.finfo(np.float32).eps * s0[0]
    return u, s, vt.T, np.abs(u0[:, kept].T @ u).max(axis=0)


def save_model(path, folder, base, weights):
    os.makedirs(path, exist_ok=True)
    for name in os.listdir(folder):
        if not name.endswith(".safetensors") and os.path.isfile(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), path)
    save_file({n: np.ascontiguousarray(weights.get(n, v), dtype=np.float32)
               for n, v in base.items()}, os.path.join(path, "model.safetensors"))


def main():
    path, folder = sys.argv[1:3]
    out = sys.argv[3] if len(sys.argv) > 3 else None
    db = sqlite3.connect(path)
    base = base_weights(folder)
    names = [n for n, in db.execute("SELECT name FROM matrix ORDER BY position")]
    stages = [s for s, in db.execute("SELECT DISTINCT stage FROM intervention ORDER BY stage")]
    worst, compared = 0.0, 0
    for stage in stages:
        tuned = stage_weights(db, stage, base, path + ".artifacts")
        found = {n: triplets(base[n], tuned[n]) for n in names}
        pairs = {n: choose(found[n][1], found[n][3], 10, 32) for n in names}
        cells = db.execute("SELECT DISTINCT choice, arm, lambda FROM intervention WHERE stage = ?",
                           (stage,)).fetchall()
        for choice, arm, lam in cells:
            rows = dict((m, (v, k)) for m, v, k in db.execute(
                "SELECT measure, value, matrices FROM intervention WHERE stage = ? AND choice = ? "
                "AND arm = ? AND lambda = ? AND target = ''", (stage, choice, arm, lam)))
            delta = moved = count = 0
            changed = dict(tuned)
            for n in names:
                u, s, v, _ = found[n]
                chosen = pairs[n][:1] if choice == "top" else pairs[n]
                made = arms(base[n], tuned[n], u, s, v, chosen, lam)[arm][1] if chosen else None
                if made is not None:
                    count += 1
                    changed[n] = made
                delta += np.linalg.norm(changed[n] - base[n]) ** 2
                moved += np.linalg.norm(changed[n] - tuned[n]) ** 2
            assert rows["matrices_with_intruders"][0] == sum(bool(p) for p in pairs.values())
            assert rows["delta_frobenius"][1] == count, (stage, choice, arm, lam, count, rows)
            compared += 1
            if count == 0:
                assert rows["delta_frobenius"][0] is None
                continue
            scale = rows["delta_frobenius"][0]
            worst = max(worst, abs(scale - delta ** .5) / scale,
                        abs(rows["moved_frobenius"][0] - moved ** .5) / scale)
            if out and choice == cells[0][0]:
                save_model(os.path.join(out, f"{stage}-{arm}-{lam:g}"), folder, base, changed)
        if out and any(pairs.values()):
            out = None
    print(f"{len(stages)} stages, {compared} cells: sets equal, norms within {worst:.1e}")
    assert worst < 1e-6


if __name__ == "__main__":
    main()
