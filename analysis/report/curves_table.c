/* SPDX-License-Identifier: Apache-2.0
 * Curves as tables: every point for programs, means beside each other with as many digits as they
 * carry for people.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/report/report.h"
#include "analysis/report/sheet.h"

static void add_null(wane_sheet *sheet, const wane_curves_point *p)
{
    wane_sheet_number(sheet, p->null.mean);
    wane_sheet_number(sheet, p->null.low);
    wane_sheet_number(sheet, p->null.high);
}

static void add_line_point(wane_sheet *sheet, const wane_curves *c, const wane_curves_point *p)
{
    bool stages = c->kind == WANE_CURVES_STAGES, whole = stages || c->kind == WANE_CURVES_K;
    wane_sheet_text(sheet, c->group[p->group]);
    if (whole) wane_sheet_whole(sheet, stages ? (int64_t)p->stage : (int64_t)p->x);
    else wane_sheet_number(sheet, p->x);
    wane_sheet_whole(sheet, (int64_t)p->n);
    wane_sheet_number(sheet, p->y);
    wane_sheet_number(sheet, p->sd);
    wane_sheet_number(sheet, p->low);
    wane_sheet_number(sheet, p->high);
    if (c->counts) add_null(sheet, p);
    if (stages) wane_sheet_number(sheet, p->collapsed);
    if (c->guess) wane_sheet_number(sheet, c->guess[p->group * c->stages + p->stage]);
}

wane_status wane_curves_rows(wane_query **out, const wane_curves *c, wane_results *db,
                             wane_error *err)
{
    wane_sheet sheet = {0};
    bool scatter = c->kind == WANE_CURVES_SCATTER;
    static const char *const nulls[] = {"intruders_null", "intruders_null_low",
                                        "intruders_null_high"};
    const char *const lines[] = {
        c->request.x ? c->request.x : "stage", "n", "mean", "sd", "low", "high"};
    const char *const points[] = {"run", "stage", c->request.x, c->request.metric, "collapsed"};
    wane_sheet_column(&sheet, c->request.by);
    for (size_t i = 0; i < (scatter ? 5U : 6U); i++)
        wane_sheet_column(&sheet, scatter ? points[i] : lines[i]);
    for (size_t i = 0; c->counts && i < 3; i++) wane_sheet_column(&sheet, nulls[i]);
    if (c->kind == WANE_CURVES_STAGES) wane_sheet_column(&sheet, "collapsed");
    if (c->guess) wane_sheet_column(&sheet, "majority");
    for (size_t i = 0; i < c->points; i++) {
        const wane_curves_point *p = &c->point[i];
        if (!scatter) {
            add_line_point(&sheet, c, p);
            continue;
        }
        wane_sheet_text(&sheet, c->group[p->group]);
        wane_sheet_text(&sheet, p->run);
        wane_sheet_whole(&sheet, (int64_t)p->stage);
        wane_sheet_number(&sheet, p->x);
        wane_sheet_number(&sheet, p->y);
        wane_sheet_number(&sheet, p->collapsed);
        if (c->counts) add_null(&sheet, p);
    }
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

/* Decimals that show four digits of the largest value, of all groups or of one of them. */
static int decimals(const wane_curves *c, size_t group, bool all)
{
    double most = 0;
    for (size_t i = 0; i < c->points; i++)
        if (all || c->point[i].group == group) most = fmax(most, fabs(c->point[i].y));
    int digits = most > 0 && isfinite(most) ? 3 - (int)floor(log10(most)) : 0;
    return digits < 0 ? 0 : digits > 9 ? 9 : digits;
}

/* Those of all groups, so that columns read well; of a group that is far below the largest its own:
 * beside a method that blew up the others are not 0. */
static int decimals_of_group(const wane_curves *c, size_t group)
{
    int all = decimals(c, 0, true), own = decimals(c, group, false);
    return own > all + 1 ? own : all;
}

/* Stage 0 is one and the same for all runs: no spread is shown. */
static void add_cell(wane_sheet *sheet, const wane_curves *c, const wane_curves_point *p,
                     size_t runs, int digits)
{
    bool spread = p->n > 1 && p->stage > 0 && c->kind == WANE_CURVES_STAGES;
    char text[160];
    int used = snprintf(text, sizeof text, "%.*f", digits, p->y);
    if (spread && used > 0 && c->request.interval)
        (void)snprintf(text + used, sizeof text - (size_t)used, " [%.*f, %.*f]", digits, p->low,
                       digits, p->high);
    else if (spread && used > 0)
        (void)snprintf(text + used, sizeof text - (size_t)used, " +- %.*f", digits, p->high - p->y);
    if (used < 0 || used > 60) (void)snprintf(text, sizeof text, "%.4g", p->y);
    size_t length = strlen(text);
    if (p->n < runs)
        (void)snprintf(text + length, sizeof text - length, " (%zu of %zu)", p->n, runs);
    length = strlen(text);
    if (c->kind == WANE_CURVES_STAGES && p->collapsed > 0)
        (void)snprintf(text + length, sizeof text - length,
                       p->n > 1 ? " (%.0f collapsed)" : " (collapsed)", p->collapsed);
    wane_sheet_text(sheet, text);
}

/* Whether the place has a column: where a group has a value (no measure of change has one at the
 * base); every tenth of epsilon; some of k, from 1 on about twofold. */
static bool has_column(const wane_curves *c, size_t place)
{
    size_t k = c->kind == WANE_CURVES_K ? (size_t)strtol(c->stage_name[place], NULL, 10) : 0;
    if (c->kind == WANE_CURVES_EPSILON) return place % 2 == 1;
    if (c->kind == WANE_CURVES_K) return k == 10 || (k & (k - 1)) == 0 || place + 1 == c->stages;
    for (size_t i = 0; i < c->points; i++)
        if (c->point[i].stage == place) return true;
    return false;
}

/* The null of a group's counts, under them: "(null, lora)". */
static void add_null_row(wane_sheet *sheet, const wane_curves *c, size_t group)
{
    char text[200];
    const wane_curves_point *p = c->point, *end = c->point + c->points;
    while (p < end && p->group != group) p++;
    (void)snprintf(text, sizeof text, "(null, %.180s)", c->group[group]);
    wane_sheet_text(sheet, text);
    wane_sheet_text(sheet, NULL);
    for (size_t k = 0; k < c->stages; k++) {
        while (p < end && p->group == group && p->stage < k) p++;
        bool here = p < end && p->group == group && p->stage == k && !isnan(p->null.mean);
        if (here)
            (void)snprintf(text, sizeof text, "%.1f [%.4g, %.4g]", p->null.mean, p->null.low,
                           p->null.high);
        if (has_column(c, k)) wane_sheet_text(sheet, here ? text : NULL);
    }
}

/* A row for each line that differs from the others. */
static wane_status add_guesses(wane_sheet *sheet, const wane_curves *c, int digits, wane_error *err)
{
    size_t *group = wane_alloc(c->groups, sizeof *group);
    if (!group) return wane_fail_memory(err, "curves", "majority");
    size_t lines = wane_curves_guesses(group, c);
    wane_text label = {0};
    wane_status st = WANE_OK;
    for (size_t i = 0; i < lines; i++) {
        char text[64];
        wane_text_clear(&label);
        wane_text_string(&label, "(");
        wane_curves_guess_label(&label, c, group[i], lines > 1);
        wane_text_string(&label, ")");
        WANE_TRY(wane_text_check(&label, "curves", "majority", err));
        wane_sheet_text(sheet, label.data);
        wane_sheet_text(sheet, NULL);
        for (size_t k = 0; k < c->stages; k++) {
            double value = c->guess[group[i] * c->stages + k];
            (void)snprintf(text, sizeof text, "%.*f", digits, value);
            if (has_column(c, k)) wane_sheet_text(sheet, isnan(value) ? NULL : text);
        }
    }
done:
    wane_free(group);
    wane_text_free(&label);
    return st;
}

wane_status wane_curves_means(wane_query **out, const wane_curves *c, wane_results *db,
                              wane_error *err)
{
    if (c->kind == WANE_CURVES_SCATTER) return wane_curves_rows(out, c, db, err);
    wane_sheet sheet = {0};
    wane_status st = WANE_OK;
    wane_sheet_column(&sheet, c->request.by);
    wane_sheet_column(&sheet, "runs");
    for (size_t k = 0; k < c->stages; k++)
        if (has_column(c, k)) wane_sheet_column(&sheet, c->stage_name[k]);
    for (size_t i = 0; i < c->points;) {
        size_t group = c->point[i].group, runs = 0;
        for (size_t j = i; j < c->points && c->point[j].group == group; j++)
            if (c->point[j].n > runs) runs = c->point[j].n;
        int digits = decimals_of_group(c, group);
        wane_sheet_text(&sheet, c->group[group]);
        wane_sheet_whole(&sheet, (int64_t)runs);
        for (size_t k = 0; k < c->stages; k++) {
            bool here = i < c->points && c->point[i].group == group && c->point[i].stage == k;
            if (here && has_column(c, k)) add_cell(&sheet, c, &c->point[i], runs, digits);
            else if (has_column(c, k)) wane_sheet_text(&sheet, NULL);
            i += here;
        }
        if (c->nulls) add_null_row(&sheet, c, group);
    }
    if (c->guess) WANE_TRY(add_guesses(&sheet, c, decimals(c, 0, true), err));
    st = wane_sheet_open(out, &sheet, db, err);
done:
    wane_sheet_free(&sheet);
    return st;
}

const char *wane_curves_over(const wane_curves *c)
{
    const char *by = c->request.by;
    if (strcmp(by, "method") == 0) return "runs (orders and seeds)";
    return strcmp(by, "run") == 0 || strcmp(by, "key") == 0 ? "runs"
                                                            : "runs (configs, orders and seeds)";
}

void wane_curves_caption(wane_text *out, const wane_curves *c)
{
    const wane_curves_request *r = &c->request;
    const char *of = r->task ? r->task : r->corpus;
    wane_text_printf(out, "%s%s%s ", r->metric, of ? " of " : "", of ? of : "");
    if (c->kind == WANE_CURVES_SCATTER)
        wane_text_printf(out, "and %s of every run after every stage", r->x);
    else if (c->kind == WANE_CURVES_STAGES)
        wane_text_printf(out, "after each stage, mean %s over %s",
                         r->interval ? "[95% t interval]" : "+- sd", wane_curves_over(c));
    else {
        wane_text_printf(out, "against %s after ", r->x);
        wane_report_say_stage(out, r->stage);
        wane_text_printf(out, ", mean over %s", wane_curves_over(c));
    }
    if (r->counted || r->x) wane_curves_say_counting(out, c);
    wane_curves_say_null(out, c, false);
}

void wane_curves_say_counting(wane_text *out, const wane_curves *c)
{
    const wane_counting *n = &c->request.counting;
    bool counts = wane_counting_metric(c->request.metric) ||
                  (c->kind == WANE_CURVES_SCATTER && wane_counting_metric(c->request.x));
    if (!counts) return;
    if (c->kind != WANE_CURVES_K) wane_text_printf(out, "; k = %zu", n->k);
    if (c->kind == WANE_CURVES_EPSILON || c->kind == WANE_CURVES_K)
        wane_text_printf(out, "%stop %zu stored", c->kind == WANE_CURVES_K ? "; " : " of the ",
                         c->top);
    if (c->kind != WANE_CURVES_EPSILON) wane_text_printf(out, ", epsilon = %g", n->epsilon);
    wane_text_printf(out, ", side %s, against %s", n->side, n->against);
}
