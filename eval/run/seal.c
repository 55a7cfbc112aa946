/* SPDX-License-Identifier: Apache-2.0
 * The end of a run: its metrics from the accuracy matrix, its status.
 */
#include <math.h>
#include <string.h>

#include "analysis/statistics/forgetting.h"
#include "eval/cells/track.h"
#include "eval/run/gates.h"
#include "eval/run/seal.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

/* R of one run: (stages + 1) rows, a column per task of the order, then one per watched task. */
typedef struct accuracies {
    size_t stages, tasks, watched, columns;
    double *value;
    bool *not_finite; /* there, and not finite: NaN in value for that alone */
    /* Per column: share of the most frequent label; standard error right after the task's training
     * (of the trained tasks). */
    double *majority, *error;
} accuracies;

static void accuracies_free(accuracies *a)
{
    wane_free(a->value);
    wane_free(a->not_finite);
    wane_free(a->majority);
    wane_free(a->error);
}

/* The column of a task, or SIZE_MAX. */
static size_t column_of(const wane_work *work, const wane_plan_run *run, size_t tasks, int64_t task)
{
    const wane_experiment *x = work->experiment;
    for (size_t j = 0; j < tasks; j++)
        if (work->plan->task_ids[run->order->tasks[j]] == task) return j;
    for (size_t t = x->trained_tasks; t < x->task_count; t++)
        if (work->plan->task_ids[t] == task) return tasks + t - x->trained_tasks;
    return SIZE_MAX;
}

static bool make_accuracies(accuracies *a)
{
    a->value = wane_alloc((a->stages + 1) * a->columns, sizeof *a->value);
    a->not_finite = wane_alloc((a->stages + 1) * a->columns, sizeof *a->not_finite);
    a->majority = wane_alloc(a->columns, sizeof *a->majority);
    a->error = wane_alloc(a->columns, sizeof *a->error);
    if (!a->value || !a->not_finite || !a->majority || !a->error) return false;
    for (size_t i = 0; i < (a->stages + 1) * a->columns; i++) a->value[i] = NAN;
    for (size_t j = 0; j < a->columns; j++) a->majority[j] = a->error[j] = NAN;
    return true;
}

static void take_score(accuracies *a, size_t position, size_t column, wane_query *row)
{
    if (strcmp(wane_query_text(row, 2), "majority") == 0) {
        a->majority[column] = wane_query_double(row, 3);
        return;
    }
    a->value[position * a->columns + column] = wane_query_double(row, 3);
    a->not_finite[position * a->columns + column] = wane_query_text(row, 5) != NULL;
    if (position == column + 1) a->error[column] = wane_query_double(row, 4);
}

static wane_status read_accuracies(accuracies *out, wane_work *work, const wane_plan_run *run,
                                   wane_error *err)
{
    static const char sql[] =
        "SELECT p.position, s.task, s.metric, s.value, s.stderr, s.reason FROM run_stage p "
        "JOIN score s ON s.stage = p.stage WHERE p.run = ?1 AND s.step = -1 AND s.split = 'test' "
        "AND s.metric IN ('accuracy', 'majority')";
    const wane_experiment *x = work->experiment;
    accuracies a = {.stages = run->length + run->shift,
                    .tasks = run->length + run->shift,
                    .watched = x->task_count - x->trained_tasks};
    a.columns = a.tasks + a.watched;
    if (!make_accuracies(&a)) {
        accuracies_free(&a);
        return wane_fail_memory(err, "seal", run->name);
    }
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        size_t position = (size_t)wane_query_int(query, 0);
        size_t column = column_of(work, run, a.tasks, wane_query_int(query, 1));
        if (position <= a.stages && column != SIZE_MAX) take_score(&a, position, column, query);
    }
    wane_query_free(query);
    if (st == WANE_DONE) {
        *out = a;
        return WANE_OK;
    }
    accuracies_free(&a);
    return st;
}

/* What a run is held against. */
typedef struct reference {
    const wane_plan_run *run; /* NULL: none is planned */
    bool ended;               /* all that can be measured is there */
    accuracies a;
    double *score;    /* joint: per stage k, of task k after training on 1..k together */
    bool *not_finite; /* the same, of a.not_finite */
} reference;

typedef struct sealing {
    wane_work *work;
    const wane_plan_run *run;
    accuracies a;
    reference joint, single;
    const char **unsound;     /* per stage of the run, from 1: why it has no metrics, or NULL */
    double *matrix, *mended;  /* the trained tasks' columns of a; with 0 for what is not finite */
    double *mended_error;     /* a.error likewise */
    double *min_acc, *wc_acc; /* per stage of the run, from 0 */
    bool *looks_not_finite;   /* likewise: a look that they stand on is not finite */
    bool base_finite;
    wane_metric_row *rows;
    size_t count;
} sealing;

static void sealing_free(sealing *s)
{
    accuracies_free(&s->a);
    accuracies_free(&s->joint.a);
    accuracies_free(&s->single.a);
    wane_free(s->joint.score);
    wane_free(s->joint.not_finite);
    wane_free(s->unsound);
    wane_free(s->min_acc);
    wane_free(s->wc_acc);
    wane_free(s->looks_not_finite);
    wane_free(s->matrix);
    wane_free(s->mended);
    wane_free(s->mended_error);
    wane_free(s->rows);
}

static bool sealed(wane_run_status status)
{
    return status == WANE_RUN_DONE || status == WANE_RUN_DIVERGED || status == WANE_RUN_GATE_FAILED;
}

static wane_status read_reference(reference *out, const sealing *s, wane_bound bound,
                                  wane_error *err)
{
    wane_run_state state = {0};
    out->run = s->run->config->bound ? NULL : wane_plan_bound(s->work->plan, s->run, bound);
    if (!out->run) return WANE_OK;
    wane_status st = wane_results_run_state(s->work->db, &state, out->run->id, err);
    out->ended = sealed(state.status);
    if (st == WANE_OK) st = read_accuracies(&out->a, s->work, out->run, err);
    if (st != WANE_OK || bound == WANE_BOUND_SINGLE) return st;
    out->score = wane_alloc(out->a.tasks, sizeof *out->score);
    out->not_finite = wane_alloc(out->a.tasks, sizeof *out->not_finite);
    if (!out->score || !out->not_finite) return wane_fail_memory(err, "seal", s->run->name);
    for (size_t k = 1; k <= out->a.tasks; k++) {
        out->score[k - 1] = out->a.value[k * out->a.columns + k - 1];
        out->not_finite[k - 1] = out->a.not_finite[k * out->a.columns + k - 1];
    }
    return WANE_OK;
}

static void add(sealing *s, size_t k, const char *name, const char *subject, double value,
                const char *reason)
{
    const char *unsound = s->unsound[k - s->run->shift];
    s->rows[s->count++] = (wane_metric_row){(int64_t)k, name, subject, unsound ? NAN : value,
                                            unsound ? unsound : reason};
}

/* Bounds are not continual: nothing is forgotten between their stages. */
static void bound_metrics(wane_metric metrics[WANE_FORGETTING_METRICS], wane_bound bound)
{
    enum { ACC, AIA, LEARNING_ACC, MAJORITY = 11, LEARNED_TASKS };
    if (bound == WANE_BOUND_SINGLE) {
        metrics[ACC].value = metrics[LEARNING_ACC].value;
        metrics[ACC].reason = metrics[LEARNING_ACC].reason;
    }
    for (size_t m = 0; m < WANE_FORGETTING_METRICS; m++)
        if (m != ACC && m != LEARNING_ACC && m != MAJORITY && m != LEARNED_TASKS &&
            !(m == AIA && bound == WANE_BOUND_JOINT)) {
            metrics[m].value = NAN;
            metrics[m].reason = bound == WANE_BOUND_JOINT ? "joint_training" : "single_tasks";
        }
}

/* A head that is not there yet scores nothing: fwt and all that looks before a task's training. */
static void head_reasons(wane_metric metrics[WANE_FORGETTING_METRICS], size_t k)
{
    for (size_t m = 0; m < WANE_FORGETTING_METRICS; m++) {
        bool before =
            strcmp(metrics[m].name, "fwt") == 0 || strcmp(metrics[m].name, "forgetting_rwalk") == 0;
        if (before && k > 1 && isnan(metrics[m].value)) metrics[m].reason = "head_not_trained";
    }
}

/* A metric that would be there if scores that are not finite were numbers is missing for them. */
static void not_finite_reasons(wane_metric metrics[WANE_FORGETTING_METRICS], sealing *s, size_t k,
                               bool joint)
{
    wane_metric mended[WANE_FORGETTING_METRICS];
    double *score = joint ? s->joint.score : NULL;
    for (size_t j = 0; joint && j < s->joint.a.tasks; j++)
        if (s->joint.not_finite[j]) score[j] = 0;
    wane_forgetting_metrics(mended, &(wane_accuracy_matrix){s->mended, k, s->a.tasks, score,
                                                            s->a.majority, s->mended_error});
    for (size_t j = 0; joint && j < s->joint.a.tasks; j++)
        if (s->joint.not_finite[j]) score[j] = NAN;
    for (size_t m = 0; m < WANE_FORGETTING_METRICS; m++) {
        if (!isnan(metrics[m].value)) continue;
        bool other = mended[m].reason && strcmp(mended[m].reason, "not_learned") == 0 &&
                     strcmp(metrics[m].reason, "not_learned") != 0;
        if (!mended[m].reason || other) metrics[m].reason = WANE_NOT_FINITE;
    }
}

static void fill_forgetting(sealing *s, size_t k)
{
    const wane_experiment *x = s->work->experiment;
    wane_metric metrics[WANE_FORGETTING_METRICS];
    bool all = s->joint.run && x->joint == WANE_JOINT_ALL;
    wane_forgetting_metrics(metrics, &(wane_accuracy_matrix){s->matrix, k, s->a.tasks,
                                                             all ? s->joint.score : NULL,
                                                             s->a.majority, s->a.error});
    for (size_t m = 0; s->joint.run && m < WANE_FORGETTING_METRICS; m++)
        if (strcmp(metrics[m].name, "intransigence") == 0 && isnan(metrics[m].value))
            metrics[m].reason = !all             ? "joint_last"
                                : s->joint.ended ? "missing_cell"
                                                 : "bound_missing";
    not_finite_reasons(metrics, s, k, all);
    if (x->head == WANE_HEAD_LINEAR) head_reasons(metrics, k);
    if (wane_plan_from_base(s->run)) bound_metrics(metrics, s->run->config->bound);
    for (size_t m = 0; m < WANE_FORGETTING_METRICS; m++)
        add(s, k, metrics[m].name, "", metrics[m].value, metrics[m].reason);
}

/* joint_acc: mean over tasks 1..k after training on them together; single_acc: mean over them, each
 * trained alone. */
static void fill_bounds(sealing *s, size_t k)
{
    for (int single = 0; single < 2; single++) {
        const reference *r = single ? &s->single : &s->joint;
        double sum = 0;
        bool not_finite = false;
        if (!r->run) continue;
        for (size_t j = 0; j < k; j++) {
            size_t at = (single ? j + 1 : k) * r->a.columns + j;
            sum += r->a.value[at];
            not_finite = not_finite || r->a.not_finite[at];
        }
        const char *reason = not_finite                      ? WANE_NOT_FINITE
                             : !r->ended                     ? "bound_missing"
                             : !single && k <= r->run->shift ? "joint_last"
                                                             : "missing_cell";
        add(s, k, single ? "single_acc" : "joint_acc", "", sum / (double)k,
            isnan(sum) ? reason : NULL);
    }
}

static void fill_watched(sealing *s, size_t k)
{
    const wane_experiment *x = s->work->experiment;
    for (size_t w = 0; w < s->a.watched; w++) {
        size_t before = s->a.tasks + w, after = k * s->a.columns + before;
        double change = s->a.value[after] - s->a.value[before];
        const char *missing = s->a.not_finite[after] || s->a.not_finite[before] ? WANE_NOT_FINITE
                              : x->head == WANE_HEAD_LINEAR                     ? "head_not_trained"
                                                                                : "missing_cell";
        add(s, k, "held_out_change", x->tasks[x->trained_tasks + w].spec.name, change,
            isnan(change) ? missing : NULL);
    }
}

static void fill_tracked(sealing *s, size_t k)
{
    static const char *const of_bound[] = {NULL, "joint_training", "single_tasks", NULL};
    double lowest = s->min_acc[k - s->run->shift - 1], combined = s->wc_acc[k - s->run->shift - 1];
    const char *bound = of_bound[s->run->config->bound], *first = k == 1 ? "first_stage" : NULL;
    const char *none = s->looks_not_finite[k - s->run->shift - 1] ? WANE_NOT_FINITE : "not_tracked";
    const char *missing = bound ? bound : first ? first : none;
    add(s, k, "min_acc", "", bound ? NAN : lowest, bound || isnan(lowest) ? missing : NULL);
    missing = bound ? bound : none;
    add(s, k, "wc_acc", "", bound ? NAN : combined, bound || isnan(combined) ? missing : NULL);
}

/* Which stages count: behind a divergence none does, but where each starts from the base. */
static wane_status look_for_divergence(sealing *s, wane_error *err)
{
    const wane_plan_run *run = s->run;
    bool apart = wane_plan_from_base(run), sound = true;
    wane_status base = wane_gate_passed(&s->base_finite, s->work, run, "finite", "", err);
    if (base != WANE_OK) return base;
    for (size_t p = 1; p <= run->length; p++) {
        wane_stage_state state = {0};
        wane_status st = wane_results_stage_state(s->work->db, &state,
                                                  s->work->plan->stages[run->stages[p]].id, err);
        if (st != WANE_OK) return st;
        sound = (sound || apart) && state.status == WANE_STAGE_DONE;
        s->unsound[p] = sound ? NULL : s->base_finite ? "diverged" : WANE_NOT_FINITE;
    }
    return WANE_OK;
}

/* Metrics after every stage; behind a divergence each is missing, and says so. */
static wane_status fill_metrics(sealing *s, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_plan_run *run = s->run;
    WANE_TRY(read_accuracies(&s->a, s->work, run, err));
    WANE_TRY(read_reference(&s->joint, s, WANE_BOUND_JOINT, err));
    WANE_TRY(read_reference(&s->single, s, WANE_BOUND_SINGLE, err));
    s->rows =
        wane_alloc(run->length * (WANE_FORGETTING_METRICS + 4 + s->a.watched), sizeof *s->rows);
    s->matrix = wane_alloc((s->a.stages + 1) * s->a.tasks, sizeof *s->matrix);
    s->unsound = wane_alloc(run->length + 1, sizeof *s->unsound);
    s->mended = wane_alloc((s->a.stages + 1) * s->a.tasks, sizeof *s->mended);
    s->mended_error = wane_alloc(s->a.tasks, sizeof *s->mended_error);
    s->looks_not_finite = wane_alloc(run->length, sizeof *s->looks_not_finite);
    s->min_acc = wane_alloc(run->length, sizeof *s->min_acc);
    s->wc_acc = wane_alloc(run->length, sizeof *s->wc_acc);
    WANE_TRY(s->rows && s->matrix && s->mended && s->mended_error && s->unsound && s->min_acc &&
                     s->wc_acc && s->looks_not_finite
                 ? WANE_OK
                 : wane_fail_memory(err, "seal", run->name));
    WANE_TRY(wane_track_worst(s->min_acc, s->wc_acc, s->looks_not_finite, s->work, run, err));
    WANE_TRY(look_for_divergence(s, err));
    for (size_t i = 0; i <= s->a.stages; i++)
        for (size_t j = 0; j < s->a.tasks; j++) {
            size_t from = i * s->a.columns + j, to = i * s->a.tasks + j;
            s->matrix[to] = s->a.value[from];
            s->mended[to] = s->a.not_finite[from] ? 0 : s->a.value[from];
            if (i == j + 1) s->mended_error[j] = s->a.not_finite[from] ? 0 : s->a.error[j];
        }
    for (size_t k = run->shift + 1; k <= s->a.stages; k++) {
        fill_forgetting(s, k);
        fill_bounds(s, k);
        fill_watched(s, k);
        fill_tracked(s, k);
    }
done:
    return st;
}

wane_status wane_run_metrics(wane_metric_row **rows, size_t *count, wane_work *work,
                             const wane_plan_run *run, wane_error *err)
{
    sealing s = {.work = work, .run = run};
    wane_status st = fill_metrics(&s, err);
    if (st == WANE_OK) {
        *rows = s.rows;
        *count = s.count;
        s.rows = NULL;
    }
    sealing_free(&s);
    return st;
}

/* *why: what the gate "finite" says when it failed; else empty. */
static wane_status failed_gates(size_t *out, wane_text *why, wane_work *work,
                                const wane_plan_run *run, wane_error *err)
{
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(
        &query, work->db,
        "SELECT count(*), (SELECT g.detail FROM gate g LEFT JOIN run_stage p ON p.run = g.run AND "
        "p.task = (SELECT t.id FROM task t WHERE t.name = g.subject) WHERE g.run = ?1 AND "
        "g.name = 'finite' AND g.passed = 0 ORDER BY p.position LIMIT 1) "
        "FROM gate WHERE run = ?1 AND passed = 0",
        &id, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *out = (size_t)wane_query_int(query, 0);
    if (st == WANE_OK && wane_query_text(query, 1))
        wane_text_printf(why, "not finite: %s", wane_query_text(query, 1));
    wane_query_free(query);
    return st;
}

/* why: of a gate that failed, where there is more to say of it. */
static wane_status seal_run(const sealing *s, wane_run_status status, const char *why,
                            wane_error *err)
{
    const char *failed = why ? why : "a sanity gate failed";
    wane_run_seal seal = {.status = status,
                          .error = status == WANE_RUN_GATE_FAILED ? failed : NULL,
                          .metrics = s->rows,
                          .metric_count = s->count};
    return wane_results_seal_run(s->work->db, s->run->id, &seal, err);
}

/* A trained stage whose numbers are not finite is a result, as one whose loss was not; a given one
 * is held against its gate. */
static wane_status ends_of_stage(bool *diverged, wane_work *work, const wane_plan_run *run,
                                 size_t position, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    const char *task = work->experiment->tasks[wane_plan_task(run, position)].spec.name;
    bool finite = true, checked = true;
    wane_status st = WANE_OK;
    WANE_TRY(wane_gates_of_stage(work, run, position, err));
    WANE_TRY(wane_stage_clear(work, run, position, err));
    if (stage->kind->trained) {
        WANE_TRY(wane_stage_finite(&finite, work, stage->id, err));
        *diverged = *diverged || !finite;
    } else {
        WANE_TRY(wane_gate_there(&checked, work, run, "finite", task, err));
        if (!checked) WANE_TRY(wane_gate_given_finite(work, run, position, NULL, err));
    }
done:
    return st;
}

wane_status wane_run_finish(wane_work *work, const wane_plan_run *run, bool diverged,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    sealing s = {.work = work, .run = run};
    wane_text why = {0};
    size_t failed = 0;
    WANE_TRY(fill_metrics(&s, err));
    for (size_t p = 1; p <= run->length && s.base_finite; p++)
        WANE_TRY(ends_of_stage(&diverged, work, run, p, err));
    WANE_TRY(failed_gates(&failed, &why, work, run, err));
    WANE_TRY(seal_run(&s,
                      failed     ? WANE_RUN_GATE_FAILED
                      : diverged ? WANE_RUN_DIVERGED
                                 : WANE_RUN_DONE,
                      why.data, err));
    WANE_TRY(wane_stage_let_go(work, run, err));
    if (failed) work->outcome->gates_failed++;
    else if (diverged) work->outcome->runs_diverged++;
    else work->outcome->runs_done++;
done:
    wane_text_free(&why);
    sealing_free(&s);
    return st;
}

/* --------------------------------------------------------- bounds and metrics that came afterwards
 */

/* Whether what is stored lacks rows, as those of an earlier wane, or waits for a bound, otherwise
 * than `s` does. */
static wane_status outdated(bool *out, const sealing *s, wane_error *err)
{
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = s->run->id}};
    wane_query *query = NULL;
    int64_t waiting = 0;
    for (size_t i = 0; i < s->count; i++)
        waiting += s->rows[i].reason && strcmp(s->rows[i].reason, "bound_missing") == 0;
    wane_status st = wane_query_open(&query, s->work->db,
                                     "SELECT count(*), coalesce(sum(reason = 'bound_missing'), 0) "
                                     "FROM metric WHERE run = ?1",
                                     &id, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK)
        *out = wane_query_int(query, 0) != (int64_t)s->count || wane_query_int(query, 1) != waiting;
    wane_query_free(query);
    return st;
}

static wane_status refresh(wane_work *work, const wane_plan_run *run, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_run_state state = {0};
    sealing s = {.work = work, .run = run};
    wane_text why = {0};
    size_t failed = 0;
    bool old = false;
    WANE_TRY(wane_results_run_state(work->db, &state, run->id, err));
    if (!sealed(state.status)) goto done;
    WANE_TRY(fill_metrics(&s, err));
    WANE_TRY(outdated(&old, &s, err));
    if (old) WANE_TRY(failed_gates(&failed, &why, work, run, err));
    if (old) WANE_TRY(seal_run(&s, state.status, why.data, err));
done:
    wane_text_free(&why);
    sealing_free(&s);
    return st;
}

wane_status wane_metrics_finish(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t r = 0; r < work->plan->run_count && st == WANE_OK; r++)
        st = refresh(work, &work->plan->runs[r], err);
    return st;
}
