/* SPDX-License-Identifier: Apache-2.0
 * One function per metric with its formula and source above it, and the table that calls them and
 * says why one is undefined.
 */
#include "analysis/statistics/forgetting.h"

#include <math.h>
#include <stdbool.h>

/* Tasks and stages are counted from 1 as in the papers. A missing cell is NaN, and NaN runs through
 * every sum that needs it. */
typedef struct scores {
    wane_accuracy_matrix r;
    size_t k;
    double learned; /* how many of tasks 1..k; NaN: unknown */
} scores;

static double known(double value)
{
    return isfinite(value) ? value : NAN;
}

static double at(const scores *r, size_t stage, size_t task)
{
    return known(r->r.cells[stage * r->r.tasks + task - 1]);
}

/* max of R[l][task] over l in first..last; NaN when one of them is missing, because the maximum
 * could be there. */
static double best(const scores *r, size_t task, size_t first, size_t last)
{
    double top = at(r, first, task);
    for (size_t stage = first + 1; stage <= last; stage++) {
        double value = at(r, stage, task);
        if (isnan(value) || value > top) top = value;
        if (isnan(top)) return NAN;
    }
    return top;
}

/* acc = (1/T) sum_j R[T][j]: GEM (Lopez-Paz and Ranzato 2017, arXiv 1706.08840) eq 2. */
static double mean_of_stage(const scores *r, size_t stage)
{
    double sum = 0;
    for (size_t j = 1; j <= stage; j++) sum += at(r, stage, j);
    return sum / (double)stage;
}

static double acc(const scores *r)
{
    return mean_of_stage(r, r->k);
}

/* aia = (1/T) sum_k (1/k) sum_{j<=k} R[k][j]: average incremental accuracy, iCaRL (1611.07725). */
static double aia(const scores *r)
{
    double sum = 0;
    for (size_t i = 1; i <= r->k; i++) sum += mean_of_stage(r, i);
    return sum / (double)r->k;
}

/* learning_acc = (1/T) sum_j R[j][j]: each task right after it was learned. */
static double learning_acc(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j <= r->k; j++) sum += at(r, j, j);
    return sum / (double)r->k;
}

/* sum_{j<T} (R[T][j] - R[j][j]) */
static double backward_sum(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j < r->k; j++) sum += at(r, r->k, j) - at(r, j, j);
    return sum;
}

/* bwt: the sum over T - 1, GEM eq 3. */
static double bwt(const scores *r)
{
    return backward_sum(r) / (double)(r->k - 1);
}

/* bwt_t: the sum over T, as TRACE (2310.06762) and CoIN (2403.08350) divide. */
static double bwt_t(const scores *r)
{
    return backward_sum(r) / (double)r->k;
}

/* fwt = (1/(T-1)) sum_{j=2..T} (R[j-1][j] - R[0][j]): GEM eq 4 with the pretrained model as the
 * baseline. */
static double fwt(const scores *r)
{
    double sum = 0;
    for (size_t j = 2; j <= r->k; j++) sum += at(r, j - 1, j) - at(r, 0, j);
    return sum / (double)(r->k - 1);
}

/* forgetting = (1/(T-1)) sum_{j<T} (max_{l in j..T-1} R[l][j] - R[T][j]): the best since the task
 * was learned and before the last stage; negative when the last stage is the best. */
static double forgetting(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j < r->k; j++) sum += best(r, j, j, r->k - 1) - at(r, r->k, j);
    return sum / (double)(r->k - 1);
}

/* forgetting_rwalk: the same with l in 1..T-1, also before the task was learned: RWalk (Chaudhry
 * et al. 2018, arXiv 1801.10112) eq 3. */
static double forgetting_rwalk(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j < r->k; j++) sum += best(r, j, 1, r->k - 1) - at(r, r->k, j);
    return sum / (double)(r->k - 1);
}

/* forgetting_first_last = (1/(T-1)) sum_{j<T} (R[j][j] - R[T][j]) = -bwt: Avalanche's forgetting.
 * 0 - x, so that nothing forgotten is 0 and not -0. */
static double forgetting_first_last(const scores *r)
{
    return 0 - bwt(r);
}

/* forgetting_max_all = (1/(T-1)) sum_{j<T} (max_{l in j..T} R[l][j] - R[T][j]), never negative:
 * Mammoth and PyCIL. */
static double forgetting_max_all(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j < r->k; j++) sum += best(r, j, j, r->k) - at(r, r->k, j);
    return sum / (double)(r->k - 1);
}

/* intransigence = (1/T) sum_k (a*_k - R[k][k]), a*_k from joint training on tasks 1..k: the mean
 * of RWalk's eq 4. */
static double intransigence(const scores *r)
{
    double sum = 0;
    for (size_t k = 1; k <= r->k; k++) {
        sum += known(r->r.joint[k - 1]) - at(r, k, k);
    }
    return sum / (double)r->k;
}

/* majority = (1/T) sum_j m_j: what guessing each task's most frequent label reaches. */
static double majority(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j <= r->k; j++) sum += r->r.majority ? known(r->r.majority[j - 1]) : NAN;
    return sum / (double)r->k;
}

/* 1 when R[j][j] > m_j + 2 stderr_j, else 0; NaN when one of the three is missing. */
static double learned(const scores *r, size_t task)
{
    if (!r->r.majority || !r->r.error) return NAN;
    double bound = known(r->r.majority[task - 1]) + 2 * known(r->r.error[task - 1]);
    double value = at(r, task, task);
    return isnan(bound) || isnan(value) ? NAN : value > bound;
}

static double count_learned(const scores *r)
{
    double sum = 0;
    for (size_t j = 1; j <= r->k; j++) sum += learned(r, j);
    return sum;
}

static double learned_tasks(const scores *r)
{
    return r->learned;
}

/* bwt over the tasks j < T that were learned. */
static double bwt_learned(const scores *r)
{
    double sum = 0, count = 0;
    for (size_t j = 1; j < r->k; j++) {
        if (learned(r, j) != 1) continue;
        sum += at(r, r->k, j) - at(r, j, j);
        count++;
    }
    return sum / count;
}

/* forgetting over the same. */
static double forgetting_learned(const scores *r)
{
    double sum = 0, count = 0;
    for (size_t j = 1; j < r->k; j++) {
        if (learned(r, j) != 1) continue;
        sum += best(r, j, j, r->k - 1) - at(r, r->k, j);
        count++;
    }
    return sum / count;
}

/* Which of tasks 1..T were learned must be known for all of them; below two there is none to
 * compare (and of two at least one is before the last). */
static const char *reason_of_learned(const scores *r)
{
    return isnan(r->learned) ? "missing_cell" : r->learned < 2 ? "not_learned" : NULL;
}

void wane_forgetting_metrics(wane_metric out[WANE_FORGETTING_METRICS],
                             const wane_accuracy_matrix *matrix)
{
    static const struct {
        const char *name;
        double (*compute)(const scores *r);
        size_t first_stage;
        bool of_learned;
    } metrics[WANE_FORGETTING_METRICS] = {
        {"acc", acc, 1, false},
        {"aia", aia, 1, false},
        {"learning_acc", learning_acc, 1, false},
        {"bwt", bwt, 2, false},
        {"bwt_t", bwt_t, 2, false},
        {"fwt", fwt, 2, false},
        {"forgetting", forgetting, 2, false},
        {"forgetting_rwalk", forgetting_rwalk, 2, false},
        {"forgetting_first_last", forgetting_first_last, 2, false},
        {"forgetting_max_all", forgetting_max_all, 2, false},
        {"intransigence", intransigence, 1, false},
        {"majority", majority, 1, false},
        {"learned_tasks", learned_tasks, 1, false},
        {"bwt_learned", bwt_learned, 2, true},
        {"forgetting_learned", forgetting_learned, 2, true},
    };
    scores r = {*matrix, matrix->stages, NAN};
    bool shaped = r.k >= 1 && r.k <= matrix->tasks;
    if (shaped) r.learned = count_learned(&r);
    for (size_t i = 0; i < WANE_FORGETTING_METRICS; i++) {
        double value = NAN;
        const char *reason = NULL;
        if (!shaped) reason = "bad_shape";
        else if (r.k < metrics[i].first_stage) reason = "first_stage";
        else if (metrics[i].compute == intransigence && !r.r.joint) reason = "no_joint_training";
        else if (metrics[i].of_learned && reason_of_learned(&r)) reason = reason_of_learned(&r);
        else if (isnan(value = metrics[i].compute(&r))) reason = "missing_cell";
        out[i] = (wane_metric){metrics[i].name, value, reason};
    }
}
