/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/frontier.h"

#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/spectra/interventions.h"
#include "eval/cli/columns.h"
#include "eval/cli/curves.h"
#include "eval/cli/measures.h"

static const char latest[] = "latest_accuracy_change", seen[] = "seen_accuracy_change";

bool wane_frontier_metric(const char *metric)
{
    return strcmp(metric, "frontier") == 0 || strcmp(metric, latest) == 0 ||
           strcmp(metric, seen) == 0;
}

enum { GROUP, ARM, LAMBDA, RUNS, CONFIGS, X, X_SD, Y, Y_SD, CONTRAST, CONTRAST_SD, COLLAPSED };

/* Two passes, so that nearly equal values keep their digits. */
#define SPREAD(value, mean)                                                                        \
    "sqrt(sum((" value " - " mean ") * (" value " - " mean ")) / nullif(count(" value ") - 1, 0))"

wane_status wane_frontier_rows(wane_query **out, wane_results *db, const wane_frontier_request *r,
                               wane_error *err)
{
    wane_text sql = {0};
    const char *columns[1] = {r->by};
    wane_status st = wane_columns_check(db, "curves", "run_list", columns, 1, err);
    if (st != WANE_OK) return st;
    wane_text_string(&sql, "WITH points AS (SELECT r.id, ");
    if (r->by) wane_text_printf(&sql, "l.\"%s\"", r->by);
    else wane_text_string(&sql, "'all'");
    wane_text_printf(&sql,
                     " AS \"group\", v.arm, v.lambda, l.method, v.%s AS x, v.%s AS y, "
                     "v.nll_minus_intruders AS c, (SELECT s.collapsed FROM stage_summary s WHERE "
                     "s.experiment = v.experiment AND s.run = v.run AND s.position = v.position) "
                     "AS collapsed FROM intervention_effect v "
                     "JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run "
                     "JOIN run r ON r.key = l.key WHERE v.choice = :choice AND v.position = "
                     "CASE WHEN :stage > 0 THEN :stage ELSE l.stages END AND " WANE_USABLE_RUNS
                     "AND v.%s IS NOT NULL AND v.%s IS NOT NULL), ",
                     r->x, r->y, r->x, r->y);
    wane_text_printf(
        &sql,
        "centred AS (SELECT *, avg(x) OVER w AS mx, avg(y) OVER w AS my, avg(c) OVER w AS mc, "
        "min(id) OVER (PARTITION BY \"group\") AS first FROM points "
        "WINDOW w AS (PARTITION BY \"group\", arm, lambda)) "
        "SELECT \"group\", arm, lambda, count(*) AS runs, count(DISTINCT method) AS configs, "
        "avg(x) AS %s, " SPREAD("x", "mx") " AS %s_sd, avg(y) AS %s, " SPREAD(
            "y",
            "my") " AS %s_sd, avg(c) AS nll_minus_intruders, " SPREAD("c",
                                                                      "mc") " AS "
                                                                            "nll_minus_intruders_"
                                                                            "sd, sum(collapsed) AS "
                                                                            "collapsed FROM "
                                                                            "centred GROUP "
                                                                            "BY \"group\", arm, "
                                                                            "lambda ORDER BY "
                                                                            "first, "
                                                                            "instr('intruders "
                                                                            "neighbour shrink "
                                                                            "rescale energy', "
                                                                            "arm), lambda",
        r->x, r->x, r->y, r->y);
    const wane_binding bindings[] = {
        {"choice", {.type = WANE_VALUE_TEXT, .text = r->choice}},
        {"stage", {.type = WANE_VALUE_INTEGER, .integer = (int64_t)r->stage}},
        {"experiment",
         {.type = r->experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = r->experiment}}};
    st = wane_text_check(&sql, "curves", "frontier", err);
    if (st == WANE_OK)
        st = wane_query_open(out, db, sql.data, bindings, sizeof bindings / sizeof *bindings, err);
    wane_text_free(&sql);
    return st;
}

/* One chart as it grows. */
typedef struct panel {
    const char *group, *title, *subtitle;
    wane_series series[WANE_ARMS];
    const double *lambda[WANE_ARMS];
    size_t arms, least, most, configs;
} panel;

typedef struct frontier {
    wane_arena *arena;
    const wane_frontier_request *request;
    double *x, *y, *low, *high, *lambda; /* of all points */
    bool *hollow;
    size_t points, room;
    panel *panel;
    size_t panels;
} frontier;

static wane_status count_rows(size_t *out, wane_results *db, const wane_frontier_request *request,
                              wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_frontier_rows(&query, db, request, err);
    *out = 0;
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) ++*out;
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status take_row(frontier *f, const wane_query *q, wane_error *err)
{
    const char *group = wane_query_text(q, GROUP), *arm = wane_query_text(q, ARM);
    if (!group) group = "-";
    panel *p = f->panels ? &f->panel[f->panels - 1] : NULL;
    if (!p || strcmp(p->group, group) != 0) {
        p = &f->panel[f->panels++];
        *p = (panel){.group = wane_arena_strdup(f->arena, group), .least = SIZE_MAX};
    }
    wane_series *s = p->arms ? &p->series[p->arms - 1] : NULL;
    size_t i = f->points++, runs = (size_t)wane_query_int(q, RUNS);
    if (!s || strcmp(s->label, arm) != 0) {
        p->lambda[p->arms] = f->lambda + i;
        s = &p->series[p->arms++];
        *s = (wane_series){.label = wane_arena_strdup(f->arena, arm),
                           .x = f->x + i,
                           .y = f->y + i,
                           .low = f->low + i,
                           .high = f->high + i,
                           .hollow = f->hollow + i};
    }
    if (!p->group || !s->label) return wane_fail_memory(err, "curves", "frontier");
    double half = runs > 1 ? wane_query_double(q, Y_SD) : 0;
    f->lambda[i] = wane_query_double(q, LAMBDA);
    f->hollow[i] = wane_query_double(q, COLLAPSED) > 0;
    f->x[i] = wane_query_double(q, X);
    f->y[i] = wane_query_double(q, Y);
    f->low[i] = f->y[i] - half;
    f->high[i] = f->y[i] + half;
    s->count++;
    if (runs < p->least) p->least = runs;
    if (runs > p->most) p->most = runs;
    if ((size_t)wane_query_int(q, CONFIGS) > p->configs)
        p->configs = (size_t)wane_query_int(q, CONFIGS);
    return WANE_OK;
}

static wane_status read_frontier(frontier *f, wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_query *query = NULL;
    WANE_TRY(count_rows(&f->room, db, f->request, err));
    if (f->room == 0) {
        st = wane_fail(err, WANE_ENUMERIC,
                       "curves: frontier: no interventions of finished runs to draw (choice %s)",
                       f->request->choice);
        goto done;
    }
    f->x = wane_arena_alloc(f->arena, f->room, sizeof *f->x);
    f->y = wane_arena_alloc(f->arena, f->room, sizeof *f->y);
    f->low = wane_arena_alloc(f->arena, f->room, sizeof *f->low);
    f->lambda = wane_arena_alloc(f->arena, f->room, sizeof *f->lambda);
    f->high = wane_arena_alloc(f->arena, f->room, sizeof *f->high);
    f->hollow = wane_arena_alloc(f->arena, f->room, sizeof *f->hollow);
    f->panel = wane_arena_alloc(f->arena, f->room, sizeof *f->panel);
    if (!f->x || !f->y || !f->low || !f->high || !f->lambda || !f->hollow || !f->panel)
        WANE_TRY(wane_fail_memory(err, "curves", "frontier"));
    WANE_TRY(wane_frontier_rows(&query, db, f->request, err));
    while (f->points < f->room && (st = wane_query_next(query, err)) == WANE_OK)
        WANE_TRY(take_row(f, query, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    return st;
}

static const char *kept(frontier *f, wane_text *text)
{
    const char *out = text->failed ? NULL : wane_arena_strdup(f->arena, text->data);
    wane_text_free(text);
    return out;
}

/* Those of the arm that has most. */
static void write_lambdas(wane_text *out, const panel *p)
{
    size_t longest = 0;
    char number[32];
    for (size_t a = 1; a < p->arms; a++)
        if (p->series[a].count > p->series[longest].count) longest = a;
    for (size_t i = 0; i < p->series[longest].count; i++)
        wane_text_printf(out, "%s%s", i ? ", " : "",
                         wane_format_double(number, p->lambda[longest][i]));
}

static wane_status write_titles(frontier *f, panel *p, wane_error *err)
{
    const wane_frontier_request *r = f->request;
    wane_text title = {0}, subtitle = {0};
    wane_text_printf(&title, "Scaling %s of each matrix",
                     strcmp(r->choice, "top") == 0 ? "the top intruder" : "all intruders");
    if (r->by) wane_text_printf(&title, ": %s", p->group);
    wane_text_string(&subtitle, "a line per arm over lambda (");
    write_lambdas(&subtitle, p);
    wane_text_string(&subtitle, "; 1 changes nothing); mean over ");
    if (p->most == 1) wane_text_string(&subtitle, "one run");
    else if (p->least == p->most) wane_text_printf(&subtitle, "%zu runs", p->most);
    else wane_text_printf(&subtitle, "%zu to %zu runs", p->least, p->most);
    wane_text_printf(&subtitle, " of %zu config%s with intruders", p->configs,
                     p->configs == 1 ? "" : "s");
    if (p->most > 1) wane_text_string(&subtitle, ", band: \xc2\xb1 1 sd of the runs upwards");
    if (r->experiment) wane_text_printf(&subtitle, "; %s", r->experiment);
    p->title = kept(f, &title);
    p->subtitle = kept(f, &subtitle);
    return p->title && p->subtitle ? WANE_OK : wane_fail_memory(err, "curves", "frontier");
}

wane_status wane_frontier_draw(wane_text *out, wane_results *db,
                               const wane_frontier_request *request, wane_error *err)
{
    wane_status st = WANE_OK;
    frontier f = {.arena = wane_arena_new(), .request = request};
    wane_chart *charts = NULL;
    if (!f.arena) WANE_TRY(wane_fail_memory(err, "curves", "frontier"));
    WANE_TRY(read_frontier(&f, db, err));
    charts = wane_arena_alloc(f.arena, f.panels, sizeof *charts);
    if (!charts) WANE_TRY(wane_fail_memory(err, "curves", "frontier"));
    for (size_t i = 0; i < f.panels; i++) {
        panel *p = &f.panel[i];
        WANE_TRY(write_titles(&f, p, err));
        charts[i] = (wane_chart){
            .title = p->title,
            .subtitle = p->subtitle,
            .x_label = strcmp(request->x, "nll_change") == 0
                           ? "nll_change (nats per token; to the left: less forgotten)"
                           : "forgetting_change_pct (%; to the left: less forgotten)",
            .y_label = strcmp(request->y, latest) == 0 ? "latest_accuracy_change (points)"
                                                       : "seen_accuracy_change (points)",
            .marks = WANE_MARKS_LINES,
            .hollow = WANE_CURVES_SOME_COLLAPSED,
            .series = p->series,
            .series_count = p->arms};
    }
    st = wane_charts_svg(out, charts, f.panels, err);
done:
    wane_arena_free(f.arena);
    return st;
}

void wane_frontier_caption(wane_text *out, const wane_frontier_request *r)
{
    wane_text_printf(out,
                     "interventions (choice %s) after %s: mean and sd over runs of %s and %s, "
                     "against the stage itself",
                     r->choice, r->stage ? "the stage asked for" : "the last stage", r->x, r->y);
}
