# SPDX-License-Identifier: Apache-2.0
"""Recomputes what `wane compare DB A B --json` prints, from the tables, with SciPy.

    check_compare.py DB RESULT.json

A and B are methods or runs. Exit status 1 when a number differs by more than 1e-9 of its size.
"""
import json
import math
import sqlite3
import sys

import numpy as np
import scipy.stats

from paired_reference import paired

worst, bad = 0.0, 0


def same(name, found, wanted):
    global worst, bad
    if found is None or wanted is None or math.isnan(wanted):
        different = found is not None or not (wanted is None or math.isnan(wanted))
        difference = math.inf if different else 0.0
    else:
        difference = abs(found - wanted) / max(1, abs(wanted))
    worst = max(worst, difference)
    if difference > 1e-9:
        bad += 1
        print(f"DIFFERS {name}: wane {found!r}, here {wanted!r}")


def check_metrics(db, result):
    stage = result["stage"]
    for m in result["metrics"]:
        name = m["name"]
        values = []
        for side in ("first", "second"):
            for pair in result["pairs"]:
                row = db.execute(
                    "SELECT m.value FROM run r JOIN metric m ON m.run = r.id AND m.name = ? AND "
                    "m.subject = '' AND m.position = coalesce(?, r.stages) WHERE r.name = ?",
                    (name, stage, pair[side])).fetchone()
                if row is None:
                    row = db.execute(f"SELECT \"{name}\" FROM stage_summary WHERE run = ? AND "
                                     "position = coalesce(?, stages)",
                                     (pair[side], stage)).fetchone()
                values.append(math.nan if row[0] is None else row[0])
        first, second = np.array(values).reshape(2, -1)
        d = second - first
        keep = np.isfinite(d)
        first, second, d = first[keep], second[keep], d[keep]
        same(name, m["difference"], d.mean())
        same(name + " first", m["first"], first.mean())
        same(name + " second", m["second"], second.mean())
        if len(d) < 2:
            continue
        sd = d.std(ddof=1)
        same(name + " sd", m["sd"], sd)
        if sd < 1e-12:
            continue
        low, high = scipy.stats.t.interval(0.95, len(d) - 1, d.mean(), sd / math.sqrt(len(d)))
        same(name + " low", m["low"], low)
        same(name + " high", m["high"], high)
        same(name + " p", m["p"], scipy.stats.ttest_rel(second, first).pvalue)


def stages_of(db, result):
    sql = ("SELECT p.stage FROM run r JOIN run_stage p ON p.run = r.id AND "
           "p.position = coalesce(?, r.stages) WHERE r.name = ? AND r.superseded = 0")
    return [tuple(db.execute(sql, (result["stage"], p[s])).fetchone()[0]
                  for s in ("first", "second")) for p in result["pairs"]]


def examples(db, stage, task):
    return db.execute(
        'SELECT e.predicted = e.label, e.loss FROM example e JOIN task k ON k.id = e.task AND '
        'k.split = e.split WHERE e.stage = ? AND e.step = -1 AND k.name = ? ORDER BY e."row"',
        (stage, task)).fetchall()


def sign(a, b):
    return scipy.stats.binomtest(int(a), int(a + b)).pvalue if a + b else 1.0


def check_tasks(db, result, stages):
    total, leaning = np.zeros(2), np.zeros(2)
    for t in result["tasks"]:
        if t["task"] is None:
            same("all p", t["p_mcnemar"], sign(*total))
            same("all sign", t["p_sign"], sign(*leaning))
            continue
        net, only = 0, np.zeros(2)
        for i, (a, b) in enumerate(stages):
            f = np.array([r[0] for r in examples(db, a, t["task"])])
            s = np.array([r[0] for r in examples(db, b, t["task"])])
            net = net + s - f
            pair = np.array([((f == 1) & (s == 0)).sum(), ((f == 0) & (s == 1)).sum()])
            only += pair
            same(f"{t['task']} pair {i}", t["p_of_pairs"][i], sign(*pair))
        better = np.array([(net < 0).sum(), (net > 0).sum()])
        same(f"{t['task']} only", t["only"][0], only[0])
        same(f"{t['task']} only", t["only"][1], only[1])
        same(f"{t['task']} p", t["p_mcnemar"], sign(*only))
        same(f"{t['task']} sign", t["p_sign"], sign(*better))
        total += only
        leaning += better


def check_losses(db, result, stages):
    for l in result["losses"]:
        first, second, weights = 0.0, 0.0, 0.0
        for a, b in stages:
            if "corpus" in l:
                sql = ('SELECT sum(w.nll), sum(w.tokens) FROM "window" w JOIN corpus c ON '
                       "c.id = w.corpus WHERE w.stage = ? AND w.step = -1 AND c.name = ? "
                       "GROUP BY w.document ORDER BY w.document")
                x, y = (np.array(db.execute(sql, (s, l["corpus"])).fetchall()) for s in (a, b))
                first, second, weights = first + x[:, 0], second + y[:, 0], weights + x[:, 1]
            else:
                x, y = (np.array([r[1] for r in examples(db, s, l["task"])]) for s in (a, b))
                first, second, weights = first + x, second + y, weights + np.ones(len(x))
        name = l.get("corpus") or l["task"]
        wanted = paired(first, second, weights, 10000, 0)
        for field, value in zip(("first", "second", "difference", "stderr", "low", "high", "p"),
                                wanted):
            same(f"{name} {field}", l[field], value)


def main():
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    with open(sys.argv[2]) as file:
        result = json.load(file)
    stages = stages_of(db, result)
    check_metrics(db, result)
    check_tasks(db, result, stages)
    check_losses(db, result, stages)
    print(f"{len(result['metrics'])} metrics, {len(result['tasks'])} tasks, "
          f"{len(result['losses'])} losses over {len(stages)} pairs: largest difference "
          f"{worst:.2g}; {bad} beyond 1e-9")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
