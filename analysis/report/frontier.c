/* SPDX-License-Identifier: Apache-2.0
 * What interventions do, as a frontier: forgetting against accuracy, a line per arm over lambda, on
 * the finished runs and matrices where all arms shown are: at each lambda, runs in which every arm
 * shown has a value on the matrices that the arm `intruders` changed. Runs are averaged first, then
 * configs (frontier.sql); a line is drawn only between lambdas that the same runs stand behind.
 */
#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/columns.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/report.h"
#include "analysis/report/statement.h"
#include "analysis/spectra/interventions.h"

static const char sql[] = {
#include "frontier.inc"
};
/* Its columns. Errors are over configs, and NULL below LEAST of them; of y there is the binomial
 * error besides (mean of the runs', which answer the same examples). */
enum { GROUP, ARM, LAMBDA, RUNS, CONFIGS, UNMATCHED, X, X_ERROR, Y, Y_ERROR, Y_BINOMIAL };
enum { COLLAPSED = Y_BINOMIAL + 3 }; /* behind the contrast and its error */
enum { LEAST = 6 };

static const char latest[] = "latest_accuracy_change", seen[] = "seen_accuracy_change";

/* What is drawn. */
typedef struct question {
    const char *x;      /* "forgetting_change_pct" or "nll_change" */
    const char *y;      /* `latest` or `seen` */
    const char *by;     /* a column of run_list: a chart for each of its values; NULL: one */
    const char *choice; /* "top" or "all" */
    size_t stage;       /* 0: the last stage of each run */
} question;

/* Whether all names are arms. */
static wane_status check_arms(const wane_report_request *r, wane_error *err)
{
    const char *names[WANE_ARMS];
    for (int a = 0; a < WANE_ARMS; a++) names[a] = wane_arm_name((wane_arm)a);
    for (size_t i = 0; i < r->arms.count; i++) {
        int a = 0;
        while (a < WANE_ARMS && strcmp(r->arms.item[i], names[a]) != 0) a++;
        if (a < WANE_ARMS) continue;
        const char *near = wane_nearest(r->arms.item[i], names, WANE_ARMS);
        return wane_fail(err, WANE_ENOTFOUND, "curves: --arms %s: none of " WANE_ARM_NAMES "%s%s",
                         r->arms.item[i], near ? "; did you mean " : "", near ? near : "");
    }
    return WANE_OK;
}

static wane_status open(wane_reporting *r, wane_error *err)
{
    const wane_report_request *asked = &r->asked;
    const char *x = asked->x ? asked->x : "forgetting_change_pct";
    wane_status st = WANE_OK;
    question *q = wane_arena_alloc(r->arena, 1, sizeof *q);
    if (!q) return wane_fail_memory(err, "curves", "frontier");
    if (strcmp(x, "forgetting_change_pct") != 0 && strcmp(x, "nll_change") != 0)
        return wane_fail(err, WANE_EINVAL,
                         "curves: %s: goes with --x forgetting_change_pct or --x nll_change",
                         asked->name);
    WANE_TRY(check_arms(asked, err));
    WANE_TRY(wane_columns_check(r->db, "curves", "run_list", &asked->by, 1, err));
    *q = (question){.x = x,
                    .y = strcmp(asked->name, seen) == 0 ? seen : latest,
                    .by = asked->by,
                    .choice = asked->choice ? asked->choice : "top",
                    .stage = wane_report_stage(asked)};
    r->state = q;
done:
    return st;
}

/* Which arms are shown, as a condition. */
static void write_arms(wane_text *out, const wane_report_request *r)
{
    if (r->arms.count == 0) wane_text_string(out, "1");
    for (size_t i = 0; i < r->arms.count; i++) {
        wane_text_string(out, i ? ", " : "arm IN (");
        wane_sql_text(out, r->arms.item[i]);
    }
    if (r->arms.count) wane_text_string(out, ")");
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const question *q = r->state;
    wane_status st = WANE_OK;
    wane_text group = {0}, arms = {0};
    if (q->by) wane_text_printf(&group, "l.\"%s\"", q->by);
    else wane_text_string(&group, "'all'");
    write_arms(&arms, &r->asked);
    WANE_TRY(wane_text_check(&group, "curves", "frontier", err));
    WANE_TRY(wane_text_check(&arms, "curves", "frontier", err));
    const wane_sql_part parts[] = {
        {"group", group.data}, {"arms", arms.data}, {"arm_names", WANE_ARM_NAMES},
        {"x", q->x},           {"y", q->y},         {NULL, NULL}};
    const wane_binding bindings[] = {{"choice", wane_value_text(q->choice)},
                                     {"stage", wane_value_whole((int64_t)q->stage)},
                                     {"least", wane_value_whole(LEAST)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    st = wane_statement_open(out, r->db, sql, r->asked.experiment, parts, bindings, err);
done:
    wane_text_free(&group);
    wane_text_free(&arms);
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
    const wane_reporting *r;
    const question *q;
    double *x, *y, *low, *high, *left, *right; /* of all points */
    bool *hollow;                              /* likewise: some of its stages are collapsed */
    level *level, last;                        /* last: of the point before */
    size_t points, room;
    panel *panel;
    size_t panels;
} frontier;

static wane_status count_rows(size_t *out, const wane_reporting *r, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = rows(&query, r, err);
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
        *p = (panel){.group = wane_arena_strdup(f->r->arena, group), .level = f->level + i};
    }
    wane_series *s = p->arms ? &p->series[p->arms - 1] : NULL;
    if (!s || strcmp(s->label, arm) != 0) {
        s = &p->series[p->arms++];
        *s = (wane_series){.label = wane_arena_strdup(f->r->arena, arm),
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
        *columns[i] = wane_arena_alloc(f->r->arena, f->room, sizeof(double));
        failed = failed || !*columns[i];
    }
    f->hollow = wane_arena_alloc(f->r->arena, f->room, sizeof *f->hollow);
    f->level = wane_arena_alloc(f->r->arena, f->room, sizeof *f->level);
    f->panel = wane_arena_alloc(f->r->arena, f->room, sizeof *f->panel);
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

static wane_status read_frontier(frontier *f, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_query *query = NULL;
    WANE_TRY(count_rows(&f->room, f->r, err));
    if (f->room == 0) {
        st = wane_fail(err, WANE_ENUMERIC,
                       "curves: frontier: no interventions of finished runs to draw (choice %s)",
                       f->q->choice);
        goto done;
    }
    f->room *= 2; /* a gap before each point, at most */
    WANE_TRY(make_room(f, err));
    WANE_TRY(rows(&query, f->r, err));
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
    if (configs < LEAST) wane_text_printf(out, "none sideways (below %d configs)", LEAST);
    else wane_text_string(out, "sideways the standard error over configs");
}

static wane_status write_titles(frontier *f, panel *p, wane_error *err)
{
    const question *q = f->q;
    const char *experiment = f->r->asked.experiment;
    wane_text title = {0}, subtitle = {0};
    wane_text_printf(&title, "Scaling %s of each matrix",
                     strcmp(q->choice, "top") == 0 ? "the top intruder" : "all intruders");
    if (q->by) wane_text_printf(&title, ": %s", p->group);
    write_sample(&subtitle, p);
    if (experiment) wane_text_printf(&subtitle, "; %s", experiment);
    p->title = wane_report_keep(f->r, &title);
    p->subtitle = wane_report_keep(f->r, &subtitle);
    return p->title && p->subtitle ? WANE_OK : wane_fail_memory(err, "curves", "frontier");
}

/* One chart per group, one above the other, with error bars: upwards the binomial error of y,
 * sideways the standard error of x over configs. */
static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    wane_status st = WANE_OK;
    frontier f = {.r = r, .q = r->state};
    WANE_TRY(read_frontier(&f, err));
    wane_chart *charts = wane_arena_alloc(r->arena, f.panels, sizeof *charts);
    if (!charts) WANE_TRY(wane_fail_memory(err, "curves", "frontier"));
    for (size_t i = 0; i < f.panels; i++) {
        panel *p = &f.panel[i];
        WANE_TRY(write_titles(&f, p, err));
        charts[i] =
            (wane_chart){.title = p->title,
                         .subtitle = p->subtitle,
                         .x_label = strcmp(f.q->x, "nll_change") == 0
                                        ? "nll_change (nats per token; to the left: less forgotten)"
                                        : "forgetting_change_pct (%; to the left: less forgotten)",
                         .y_label = f.q->y == latest ? "latest_accuracy_change (points)"
                                                     : "seen_accuracy_change (points)",
                         .marks = WANE_MARKS_LINES,
                         .hollow = WANE_REPORT_SOME_COLLAPSED,
                         .bars = p->bars,
                         .series = p->series,
                         .series_count = p->arms};
    }
    st = wane_charts_svg(out, charts, f.panels, err);
done:
    return st;
}

static void caption(wane_text *out, const wane_reporting *r)
{
    const question *q = r->state;
    wane_text_printf(out,
                     "interventions (choice %s) after %s: %s and %s against the stage itself, on "
                     "runs and matrices where all arms shown exist;\nmeans over configs of their "
                     "runs; stderr: over configs, NULL below %d; binomial: of the examples",
                     q->choice, q->stage ? "the stage asked for" : "the last stage", q->x, q->y,
                     LEAST);
}

/* One chart under three names: what goes upwards. */
#define FRONTIER(entry, what)                                                                      \
    const wane_report wane_report_##entry = {.name = #entry,                                       \
                                             .brief = what,                                        \
                                             .example = "-m " #entry " -o frontier.svg",           \
                                             .takes = WANE_TAKES_X | WANE_TAKES_BY |               \
                                                      WANE_TAKES_STAGE | WANE_TAKES_CHOICE |       \
                                                      WANE_TAKES_ARMS,                             \
                                             .open = open,                                         \
                                             .rows = rows,                                         \
                                             .draw = draw,                                         \
                                             .caption = caption}

FRONTIER(frontier, "intruders scaled, and the arms that compare: accuracy against forgetting");
FRONTIER(latest_accuracy_change, "the same: accuracy of the latest task");
FRONTIER(seen_accuracy_change, "the same: mean accuracy of all tasks seen");
