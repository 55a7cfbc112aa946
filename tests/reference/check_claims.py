# SPDX-License-Identifier: Apache-2.0
"""Recomputes what wane claims, and what it says it could not see, with NumPy and SciPy.

    check_claims.py DB match RESULT.json       of `wane compare DB A B --match ... --json`
    check_claims.py DB arms RESULT.json        of `wane query DB --name interventions_matched
                                               --format json [--param arms=A,B]`
    check_claims.py DB correlate RESULT.json   of `wane correlate DB --given ... --json`: zeros,
                                               separation, the tables beside the first (its
                                               covariates numbers, every config with all cells)

Exit status 1 when a number differs by more than 1e-9 of its size.
"""
import json
import math
import sqlite3
import sys
from collections import defaultdict

import numpy as np
import scipy.optimize
import scipy.stats

from correlation_reference import coefficients
from paired_reference import paired

worst, bad, checked = 0.0, 0, 0


def same(name, found, wanted):
    global worst, bad, checked
    checked += 1
    none = wanted is None or math.isnan(wanted)
    if found is None or none:
        difference = 0.0 if found is None and none else math.inf
    else:
        difference = abs(found - wanted) / max(1, abs(wanted))
    worst = max(worst, difference)
    if difference > 1e-9:
        bad += 1
        print(f"DIFFERS {name}: wane {found!r}, here {wanted!r}")


# ---------------------------------------------------------------------------------------- match


def side_stages(db, by, name, stage, column):
    """What `wane compare` takes: trained stages of finished runs, no bounds."""
    number = by in ("rank", "learning_rate")
    rows = db.execute(
        f"SELECT s.*, s.\"{column}\" AS matched FROM stage_summary s JOIN run r ON r.key = s.run_key "
        f"WHERE s.{by} = ? AND s.status = 'done' AND s.position >= 1 AND r.bound IS NULL",
        (float(name) if number else name,)).fetchall()
    return [r for r in rows if stage is None or r["position"] == stage]


def optimum(first, second, caliper):
    """The most pairs within the caliper, and their smallest sum of distances."""
    distance = abs(np.subtract.outer(first, second))
    far = distance > caliper + 1e-12 * np.maximum.outer(abs(first), abs(second))
    # Leaving a pair out costs more than any sum of distances.
    cost = np.where(far, 0, distance - (1 + len(first)) * caliper * 10)
    i, j = scipy.optimize.linear_sum_assignment(cost)
    kept = ~far[i, j]
    return kept.sum(), distance[i, j][kept].sum()


def value_of(db, row, name):
    found = db.execute(
        "SELECT m.value FROM run r JOIN metric m ON m.run = r.id AND m.name = ? AND m.subject = '' "
        "AND m.position = ? WHERE r.key = ?", (name, row["position"], row["run_key"])).fetchone()
    if found is None and name == "held_out_change":
        found = db.execute(
            "SELECT avg(m.value) FROM run r JOIN metric m ON m.run = r.id AND m.name = ? AND "
            "m.position = ? WHERE r.key = ?", (name, row["position"], row["run_key"])).fetchone()
    value = found[0] if found else row[name]
    return math.nan if value is None else value


def check_match(db, r):
    column, log = r["match"], r["match"] == "delta_frobenius_all"
    stages = [side_stages(db, r["by"], r[s]["name"], r["stage"], column) for s in ("first", "second")]
    for s, rows in zip(("first", "second"), stages):
        values = [q["matched"] for q in rows if q["matched"] is not None]
        same(f"{s} stages", r[s]["stages"], len(rows))
        same(f"{s} missing", r[s]["missing"], len(rows) - len(values))
        same(f"{s} low", r[s]["low"], min(values))
        same(f"{s} high", r[s]["high"], max(values))
    places = defaultdict(lambda: ([], []))
    for side in (0, 1):
        for q in stages[side]:
            if q["matched"] is not None:
                key = (q["experiment"], q["order_name"], q["seed"], q["position"])
                places[key][side].append(math.log(q["matched"]) if log else q["matched"])
    wanted, total = 0, 0.0
    for first, second in places.values():
        if first and second:
            count, distance = optimum(np.array(first), np.array(second), r["caliper"])
            wanted, total = wanted + count, total + distance
    pairs = r["pairs"]
    same("pairs", len(pairs), wanted)
    same("sum of distances", sum(p["distance"] for p in pairs), total)
    # The pairs themselves: stages of that place, each once, as far apart as they say.
    found = [{(q["experiment"], q["run"], q["position"]): q for q in rows} for rows in stages]
    used = set()
    both = []
    for p in pairs:
        two = []
        for side, s in enumerate(("first", "second")):
            key = (p["experiment"], p[s], p["position"])
            assert (side, key) not in used, f"{key} is matched twice"
            used.add((side, key))
            two.append(found[side][key])
        a, b = two
        assert (a["order_name"], a["seed"]) == (b["order_name"], b["seed"]) == \
            (p["order_name"], p["seed"])
        f = math.log if log else float
        same("distance", p["distance"], abs(f(a["matched"]) - f(b["matched"])))
        assert p["distance"] <= r["caliper"] + 1e-9
        both.append((a, b))
    for m in r["measures"]:
        check_measure(db, m, both)


def check_measure(db, m, both):
    values = [(value_of(db, a, m["name"]), value_of(db, b, m["name"]), a, b) for a, b in both]
    values = [v for v in values if math.isfinite(v[0]) and math.isfinite(v[1])]
    name = m["name"]
    same(f"{name} pairs", m["pairs"], len(values))
    if not values:
        return
    same(f"{name} first", m["first"], np.mean([v[0] for v in values]))
    same(f"{name} second", m["second"], np.mean([v[1] for v in values]))
    same(f"{name} difference", m["difference"], np.mean([v[1] - v[0] for v in values]))
    configs = [list(dict.fromkeys((v[2 + s]["experiment"], v[2 + s]["method"]) for v in values))
               for s in (0, 1)]
    side = 1 if len(configs[1]) < len(configs[0]) else 0
    same(f"{name} configs", m["configs"], len(configs[side]))
    sums = np.zeros((3, len(configs[side])))
    for one, two, *rows in values:
        at = configs[side].index((rows[side]["experiment"], rows[side]["method"]))
        sums[:, at] += (one, two, 1)
    if len(configs[side]) < 6:
        same(f"{name} low", m["low"], None)
        assert m["reason"] == "few_configs"
    elif m["reason"] is None:
        _, _, _, stderr, low, high, p = paired(sums[0], sums[1], sums[2], 10000, 0)
        for key, wanted in (("stderr", stderr), ("low", low), ("high", high), ("p", p)):
            same(f"{name} {key}", m[key], wanted)


# ----------------------------------------------------------------------------------------- arms


def check_arms(db, result):
    rows = [dict(zip(result["columns"], r)) for r in result["rows"]]
    shown = {r["arm"] for r in rows}
    cells = defaultdict(dict)
    for v in db.execute("SELECT v.* FROM intervention_effect v JOIN run_list l ON l.run = v.run AND "
                        "l.experiment = v.experiment AND l.superseded = 0 WHERE l.status = 'done' "
                        "AND l.bound IS NULL AND v.position = l.stages"):
        cells[v["experiment"], v["choice"], v["lambda"], v["method"], v["run"]][v["arm"]] = v
    collapsed = {(q[0], q[1]) for q in db.execute(
        "SELECT DISTINCT s.experiment, s.method FROM stage_summary s JOIN run r ON r.key = s.run_key "
        "WHERE s.collapsed = 1 AND s.position >= 1 AND r.status = 'done' AND r.bound IS NULL")}
    assert {r["without_collapsed"] for r in rows} == ({0, 1} if collapsed else {0})
    columns = {"nll_change": "nll_change", "forgetting_pct": "forgetting_change_pct",
               "minus_intruders": "nll_minus_intruders", "latest_change": "latest_accuracy_change",
               "seen_change": "seen_accuracy_change"}
    binomials = {"latest_binomial": "latest_accuracy_change_stderr",
                 "seen_binomial": "seen_accuracy_change_stderr"}
    for r in rows:
        level = (r["experiment"], r["choice"], r["lambda"])
        per_config, unmatched, without = defaultdict(list), defaultdict(int), 0
        for (*key, method, _), arms in cells.items():
            if tuple(key) != level or (r["without_collapsed"] and (key[0], method) in collapsed):
                continue
            whole = arms["intruders"]["matrices"]
            if not arms["intruders"]["matrices_with_intruders"]:
                without += 1
            elif all(a in arms and arms[a]["nll_change"] is not None and
                     arms[a]["matrices"] == whole for a in shown):
                per_config[method].append(arms[r["arm"]])
            else:
                unmatched[method] += 1
        name = f"{level} {r['arm']} {r['without_collapsed']}"
        same(f"{name} configs", r["configs"], len(per_config))
        same(f"{name} runs", r["runs"], sum(map(len, per_config.values())))
        same(f"{name} unmatched_runs", r["unmatched_runs"], sum(unmatched.values()))
        same(f"{name} unmatched_configs", r["unmatched_configs"],
             len([m for m in unmatched if m not in per_config]))
        same(f"{name} without", r["runs_without_intruders"], without)
        for shown_as, column in {**columns, **binomials}.items():
            means = [np.mean(x) for x in ([v[column] for v in runs if v[column] is not None]
                                          for runs in per_config.values()) if x]
            same(f"{name} {shown_as}", r[shown_as], np.mean(means) if means else None)
            if shown_as in columns:
                same(f"{name} {shown_as}_stderr", r[shown_as + "_stderr"],
                     scipy.stats.sem(means) if len(means) >= 6 else None)


# ------------------------------------------------------------------------------------ correlate


def check_table(r, t, rows):
    """One table of `wane correlate`: r says what was asked, t is the table."""
    x, y = t.get("x", r["x"]), r["y"]
    rows = [q for q in rows if q[x] is not None and q[y] is not None]
    if t.get("without_collapsed"):
        rows = [q for q in rows if q["config"] not in r["collapsed"]]
    configs = sorted({q["config"] for q in rows})
    same("n", t["n"], len(rows))
    same("zeros x", t["zeros"]["x"], sum(q[x] == 0 for q in rows))
    same("zeros y", t["zeros"]["y"], sum(q[y] == 0 for q in rows))
    for s in t["separation"]:
        z = s["covariate"]
        mean = [[np.mean([q[c] for q in rows if q["config"] == k]) for k in configs]
                for c in (x, z)]
        rho = scipy.stats.spearmanr(*mean).statistic
        same(f"{x} {z} separation", s["spearman"], rho)
        assert s["separable"] == (abs(rho) <= 0.8)
    for c in t["coefficients"]:
        q = len(r["given"]) if c["name"] == "partial_spearman" else 0
        degrees = len(configs) - 3 - q
        same("smallest visible", c["smallest_visible"],
             math.tanh(2.89 / math.sqrt(degrees)) if degrees >= 1 else None)
        seen = c["p"] <= 0.05 and (c["low"] is None or c["low"] > 0 or c["high"] < 0)
        assert c["result"] == ("detected" if seen else "not detected"), c
    # p and intervals: check_correlate.py does those of the first table.
    z = np.array([[q[g] for g in r["given"]] for q in rows], dtype=float).reshape(len(rows), -1)
    wanted = coefficients(np.array([q[x] for q in rows], float), np.array([q[y] for q in rows], float),
                          z, ["quantity"] * len(r["given"]))
    for c, w in zip(t["coefficients"], wanted):
        same(f"{x} {c['name']}", c["value"], w)


def check_correlate(db, r):
    rows = [dict(q) for q in db.execute("SELECT * FROM correlation_points WHERE status = 'done'")]
    if any("max_cosine" == b["x"] for b in r["beside"]) and "max_cosine" not in rows[0]:
        for q in rows:
            q["max_cosine"] = db.execute(
                "SELECT avg(d.max_cosine) FROM run r JOIN run_stage p ON p.run = r.id AND "
                "p.position = ? JOIN direction d ON d.stage = p.stage AND d.step = -1 AND d.against "
                "= 'base' AND d.side = 'u' AND d.position <= 10 WHERE r.name = ? AND r.superseded "
                "= 0", (q["position"], q["run"])).fetchone()[0]
    for t in [r, *r["beside"]]:
        check_table(r, t, rows)


def main():
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    with open(sys.argv[3]) as file:
        result = json.load(file)
    {"match": check_match, "arms": check_arms, "correlate": check_correlate}[sys.argv[2]](db, result)
    print(f"{checked} numbers, largest difference {worst:.1e}, {bad} beyond 1e-9")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
