# SPDX-License-Identifier: Apache-2.0
"""The correlation of blocked points, once more: SciPy's coefficients and BCa interval, and the
permutation schemes spelled out in NumPy. Nothing here is tuned; every permutation recomputes its
coefficient from the data."""
import itertools
import math
import types

import numpy as np
import scipy.stats

NAMES = ["spearman", "kendall_tau_b", "pearson", "partial_spearman"]
EXACT_LIMIT = math.factorial(9)
TIE = 1e-12
RESAMPLE = 7  # the purpose of the counter


def philox4x32(counter, key):
    """Ten rounds of Philox4x32 (Salmon et al. 2011) on arrays of counters; words as uint64."""
    c = [np.asarray(w, dtype=np.uint64) & np.uint64(0xFFFFFFFF) for w in counter]
    c = list(np.broadcast_arrays(*c))
    k = [int(key) & 0xFFFFFFFF, int(key) >> 32]
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    for _ in range(10):
        a = c[0] * np.uint64(0xD2511F53)
        b = c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> shift) ^ c[1] ^ np.uint64(k[0]), b & low,
             (a >> shift) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def below(seed, stage, step, tensor, element, bound):
    """Uniform integers below `bound` at the places of the counter (step may be an array)."""
    step = np.asarray(step, dtype=np.uint64)
    high = np.uint64((RESAMPLE << 56) | (stage << 40)) | step
    lower = np.uint64((tensor << 40) | element)
    shift = np.uint64(32)
    words = philox4x32((lower, lower >> shift, high, high >> shift), seed)
    # (words[0] 2^32 + words[1]) * bound >> 64, in parts
    bound = np.uint64(bound)
    return ((words[0] * bound + ((words[1] * bound) >> shift)) >> shift).astype(np.int64)


def drawn_permutations(seed, count, tensor, size):
    """count x size: Fisher-Yates from the top, draw at element size - i for place i."""
    order = np.tile(np.arange(size), (count, 1))
    rows = np.arange(count)
    for i in range(size, 1, -1):
        j = below(seed, 1, rows, tensor, size - i, i)
        order[rows, i - 1], order[rows, j] = order[rows, j].copy(), order[rows, i - 1].copy()
    return order


class Sample:
    """points: rows of (x, y, z..., config, order, seed, stage), any number of covariates z."""

    def __init__(self, points, blocks):
        split = {"config": ((), ("config",), ("order", "seed", "stage")),
                 "run": (("order",), ("config", "seed"), ("stage",)),
                 "none": ((), ("config", "order", "seed", "stage"), ())}[blocks]
        self.groups = []  # each: list of blocks; each block: dict cell -> point
        tree = {}
        for row in points:
            p = dict(zip(("config", "order", "seed", "stage"), row[-4:]), x=row[0], y=row[1],
                     z=row[2:-4])
            group, block, cell = (tuple(int(p[f]) for f in part) for part in split)
            tree.setdefault(group, {}).setdefault(block, {})[cell] = p
        self.dropped = 0
        for group in sorted(tree):
            held = tree[group]
            count = {}
            for cells in held.values():
                for cell in cells:
                    count[cell] = count.get(cell, 0) + 1
            common = sorted(c for c in count if 2 * count[c] > len(held))
            kept = [[held[b][c] for c in common] for b in sorted(held)
                    if all(c in held[b] for c in common)]
            self.dropped += len(held) - len(kept)
            if common and kept:
                self.groups.append(kept)
        self.blocks = [b for g in self.groups for b in g]
        self.starts = np.cumsum([0] + [len(b) for b in self.blocks])
        flat = [p for b in self.blocks for p in b]
        self.n = len(flat)
        self.x, self.y = (np.array([p[f] for p in flat], dtype=float) for f in "xy")
        self.z = np.array([p["z"] for p in flat], dtype=float).reshape(self.n, -1)
        self.run = [(p["config"], p["order"], p["seed"]) for p in flat]

    def indices(self, chosen):
        return np.concatenate([np.arange(self.starts[b], self.starts[b + 1]) for b in chosen])


def design(z, given):
    """The intercept, then per covariate its ranks or a dummy for each of its values but one."""
    columns = [np.ones(len(z))]
    for column, kind in zip(z.T, given):
        if kind == "category":
            columns += [(column == level).astype(float) for level in np.unique(column)[1:]]
        else:
            columns.append(scipy.stats.rankdata(column))
    return np.column_stack(columns)


def hat(z, given):
    d = design(z, given)
    d[:, 1:] -= d[:, 1:].mean(axis=0)
    return d @ np.linalg.pinv(d, rcond=1e-10)


def coefficients(x, y, z, given):
    values = np.full(4, np.nan)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return values
    rx, ry = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
    values[0] = scipy.stats.spearmanr(x, y).statistic
    values[1] = scipy.stats.kendalltau(x, y).statistic
    values[2] = scipy.stats.pearsonr(x, y).statistic
    if given and np.isfinite(z).all() and np.ptp(z, axis=0).max() > 0:
        h = hat(z, given)
        if len(x) - round(np.trace(h)) < 2:
            return values
        m = np.eye(len(z)) - h
        ex, ey = m @ rx, m @ ry
        if ex @ ex > 1e-13 * (rx - rx.mean()) @ (rx - rx.mean()) and \
           ey @ ey > 1e-13 * (ry - ry.mean()) @ (ry - ry.mean()):
            values[3] = scipy.stats.pearsonr(ex, ey).statistic
    return values


def arrangements(sample, permutations, seed):
    """All arrangements of the blocks' y when there are at most 9!, else `permutations` drawn."""
    sizes = [len(g) for g in sample.groups]
    firsts = np.cumsum([0] + sizes)
    total = math.prod(math.factorial(s) for s in sizes)
    if total <= EXACT_LIMIT:
        per_group = [[np.array(p) + f for p in itertools.permutations(range(s))]
                     for s, f in zip(sizes, firsts)]
        return True, [np.concatenate(c) if c else np.array([], int)
                      for c in itertools.product(*per_group)]
    drawn = [drawn_permutations(seed, permutations, g, s) + f
             for g, (s, f) in enumerate(zip(sizes, firsts))]
    return False, list(np.concatenate(drawn, axis=1))


def permuted(sample, given, order, value):
    """The four coefficients of each arrangement; partial by Freedman and Lane."""
    rx, ry = scipy.stats.rankdata(sample.x), scipy.stats.rankdata(sample.y)
    sx = np.sign(sample.x[:, None] - sample.x[None, :]).astype(np.int8)
    sy = np.sign(sample.y[:, None] - sample.y[None, :]).astype(np.int8)
    scale = math.sqrt(float((sx != 0).sum()) * float((sy != 0).sum()))
    partial = not np.isnan(value[3])
    if partial:
        h = hat(sample.z, given)
        fitted, rest = h @ ry, ry - h @ ry
        ex = rx - h @ rx
    result = np.full((len(order), 4), np.nan)
    for i, source in enumerate(order):
        at = sample.indices(source)
        result[i, 0] = np.corrcoef(rx, ry[at])[0, 1]
        result[i, 1] = float((sx * sy[np.ix_(at, at)]).sum(dtype=np.int64)) / scale
        result[i, 2] = np.corrcoef(sample.x, sample.y[at])[0, 1]
        if partial:
            again = fitted + rest[at]
            result[i, 3] = np.corrcoef(ex, again - h @ again)[0, 1]
    return result


def bca(sample, given, resamples, seed, value):
    """SciPy's BCa interval on resampled values drawn here; NaN below six blocks."""
    blocks = len(sample.blocks)
    low, high = np.full(4, np.nan), np.full(4, np.nan)
    if blocks < 6:
        return low, high
    rows = np.arange(resamples)
    chosen = np.stack([below(seed, 2, rows, 0, b, blocks) for b in range(blocks)], axis=1)

    def statistic(which):
        at = sample.indices([int(b) for b in which])
        return coefficients(sample.x[at], sample.y[at], sample.z[at], given)

    values = np.array([statistic(c) for c in chosen])
    left_out = np.array([statistic(np.delete(np.arange(blocks), b)) for b in range(blocks)])
    for k in range(4):
        kept = values[~np.isnan(values[:, k]), k]
        if np.isnan(value[k]) or len(kept) < 0.9 * resamples:
            continue
        if np.ptp(left_out[:, k]) <= TIE:  # equal up to rounding: no acceleration, no interval
            continue
        # Equal up to rounding is equal: the bias counts ties half.
        kept = np.where(abs(kept - value[k]) <= TIE, value[k], kept)
        before = types.SimpleNamespace(bootstrap_distribution=kept)
        with np.errstate(all="ignore"):
            found = scipy.stats.bootstrap((np.arange(blocks),), lambda w: statistic(w)[k],
                                          vectorized=False, n_resamples=0, method="BCa",
                                          bootstrap_result=before).confidence_interval
        low[k], high[k] = found.low, found.high
    return low, high


def correlate(points, blocks="config", given=(), permutations=100000, resamples=10000, seed=0):
    s = Sample(points, blocks)
    with np.errstate(all="ignore"):
        value = coefficients(s.x, s.y, s.z, given)
    result = {"points": s.n, "blocks": len(s.blocks), "dropped": s.dropped, "value": value,
              "low": np.full(4, np.nan), "high": np.full(4, np.nan), "p": np.full(4, np.nan),
              "null_mean": math.nan, "exact": True, "p_min": 1.0, "within": (0, math.nan, math.nan)}
    if s.n == 0:
        return result
    exact, order = arrangements(s, permutations, seed)
    result["exact"] = exact
    result["p_min"] = min(1, 2 / (len(order) + (0 if exact else 1)))
    if not np.isnan(value[0]):
        draws = permuted(s, given, order, value)
        for k in range(4):
            if np.isnan(value[k]):
                continue
            at_least = (~(draws[:, k] < value[k] - TIE)).sum()
            at_most = (~(draws[:, k] > value[k] + TIE)).sum()
            side = min(at_least, at_most)
            result["p"][k] = min(1, 2 * side / len(order) if exact
                                 else 2 * (1 + side) / (1 + len(order)))
        # Over all arrangements of a group each y is equally often in each of its blocks.
        rx, ry = scipy.stats.rankdata(s.x), scipy.stats.rankdata(s.y)
        rx, ry = rx - rx.mean(), ry - ry.mean()
        mean, at = 0.0, 0
        for group in s.groups:
            size = len(group) * len(group[0])
            gx, gy = (r[at:at + size].reshape(len(group), -1) for r in (rx, ry))
            mean += float(gx.mean(axis=0) @ gy.mean(axis=0)) * len(group)
            at += size
        result["null_mean"] = mean / math.sqrt(rx @ rx * (ry @ ry))
        result["drawn_mean"] = float(draws[:, 0].mean())
        result["low"], result["high"] = bca(s, given, resamples, seed, value)
    inside = []
    for run in dict.fromkeys(s.run):
        at = [i for i, r in enumerate(s.run) if r == run]
        if len(at) >= 3 and np.ptp(s.x[at]) > 0 and np.ptp(s.y[at]) > 0:
            inside.append(scipy.stats.spearmanr(s.x[at], s.y[at]).statistic)
    if inside:
        result["within"] = (len(inside), float(np.mean(inside)),
                            float(np.std(inside, ddof=1)) if len(inside) > 1 else math.nan)
    return result
