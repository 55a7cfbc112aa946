# SPDX-License-Identifier: Apache-2.0
"""Writes coefficients, correlate, paired and forgetting.txt in tests/reference/data. Needs NumPy and SciPy >= 1.11.

coefficients.txt: per line n, x (n), y (n), pearson, spearman, kendall_tau_b, p of spearman by
Student's t. correlate.txt: per case a line "blocks given permutations resamples seed n" (given: none, or kinds
joined by commas), n lines
"x y z... config order seed stage" with a z for each covariate given, a line "points blocks dropped exact p_min null_mean runs mean sd",
and four lines "value low high p". paired.txt: per line resamples seed n, first (n), second (n),
weights (n), first second difference stderr low high p. forgetting.txt: per line T, R (T + 1 rows of
T), joint (T), majority (T), standard errors (T), the metrics as other projects compute them, nan
where fewer than two tasks are learned.
"""
import pathlib

import numpy as np
import scipy.stats

import forgetting_reference
from correlation_reference import correlate
from paired_reference import losses, paired

HERE = pathlib.Path(__file__).parent / "data"


def number(v):
    return repr(float(v))


def pairs(random, n):
    """Random pairs with ties, trends, outliers and odd magnitudes."""
    levels = int(random.choice([2, 3, 5, 10, 1000]))
    x = random.integers(0, levels, n).astype(float)
    y = np.round(random.normal(size=n) * levels / 2 + random.choice([-1, 0, 1]) * x)
    if random.random() < 0.3:
        x = np.exp(x / levels * 20)
    if random.random() < 0.2:
        y = y * 1e-200
    if random.random() < 0.2:
        x[0] = 1e6
    return x, y


def plain(x, y):
    rho = scipy.stats.spearmanr(x, y)
    return [scipy.stats.pearsonr(x, y).statistic, rho.statistic,
            scipy.stats.kendalltau(x, y).statistic, rho.pvalue]


def write_coefficients(path, count, seed):
    random = np.random.default_rng(seed)
    with open(path, "w") as out:
        while count:
            n = int(random.integers(3, 40))
            x, y = pairs(random, n)
            if np.ptp(x) == 0 or np.ptp(y) == 0:
                continue
            values = plain(x, y)
            print(n, *map(number, [*x, *y, *values]), file=out)
            count -= 1


def grid(random, configs, orders, seeds, stages, tied):
    rows = []
    for c in range(configs):
        level_x, level_y = random.normal(size=2) * 2
        for o in range(orders):
            for s in range(seeds):
                for t in range(1, stages + 1):
                    x = level_x + 0.7 * t + random.normal()
                    y = level_y + 0.5 * t + 0.5 * x + random.normal()
                    z = level_x + 0.3 * t + random.normal()
                    digits = 0 if tied else 3
                    rows.append([round(x, digits), round(y, digits), round(z, digits), c, o, s, t])
    return rows


def without_covariate(rows):
    return [[*r[:2], *r[3:]] for r in rows]


def several(rows, large):
    """A quantity, a category, one that the category determines, and a second category."""
    return [[*r[:3], (r[3] + r[6]) % 3 if large else r[5], ((r[3] + r[6]) % 3) // 2,
             r[6] % 2, *r[3:]] for r in rows]


def cases(random):
    for blocks in ("config", "run", "none"):
        small = {"config": (5, 2, 2, 3), "run": (2, 2, 2, 3), "none": (2, 1, 1, 4)}[blocks]
        large = {"config": (10, 1, 2, 3), "run": (4, 2, 2, 3), "none": (3, 1, 2, 3)}[blocks]
        for shape in (small, large):
            rows = grid(random, *shape, tied=False)
            yield blocks, (), without_covariate(rows)
            yield blocks, ("quantity",), grid(random, *shape, tied=True)
            rows = grid(random, *shape, tied=True)
            for r in rows:
                r[2] = r[3] % 3 if shape is large else r[4] + r[6] % 2
            yield blocks, ("category",), rows
            yield (blocks, ("quantity", "category", "quantity", "category"),
                   several(grid(random, *shape, tied=True), shape is large))
    # Two quantities; two that are the same but for one pair of points.
    rows = grid(random, 7, 1, 2, 3, False)
    yield "config", ("quantity", "quantity"), [[*r[:3], r[2] + random.normal(), *r[3:]]
                                               for r in rows]
    rows = [[*r[:2], float(i), float(i), *r[3:]] for i, r in
            enumerate(grid(random, 7, 1, 2, 3, False))]
    rows[3][3], rows[4][3] = rows[4][3], rows[3][3]
    yield "config", ("quantity", "quantity"), rows
    # Cells that are missing, and cells that few have.
    for blocks in ("config", "run"):
        rows = grid(random, 8, 2, 2, 3, True)
        rows = [r for r in rows if not (r[3] == 3 and r[5] == 1 and r[6] == 2)]
        rows.append([4.0, 4.0, 1.0, 2, 0, 9, 1])
        yield blocks, ("quantity",), rows
    # y is a function of x: resamples hold the same order throughout; and z of x.
    rows = grid(random, 7, 1, 1, 3, False)
    for r in rows:
        r[1], r[2] = 2 * r[0], r[0] ** 3
    yield "config", ("quantity",), rows
    # One covariate without any spread, and x constant.
    rows = grid(random, 6, 1, 1, 3, False)
    yield "config", ("quantity",), [[*r[:2], 1.0, *r[3:]] for r in rows]
    yield "config", (), [[1.0, *r[1:]] for r in without_covariate(rows)]
    # Fewer than six blocks.
    yield "config", (), without_covariate(grid(random, 4, 1, 2, 3, False))


def write_correlate(path, seed):
    random = np.random.default_rng(seed)
    with open(path, "w") as out:
        for i, (blocks, given, rows) in enumerate(cases(random)):
            random.shuffle(rows)
            options = dict(blocks=blocks, given=given, permutations=300, resamples=200,
                           seed=i * 0x100000001)
            r = correlate(rows, **options)
            print(blocks, ",".join(given) or "none", 300, 200, options["seed"], len(rows), file=out)
            for row in rows:
                print(*map(number, row[:-4]), *row[-4:], file=out)
            print(r["points"], r["blocks"], r["dropped"], int(r["exact"]), number(r["p_min"]),
                  number(r["null_mean"]), r["within"][0], *map(number, r["within"][1:]), file=out)
            for k in range(4):
                print(*(number(r[f][k]) for f in ("value", "low", "high", "p")), file=out)


def write_paired(path, count, seed):
    random = np.random.default_rng(seed)
    with open(path, "w") as out:
        for i in range(count):
            first, second, weights = losses(random)
            draw = i * 0x100000001
            values = paired(first, second, weights, 300, draw)
            print(300, draw, len(first), *map(number, [*first, *second, *weights, *values]),
                  file=out)


def write_forgetting(path, count, seed):
    random, beside = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    with open(path, "w") as out:
        for _ in range(count):
            tasks = int(random.integers(2, 7))
            scores = np.round(random.random((tasks + 1, tasks)), 2)
            joint = np.round(random.random(tasks), 2)
            majority, error = np.round(beside.random((2, tasks)) * [[.6], [.1]], 3)
            values = forgetting_reference.all_of(scores.tolist(), joint.tolist(), majority, error)
            assert np.isclose(values["forgetting_max_all"],
                              forgetting_reference.pycil(scores.tolist()), rtol=0, atol=1e-15)
            print(tasks, *map(number, [*scores.ravel(), *joint, *majority, *error,
                                       *values.values()]), file=out)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    write_coefficients(HERE / "coefficients.txt", 60, 20260101)
    write_correlate(HERE / "correlate.txt", 20260102)
    write_paired(HERE / "paired.txt", 20, 20260103)
    write_forgetting(HERE / "forgetting.txt", 40, 20260104)
