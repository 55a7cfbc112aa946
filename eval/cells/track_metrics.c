/* SPDX-License-Identifier: Apache-2.0
 * Worst-case accuracies of tracked stages (De Lange, van de Ven and Tuytelaars, "Continual
 * evaluation for lifelong learning: identifying the stability gap", ICLR 2023).
 *
 * min_acc after stage k = (1/(k-1)) sum_{i<k} min over looks n in stages i+1..k of A(task i, n);
 * wc_acc = (1/k) A(task k, last look of stage k) + (1 - 1/k) min_acc. A is the accuracy on the rows
 * that looks take; looks at step 0 repeat the last one of the stage before and are left out.
 */
#include <math.h>

#include "eval/cells/track.h"
#include "store/base/memory.h"
#include "store/results/query.h"

/* Per (task i, stage k), both from 1: the lowest and the last accuracy of the looks into it. */
typedef struct looks {
    size_t length;
    double *lowest, *last; /* (i - 1) length + k - 1; NaN without a look, or where one is NaN */
    bool *seen;            /* there is a look */
} looks;

static size_t position_of(const wane_work *work, const wane_plan_run *run, int64_t task)
{
    for (size_t p = 1; p <= run->length && p <= run->order->count; p++)
        if (work->plan->task_ids[run->order->tasks[p - 1]] == task) return p;
    return 0;
}

static wane_status read_looks(looks *out, wane_work *work, const wane_plan_run *run,
                              wane_error *err)
{
    static const char sql[] =
        "SELECT p.position, s.task, s.value FROM run_stage p JOIN score s ON s.stage = p.stage "
        "WHERE p.run = ?1 AND s.step > 0 AND s.metric = 'accuracy' AND s.split = 'test' "
        "ORDER BY p.position, s.step";
    size_t n = run->length;
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}};
    wane_query *query = NULL;
    for (size_t i = 0; i < n * n; i++) out->lowest[i] = out->last[i] = NAN;
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        size_t stage = (size_t)wane_query_int(query, 0);
        size_t task = position_of(work, run, wane_query_int(query, 1));
        double value = wane_query_double(query, 2);
        if (stage < 1 || stage > n || task < 1) continue;
        double *lowest = &out->lowest[(task - 1) * n + stage - 1];
        out->last[(task - 1) * n + stage - 1] = value;
        bool *seen = &out->seen[(task - 1) * n + stage - 1];
        /* A look that is not finite stays the worst: nothing is known to be lower. */
        if (!*seen || !(value >= *lowest)) *lowest = isnan(*lowest) && *seen ? NAN : value;
        *seen = true;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* Mean over i < k of the lowest look in stages i+1..k; NaN when one of the stages has none. */
static double worst_mean(const looks *l, size_t k)
{
    double sum = 0;
    for (size_t i = 1; i < k; i++) {
        double lowest = INFINITY;
        for (size_t stage = i + 1; stage <= k; stage++) {
            double value = l->lowest[(i - 1) * l->length + stage - 1];
            if (isnan(value)) return NAN;
            if (value < lowest) lowest = value;
        }
        sum += lowest;
    }
    return sum / (double)(k - 1);
}

wane_status wane_track_worst(double *min_acc, double *wc_acc, bool *not_finite, wane_work *work,
                             const wane_plan_run *run, wane_error *err)
{
    size_t n = run->length;
    looks l = {.length = n,
               .lowest = wane_alloc(n * n, sizeof *l.lowest),
               .last = wane_alloc(n * n, sizeof *l.last),
               .seen = wane_alloc(n * n, sizeof *l.seen)};
    wane_status st = l.lowest && l.last && l.seen ? read_looks(&l, work, run, err)
                                                  : wane_fail_memory(err, "seal", run->name);
    for (size_t k = 1; k <= n && st == WANE_OK; k++) {
        double share = 1 / (double)k, own = l.last[(k - 1) * n + k - 1];
        not_finite[k - 1] = false;
        for (size_t i = 0; i < k; i++)
            for (size_t stage = i; stage < k; stage++)
                not_finite[k - 1] |= l.seen[i * n + stage] && isnan(l.lowest[i * n + stage]);
        min_acc[k - 1] = k > 1 ? worst_mean(&l, k) : NAN;
        wc_acc[k - 1] = share * own + (k > 1 ? (1 - share) * min_acc[k - 1] : 0);
    }
    wane_free(l.lowest);
    wane_free(l.last);
    wane_free(l.seen);
    return st;
}
