/* SPDX-License-Identifier: Apache-2.0
 * Reads the values of every run and stage into points and names the stages; counts, means and what
 * stands beside them come from its neighbours.
 */
#include "analysis/report/curves.h"

#include <string.h>

#include "analysis/report/columns.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/statement.h"

enum { STAGES_MOST = 10000 };

void wane_curves_free(wane_curves *c)
{
    if (!c) return;
    wane_arena_free(c->arena);
    wane_free(c->group);
    wane_free(c->stage_name);
    wane_free(c->guess);
    wane_free(c->point);
    wane_free(c);
}

/* Columns of both statements. */
enum { EXPERIMENT, GROUP, RUN, STAGE, TRAINED, X, Y, COLLAPSED };

static const char over_stages[] = {
#include "curves_stages.inc"
};
static const char scatter[] = {
#include "curves_scatter.inc"
};

static wane_status open_rows(wane_query **out, wane_results *db, const wane_curves_request *r,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text up = {0}, right = {0};
    const wane_counting *counting = r->counted ? &r->counting : NULL;
    const wane_named_metric y = {r->metric, r->task, r->corpus, counting};
    const wane_named_metric x = {.metric = r->x, .counting = counting};
    WANE_TRY(wane_named_metric_sql(&up, db, &y, err));
    if (r->x) WANE_TRY(wane_named_metric_sql(&right, db, &x, err));
    WANE_TRY(wane_text_check(&up, "curves", r->metric, err));
    WANE_TRY(wane_text_check(&right, "curves", "x", err));
    const wane_sql_part parts[] = {{"by", r->by}, {"y", up.data}, {"x", right.data}, {NULL, NULL}};
    st =
        wane_statement_open(out, db, r->x ? scatter : over_stages, r->experiment, parts, NULL, err);
done:
    wane_text_free(&up);
    wane_text_free(&right);
    return st;
}

typedef struct reader {
    wane_curves *curves;
    bool several;         /* experiments, so that groups bear their names */
    const char **trained; /* per stage: the task all runs agree on, or "" */
    size_t room;
} reader;

/* Notes which task a stage is trained on, "" once two runs differ. */
static wane_status note_stage(reader *r, size_t stage, const char *task, wane_error *err)
{
    wane_curves *c = r->curves;
    if (stage >= c->stages) {
        if (!WANE_GROW(r->trained, r->room, stage + 1))
            return wane_fail_memory(err, "curves", "stages");
        while (c->stages <= stage) r->trained[c->stages++] = NULL;
    }
    if (!task) task = "";
    if (r->trained[stage] && strcmp(r->trained[stage], task) != 0) r->trained[stage] = "";
    if (!r->trained[stage]) r->trained[stage] = wane_arena_strdup(c->arena, task);
    return r->trained[stage] ? WANE_OK : wane_fail_memory(err, "curves", "stages");
}

static wane_status take_row(reader *r, const wane_query *q, wane_error *err)
{
    wane_curves *c = r->curves;
    int64_t stage = wane_query_int(q, STAGE);
    wane_curves_point p = {.n = 1,
                           .x = wane_query_double(q, X),
                           .y = wane_query_double(q, Y),
                           .collapsed = wane_query_double(q, COLLAPSED)};
    wane_status st = WANE_OK;
    if (stage < 0 || stage > STAGES_MOST)
        return wane_fail(err, WANE_EFORMAT, "curves: stage: a position out of range");
    p.stage = (size_t)stage;
    WANE_TRY(note_stage(r, p.stage, wane_query_text(q, TRAINED), err));
    WANE_TRY(wane_curves_group(c, &p.group, r->several ? wane_query_text(q, EXPERIMENT) : NULL,
                               wane_query_text(q, GROUP), err));
    p.run = wane_arena_strdup(c->arena, wane_query_text(q, RUN));
    if (!p.run) return wane_fail_memory(err, "curves", "points");
    st = wane_curves_add(c, p, err);
done:
    return st;
}

static wane_status count_experiments(bool *several, wane_results *db, const char *experiment,
                                     wane_error *err)
{
    static const char sql[] =
        "SELECT count(DISTINCT l.experiment) FROM run_list l WHERE " WANE_USABLE_RUNS;
    wane_query *query = NULL;
    wane_status st = wane_statement_open(&query, db, sql, experiment, NULL, NULL, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *several = wane_query_int(query, 0) > 1;
    wane_query_free(query);
    return st;
}

static wane_status read_rows(reader *r, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_curves_request *request = &r->curves->request;
    wane_query *query = NULL;
    WANE_TRY(open_rows(&query, db, request, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(r, query, err));
    if (st == WANE_DONE) st = WANE_OK;
    if (st == WANE_OK && r->curves->points == 0)
        st = wane_fail(err, WANE_ENUMERIC, "curves: %s: no finished run has a value%s%s",
                       request->metric, request->x ? " beside " : "", request->x ? request->x : "");
done:
    wane_query_free(query);
    return st;
}

static wane_status name_stages(reader *r, wane_error *err)
{
    wane_curves *c = r->curves;
    wane_text text = {0};
    wane_status st = WANE_OK;
    bool agree = true;
    c->stage_name = wane_alloc(c->stages, sizeof *c->stage_name);
    if (!c->stage_name) return wane_fail_memory(err, "curves", "stages");
    for (size_t i = 1; i < c->stages; i++) agree = agree && r->trained[i] && *r->trained[i];
    for (size_t i = 0; i < c->stages; i++) {
        wane_text_clear(&text);
        wane_text_printf(&text, "%zu", i);
        if (i == 0) wane_text_string(&text, " base");
        else if (agree) wane_text_printf(&text, " %s", r->trained[i]);
        WANE_TRY(wane_text_check(&text, "curves", "stages", err));
        c->stage_name[i] = wane_arena_strdup(c->arena, text.data);
        if (!c->stage_name[i]) {
            st = wane_fail_memory(err, "curves", "stages");
            goto done;
        }
    }
done:
    wane_text_free(&text);
    return st;
}

static wane_status copy_request(wane_curves *c, const wane_curves_request *r, wane_error *err)
{
    wane_curves_request *to = &c->request;
    *to = *r;
    const char **const texts[] = {
        &to->experiment,    &to->metric,          &to->by, &to->x, &to->corpus, &to->task,
        &to->counting.side, &to->counting.against};
    c->arena = wane_arena_new();
    if (!c->arena) return wane_fail_memory(err, "curves", r->metric);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!*texts[i]) continue;
        *texts[i] = wane_arena_strdup(c->arena, *texts[i]);
        if (!*texts[i]) return wane_fail_memory(err, "curves", r->metric);
    }
    return WANE_OK;
}

wane_curves_kind wane_curves_kind_of(const wane_curves_request *r)
{
    if (!r->x) return WANE_CURVES_STAGES;
    if (strcmp(r->x, "epsilon") == 0) return WANE_CURVES_EPSILON;
    return strcmp(r->x, "k") == 0 ? WANE_CURVES_K : WANE_CURVES_SCATTER;
}

static wane_status read_measures(wane_curves *c, wane_results *db, bool several, wane_error *err)
{
    const wane_curves_request *r = &c->request;
    reader reading = {.curves = c, .several = several};
    wane_status st = WANE_OK;
    if (r->counted && !wane_counting_metric(r->metric) && !(r->x && wane_counting_metric(r->x))) {
        st = wane_fail(err, WANE_EINVAL,
                       "curves: %s: k, epsilon, side and against go with intruders, "
                       "intruders_unresolved, intruders_existing and intruder_energy",
                       r->metric);
        goto done;
    }
    if (r->counted) WANE_TRY(wane_counting_check(db, &r->counting, r->experiment, err));
    WANE_TRY(read_rows(&reading, db, err));
    WANE_TRY(name_stages(&reading, err));
    if (!r->x) WANE_TRY(wane_curves_average(c, err));
    else wane_curves_sort(c);
    WANE_TRY(wane_curves_add_null(c, db, several, err));
    if (!r->x) WANE_TRY(wane_curves_guess(c, db, several, err));
done:
    wane_free(reading.trained);
    return st;
}

wane_status wane_curves_read(wane_curves **out, wane_results *db, const wane_curves_request *r,
                             wane_error *err)
{
    bool several = false;
    wane_status st = wane_columns_check(db, "curves", "run_list", &r->by, 1, err);
    if (st != WANE_OK) return st;
    wane_curves *c = wane_alloc(1, sizeof *c);
    if (!c) return wane_fail_memory(err, "curves", r->metric);
    WANE_TRY(copy_request(c, r, err));
    c->kind = wane_curves_kind_of(r);
    WANE_TRY(count_experiments(&several, db, r->experiment, err));
    if (c->kind == WANE_CURVES_EPSILON || c->kind == WANE_CURVES_K)
        WANE_TRY(wane_curves_count(c, db, several, err));
    else WANE_TRY(read_measures(c, db, several, err));
    *out = c;
    c = NULL;
done:
    wane_curves_free(c);
    return st;
}
