/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "eval/cli/curves.h"
#include "eval/cli/sheet.h"

wane_status wane_curves_rows(wane_query **out, const wane_curves *c, wane_results *db,
                             wane_error *err)
{
    wane_sheet sheet = {0};
    bool scatter = c->request.x != NULL;
    const char *const lines[] = {"stage", "n", "mean", "sd", "low", "high"};
    const char *const points[] = {"run", "stage", c->request.x, c->request.metric};
    wane_sheet_column(&sheet, c->request.by);
    for (size_t i = 0; i < (scatter ? 4U : 6U); i++)
        wane_sheet_column(&sheet, scatter ? points[i] : lines[i]);
    for (size_t i = 0; i < c->points; i++) {
        const wane_curves_point *p = &c->point[i];
        wane_sheet_text(&sheet, c->group[p->group]);
        if (scatter) wane_sheet_text(&sheet, p->run);
        wane_sheet_whole(&sheet, (int64_t)p->stage);
        if (scatter) wane_sheet_number(&sheet, p->x);
        else wane_sheet_whole(&sheet, (int64_t)p->n);
        wane_sheet_number(&sheet, p->y);
        if (scatter) continue;
        wane_sheet_number(&sheet, p->sd);
        wane_sheet_number(&sheet, p->low);
        wane_sheet_number(&sheet, p->high);
    }
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

/* Decimals that show four digits of the largest value. */
static int decimals(const wane_curves *c)
{
    double most = 0;
    for (size_t i = 0; i < c->points; i++) most = fmax(most, fabs(c->point[i].y));
    int digits = most > 0 && isfinite(most) ? 3 - (int)floor(log10(most)) : 0;
    return digits < 0 ? 0 : digits > 9 ? 9 : digits;
}

/* Stage 0 is one and the same for all runs: no spread is shown. */
static void add_cell(wane_sheet *sheet, const wane_curves_point *p, int digits)
{
    char text[96];
    int used = snprintf(text, sizeof text, "%.*f", digits, p->y);
    if (p->n > 1 && p->stage > 0 && used > 0)
        (void)snprintf(text + used, sizeof text - (size_t)used, " +- %.*f", digits, p->high - p->y);
    if (used < 0 || used > 60) (void)snprintf(text, sizeof text, "%.4g", p->y);
    wane_sheet_text(sheet, text);
}

/* Whether any group has a value at the stage: no measure of change has one at the base. */
static bool has_stage(const wane_curves *c, size_t stage)
{
    for (size_t i = 0; i < c->points; i++)
        if (c->point[i].stage == stage) return true;
    return false;
}

wane_status wane_curves_means(wane_query **out, const wane_curves *c, wane_results *db,
                              wane_error *err)
{
    if (c->request.x) return wane_curves_rows(out, c, db, err);
    wane_sheet sheet = {0};
    int digits = decimals(c);
    wane_sheet_column(&sheet, c->request.by);
    wane_sheet_column(&sheet, "runs");
    for (size_t k = 0; k < c->stages; k++)
        if (has_stage(c, k)) wane_sheet_column(&sheet, c->stage_name[k]);
    for (size_t i = 0; i < c->points;) {
        size_t group = c->point[i].group, runs = 0;
        for (size_t j = i; j < c->points && c->point[j].group == group; j++)
            if (c->point[j].n > runs) runs = c->point[j].n;
        wane_sheet_text(&sheet, c->group[group]);
        wane_sheet_whole(&sheet, (int64_t)runs);
        for (size_t k = 0; k < c->stages; k++) {
            bool here = i < c->points && c->point[i].group == group && c->point[i].stage == k;
            if (here) add_cell(&sheet, &c->point[i++], digits);
            else if (has_stage(c, k)) wane_sheet_text(&sheet, NULL);
        }
    }
    wane_status st = wane_sheet_open(out, &sheet, db, err);
    wane_sheet_free(&sheet);
    return st;
}

void wane_curves_caption(wane_text *out, const wane_curves *c)
{
    const wane_curves_request *r = &c->request;
    const char *of = r->task ? r->task : r->corpus;
    wane_text_printf(out, "%s%s%s ", r->metric, of ? " of " : "", of ? of : "");
    if (r->x) wane_text_printf(out, "and %s of every run after every stage\n", r->x);
    else
        wane_text_printf(out, "after each stage, mean +- %s over runs (orders and seeds)\n",
                         r->interval ? "half of the 95% t interval" : "sd");
}
