# SPDX-License-Identifier: Apache-2.0
"""Counts the outcome flags of a database once more, from its plain tables and from the texts, and
compares them with what its views and metrics say.

    check_flags.py DATABASE MODEL [NAME=CORPUS[:ascii|:blank] ...]

The tokens of each named corpus are counted with the library tokenizers (MODEL: a folder with a tokenizer.json); a corpus
is a JSON list of texts, of which `:ascii` keeps the pure ASCII ones, or plain text whose documents
stand between blank lines. Then per config: trained stages, those collapsed and beyond uniform, and the
tasks learned, from raw scores with NumPy. Exit status 1 at any difference. Needs NumPy, pandas and
tokenizers.
"""
import json
import math
import re
import sqlite3
import sys

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

failures = 0


def check(what, found, wanted, bound=0.0):
    global failures
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    same = found.shape == wanted.shape and np.allclose(found, wanted, rtol=0, atol=bound,
                                                       equal_nan=True)
    failures += not same
    print(f"{'ok  ' if same else 'FAIL'} {what}" + ("" if same else f": {found} is not {wanted}"))


def documents(path, how):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".json"):
        texts = json.loads(text)
        return [t for t in texts if t.strip() and (how != "ascii" or t.isascii())]
    return [re.sub(r"\r?\n\Z", "", t) for t in re.split(r"(?m)^\s*\n", text) if t.strip()]


def entropy(path, how, tokenizer, most):
    """Over the tokens after each document's first, until `most` of them are there."""
    counts = np.zeros(tokenizer.get_vocab_size(), dtype=np.int64)
    for text in documents(path, how):
        if counts.sum() >= most:
            break
        counts += np.bincount(tokenizer.encode(text).ids[1:], minlength=len(counts))
    p = counts[counts > 0] / counts.sum()
    return -(p * np.log(p)).sum(), counts.sum()


def stages(db):
    """Every stage of every run but bounds, with the weighted likelihoods of the corpora in reach."""
    likelihood = pd.read_sql("SELECT stage, corpus, nll, out_of_reach FROM likelihood WHERE step = -1",
                             db)
    path = pd.read_sql(
        "SELECT r.id AS run, r.name, r.method, r.experiment, p.position, p.stage, p.task, g.status, "
        "r.stages FROM run r JOIN run_stage p ON p.run = r.id JOIN stage g ON g.id = p.stage WHERE "
        "r.superseded = 0 AND r.bound IS NULL ORDER BY r.id, p.position", db)
    corpora = pd.read_sql("SELECT x.experiment, x.corpus, x.weight, c.unigram_entropy FROM "
                          "experiment_corpus x JOIN corpus c ON c.id = x.corpus WHERE x.role = "
                          "'pretraining'", db)
    base = path[path.position == 0][["run", "stage"]].merge(likelihood, on="stage")
    reach = base[base.out_of_reach == 0][["run", "corpus"]]
    rows = path.merge(corpora, on="experiment").merge(reach, on=["run", "corpus"])
    rows = rows.merge(likelihood[["stage", "corpus", "nll"]], on=["stage", "corpus"])
    for column in ("nll", "unigram_entropy"):
        rows[column] = rows[column] * rows.weight
    keys = ["run", "name", "method", "position", "stage", "task", "status", "stages"]
    out = rows.groupby(keys)[["nll", "unigram_entropy", "weight"]].sum().reset_index()
    out["nll"] /= out.weight
    out["unigram_entropy"] /= out.weight
    return out[out.position > 0]


def main(database, model, *corpora):
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    tokenizer = Tokenizer.from_file(f"{model}/tokenizer.json")
    for corpus in corpora:
        name, _, rest = corpus.partition("=")
        path, _, how = rest.partition(":")
        stored, tokens = db.execute("SELECT unigram_entropy, tokens FROM corpus WHERE name = ?",
                                    (name,)).fetchone()
        counted, total = entropy(path, how, tokenizer, tokens)
        check(f"{name}: {total} tokens are scored", total, tokens)
        check(f"{name}: unigram entropy {counted:.12f} nats per token", stored, counted, 1e-12)

    uniform = math.log(db.execute("SELECT vocabulary FROM model").fetchone()[0])
    s = stages(db)
    s["collapsed"] = (~(s.nll < s.unigram_entropy) | (s.status == "diverged")).astype(int)
    s["beyond"] = (s.nll >= uniform).astype(int)
    view = pd.read_sql("SELECT v.run AS name, v.position, v.collapsed, v.beyond_uniform, v.learned, "
                       "v.majority, v.learned_accuracy FROM stage_summary v", db)
    s = s.merge(view, on=["name", "position"], suffixes=("", "_stored"))
    check(f"collapsed, {len(s)} stages", s.collapsed_stored, s.collapsed)
    check(f"beyond_uniform, {len(s)} stages", s.beyond_uniform, s.beyond)

    score = pd.read_sql("SELECT stage, task, metric, value, stderr FROM score WHERE step = -1 AND "
                        "split = 'test'", db)
    value = score.pivot(index=["stage", "task"], columns="metric", values="value")
    value["error"] = score[score.metric == "accuracy"].set_index(["stage", "task"]).stderr
    own = value.loc[[tuple(k) for k in s[["stage", "task"]].to_numpy(dtype=int)]].reset_index()
    s["own"], s["guess"] = own.accuracy.to_numpy(), own.majority.to_numpy()
    s["is_learned"] = (own.accuracy > own.majority + 2 * own.error).astype(int).to_numpy()
    check("learned_accuracy", s.learned_accuracy, s.own)
    check("majority", s.majority, s.guess)
    check("learned", s.learned, s.is_learned)

    wrong = {"majority": 0, "learned_tasks": 0, "bwt_learned": 0, "forgetting_learned": 0}
    for run, rows in s.groupby("run"):
        rows = rows.sort_values("position")
        tasks, ids = rows.task.to_numpy(dtype=int), rows.stage.to_numpy(dtype=int)
        r = np.array([[value.accuracy[(i, t)] for t in tasks] for i in ids])
        learned = rows.is_learned.to_numpy() == 1
        for k in range(1, len(tasks) + 1):
            before = np.flatnonzero(learned[:k - 1])
            enough = k > 1 and learned[:k].sum() >= 2
            wanted = {"majority": rows.guess.to_numpy()[:k].mean(),
                      "learned_tasks": learned[:k].sum(),
                      "bwt_learned": np.mean([r[k - 1, j] - r[j, j] for j in before])
                      if enough else math.nan,
                      "forgetting_learned": np.mean([r[j:k - 1, j].max() - r[k - 1, j]
                                                     for j in before]) if enough else math.nan}
            for name, number in wanted.items():
                found = db.execute("SELECT value FROM metric WHERE run = ? AND position = ? AND name "
                                   "= ?", (int(run), k, name)).fetchone()
                found = math.nan if found is None or found[0] is None else found[0]
                wrong[name] += not (abs(found - number) <= 1e-13
                                    or math.isnan(found) and math.isnan(number))
    for name, count in wrong.items():
        check(f"metric {name} of {s.run.nunique()} runs after every stage", count, 0)

    names = dict(db.execute("SELECT id, name FROM task"))
    print(f"\nln V = {uniform:.4f}; unigram entropy = {s.unigram_entropy.iloc[0]:.4f}\n")
    s["last"] = (s.position == s.stages).astype(int)
    s["ends"] = s["last"] * s.collapsed
    table = s.groupby("method", sort=False).agg(
        runs=("run", "nunique"), trained=("stage", "size"), collapsed=("collapsed", "sum"),
        beyond=("beyond", "sum"), end_collapsed=("ends", "sum"))
    last = s[s["last"] == 1].groupby("method", sort=False).nll
    table["nll at end"] = last.mean().map("{:.2f}".format) + " +- " + last.std().map("{:.2f}".format)
    for task in sorted(s.task.unique()):
        table[names[task]] = s[s.task == task].groupby("method", sort=False).is_learned.agg(
            lambda v: f"{int(v.sum())} of {len(v)}")
    print(table.to_string())
    return failures > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
