#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The random updates of wane intruders against NumPy's on real checkpoints.

    python3 check_nulls.py BASE TUNED... [--wane build/release/wane] [--draws 300] [--seed 1]

BASE is a folder with model.safetensors (modules that hold outputs x inputs), each TUNED a PEFT adapter of
it or a file of whole weights (both in fp32). NumPy draws W + U S V^T for every changed matrix in the space
of the weight, U and V the Q of Gaussian matrices, and counts by dense SVD; the totals' mean must agree
with wane's 99 within 4.5 standard errors and the quantiles, of 99 each a little noisy, within 2 or a tenth. Prints one line per
checkpoint and side; exits 1 when anything differs. Needs numpy and safetensors.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from make_null_fixtures import Judge, haar


def changed(base, tuned):
    """name -> W, and W - W_0, of the matrices that are not W_0."""
    if tuned.is_dir():
        facts = json.loads((tuned / "adapter_config.json").read_text())
        root = np.sqrt(facts["r"]) if facts.get("use_rslora") else facts["r"]
        factors = load_file(tuned / "adapter_model.safetensors")
        for name, a in factors.items():
            if name.endswith("lora_A.weight"):
                b = factors[name.replace("lora_A", "lora_B")].astype(np.float64)
                own = name.removeprefix("base_model.model.").replace(".lora_A", "")
                yield own, facts["lora_alpha"] / root * b @ a.astype(np.float64)
    else:
        for name, w in load_file(tuned).items():
            if w.ndim == 2 and name in base and "embed" not in name and "lm_head" not in name:
                yield name, w.astype(np.float64) - base[name]


def numpy_counts(base, tuned, draws, rng):
    total, norm = np.zeros((draws, 2), int), 0.0
    observed = np.zeros(2, int)
    for name, change in changed(base, tuned):
        judge = Judge(base[name], 0.0)
        sigma = np.linalg.svd(change, compute_uv=False)
        sigma = sigma[sigma > judge.floor(np.linalg.norm(base[name] + change, 2))]
        observed += judge.counts(base[name] + change)
        norm += np.sum(sigma ** 2)
        rows, cols = change.shape
        for i in range(draws):
            update = haar(rng, rows, len(sigma)) * sigma @ haar(rng, cols, len(sigma)).T
            total[i] += judge.counts(base[name] + update)
    return total, observed, np.sqrt(norm)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("base", type=pathlib.Path)
    parser.add_argument("tuned", type=pathlib.Path, nargs="+")
    parser.add_argument("--wane", default="build/release/wane")
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    base = {k: v.astype(np.float64) for k, v in load_file(asked.base / "model.safetensors").items()}
    wrong = 0
    for tuned in asked.tuned:
        told = json.loads(subprocess.run(
            [asked.wane, "intruders", asked.base, tuned, "--side", "both", "--json", "--null"],
            check=True, capture_output=True, text=True).stdout)
        counts, observed, norm = numpy_counts(base, tuned, asked.draws, rng)
        for side in (0, 1):
            own, c = told[side], counts[:, side]
            low, high = np.quantile(c, [0.025, 0.975], method="weibull")
            error = np.sqrt(max(c.var(ddof=1), 1 / asked.draws) * (1 / 99 + 1 / asked.draws))
            good = (own["total"] == observed[side] and abs(own["intruders_null"] - c.mean()) <= 4.5 * error
                    and abs(own["intruders_null_low"] - low) <= max(2, 0.1 * low)
                    and abs(own["intruders_null_high"] - high) <= max(2, 0.1 * high))
            wrong += not good
            print("%s %s  ||dW|| %.3g  count %d (%d)  null %.3f [%g, %g] (%.3f [%g, %g], se %.3f)  %s" % (
                tuned.name[:8], "uv"[side], norm, own["total"], observed[side], own["intruders_null"],
                own["intruders_null_low"], own["intruders_null_high"], c.mean(), low, high, error,
                "ok" if good else "DIFFERS"), flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
