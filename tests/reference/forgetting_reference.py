# SPDX-License-Identifier: Apache-2.0
"""Forgetting as other projects compute it, each from its own bookkeeping rather than from a formula
of wane: Avalanche's metric objects, Mammoth's and PyCIL's tables of seen tasks, the equations of
RWalk, GEM, iCaRL and TRACE term by term. `scores`: rows after stage 0..T, columns tasks 1..T."""
import math

import numpy as np


def avalanche(scores):
    """ExperienceForgetting averaged by StreamForgetting: the value at the evaluation that follows a
    task's own training is its first, every later evaluation overwrites its last, and a task counts
    once it has both. Evaluations: the whole stream after each training."""
    first, last = {}, {}
    for trained, row in enumerate(scores[1:]):
        last.clear()  # at the beginning of each evaluation
        for task, value in enumerate(row):
            if task == trained:
                first[task] = value
            else:
                last[task] = value
    both = [first[t] - last[t] for t in first if t in last]
    return sum(both) / len(both) if both else math.nan


def seen_only(scores):
    """Tables that hold a row per stage and, in it, the tasks seen so far; the rest is 0."""
    count = len(scores[0])
    return [[v if j <= i else 0.0 for j, v in enumerate(row)] + [0.0] * (count - len(row))
            for i, row in enumerate(scores[1:])]


def mammoth(scores):
    """The column maximum of the padded table, the last row included, minus the last row."""
    table = seen_only(scores)
    tasks = len(table)
    tops = [max(row[j] for row in table) for j in range(tasks)]
    return sum(tops[j] - table[-1][j] for j in range(tasks - 1)) / (tasks - 1)


def pycil(scores):
    """The same from the transposed table: per task its maximum over stages minus the last stage."""
    table = list(zip(*seen_only(scores)))
    last = len(table) - 1
    drops = [max(task) - task[last] for task in table]
    return sum(drops[:last]) / last


def rwalk(scores):
    """f_j = max over l in 1..k-1 of a_lj, less a_kj; F_k their mean over j < k."""
    k = len(scores) - 1
    drops = []
    for j in range(k - 1):
        top = -math.inf
        for stage in range(1, k):
            top = max(top, scores[stage][j])
        drops.append(top - scores[k][j])
    return sum(drops) / (k - 1)


def rwalk_intransigence(scores, joint):
    """I_k = a*_k - a_kk, its mean over k."""
    return sum(joint[k] - scores[k + 1][k] for k in range(len(joint))) / len(joint)


def since_learned(scores):
    """The variant most papers print: the best from when it was learned to before the last stage."""
    k = len(scores) - 1
    return sum(max(scores[stage][j] for stage in range(j + 1, k)) - scores[k][j]
               for j in range(k - 1)) / (k - 1)


def trace_bwt(scores):
    """BWT_t = (1/t) sum over i = 1 .. t-1 of R_ti - R_ii."""
    t = len(scores) - 1
    total = 0.0
    for i in range(1, t):
        total += scores[t][i - 1] - scores[i][i - 1]
    return total / t


def gem(scores):
    """ACC, BWT and FWT of equations 2 to 4."""
    t = len(scores) - 1
    acc = sum(scores[t]) / t
    bwt = sum(scores[t][i] - scores[i + 1][i] for i in range(t - 1)) / (t - 1)
    fwt = sum(scores[i][i] - scores[0][i] for i in range(1, t)) / (t - 1)
    return acc, bwt, fwt


def icarl_aia(scores):
    """The mean over stages of the mean accuracy on the tasks seen."""
    means = [sum(row[:i]) / i for i, row in enumerate(scores) if i > 0]
    return sum(means) / len(means)


def of_learned(scores, majority, error):
    """What remains when a task counts as learned only beyond two standard errors above guessing its
    most frequent label: how many are, and backward transfer and forgetting over those before the
    last, nan where fewer than two are. Of whole arrays, with masks."""
    r = np.asarray(scores)[1:]
    own = np.diagonal(r)
    mask = own > np.asarray(majority) + 2 * np.asarray(error)
    count = int(mask.sum())
    if count < 2:
        return count, math.nan, math.nan
    before = mask & (np.arange(len(own)) < len(own) - 1)
    seen = np.where(np.tril(np.ones_like(r)) > 0, r, -np.inf)
    return (count, (r[-1] - own)[before].mean(),
            (seen[:-1].max(axis=0) - r[-1])[before].mean())


def all_of(scores, joint, majority, error):
    """By wane's names."""
    acc, bwt, fwt = gem(scores)
    learned, bwt_learned, forgetting_learned = of_learned(scores, majority, error)
    return {"acc": acc, "aia": icarl_aia(scores),
            "learning_acc": sum(scores[i + 1][i] for i in range(len(joint))) / len(joint),
            "bwt": bwt, "bwt_t": trace_bwt(scores), "fwt": fwt, "forgetting": since_learned(scores),
            "forgetting_rwalk": rwalk(scores), "forgetting_first_last": avalanche(scores),
            "forgetting_max_all": mammoth(scores),
            "intransigence": rwalk_intransigence(scores, joint),
            "majority": float(np.mean(majority)), "learned_tasks": learned,
            "bwt_learned": bwt_learned, "forgetting_learned": forgetting_learned}
