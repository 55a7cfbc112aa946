# SPDX-License-Identifier: Apache-2.0
"""Simulates what a correlation over configs can see: the power of the permutation test at the value
that `wane correlate` prints as the smallest visible one, tanh(2.89 / sqrt(C - 3 - q)).

    check_visible.py [--simulations N] [--stages]

First part: C independent points, one per config, from a normal distribution whose Spearman
coefficient (given q covariates: partial, by the residuals of normal variables) is that value; the
two-sided permutation test of Spearman's coefficient at 5%. Exit status 1 unless it detects 77% to
83% of them. With --stages: several stages per config, whose y-trajectories change places whole, as
in blocks=config.
"""
import argparse
import math
import sys

import numpy as np


def visible(configs, covariates):
    degrees = configs - 3 - covariates
    return math.tanh(2.89 / math.sqrt(degrees)) if degrees >= 1 else math.nan


def pearson_of(spearman):
    """The parameter of a normal distribution with that population value of Spearman's rho."""
    return 2 * math.sin(math.pi * spearman / 6)


def spearman_of(pearson):
    return 6 / math.pi * np.arcsin(np.asarray(pearson) / 2)


def residual_correlation(partial, covariates):
    """The correlation r of what x and y have beside their covariates (x = e + z_1 + ... + z_q) for
    which the population's partial Spearman coefficient is `partial`."""
    def population(r):
        size = 2 + covariates
        covariance = np.eye(size)
        covariance[0, 0] = covariance[1, 1] = 1 + covariates
        covariance[0, 1] = covariance[1, 0] = r + covariates
        covariance[:2, 2:] = 1
        covariance[2:, :2] = 1
        d = np.sqrt(np.diag(covariance))
        inverse = np.linalg.inv(spearman_of(covariance / np.outer(d, d)) *
                                (1 - np.eye(size)) + np.eye(size))
        return -inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1])
    low, high = 0.0, 0.999999
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if population(middle) < partial else (low, middle)
    return low


def ranks(a):
    """Ranks along the last axis; continuous variables have no ties."""
    return np.argsort(np.argsort(a, axis=-1), axis=-1).astype(float)


def standard(a):
    a = a - a.mean(axis=-1, keepdims=True)
    return a / np.linalg.norm(a, axis=-1, keepdims=True)


def residuals(a, z):
    """Of a (simulations x n) on an intercept and the columns of z (simulations x q x n)."""
    design = np.concatenate([np.ones((len(a), 1, a.shape[1])), z], axis=1)
    q = np.linalg.qr(design.transpose(0, 2, 1))[0]
    return a - np.einsum("sij,sj->si", q, np.einsum("sij,si->sj", q, a))


def p_values(x, y, places, generator, permutations):
    """Two-sided p of sum x * y over permutations of `places` blocks of consecutive points."""
    n, points = x.shape
    size = points // places
    xb, yb = x.reshape(n, places, size), y.reshape(n, places, size)
    products = np.einsum("nik,njk->nij", xb, yb)
    observed = np.einsum("nii->n", products)
    high = np.zeros(n)
    low = np.zeros(n)
    rows = np.arange(places)
    for _ in range(permutations):
        order = generator.permutation(places)
        value = products[:, rows, order].sum(axis=1)
        high += value >= observed - 1e-12
        low += value <= observed + 1e-12
    return np.minimum(1, 2 * (1 + np.minimum(high, low)) / (1 + permutations))


def independent(configs, covariates, simulations, generator, permutations):
    r = residual_correlation(visible(configs, covariates), covariates)
    x = generator.standard_normal((simulations, configs))
    y = r * x + math.sqrt(1 - r * r) * generator.standard_normal((simulations, configs))
    z = generator.standard_normal((simulations, covariates, configs))
    x, y = x + z.sum(axis=1), y + z.sum(axis=1)
    x, y = ranks(x), ranks(y)
    if covariates:
        x, y = residuals(x, ranks(z)), residuals(y, ranks(z))
    p = p_values(standard(x), standard(y), configs, generator, permutations)
    return float((p <= 0.05).mean())


def staged(configs, runs, stages, trend, noise, simulations, generator, permutations):
    """Config effects with that Spearman coefficient; every point has a trend and noise of its own,
    in units of the config effects' standard deviation."""
    r = pearson_of(visible(configs, 0))
    a = generator.standard_normal((simulations, configs, 1, 1))
    b = r * a + math.sqrt(1 - r * r) * generator.standard_normal(a.shape)
    shape = (simulations, configs, runs, stages)
    t = trend * (np.arange(stages) - (stages - 1) / 2)
    x = (a + t + noise * generator.standard_normal(shape)).reshape(simulations, -1)
    y = (b + t + noise * generator.standard_normal(shape)).reshape(simulations, -1)
    p = p_values(standard(ranks(x)), standard(ranks(y)), configs, generator, permutations)
    return float((p <= 0.05).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--simulations", type=int, default=20000)
    parser.add_argument("--permutations", type=int, default=1999)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", action="store_true")
    a = parser.parse_args()
    generator = np.random.default_rng(a.seed)
    failed = False
    if a.stages:
        for configs in (12, 24, 32):
            for runs, stages, trend, noise in ((4, 5, 0, 0.1), (4, 5, 0, 1), (4, 5, 0.5, 0.1),
                                               (4, 5, 0.5, 1), (4, 5, 1, 0.1), (1, 5, 0.5, 1)):
                power = staged(configs, runs, stages, trend, noise, a.simulations, generator,
                               a.permutations)
                print(f"C {configs} runs {runs} stages {stages} trend {trend} noise {noise}: "
                      f"detected {100 * power:.1f}%", flush=True)
        return 0
    for covariates in (0, 1, 2):
        for configs in (12, 16, 24, 32, 48):
            power = independent(configs, covariates, a.simulations, generator, a.permutations)
            good = 0.77 <= power <= 0.83
            failed |= not good
            print(f"C {configs} q {covariates}: smallest visible {visible(configs, covariates):.3f}"
                  f", detected {100 * power:.1f}%{'' if good else '  <- outside 77 to 83'}",
                  flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
