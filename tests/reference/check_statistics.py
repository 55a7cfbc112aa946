# SPDX-License-Identifier: Apache-2.0
"""Compares every statistic of wane with SciPy, scikit-learn or a closed form on random inputs with
ties.

    check_statistics.py STATISTICS [--count N] [--seed S]

STATISTICS is the program of tests/tools/statistics.c. Prints, per statistic, the number of inputs
and the largest difference; exit status 1 when one is beyond its bound.
"""
import argparse
import math
import subprocess
import sys

import numpy as np
import scipy.stats

import forgetting_reference
from correlation_reference import hat
from make_logistic_fixtures import fit, loss_of, margins_of, scores_of
from make_statistics_fixtures import pairs
from paired_reference import losses, paired

failures = 0


class Program:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, name, *numbers):
        words = [v if isinstance(v, str) else repr(float(v)) for v in numbers]
        self.process.stdin.write(f"{name} {' '.join(words)}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if line.startswith("error"):
            raise RuntimeError(line)
        return np.array([float(w) for w in line.split()])


class Worst:
    """The largest difference of a statistic, absolute or relative to its size."""

    def __init__(self, name, against, bound, relative=False):
        self.name, self.against, self.bound, self.relative = name, against, bound, relative
        self.largest, self.inputs = 0.0, 0

    def add(self, found, wanted):
        found, wanted = np.atleast_1d(found), np.atleast_1d(wanted)
        same = np.isnan(found) & np.isnan(wanted)
        difference = abs(found - wanted)
        if self.relative:
            difference = difference / np.where(wanted == 0, 1, abs(wanted))
        difference = np.where(same | (found == wanted), 0, difference)
        self.largest = max(self.largest, *np.where(np.isnan(difference), np.inf, difference))
        self.inputs += 1

    def report(self):
        global failures
        bad = not self.largest <= self.bound
        failures += bad
        print(f"{'FAIL' if bad else 'ok  '} {self.name:22} {self.inputs:5} inputs, largest "
              f"{'relative ' if self.relative else ''}difference {self.largest:.2g} "
              f"(bound {self.bound:g}) from {self.against}")


def varied_pairs(random, least=4):
    while True:
        x, y = pairs(random, int(random.integers(least, 60)))
        if np.ptp(x) > 0 and np.ptp(y) > 0:
            return x, y


def check_plain(program, random, count):
    each = [Worst("pearson", "scipy.stats.pearsonr", 1e-12),
            Worst("spearman", "scipy.stats.spearmanr", 1e-12),
            Worst("kendall_tau_b", "scipy.stats.kendalltau", 1e-12),
            Worst("p by Student's t", "scipy.stats.spearmanr", 1e-11)]
    for _ in range(count):
        x, y = varied_pairs(random)
        found = program.ask("plain", len(x), *x, *y)
        rho = scipy.stats.spearmanr(x, y)
        wanted = [scipy.stats.pearsonr(x, y).statistic, rho.statistic,
                  scipy.stats.kendalltau(x, y).statistic, rho.pvalue]
        if abs(rho.statistic) > 1 - 1e-12:
            wanted[3] = found[3] = 0  # rounding decides between 0 and a power of it
        for worst, here, there in zip(each, found, wanted):
            worst.add(here, there)
    return each


def check_partial(program, random, count):
    worst = Worst("partial_spearman", "least squares on ranks and dummies", 1e-10)
    while worst.inputs < count:
        x, y = varied_pairs(random, least=14)
        kinds = [random.choice(["quantity", "category"]) for _ in range(random.integers(1, 4))]
        z = []
        for kind in kinds:
            base = x if random.random() < 0.5 else y
            noisy = scipy.stats.rankdata(base) + random.normal(size=len(x)) * len(x) / 3
            levels = 3 if kind == "category" else int(random.choice([4, 50]))
            z.append(np.floor(noisy / (np.ptp(noisy) + 1e-9) * levels))
        z = np.array(z).T
        rx, ry = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
        h = hat(z, kinds)
        ex, ey = rx - h @ rx, ry - h @ ry
        ex, ey = ex - ex.mean(), ey - ey.mean()
        degrees = round(np.trace(h))
        defined = (degrees > 0 and len(x) - degrees >= 3
                   and ex @ ex > 1e-9 * len(x) and ey @ ey > 1e-9 * len(x))
        if not defined:
            continue
        found = program.ask("partial", str(len(x)), str(len(kinds)), *(k[0] for k in kinds),
                            *np.column_stack([x, y, z]).ravel())
        worst.add(found, ex @ ey / math.sqrt(ex @ ex * (ey @ ey)))
    return [worst]


def check_mcnemar(program, random, count):
    worst = Worst("McNemar", "scipy.stats.binomtest", 1e-10, relative=True)
    for _ in range(count):
        size = int(random.choice([3, 12, 80, 900]))
        a, b = int(random.integers(0, size)), int(random.integers(0, size))
        wanted = scipy.stats.binomtest(a, a + b).pvalue if a + b else 1.0
        worst.add(program.ask("mcnemar", a, b), wanted)
    return [worst]


def check_t(program, random, count):
    interval = Worst("t interval", "scipy.stats.t.interval", 1e-11)
    test = Worst("paired t", "scipy.stats.ttest_1samp", 1e-10)
    for _ in range(count):
        values = np.round(random.normal(size=int(random.integers(2, 20))) * 5)
        mean, sd = values.mean(), values.std(ddof=1)
        found = program.ask("t", len(values), *values)
        low, high = (scipy.stats.t.interval(0.95, len(values) - 1, mean,
                                            sd / math.sqrt(len(values)))
                     if sd > 0 else (mean, mean))
        interval.add(found[:5], [len(values), mean, sd, low, high])
        if sd > 0:
            test.add(found[5], scipy.stats.ttest_1samp(values, 0).pvalue)
    return [interval, test]


def holm(p):
    """min(1, max over the p up to this one, sorted, of (m - i) p_i), i from 0."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    for place, i in enumerate(order):
        adjusted[i] = min(1, max((len(p) - j) * p[order[j]] for j in range(place + 1)))
    return adjusted


def check_holm(program, random, count):
    worst = Worst("Holm", "its definition", 1e-15)
    for _ in range(count):
        p = np.round(random.random(int(random.integers(1, 30))) ** 3, 2)
        worst.add(program.ask("holm", len(p), *p), holm(p))
    return [worst]


def check_paired(program, random, count):
    value = Worst("paired bootstrap", "NumPy, scipy.stats.bootstrap (BCa)", 1e-9)
    p = Worst("paired bootstrap p", "its definition", 0)
    for seed in range(count):
        first, second, weights = losses(random)
        if np.ptp(second - first) == 0:
            continue
        found = program.ask("paired", "400", str(seed), str(len(first)), *first, *second, *weights)
        wanted = paired(first, second, weights, 400, seed)
        value.add(found[:6], wanted[:6])
        p.add(found[6], wanted[6])
    return [value, p]


def check_forgetting(program, random, count):
    worst = Worst("forgetting, 15 metrics", "Avalanche, Mammoth, PyCIL, RWalk, TRACE, GEM", 1e-13)
    for _ in range(count):
        tasks = int(random.integers(2, 9))
        scores = np.round(random.random((tasks + 1, tasks)), int(random.integers(1, 4)))
        joint = np.round(random.random(tasks), 2)
        majority, error = np.round(random.random((2, tasks)) * [[.6], [.1]], 3)
        found = program.ask("forgetting", str(tasks), *scores.ravel(), *joint, *majority, *error)
        wanted = forgetting_reference.all_of(scores.tolist(), joint.tolist(), majority, error)
        worst.add(found, list(wanted.values()))
        worst.add(found[9], forgetting_reference.pycil(scores.tolist()))
        worst.add(-found[3], forgetting_reference.avalanche(scores.tolist()))
    return [worst]


def check_logistic(program, random, count):
    loss = Worst("logistic loss", "scikit-learn LogisticRegression", 1e-6, relative=True)
    norm = Worst("logistic |W|", "the same", 1e-5, relative=True)
    wrong = Worst("logistic predictions", "the same, where the margin exceeds 1e-4", 0)
    for _ in range(count):
        classes, d = int(random.integers(2, 9)), int(random.choice([3, 20, 64, 200]))
        n, m = int(random.integers(30, 300)), 100
        rank = int(min(d, random.choice([2, 8, 200])))
        mix = random.normal(size=(rank, d)) * np.exp(random.normal(size=d) * 2)
        labels = random.integers(0, classes, n + m)
        labels[:classes] = np.arange(classes)
        centres = random.normal(size=(classes, rank)) * random.choice([0.3, 1, 5])
        features = np.round((centres[labels] + random.normal(size=(n + m, rank))) @ mix, 1)
        l2 = float(random.choice([1e-3, 1e-3, 1e-2, 1e-4]))
        scaler, model, weights, intercepts = fit(features[:n], labels[:n], l2)
        scores = scores_of(scaler, weights, intercepts, features)
        rows = np.column_stack([labels[:n], features[:n]])
        found = program.ask("logistic", str(n), str(m), str(d), str(classes), l2, *rows.ravel(),
                            *features[n:].ravel())
        loss.add(found[0], loss_of(scores[:n], labels[:n]))
        norm.add(found[2], np.linalg.norm(weights))
        sure = margins_of(scores[n:]) > 1e-4
        predicted = model.predict(scaler.transform(features[n:]))
        wrong.add((found[3:3 + m] != predicted)[sure].sum(), 0)
    return [loss, norm, wrong]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    program, random = Program(a.program), np.random.default_rng(a.seed)
    for check, count in ((check_plain, a.count), (check_partial, a.count), (check_mcnemar, a.count),
                         (check_t, a.count), (check_holm, a.count), (check_paired, a.count),
                         (check_forgetting, a.count), (check_logistic, max(1, a.count // 10))):
        for worst in check(program, random, count):
            worst.report()
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
