# SPDX-License-Identifier: Apache-2.0
"""Recomputes a correlation of wane with SciPy and NumPy, permutation and intervals included.

    check_correlate.py POINTS [RESULT.json] [--x COLUMN] [--y COLUMN] [--given COLUMN] ...

POINTS is a results database (its view correlation_points is read) or a CSV file with the view's
columns. RESULT.json is what `wane correlate --json` printed: x, y, given and blocks are taken from
it, and the numbers are compared; exit status 1 when one differs by more than --tolerance. Without
it the numbers are printed. Rows whose x or y is empty are no points. Configs and orders are
numbered by name, or with --numbering appearance by their first row.
"""
import argparse
import csv
import json
import math
import sqlite3
import sys

from correlation_reference import NAMES, correlate


def read_rows(path, where):
    with open(path, "rb") as file:
        is_database = file.read(15) == b"SQLite format 3"
    if not is_database:
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    query = "SELECT * FROM correlation_points" + (f" WHERE {where}" if where else "")
    return [dict(r) for r in connection.execute(query)]


def numbers(rows, column, how):
    names = [str(r[column]) for r in rows]
    order = sorted(set(names)) if how == "name" else list(dict.fromkeys(names))
    place = {n: i for i, n in enumerate(order)}
    return [place[n] for n in names]


def quantity(row, column):
    return math.nan if row[column] in (None, "") else float(row[column])


def points_of(rows, a):
    """The points, and per covariate its kind: a category when it is listed, or holds texts."""
    rows = [r for r in rows if not any(math.isnan(quantity(r, c)) for c in (a.x, a.y))]
    config = numbers(rows, a.config, a.numbering)
    order = numbers(rows, a.order, a.numbering)
    kinds, columns = [], []
    for name in a.given:
        category = name in a.category or any(isinstance(r[name], str) for r in rows) \
            and not a.points.endswith(".csv")
        kinds.append("category" if category else "quantity")
        columns.append(numbers(rows, name, a.numbering) if category
                       else [quantity(r, name) for r in rows])
    return kinds, [[quantity(r, a.x), quantity(r, a.y), *(c[i] for c in columns), config[i],
                    order[i], int(r[a.seed_column]), int(r[a.stage])] for i, r in enumerate(rows)]


def compare(result, stored, tolerance):
    worst, bad = 0.0, 0

    def one(name, here, there):
        nonlocal worst, bad
        there = math.nan if there is None else float(there)
        if math.isnan(here) and math.isnan(there):
            return
        difference = abs(here - there)
        worst = max(worst, difference) if not math.isnan(difference) else math.inf
        if not difference <= tolerance:
            bad += 1
            print(f"DIFFERS {name}: recomputed {here!r}, stored {there!r}")

    one("n", result["points"], stored["n"])
    one("n_blocks", result["blocks"], stored["n_blocks"])
    one("p_min", result["p_min"], stored["p_min"])
    one("null_mean", result["null_mean"], stored["null_mean"])
    for c in stored["coefficients"]:
        k = NAMES.index(c["name"])
        for field in ("value", "low", "high", "p"):
            one(f"{c['name']} {field}", float(result[field][k]), c[field])
    print(f"largest difference {worst:.3g}; {bad} beyond {tolerance:g}")
    return bad == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("points")
    parser.add_argument("result", nargs="?")
    parser.add_argument("--x", default="intruders")
    parser.add_argument("--y", default="pretraining_forgetting")
    parser.add_argument("--given", help="covariates, joined by commas")
    parser.add_argument("--category", default="", help="which of them are categories in a CSV file")
    parser.add_argument("--blocks", default="config", choices=("config", "run", "none"))
    parser.add_argument("--where", default="", help="SQL condition on the view")
    parser.add_argument("--config", default="config")
    parser.add_argument("--order", default="order_name")
    parser.add_argument("--seed-column", default="seed")
    parser.add_argument("--stage", default="position")
    parser.add_argument("--numbering", default="name", choices=("name", "appearance"))
    parser.add_argument("--permutations", type=int, default=100000)
    parser.add_argument("--resamples", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    a = parser.parse_args()
    stored = None
    a.given = a.given.split(",") if a.given else []
    a.category = a.category.split(",")
    if a.result:
        with open(a.result) as file:
            stored = json.load(file)
        a.x, a.y, a.blocks = stored["x"], stored["y"], stored["blocks"]
        a.given = stored.get("given") or []
        a.given = [a.given] if isinstance(a.given, str) else a.given
    kinds, points = points_of(read_rows(a.points, a.where), a)
    result = correlate(points, blocks=a.blocks, given=kinds, permutations=a.permutations,
                       resamples=a.resamples, seed=a.seed)
    print(f"{result['points']} points in {result['blocks']} blocks ({a.blocks}), "
          f"{result['dropped']} dropped; p_min {result['p_min']:.3g}, "
          f"null mean {result['null_mean']:.6f}"
          + (f" (of the permutations {result['drawn_mean']:.6f})" if "drawn_mean" in result else ""))
    for k, name in enumerate(NAMES):
        value, low, high, p = (float(result[f][k]) for f in ("value", "low", "high", "p"))
        if not math.isnan(value):
            print(f"{name:17} {value:+.6f} [{low:+.6f}, {high:+.6f}] p {p:.6f}")
    runs, mean, spread = result["within"]
    print(f"within runs: {runs} with a spearman, mean {mean:.6f}, sd {spread:.6f}")
    return 0 if stored is None or compare(result, stored, a.tolerance) else 1


if __name__ == "__main__":
    sys.exit(main())
