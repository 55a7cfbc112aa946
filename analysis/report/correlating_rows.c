/* SPDX-License-Identifier: Apache-2.0
 * A correlation for programs: rows and JSON.
 */
#include <math.h>

#include "analysis/report/correlating.h"
#include "analysis/report/page.h"
#include "analysis/report/sheet.h"
#include "store/files/json.h"

/* ---------------------------------------------------------------------------------------- rows */

static void write_names(wane_text *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) wane_text_printf(out, "%s%s", i ? "," : "", names[i]);
}

static void add_row(wane_sheet *sheet, const wane_correlating *job, const wane_correlating_table *t,
                    const wane_correlating_group *g, size_t k, const char *given,
                    const char *collapsed)
{
    const wane_coefficient *c = &g->result.coefficient[k];
    const char *reason = NULL;
    double visible = wane_correlating_visible(g, k, &reason);
    if (job->per) {
        wane_sheet_text(sheet, g->name);
        wane_sheet_whole(sheet, (int64_t)g->matrices);
    }
    wane_sheet_text(sheet, t->x);
    wane_sheet_text(sheet, job->y);
    wane_sheet_text(sheet, given);
    wane_sheet_text(sheet, wane_correlating_block_name(job->blocks));
    wane_sheet_whole(sheet, (int64_t)g->result.points);
    wane_sheet_whole(sheet, (int64_t)g->result.block_count);
    wane_sheet_text(sheet, c->name);
    wane_sheet_number(sheet, c->value);
    wane_sheet_number(sheet, c->low);
    wane_sheet_number(sheet, c->high);
    wane_sheet_number(sheet, c->p);
    wane_sheet_text(sheet, c->p_method);
    if (job->per) wane_sheet_number(sheet, g->holm[k]);
    wane_sheet_text(sheet, wane_detection_name(wane_correlating_detected(job, g, k)));
    wane_sheet_number(sheet, visible);
    wane_sheet_text(sheet, reason);
    wane_sheet_text(sheet, wane_correlating_points_name(job->points));
    wane_sheet_text(sheet, wane_correlating_null(job->blocks));
    wane_sheet_whole(sheet, (int64_t)g->zeros_x);
    wane_sheet_whole(sheet, (int64_t)g->zeros_y);
    wane_sheet_whole(sheet, t->without_collapsed);
    wane_sheet_text(sheet, collapsed);
    wane_sheet_whole(sheet, (int64_t)job->flag_unknown);
    for (size_t f = 0; f < job->given_count; f++) wane_sheet_number(sheet, g->separation[f]);
}

wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job, wane_results *db,
                                  wane_error *err)
{
    static const char *const names[] = {"x",    "y",     "given", "blocks", "n", "n_blocks",
                                        "name", "value", "low",   "high",   "p", "p_method"};
    static const char *const more[] = {
        "result",  "smallest_visible", "visible_reason",    "points",    "null",
        "zeros_x", "zeros_y",          "without_collapsed", "collapsed", "collapsed_unknown"};
    wane_sheet sheet = {0};
    wane_text given = {0}, collapsed = {0}, name = {0};
    write_names(&given, job->given, job->given_count);
    write_names(&collapsed, job->collapsed, job->collapsed_count);
    if (job->per) {
        wane_sheet_column(&sheet, job->per);
        wane_sheet_column(&sheet, "matrices");
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) wane_sheet_column(&sheet, names[i]);
    if (job->per) wane_sheet_column(&sheet, "p_holm");
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) wane_sheet_column(&sheet, more[i]);
    for (size_t f = 0; f < job->given_count; f++) {
        wane_text_clear(&name);
        wane_text_printf(&name, "spearman_x_%s", job->given[f]);
        wane_sheet_column(&sheet, name.failed ? "" : name.data);
    }
    for (size_t t = 0; t < job->tables; t++)
        for (size_t i = 0; i < job->groups; i++)
            for (size_t k = 0; k < job->table[t].group[i].result.count; k++)
                add_row(&sheet, job, &job->table[t], &job->table[t].group[i], k, given.data,
                        collapsed.data);
    sheet.failed = sheet.failed || given.failed || collapsed.failed || name.failed;
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    wane_text_free(&given);
    wane_text_free(&collapsed);
    wane_text_free(&name);
    return st;
}

/* ---------------------------------------------------------------------------------------- JSON */

static void json_coefficient(wane_text *out, const wane_correlating *job,
                             const wane_correlating_group *g, size_t i)
{
    const wane_coefficient *c = &g->result.coefficient[i];
    const char *reason = NULL;
    double visible = wane_correlating_visible(g, i, &reason);
    wane_text_string(out, "{");
    wane_page_json_text(out, "name", c->name);
    wane_page_json_number(out, "value", c->value);
    wane_page_json_number(out, "low", c->low);
    wane_page_json_number(out, "high", c->high);
    wane_page_json_number(out, "p", c->p);
    if (job->per) wane_page_json_number(out, "p_holm", g->holm[i]);
    wane_text_string(out, ",");
    wane_page_json_text(out, "p_method", c->p_method);
    wane_text_string(out, ",");
    wane_page_json_text(out, "reason", c->reason);
    wane_text_string(out, ",");
    wane_page_json_text(out, "result", wane_detection_name(wane_correlating_detected(job, g, i)));
    wane_page_json_number(out, "smallest_visible", visible);
    wane_text_string(out, ",");
    wane_page_json_text(out, "visible_reason", reason);
    wane_text_string(out, "}");
}

static void json_separation(wane_text *out, const wane_correlating *job,
                            const wane_correlating_group *g)
{
    wane_text_string(out, "\"separation\":[");
    for (size_t f = 0; f < job->given_count; f++) {
        double s = g->separation[f];
        wane_text_string(out, f ? ",{" : "{");
        wane_page_json_text(out, "covariate", job->given[f]);
        wane_page_json_number(out, "spearman", s);
        wane_text_printf(out, ",\"configs\":%zu,\"separable\":%s}", g->configs,
                         isnan(s)                    ? "null"
                         : fabs(s) <= WANE_SEPARABLE ? "true"
                                                     : "false");
    }
    wane_text_string(out, "],");
}

/* The members of one correlation. */
static void json_result(wane_text *out, const wane_correlating *job,
                        const wane_correlating_group *g)
{
    const wane_correlation *r = &g->result;
    wane_text_printf(out, "\"n\":%zu,\"n_blocks\":%zu", r->points, r->block_count);
    wane_page_json_number(out, "p_min", r->p_min);
    wane_page_json_number(out, "null_mean", r->null_mean);
    wane_text_printf(out, ",\"zeros\":{\"x\":%zu,\"y\":%zu},", g->zeros_x, g->zeros_y);
    json_separation(out, job, g);
    wane_text_printf(out, "\"within_runs\":{\"n\":%zu", r->within_runs.n);
    wane_page_json_number(out, "mean", r->within_runs.mean);
    wane_page_json_number(out, "sd", r->within_runs.sd);
    wane_page_json_number(out, "low", r->within_runs.low);
    wane_page_json_number(out, "high", r->within_runs.high);
    wane_text_string(out, "},\"coefficients\":[");
    size_t shown = job->per ? r->count : wane_page_shown(r->count);
    for (size_t i = 0; i < shown; i++) {
        if (i) wane_text_string(out, ",");
        json_coefficient(out, job, g, i);
    }
    wane_text_string(out, "]");
}

/* The members of one table: those of its correlation, or its groups. */
static void json_table(wane_text *out, const wane_correlating *job, const wane_correlating_table *t)
{
    if (!job->per) {
        json_result(out, job, &t->group[0]);
        return;
    }
    wane_text_string(out, "\"groups\":[");
    for (size_t i = 0; i < wane_page_shown(job->groups); i++) {
        wane_text_string(out, i ? ",{" : "{");
        wane_page_json_text(out, job->per, t->group[i].name);
        wane_text_printf(out, ",\"matrices\":%zu,", t->group[i].matrices);
        json_result(out, job, &t->group[i]);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

static void json_names(wane_text *out, const char *key, const char *const *names, size_t count)
{
    wane_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i) wane_text_string(out, ",");
        wane_json_write_string(out, names[i]);
    }
    wane_text_string(out, "]");
}

void wane_correlating_json(wane_text *out, const wane_correlating *job)
{
    wane_text_string(out, "{");
    wane_page_json_text(out, "x", job->x);
    wane_text_string(out, ",");
    wane_page_json_text(out, "y", job->y);
    json_names(out, "given", job->given, job->given_count);
    wane_text_string(out, ",");
    wane_page_json_text(out, "blocks", wane_correlating_block_name(job->blocks));
    wane_text_string(out, ",");
    wane_page_json_text(out, "points", wane_correlating_points_name(job->points));
    wane_text_string(out, ",");
    wane_page_json_text(out, "null", wane_correlating_null(job->blocks));
    json_names(out, "collapsed", job->collapsed, job->collapsed_count);
    wane_text_printf(out, ",\"collapsed_unknown\":%zu,", job->flag_unknown);
    if (job->per) {
        wane_page_json_text(out, "per", job->per);
        wane_text_string(out, ",");
    }
    json_table(out, job, &job->table[0]);
    wane_text_string(out, ",\"beside\":[");
    for (size_t t = 1; t < job->tables; t++) {
        wane_text_string(out, t > 1 ? ",{" : "{");
        wane_page_json_text(out, "x", job->table[t].x);
        wane_text_printf(out, ",\"without_collapsed\":%s,",
                         job->table[t].without_collapsed ? "true" : "false");
        json_table(out, job, &job->table[t]);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]}\n");
}
