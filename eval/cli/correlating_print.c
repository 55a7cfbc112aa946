/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/cli/correlating.h"
#include "eval/cli/page.h"
#include "eval/cli/reading.h"
#include "eval/cli/sheet.h"
#include "store/files/json.h"

static const char *const block_names[] = {
    [WANE_BLOCKS_CONFIG] = "config", [WANE_BLOCKS_RUN] = "run", [WANE_BLOCKS_NONE] = "none"};

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

static wane_status coefficients(wane_text *out, const wane_correlation *r, wane_results *db,
                                wane_error *err)
{
    static const char *const names[] = {"coefficient", "value",    "95% low", "95% high",
                                        "p",           "p method", "reason"};
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
static void write_cells(wane_text *rows, const wane_correlating_group *g, size_t coefficient)
{
    const wane_coefficient *c = &g->result.coefficient[coefficient];
    char a[32];
    if (c->reason) {
        wane_text_printf(rows, "\t-\t%s\t-\t-", c->reason);
        return;
    }
    wane_text_printf(rows, "\t%.4f\t", c->value);
    if (c->interval_reason) wane_text_string(rows, c->interval_reason);
    else wane_text_printf(rows, "[%.3f, %.3f]", c->low, c->high);
    wane_text_printf(rows, "\t%s", number(a, c->p));
    wane_text_printf(rows, "\t%s", number(a, g->holm[coefficient]));
}

/* One line per group: Spearman and, given covariates, its partial coefficient. */
static void write_groups(wane_text *out, const wane_correlating *job)
{
    bool given = job->given_count > 0;
    wane_text rows = {0};
    wane_text_printf(&rows, "%s\tmatrices\tn\tspearman\t95%%\tp\tp Holm%s\n", job->per,
                     given ? "\tpartial\t95%\tp\tp Holm" : "");
    for (size_t i = 0; i < job->groups; i++) {
        const wane_correlating_group *g = &job->group[i];
        wane_text_printf(&rows, "%s\t%zu\t%zu", g->name, g->matrices, g->result.points);
        write_cells(&rows, g, SPEARMAN);
        if (given) write_cells(&rows, g, PARTIAL);
        wane_text_string(&rows, "\n");
    }
    wane_page_table(out, &rows, "lrrrrrrrrrr");
    wane_text_free(&rows);
}

static void write_title(wane_text *out, const wane_correlating *job)
{
    wane_text_printf(out, "%s against %s", job->y, job->x);
    if (job->given_count) wane_text_string(out, ", given ");
    write_given(out, job, ", ");
    if (job->per) wane_text_printf(out, ", %s by %s", job->per, job->per);
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

static void write_within(wane_text *out, const wane_correlation *r)
{
    char a[32], b[32];
    if (r->within_runs.n == 0) return;
    wane_text_printf(out, "within runs           %s", number(a, r->within_runs.mean));
    if (r->within_runs.n > 1) wane_text_printf(out, " +- %s", number(b, r->within_runs.sd));
    wane_text_printf(out, " (Spearman over the stages of a run, %zu run%s)\n", r->within_runs.n,
                     r->within_runs.n == 1 ? "" : "s");
}

/* What the first group says holds for all of them, but for points it may lack. */
static void write_foot(wane_text *out, const wane_correlating *job)
{
    static const char *const notes[] = {[WANE_BLOCKS_CONFIG] = "",
                                        [WANE_BLOCKS_RUN] = " (treats seeds as independent)",
                                        [WANE_BLOCKS_NONE] =
                                            " (treats stages and seeds as independent)"};
    const wane_correlation *r = &job->group[0].result;
    char a[32];
    wane_text_printf(out, "\nblocks                %s%s\nnumber of blocks      %zu\n",
                     block_names[r->blocks], notes[r->blocks], r->block_count);
    if (!job->per) wane_text_printf(out, "points (n)            %zu\n", r->points);
    wane_text_printf(out, "smallest reachable p  %s\n", number(a, r->p_min));
    if (job->per) {
        wane_text_printf(out, "after Holm            %s, over %zu %s\n",
                         number(a, fmin(1, r->p_min * (double)job->groups)), job->groups,
                         job->groups == 1 ? "test" : "tests of each coefficient");
        write_scope(out, job);
        return;
    }
    wane_text_printf(out, "null mean             %s\n", number(a, r->null_mean));
    if (r->given_degrees > 1)
        wane_text_printf(out, "given                 %zu independent columns\n", r->given_degrees);
    write_within(out, r);
    wane_text_printf(out,
                     "dropped %-13s %zu\n"
                     "dropped points        %zu\n",
                     r->blocks == WANE_BLOCKS_RUN ? "runs" : "configs", r->dropped_configs,
                     r->dropped_points);
}

wane_status wane_correlating_table(wane_text *out, const wane_correlating *job, wane_results *db,
                                   wane_error *err)
{
    wane_status st = WANE_OK;
    write_title(out, job);
    if (job->per) write_groups(out, job);
    else st = coefficients(out, &job->group[0].result, db, err);
    if (st != WANE_OK) return st;
    write_foot(out, job);
    return wane_text_check(out, "correlate", "table", err);
}

/* ---------------------------------------------------------------------------------------- rows */

wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job, wane_results *db,
                                  wane_error *err)
{
    static const char *const names[] = {"x",    "y",     "given", "blocks", "n", "n_blocks",
                                        "name", "value", "low",   "high",   "p", "p_method"};
    wane_sheet sheet = {0};
    wane_text given = {0};
    write_given(&given, job, ",");
    if (job->per) {
        wane_sheet_column(&sheet, job->per);
        wane_sheet_column(&sheet, "matrices");
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) wane_sheet_column(&sheet, names[i]);
    if (job->per) wane_sheet_column(&sheet, "p_holm");
    for (size_t i = 0; i < job->groups; i++) {
        const wane_correlating_group *g = &job->group[i];
        for (size_t k = 0; k < g->result.count; k++) {
            const wane_coefficient *c = &g->result.coefficient[k];
            if (job->per) {
                wane_sheet_text(&sheet, g->name);
                wane_sheet_whole(&sheet, (int64_t)g->matrices);
            }
            wane_sheet_text(&sheet, job->x);
            wane_sheet_text(&sheet, job->y);
            wane_sheet_text(&sheet, given.data);
            wane_sheet_text(&sheet, block_names[job->blocks]);
            wane_sheet_whole(&sheet, (int64_t)g->result.points);
            wane_sheet_whole(&sheet, (int64_t)g->result.block_count);
            wane_sheet_text(&sheet, c->name);
            wane_sheet_number(&sheet, c->value);
            wane_sheet_number(&sheet, c->low);
            wane_sheet_number(&sheet, c->high);
            wane_sheet_number(&sheet, c->p);
            wane_sheet_text(&sheet, c->p_method);
            if (job->per) wane_sheet_number(&sheet, g->holm[k]);
        }
    }
    sheet.failed = sheet.failed || given.failed;
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    wane_text_free(&given);
    return st;
}

/* ---------------------------------------------------------------------------------------- JSON */

static void json_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, "\"%s\":", key);
    wane_json_write_string(out, value);
}

static void json_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, ",\"%s\":", key);
    wane_json_write_number(out, value);
}

/* The members of one correlation. */
static void json_result(wane_text *out, const wane_correlating_group *g, bool holm)
{
    const wane_correlation *r = &g->result;
    wane_text_printf(out, "\"n\":%zu,\"n_blocks\":%zu", r->points, r->block_count);
    json_number(out, "p_min", r->p_min);
    json_number(out, "null_mean", r->null_mean);
    wane_text_printf(out, ",\"within_runs\":{\"n\":%zu", r->within_runs.n);
    json_number(out, "mean", r->within_runs.mean);
    json_number(out, "sd", r->within_runs.sd);
    json_number(out, "low", r->within_runs.low);
    json_number(out, "high", r->within_runs.high);
    wane_text_string(out, "},\"coefficients\":[");
    size_t shown = holm ? r->count : wane_page_shown(r->count);
    for (size_t i = 0; i < shown; i++) {
        const wane_coefficient *c = &r->coefficient[i];
        wane_text_string(out, i ? ",{" : "{");
        json_text(out, "name", c->name);
        json_number(out, "value", c->value);
        json_number(out, "low", c->low);
        json_number(out, "high", c->high);
        json_number(out, "p", c->p);
        if (holm) json_number(out, "p_holm", g->holm[i]);
        wane_text_string(out, ",");
        json_text(out, "p_method", c->p_method);
        wane_text_string(out, ",");
        json_text(out, "reason", c->reason);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_correlating_json(wane_text *out, const wane_correlating *job)
{
    wane_text_string(out, "{");
    json_text(out, "x", job->x);
    wane_text_string(out, ",");
    json_text(out, "y", job->y);
    wane_text_string(out, ",\"given\":[");
    for (size_t i = 0; i < job->given_count; i++) {
        if (i) wane_text_string(out, ",");
        wane_json_write_string(out, job->given[i]);
    }
    wane_text_string(out, "],");
    json_text(out, "blocks", block_names[job->blocks]);
    wane_text_string(out, ",");
    if (!job->per) {
        json_result(out, &job->group[0], false);
    } else {
        json_text(out, "per", job->per);
        wane_text_string(out, ",\"groups\":[");
        for (size_t i = 0; i < wane_page_shown(job->groups); i++) {
            wane_text_string(out, i ? ",{" : "{");
            json_text(out, job->per, job->group[i].name);
            wane_text_printf(out, ",\"matrices\":%zu,", job->group[i].matrices);
            json_result(out, &job->group[i], true);
            wane_text_string(out, "}");
        }
        wane_text_string(out, "]");
    }
    wane_text_string(out, "}\n");
}
