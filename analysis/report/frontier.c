/* SPDX-License-Identifier: Apache-2.0
 * Matches runs and matrices over all arms in SQL, averages over runs and then configs, and draws a
 * line only between lambdas that the same runs stand behind.
 */
#include "analysis/report/frontier.h"

#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/columns.h"
#include "analysis/report/curves.h"
#include "analysis/report/named_metric.h"
#include "analysis/spectra/interventions.h"

static const char latest[] = "latest_accuracy_change", seen[] = "seen_accuracy_change";

bool wane_frontier_metric(const char *metric)
{
    return strcmp(metric, "frontier") == 0 || strcmp(metric, latest) == 0 ||
           strcmp(metric, seen) == 0;
}

wane_status wane_frontier_check(const wane_frontier_request *r, wane_error *err)
{
    const char *names[WANE_ARMS];
    for (int a = 0; a < WANE_ARMS; a++) names[a] = wane_arm_name((wane_arm)a);
    for (size_t i = 0; i < r->arm_count; i++) {
        int a = 0;
        while (a < WANE_ARMS && strcmp(r->arms[i], names[a]) != 0) a++;
        if (a < WANE_ARMS) continue;
        const char *near = wane_nearest(r->arms[i], names, WANE_ARMS);
        return wane_fail(err, WANE_ENOTFOUND,
                         "curves: --arms %s: none of intruders, neighbour, shrink, rescale, "
                         "energy%s%s",
                         r->arms[i], near ? "; did you mean " : "", near ? near : "");
    }
    return WANE_OK;
}

enum { GROUP, ARM, LAMBDA, RUNS, CONFIGS, UNMATCHED, X, X_ERROR, Y, Y_ERROR, Y_BINOMIAL };
enum { COLLAPSED = Y_BINOMIAL + 3 }; /* behind the contrast and its error */

static void write_arms(wane_text *sql, const wane_frontier_request *r)
{
    if (r->arm_count == 0) wane_text_string(sql, "1");
    for (size_t i = 0; i < r->arm_count; i++) {
        wane_text_string(sql, i ? " OR arm = " : "(arm = ");
        wane_sql_text(sql, r->arms[i]);
    }
    if (r->arm_count) wane_text_string(sql, ")");
}

/* every: an arm's x, y, binomial error b of y and contrast c. judged: matched, as the header says.
 */
static void write_judged(wane_text *sql, const wane_frontier_request *r)
{
    wane_text_string(sql, "WITH every AS MATERIALIZED (SELECT r.id, ");
    if (r->by) wane_text_printf(sql, "l.\"%s\"", r->by);
    else wane_text_string(sql, "'all'");
    wane_text_printf(sql,
                     " AS \"group\", v.arm, v.lambda, l.experiment || char(10) || l.method AS "
                     "config, v.matrices, v.matrices_with_intruders > 0 AS intruded, "
                     "coalesce(max(CASE v.arm WHEN 'intruders' THEN v.matrices END) OVER "
                     "(PARTITION BY r.id, v.lambda), v.matrices_with_intruders) AS all_matrices, "
                     "v.%s AS x, v.%s AS y, v.%s_stderr AS b, v.nll_minus_intruders AS c, "
                     "(SELECT s.collapsed FROM stage_summary s WHERE s.experiment = v.experiment "
                     "AND s.run = v.run AND s.position = v.position) AS collapsed "
                     "FROM intervention_effect v "
                     "JOIN run_list l ON l.experiment = v.experiment AND l.run = v.run "
                     "JOIN run r ON r.key = l.key WHERE v.choice = :choice AND v.position = "
                     "CASE WHEN :stage > 0 THEN :stage ELSE l.stages END AND " WANE_USABLE_RUNS
                     "), shown AS MATERIALIZED (SELECT * FROM every WHERE ",
                     r->x, r->y, r->y);
    write_arms(sql, r);
    wane_text_string(sql, "), judged AS MATERIALIZED (SELECT *, sum(x IS NOT NULL AND y IS NOT "
                          "NULL AND matrices = all_matrices) OVER (PARTITION BY id, lambda) = "
                          "(SELECT count(DISTINCT arm) FROM shown) AS matched FROM shown), ");
}

/* Two passes, so that nearly equal values keep their digits. */
#define SPREAD(value, mean)                                                                        \
    "CASE WHEN count(" value ") >= 6 THEN sqrt(sum((" value " - " mean ") * (" value " - " mean    \
    ")) / (count(" value ") - 1.0) / count(" value ")) END"
_Static_assert(WANE_FRONTIER_CONFIGS == 6, "the SQL says 6");

static void write_means(wane_text *sql, const wane_frontier_request *r)
{
    wane_text_string(sql, "config AS (SELECT \"group\", arm, lambda, config, min(id) AS id, "
                          "sum(matched) AS runs, sum(intruded AND NOT matched) AS unmatched, "
                          "sum(matched AND collapsed) AS collapsed, "
                          "avg(CASE WHEN matched THEN x END) AS x, "
                          "avg(CASE WHEN matched THEN y END) AS y, "
                          "avg(CASE WHEN matched THEN b END) AS b, "
                          "avg(CASE WHEN matched THEN c END) AS c "
                          "FROM judged GROUP BY \"group\", arm, lambda, config), "
                          "centred AS (SELECT *, avg(x) OVER w AS mx, avg(y) OVER w AS my, avg(c) "
                          "OVER w AS mc, min(id) OVER (PARTITION BY \"group\") AS first, "
                          "sum(runs + unmatched) OVER (PARTITION BY \"group\") AS any_run "
                          "FROM config WINDOW w AS (PARTITION BY \"group\", arm, lambda)) ");
    wane_text_printf(sql,
                     "SELECT \"group\", arm, lambda, sum(runs) AS runs, sum(runs > 0) AS configs, "
                     "sum(unmatched) AS unmatched_runs, avg(x) AS %s, " SPREAD(
                         "x", "mx") " AS %s_stderr, avg(y) AS %s, " SPREAD("y", "my") " AS "
                                                                                      "%s_stderr, "
                                                                                      "avg(b) AS "
                                                                                      "%s_binomial"
                                                                                      ", ",
                     r->x, r->x, r->y, r->y, r->y);
    wane_text_string(sql, "avg(c) AS nll_minus_intruders, " SPREAD(
                              "c", "mc") " AS nll_minus_intruders_stderr, sum(collapsed) AS "
                                         "collapsed FROM centred WHERE "
                                         "any_run > 0 GROUP BY \"group\", arm, lambda ORDER BY "
                                         "first, instr('intruders neighbour shrink rescale "
                                         "energy', arm), lambda");
}

wane_status wane_frontier_rows(wane_query **out, wane_results *db, const wane_frontier_request *r,
                               wane_error *err)
{
    wane_text sql = {0};
    const char *columns[1] = {r->by};
    wane_status st = wane_frontier_check(r, err);
    if (st == WANE_OK) st = wane_columns_check(db, "curves", "run_list", columns, 1, err);
    if (st != WANE_OK) return st;
    write_judged(&sql, r);
    write_means(&sql, r);
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

/* How many runs and configs stand behind one lambda of a chart: the same for all arms. */
typedef struct level {
    double lambda;
    size_t runs, configs, unmatched;
} level;

/* One chart as it grows. */
typedef struct panel {
    const char *group, *title, *subtitle;
    wane_series series[WANE_ARMS];
    wane_bars bars[WANE_ARMS];
    level *level; /* of its first arm */
    size_t arms, levels, drawn;
} panel;

typedef struct frontier {
    wane_arena *arena;
    const wane_frontier_request *request;
    double *x, *y, *low, *high, *left, *right; /* of all points */
    bool *hollow;                              /* likewise: some of its stages are collapsed */
    level *level, last;                        /* last: of the point before */
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

/* Whether a line may join two lambdas: they are of the same runs; 1 is 0 for any run. */
static bool joined(const level *a, const level *b)
{
    return (a->runs == b->runs && a->configs == b->configs) || a->lambda == 1 || b->lambda == 1;
}

static void put(frontier *f, double x, double y, double x_error, double y_error)
{
    size_t i = f->points++;
    f->x[i] = x;
    f->y[i] = y;
    f->low[i] = y - y_error;
    f->high[i] = y + y_error;
    f->left[i] = x - x_error;
    f->right[i] = x + x_error;
}

static wane_status take_row(frontier *f, const wane_query *q, wane_error *err)
{
    const char *group = wane_query_text(q, GROUP), *arm = wane_query_text(q, ARM);
    if (!group) group = "-";
    panel *p = f->panels ? &f->panel[f->panels - 1] : NULL;
    size_t i = f->points;
    if (!p || strcmp(p->group, group) != 0) {
        p = &f->panel[f->panels++];
        *p = (panel){.group = wane_arena_strdup(f->arena, group), .level = f->level + i};
    }
    wane_series *s = p->arms ? &p->series[p->arms - 1] : NULL;
    if (!s || strcmp(s->label, arm) != 0) {
        s = &p->series[p->arms++];
        *s = (wane_series){.label = wane_arena_strdup(f->arena, arm),
                           .x = f->x + i,
                           .y = f->y + i,
                           .low = f->low + i,
                           .high = f->high + i,
                           .hollow = f->hollow + i};
        p->bars[p->arms - 1] = (wane_bars){f->left + i, f->right + i};
    }
    if (!p->group || !s->label) return wane_fail_memory(err, "curves", "frontier");
    const level now = {.lambda = wane_query_double(q, LAMBDA),
                       .runs = (size_t)wane_query_int(q, RUNS),
                       .configs = (size_t)wane_query_int(q, CONFIGS),
                       .unmatched = (size_t)wane_query_int(q, UNMATCHED)};
    if (s->count > 0 && !joined(&f->last, &now)) {
        put(f, (double)NAN, (double)NAN, 0, 0);
        s->count++;
    }
    f->hollow[f->points] = wane_query_double(q, COLLAPSED) > 0;
    put(f, wane_query_double(q, X), wane_query_double(q, Y), wane_query_double(q, X_ERROR),
        wane_query_double(q, Y_BINOMIAL));
    s->count++;
    if (p->arms == 1) p->level[p->levels++] = now;
    p->drawn += now.runs > 0;
    f->last = now;
    return WANE_OK;
}

static wane_status make_room(frontier *f, wane_error *err)
{
    double **columns[] = {&f->x, &f->y, &f->low, &f->high, &f->left, &f->right};
    bool failed = false;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        *columns[i] = wane_arena_alloc(f->arena, f->room, sizeof(double));
        failed = failed || !*columns[i];
    }
    f->hollow = wane_arena_alloc(f->arena, f->room, sizeof *f->hollow);
    f->level = wane_arena_alloc(f->arena, f->room, sizeof *f->level);
    f->panel = wane_arena_alloc(f->arena, f->room, sizeof *f->panel);
    if (!failed && f->hollow && f->level && f->panel) return WANE_OK;
    return wane_fail_memory(err, "curves", "frontier");
}

/* Leaves the groups that have something to draw. */
static void drop_bare(frontier *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->panels; i++)
        if (f->panel[i].drawn) f->panel[kept++] = f->panel[i];
    f->panels = kept;
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
    f->room *= 2; /* a gap before each point, at most */
    WANE_TRY(make_room(f, err));
    WANE_TRY(wane_frontier_rows(&query, db, f->request, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) WANE_TRY(take_row(f, query, err));
    if (st == WANE_DONE) st = WANE_OK;
    drop_bare(f);
    if (st == WANE_OK && f->panels == 0)
        st = wane_fail(err, WANE_ENUMERIC,
                       "curves: frontier: at no lambda has a run all arms shown on the same "
                       "matrices; compare fewer with --arms");
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

/* Whether as many runs and configs stand behind every lambda. */
static bool even(const panel *p)
{
    for (size_t i = 1; i < p->levels; i++)
        if (p->level[i].runs != p->level[0].runs || p->level[i].configs != p->level[0].configs)
            return false;
    return true;
}

static void write_lambdas(wane_text *out, const panel *p)
{
    char number[32];
    for (size_t i = 0; i < p->levels; i++)
        wane_text_printf(out, "%s%s", i ? ", " : "",
                         wane_format_double(number, p->level[i].lambda));
}

/* n behind each lambda: what all arms shown have; the rest is unmatched. */
static void write_numbers(wane_text *out, const panel *p)
{
    char number[32];
    const level *first = &p->level[0];
    if (even(p)) {
        wane_text_printf(out, "%zu run%s of %zu config%s", first->runs, first->runs == 1 ? "" : "s",
                         first->configs, first->configs == 1 ? "" : "s");
        return;
    }
    wane_text_string(out, "runs (configs) ");
    for (size_t i = 0; i < p->levels; i++) {
        const level *l = &p->level[i];
        wane_text_printf(out, "%s%zu (%zu) at %s", i ? ", " : "", l->runs, l->configs,
                         wane_format_double(number, l->lambda));
    }
    wane_text_string(out, "; lines join the same runs");
}

/* The largest of any lambda. */
static void most_of(size_t *configs, size_t *unmatched, const panel *p)
{
    *configs = *unmatched = 0;
    for (size_t i = 0; i < p->levels; i++) {
        if (p->level[i].configs > *configs) *configs = p->level[i].configs;
        if (p->level[i].unmatched > *unmatched) *unmatched = p->level[i].unmatched;
    }
}

static void write_sample(wane_text *out, const panel *p)
{
    size_t configs, unmatched;
    most_of(&configs, &unmatched, p);
    wane_text_string(out, "a line per arm over lambda (");
    write_lambdas(out, p);
    wane_text_string(out, "; 1 changes nothing); means over configs of their runs, where all arms "
                          "shown exist on the same matrices: ");
    write_numbers(out, p);
    if (unmatched) wane_text_printf(out, ", up to %zu unmatched", unmatched);
    wane_text_string(out, "; bars: upwards the binomial error, ");
    if (configs < WANE_FRONTIER_CONFIGS)
        wane_text_printf(out, "none sideways (below %d configs)", WANE_FRONTIER_CONFIGS);
    else wane_text_string(out, "sideways the standard error over configs");
}

static wane_status write_titles(frontier *f, panel *p, wane_error *err)
{
    const wane_frontier_request *r = f->request;
    wane_text title = {0}, subtitle = {0};
    wane_text_printf(&title, "Scaling %s of each matrix",
                     strcmp(r->choice, "top") == 0 ? "the top intruder" : "all intruders");
    if (r->by) wane_text_printf(&title, ": %s", p->group);
    write_sample(&subtitle, p);
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
            .bars = p->bars,
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
                     "interventions (choice %s) after %s: %s and %s against the stage itself, on "
                     "runs and matrices where all arms shown exist;\nmeans over configs of their "
                     "runs; stderr: over configs, NULL below %d; binomial: of the examples",
                     r->choice, r->stage ? "the stage asked for" : "the last stage", r->x, r->y,
                     WANE_FRONTIER_CONFIGS);
}
