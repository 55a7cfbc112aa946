/* SPDX-License-Identifier: Apache-2.0
 * A correlation as a page for people: a table of coefficients or a line for each group, and under
 * it what the test could have seen.
 */
#include <math.h>
#include <string.h>

#include "analysis/report/correlating.h"
#include "analysis/report/page.h"
#include "analysis/report/reading.h"
#include "analysis/report/sheet.h"

enum { SPEARMAN = 0, PARTIAL = 3 };

static void reasons(wane_text *text, const wane_coefficient *c)
{
    wane_text_clear(text);
    if (c->reason) {
        wane_text_string(text, c->reason);
        return;
    }
    if (c->interval_reason) wane_text_printf(text, "interval: %s", c->interval_reason);
    if (c->interval_reason && c->p_reason) wane_text_string(text, "; ");
    if (c->p_reason) wane_text_printf(text, "p: %s", c->p_reason);
}

static const char *number(char out[32], double value)
{
    if (fabs(value) < 1e-12) value = 0; /* what rounding leaves of a mean that is 0 */
    return isnan(value) ? "-" : wane_format_short(out, value);
}

/* "delta_frobenius, method". */
static void write_given(wane_text *out, const wane_correlating *job, const char *between)
{
    for (size_t i = 0; i < job->given_count; i++)
        wane_text_printf(out, "%s%s", i ? between : "", job->given[i]);
}

/* --------------------------------------------------------------------------------------- table */

static wane_status coefficients(wane_text *out, const wane_correlating *job,
                                const wane_correlating_group *g, wane_results *db, wane_error *err)
{
    static const char *const names[] = {"coefficient", "value",    "95% low", "95% high",
                                        "p",           "p method", "result",  "reason"};
    const wane_correlation *r = &g->result;
    wane_sheet sheet = {0};
    wane_text reason = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) wane_sheet_column(&sheet, names[i]);
    for (size_t i = 0; i < r->count; i++) {
        const wane_coefficient *c = &r->coefficient[i];
        reasons(&reason, c);
        wane_sheet_text(&sheet, c->name);
        wane_sheet_number(&sheet, c->value);
        wane_sheet_number(&sheet, c->low);
        wane_sheet_number(&sheet, c->high);
        wane_sheet_number(&sheet, c->p);
        wane_sheet_text(&sheet, c->p_method);
        wane_sheet_text(&sheet, wane_detection_name(wane_correlating_detected(job, g, i)));
        wane_sheet_text(&sheet, reason.length ? reason.data : NULL);
    }
    WANE_TRY(wane_text_check(&reason, "correlate", "table", err));
    WANE_TRY(wane_sheet_open(&query, &sheet, db, err));
    WANE_TRY(wane_reading_append(out, query, WANE_RENDER_TABLE, NULL, err));
done:
    wane_sheet_free(&sheet);
    wane_text_free(&reason);
    return st;
}

/* Value, interval, p and corrected p of one coefficient as cells of a page's table. */
static void write_cells(wane_text *rows, const wane_correlating *job,
                        const wane_correlating_group *g, size_t coefficient)
{
    const wane_coefficient *c = &g->result.coefficient[coefficient];
    const char *found = wane_detection_name(wane_correlating_detected(job, g, coefficient));
    char a[32];
    if (c->reason) {
        wane_text_printf(rows, "\t-\t%s\t-\t-\t-", c->reason);
        return;
    }
    wane_text_printf(rows, "\t%.4f\t", c->value);
    if (c->interval_reason) wane_text_string(rows, c->interval_reason);
    else wane_text_printf(rows, "[%.3f, %.3f]", c->low, c->high);
    wane_text_printf(rows, "\t%s", number(a, c->p));
    wane_text_printf(rows, "\t%s\t%s", number(a, g->holm[coefficient]), found ? found : "-");
}

/* One line per group: Spearman and, given covariates, its partial coefficient. */
static void write_groups(wane_text *out, const wane_correlating *job,
                         const wane_correlating_table *t)
{
    bool given = job->given_count > 0;
    wane_text rows = {0};
    wane_text_printf(&rows, "%s\tmatrices\tn\tzeros\tspearman\t95%%\tp\tp Holm\tresult%s\n",
                     job->per, given ? "\tpartial\t95%\tp\tp Holm\tresult" : "");
    for (size_t i = 0; i < job->groups; i++) {
        const wane_correlating_group *g = &t->group[i];
        wane_text_printf(&rows, "%s\t%zu\t%zu\t%zu", g->name, g->matrices, g->result.points,
                         g->zeros_x);
        write_cells(&rows, job, g, SPEARMAN);
        if (given) write_cells(&rows, job, g, PARTIAL);
        wane_text_string(&rows, "\n");
    }
    wane_page_table(out, &rows, "lrrrrrrrlrrrrl");
    wane_text_free(&rows);
}

static void write_title(wane_text *out, const wane_correlating *job,
                        const wane_correlating_table *t)
{
    wane_text_printf(out, "%s against %s", job->y, t->x);
    if (job->given_count) wane_text_string(out, ", given ");
    write_given(out, job, ", ");
    if (job->per) wane_text_printf(out, ", %s by %s", job->per, job->per);
    if (job->points == WANE_POINTS_LOOKS) wane_text_string(out, ", at looks");
    if (t->without_collapsed) {
        wane_text_printf(out, ", without the %zu config%s with a collapsed stage: %zu left",
                         job->collapsed_count, job->collapsed_count == 1 ? "" : "s",
                         t->group[0].configs);
    }
    wane_text_string(out, "\n\n");
}

/* What is the group's own, and what the whole stage's. */
static void write_scope(wane_text *out, const wane_correlating *job)
{
    const char *columns[WANE_GIVEN_MOST + 2] = {job->x, job->y};
    for (size_t i = 0; i < job->given_count; i++) columns[i + 2] = job->given[i];
    for (int own = 1; own >= 0; own--) {
        size_t count = 0;
        for (size_t i = 0; i < job->given_count + 2; i++) {
            if (wane_correlating_of_matrices(columns[i]) != (bool)own) continue;
            wane_text_printf(out, "%s%s",
                             count++ ? ", "
                             : own   ? "of the matrices       "
                                     : "of the whole stage    ",
                             columns[i]);
        }
        if (count) wane_text_string(out, "\n");
    }
}

static void write_within(wane_text *out, const wane_correlation *r, wane_points points)
{
    char a[32], b[32];
    if (r->within_runs.n == 0) return;
    wane_text_printf(out, "within runs           %s", number(a, r->within_runs.mean));
    if (r->within_runs.n > 1) wane_text_printf(out, " +- %s", number(b, r->within_runs.sd));
    wane_text_printf(out, " (Spearman over the %s of a run, %zu run%s)\n",
                     wane_correlating_points_name(points), r->within_runs.n,
                     r->within_runs.n == 1 ? "" : "s");
}

static size_t percent(size_t part, size_t whole)
{
    return whole ? (100 * part + whole / 2) / whole : 0;
}

/* "smallest visible", always: what the test could have seen. */
static void write_visible(wane_text *out, const wane_correlating *job,
                          const wane_correlating_group *g)
{
    const wane_correlation *r = &g->result;
    size_t most = job->given_count ? PARTIAL : SPEARMAN;
    for (size_t c = SPEARMAN; c <= most; c += PARTIAL) {
        size_t q = wane_correlating_covariates(r, c);
        const char *reason;
        double value = wane_correlating_visible(g, c, &reason);
        wane_text_string(out, c == SPEARMAN ? "smallest visible      " : "  given covariates    ");
        if (!reason) wane_text_printf(out, "%.3f at 80%% power", value);
        else if (strcmp(reason, "few_configs") == 0)
            wane_text_string(out, "undefined, C - 3 - q < 1");
        else wane_text_printf(out, "undefined, %s", reason);
        if (c == SPEARMAN)
            wane_text_printf(out, "%s: C = %zu config%s, q = 0 covariates",
                             isnan(value) ? "" : ", tanh(2.89 / sqrt(C - 3 - q))", g->configs,
                             g->configs == 1 ? "" : "s");
        else if (q > 0) wane_text_printf(out, ": q = %zu", q);
        wane_text_string(out, "\n");
    }
}

/* A line for each coefficient that nothing was seen of. */
static void write_not_detected(wane_text *out, const wane_correlating *job,
                               const wane_correlating_group *g)
{
    size_t count = 0;
    for (size_t i = 0; i < g->result.count; i++) {
        const wane_coefficient *c = &g->result.coefficient[i];
        char a[32], b[32];
        if (wane_correlating_detected(job, g, i) != WANE_NOT_DETECTED) continue;
        wane_text_printf(out, "%snot detected          %s: %s", count++ ? "" : "\n", c->name,
                         number(a, c->value));
        if (!c->interval_reason) wane_text_printf(out, " [%.3f, %.3f]", c->low, c->high);
        if (!c->p_reason) wane_text_printf(out, ", p %s", number(b, c->p));
        double visible = wane_correlating_visible(g, i, NULL);
        if (isnan(visible)) wane_text_string(out, "; too few configs to say what would be seen\n");
        else
            wane_text_printf(out, "; below %.3f one is missed more often than 1 time in 5\n",
                             visible);
    }
}

static void write_zeros(wane_text *out, const char *name, size_t zeros, size_t points)
{
    wane_text_printf(out, "%-21s %zu of %zu (%zu%%)\n", name, zeros, points,
                     percent(zeros, points));
}

static void write_separation(wane_text *out, const wane_correlating *job,
                             const wane_correlating_table *t, const wane_correlating_group *g)
{
    for (size_t f = 0; f < job->given_count; f++) {
        double s = g->separation[f];
        if (isnan(s)) continue;
        bool apart = fabs(s) <= WANE_SEPARABLE;
        wane_text_printf(out, "%-21s %s and %s: Spearman %.3f over %zu configs%s\n",
                         apart ? "separable" : "not separable", t->x, job->given[f], s, g->configs,
                         apart ? "" : ", above .8");
    }
}

static void write_blocks(wane_text *out, const wane_correlation *r)
{
    static const char *const notes[] = {[WANE_BLOCKS_CONFIG] = "",
                                        [WANE_BLOCKS_RUN] = " (treats seeds as independent)",
                                        [WANE_BLOCKS_NONE] =
                                            " (treats stages and seeds as independent)"};
    wane_text_printf(out, "blocks                %s%s\n", wane_correlating_block_name(r->blocks),
                     notes[r->blocks]);
    wane_text_printf(out, "null                  %s\n", wane_correlating_null(r->blocks));
}

static void write_reachable(wane_text *out, const wane_correlation *r)
{
    char a[32];
    wane_text_printf(out, "number of blocks      %zu\n", r->block_count);
    wane_text_printf(out, "smallest reachable p  %s%s\n", number(a, r->p_min),
                     r->p_min > 0.05 ? ": nothing can be detected with so few blocks" : "");
}

/* What the first group says holds for all of them, but for points it may lack. Tables beside the
 * first say only what may differ from it. */
static void write_foot(wane_text *out, const wane_correlating *job, const wane_correlating_table *t)
{
    const wane_correlating_group *g = &t->group[0];
    const wane_correlation *r = &g->result;
    bool first = t == &job->table[0];
    char a[32];
    if (!job->per) write_not_detected(out, job, g);
    wane_text_string(out, "\n");
    write_visible(out, job, g);
    if (first) write_blocks(out, r);
    write_reachable(out, r);
    if (job->per) {
        wane_text_printf(out, "after Holm            %s, over %zu %s\n",
                         number(a, fmin(1, r->p_min * (double)job->groups)), job->groups,
                         job->groups == 1 ? "test" : "tests of each coefficient");
        if (first) write_scope(out, job);
        return;
    }
    wane_text_printf(out, "null mean             %s\n", number(a, r->null_mean));
    wane_text_printf(out, "points (n)            %zu %s\n", r->points,
                     wane_correlating_points_name(job->points));
    write_zeros(out, "zeros in x", g->zeros_x, r->points);
    if (first) write_zeros(out, "zeros in y", g->zeros_y, r->points);
    write_separation(out, job, t, g);
    if (first && r->given_degrees > 1)
        wane_text_printf(out, "given                 %zu independent columns\n", r->given_degrees);
    write_within(out, r, job->points);
    wane_text_printf(out,
                     "dropped %-13s %zu\n"
                     "dropped points        %zu\n",
                     r->blocks == WANE_BLOCKS_RUN ? "runs" : "configs", r->dropped_configs,
                     r->dropped_points);
}

/* Which configs have a collapsed stage; with the first table. */
static void write_collapsed(wane_text *out, const wane_correlating *job)
{
    wane_text_string(out, "collapsed configs     ");
    if (job->flag_unknown < job->read || job->collapsed_count)
        wane_text_printf(out, "%zu", job->collapsed_count);
    for (size_t i = 0; i < job->collapsed_count; i++)
        wane_text_printf(out, "%s%s", i ? ", " : ": ", job->collapsed[i]);
    if (job->flag_unknown == job->read) wane_text_string(out, "not known");
    else if (job->flag_unknown)
        wane_text_printf(out, "; of %zu %s not known", job->flag_unknown,
                         wane_correlating_points_name(job->points));
    wane_text_string(out, "\n");
}

/* What a rank partial cannot see; the tables of other measures follow. */
static void write_mostly_zero(wane_text *out, const wane_correlating *job)
{
    wane_text_printf(out,
                     "\nMore than half of %s is 0. Residuals of ranks lose any such count to a "
                     "covariate\nthat varies where it is 0: a partial coefficient near 0 says "
                     "nothing then.\n",
                     job->x);
    if (job->tables > 1 && !job->table[1].without_collapsed)
        wane_text_printf(out,
                         "The same with %s, which does not saturate but is 0 where the count "
                         "is,\nand with max_cosine, which varies there (an intruder's is small: "
                         "the sign turns).\n",
                         job->table[1].x);
}

/* Why a table stands beside the first one. */
static void write_why(wane_text *out, const wane_correlating *job, size_t i)
{
    const wane_correlating_table *t = &job->table[i];
    if (t->without_collapsed && !job->table[i - 1].without_collapsed)
        wane_text_string(out, "\nLeaving out selects on the outcome: what holds for all configs "
                              "stands above.\n");
    wane_text_string(out, "\n");
}

wane_status wane_correlating_table_print(wane_text *out, const wane_correlating *job,
                                         wane_results *db, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < job->tables && st == WANE_OK; i++) {
        const wane_correlating_table *t = &job->table[i];
        if (i > 0) write_why(out, job, i);
        write_title(out, job, t);
        if (job->per) write_groups(out, job, t);
        else st = coefficients(out, job, &t->group[0], db, err);
        if (st != WANE_OK) return st;
        write_foot(out, job, t);
        if (i == 0) write_collapsed(out, job);
        if (i == 0 && !job->per && wane_correlating_mostly_zero(job)) write_mostly_zero(out, job);
    }
    return wane_text_check(out, "correlate", "table", err);
}

wane_status wane_correlate_print(wane_text *out, wane_results *db, const char *experiment,
                                 const char *x, const char *y, wane_error *err)
{
    wane_correlating job = {.experiment = experiment, .x = x, .y = y};
    wane_status st = wane_correlating_run(&job, db, err);
    if (st == WANE_OK) st = wane_correlating_table_print(out, &job, db, err);
    wane_correlating_free(&job);
    return st;
}
