# SPDX-License-Identifier: Apache-2.0
"""The paired bootstrap of units once more, on the counter's draws: its p by its definition, the
interval by SciPy's BCa."""
import types

import numpy as np
import scipy.stats

from correlation_reference import TIE, below


def paired(first, second, weights, resamples, seed):
    """The bootstrap of units with the counter's draws: p by its definition, SciPy's BCa."""
    units, rows = len(first), np.arange(resamples)
    chosen = np.stack([below(seed, 3, rows, 0, k, units) for k in range(units)], axis=1)
    d = second - first

    def statistic(at):
        return d[at].sum(axis=-1) / weights[at].sum(axis=-1)

    value, values = d.sum() / weights.sum(), statistic(chosen)
    scale = abs(d).sum() / weights.sum()
    p = (1 + (abs(values - value) >= abs(value) - TIE * scale).sum()) / (1 + resamples)
    # Equal up to rounding is equal: the bias counts ties half.
    kept = np.where(abs(values - value) <= TIE * scale, value, values)
    before = types.SimpleNamespace(bootstrap_distribution=kept)
    with np.errstate(all="ignore"):
        found = scipy.stats.bootstrap((np.arange(units),), statistic, vectorized=False,
                                      n_resamples=0, method="BCa",
                                      bootstrap_result=before).confidence_interval
    return [first.sum() / weights.sum(), second.sum() / weights.sum(), value,
            values.std(ddof=1), found.low, found.high, p]


def losses(random, least=6):
    units = int(random.integers(least, 40))
    weights = random.integers(1, 200, units).astype(float)
    first = np.round(weights * random.uniform(1, 4, units))
    second = first + np.round(weights * random.normal(random.choice([0, 0.1, 0.5]), 0.3, units))
    return first, second, weights
