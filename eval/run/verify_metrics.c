/* SPDX-License-Identifier: Apache-2.0
 * Metrics again from their rows, by the code that computes them at a run's seal, over as much of a
 * plan as the database tells of itself.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/run/seal.h"
#include "eval/run/verify_parts.h"
#include "store/base/memory.h"
#include "store/results/query.h"

enum { MOST_STAGES = 4096, RUNS = 3 };

/* A run, what bounds it, and the plan they would be in. */
typedef struct told {
    wane_verifying *v;
    wane_arena *memory;
    wane_experiment experiment;
    wane_inputs inputs;
    wane_plan plan;
    wane_work work;
    wane_order order;
    wane_run_config config[RUNS];
    wane_plan_run run[RUNS];
    bool odd; /* its path is none that a run can have */
} told;

static wane_status open_by(wane_query **out, told *t, const char *sql, int64_t id, wane_error *err)
{
    wane_binding binding = {NULL, {.type = WANE_VALUE_INTEGER, .integer = id}};
    return wane_query_open(out, t->v->db, sql, &binding, 1, err);
}

static void *room(told *t, size_t count, size_t size)
{
    return wane_arena_alloc(t->memory, count, size);
}

/* The tasks in the order that the run (of a bound, the one it bounds) trains them. */
static wane_status read_order(told *t, int64_t run, wane_error *err)
{
    static const char sql[] = "SELECT task FROM run_stage WHERE run = ?1 AND position > 0 "
                              "ORDER BY position LIMIT 4097";
    wane_query *query = NULL;
    size_t *tasks = room(t, MOST_STAGES, sizeof *tasks), n = 0;
    t->plan.task_ids = room(t, 2 * (size_t)MOST_STAGES, sizeof *t->plan.task_ids);
    t->experiment.tasks = room(t, 2 * (size_t)MOST_STAGES, sizeof *t->experiment.tasks);
    if (!tasks || !t->plan.task_ids || !t->experiment.tasks)
        return wane_fail_memory(err, "verify", "metrics");
    wane_status st = open_by(&query, t, sql, run, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK && n < MOST_STAGES) {
        t->plan.task_ids[n] = wane_query_int(query, 0);
        tasks[n] = n;
        n++;
    }
    wane_query_free(query);
    t->odd = t->odd || st == WANE_OK || n == 0;
    t->order = (wane_order){.name = "", .count = n, .tasks = tasks};
    t->experiment.trained_tasks = t->experiment.task_count = n;
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status read_watched(told *t, int64_t experiment, wane_error *err)
{
    static const char sql[] = "SELECT t.id, t.name FROM experiment_task e JOIN task t ON t.id = "
                              "e.task WHERE e.experiment = ?1 AND e.watched = 1 ORDER BY t.id";
    wane_query *query = NULL;
    size_t *n = &t->experiment.task_count;
    wane_status st = open_by(&query, t, sql, experiment, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK &&
           *n < 2 * (size_t)MOST_STAGES) {
        t->plan.task_ids[*n] = wane_query_int(query, 0);
        t->experiment.tasks[*n].spec.name = wane_arena_strdup(t->memory, wane_query_text(query, 1));
        if (!t->experiment.tasks[*n].spec.name) st = wane_fail_memory(err, "verify", "metrics");
        ++*n;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* The run's path, from the base on: positions without a gap but behind the base of a bound. */
static wane_status read_path(told *t, size_t slot, int64_t id, wane_bound bound, wane_error *err)
{
    static const char sql[] = "SELECT position, stage FROM run_stage WHERE run = ?1 "
                              "ORDER BY position LIMIT 4098";
    wane_plan_run *run = &t->run[slot];
    wane_query *query = NULL;
    int64_t last = 0;
    size_t n = 0;
    wane_plan_stage *stages = room(t, t->order.count + 1, sizeof *stages);
    run->stages = room(t, t->order.count + 1, sizeof *run->stages);
    if (!stages || !run->stages) return wane_fail_memory(err, "verify", "metrics");
    wane_status st = open_by(&query, t, sql, id, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK && !t->odd) {
        int64_t position = wane_query_int(query, 0);
        if (n == 1 && position > 1) run->shift = (size_t)position - 1;
        t->odd = n > t->order.count || position != (int64_t)(n ? n + run->shift : 0);
        if (t->odd) break;
        run->stages[n] = n;
        stages[n++].id = wane_query_int(query, 1);
        last = position;
    }
    wane_query_free(query);
    run->id = id;
    run->length = n ? n - 1 : 0;
    run->order = &t->order;
    t->config[slot] = (wane_run_config){.name = "", .bound = bound, .bounds = bound ? "" : NULL};
    run->config = &t->config[slot];
    t->odd =
        t->odd || run->length == 0 || (size_t)last != t->order.count || (!bound && run->shift > 0);
    if (slot == 0) t->plan.stages = stages;
    return st == WANE_DONE || t->odd ? WANE_OK : st;
}

static wane_bound bound_of(const char *name)
{
    wane_bound bound = WANE_BOUND_PERTURBED;
    while (name && bound > WANE_BOUND_NONE && strcmp(name, wane_bound_name(bound)) != 0) bound--;
    return name ? bound : WANE_BOUND_NONE;
}

/* Runs that bound the one in slot 0. */
static wane_status read_bounds(told *t, int64_t run, wane_error *err)
{
    static const char sql[] =
        "SELECT r.id, r.bound, instr(e.source, 'bounds: {joint: last') FROM run r JOIN experiment "
        "e ON e.id = r.experiment WHERE r.bounds = ?1 AND r.superseded = 0 AND r.bound IN "
        "('joint', 'single') ORDER BY r.id";
    wane_query *query = NULL;
    wane_status st = open_by(&query, t, sql, run, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK && !t->odd) {
        wane_bound bound = bound_of(wane_query_text(query, 1));
        size_t slot = t->plan.run_count;
        if (slot == RUNS || wane_plan_bound(&t->plan, &t->run[0], bound)) {
            t->odd = true;
            break;
        }
        st = read_path(t, slot, wane_query_int(query, 0), bound, err);
        t->plan.run_count++;
        if (bound != WANE_BOUND_JOINT) continue;
        bool last = t->run[slot].shift > 0 || wane_query_int(query, 2) > 0;
        t->experiment.joint = last ? WANE_JOINT_LAST : WANE_JOINT_ALL;
    }
    wane_query_free(query);
    return st == WANE_DONE || t->odd ? WANE_OK : st;
}

static wane_status read_head(told *t, int64_t run, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st =
        open_by(&query, t, "SELECT value FROM parameter WHERE run = ?1 AND key = 'protocol.head'",
                run, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    const char *name = st == WANE_OK ? wane_query_text(query, 0) : NULL;
    t->experiment.head = !name                          ? WANE_HEAD_VERBALIZER
                         : strcmp(name, "linear") == 0  ? WANE_HEAD_LINEAR
                         : strcmp(name, "reprobe") == 0 ? WANE_HEAD_REPROBE
                                                        : WANE_HEAD_VERBALIZER;
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* ---------------------------------------------------------------------------------- comparing */

static const wane_metric_row *find(const wane_metric_row *rows, size_t count, wane_query *stored)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].position == wane_query_int(stored, 0) &&
            strcmp(rows[i].name, wane_query_text(stored, 1)) == 0 &&
            strcmp(rows[i].subject, wane_query_text(stored, 2)) == 0)
            return &rows[i];
    return NULL;
}

static wane_status compare(told *t, const char *name, wane_error *err)
{
    /* What waited for a bound may have it by now. */
    static const char sql[] = "SELECT position, name, subject, value FROM metric WHERE run = ?1 "
                              "AND reason IS NOT 'bound_missing'";
    wane_metric_row *rows = NULL;
    size_t count = 0;
    wane_query *query = NULL;
    wane_status st = wane_run_metrics(&rows, &count, &t->work, &t->run[0], err);
    if (st == WANE_OK) st = open_by(&query, t, sql, t->run[0].id, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        const wane_metric_row *row = find(rows, count, query);
        double stored = wane_query_double(query, 3), now = row ? row->value : (double)NAN;
        t->v->count.metrics++;
        if (row && (memcmp(&stored, &now, sizeof now) == 0 || (isnan(stored) && isnan(now))))
            continue;
        wane_verify_report(
            t->v, "metric", "run %s, %s after stage %lld: %.17g, its rows give %.17g", name,
            wane_query_text(query, 1), (long long)wane_query_int(query, 0), stored, now);
    }
    wane_query_free(query);
    wane_free(rows);
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status check_run(wane_verifying *v, wane_query *row, wane_error *err)
{
    told t = {.v = v, .memory = wane_arena_new()};
    int64_t id = wane_query_int(row, 0), main = wane_query_int(row, 2);
    const char *name = wane_query_text(row, 1);
    wane_status st = t.memory ? WANE_OK : wane_fail_memory(err, "verify", "metrics");
    if (st != WANE_OK) return st;
    t.plan.runs = t.run;
    t.plan.run_count = 1;
    t.inputs.experiment = &t.experiment;
    t.plan.inputs = &t.inputs;
    t.work =
        (wane_work){.plan = &t.plan, .inputs = &t.inputs, .experiment = &t.experiment, .db = v->db};
    (void)snprintf(t.run[0].name, sizeof t.run[0].name, "%s", name);
    WANE_TRY(read_order(&t, main, err));
    WANE_TRY(read_watched(&t, wane_query_int(row, 3), err));
    WANE_TRY(read_head(&t, main, err));
    WANE_TRY(read_path(&t, 0, id, bound_of(wane_query_text(row, 4)), err));
    if (id == main && !t.odd) WANE_TRY(read_bounds(&t, id, err));
    if (t.odd) wane_verify_report(v, "run_stage", "run %s: no path of stages of one order", name);
    else WANE_TRY(compare(&t, name, err));
done:
    wane_arena_free(t.memory);
    return wane_verify_damage(v, "metric", st, err);
}

wane_status wane_verify_metrics(wane_verifying *v, wane_error *err)
{
    return wane_verify_each(v, "metric",
                            "SELECT r.id, r.name, coalesce(r.bounds, r.id), r.experiment, r.bound "
                            "FROM run r WHERE r.superseded = 0 AND r.status IN ('done', "
                            "'diverged', 'gate_failed') AND EXISTS (SELECT 1 FROM metric m WHERE "
                            "m.run = r.id) ORDER BY r.id",
                            check_run, err);
}
