/* SPDX-License-Identifier: Apache-2.0
 * The table of reports, and what is asked of them: found by name, their options checked, opened.
 */
#include <string.h>

#include "analysis/report/named_metric.h"
#include "analysis/report/report.h"

#define DECLARED(name) extern const wane_report wane_report_##name;
WANE_REPORT_LIST(DECLARED)
#define LISTED(name) &wane_report_##name,
const wane_report *const wane_reports[WANE_REPORTS] = {WANE_REPORT_LIST(LISTED)};

static bool of_metrics(const wane_report *report)
{
    return report == wane_reports[0];
}

const wane_report *wane_report_of(const char *name)
{
    for (size_t i = 1; name && i < WANE_REPORTS; i++)
        if (strcmp(wane_reports[i]->name, name) == 0) return wane_reports[i];
    return wane_reports[0];
}

/* The names of all but the one of metrics. */
static size_t chart_names(const char *names[WANE_REPORTS])
{
    for (size_t i = 1; i < WANE_REPORTS; i++) names[i - 1] = wane_reports[i]->name;
    return WANE_REPORTS - 1;
}

const char *wane_report_nearest(const char *name)
{
    const char *names[WANE_REPORTS];
    return wane_nearest(name, names, chart_names(names));
}

void wane_report_say_options(wane_text *out, const wane_report *report)
{
    bool any = false;
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) {
        if (!(report->takes & wane_report_options[i].bit)) continue;
        wane_text_printf(out, "%s--%s", any ? " " : "", wane_report_options[i].name);
        any = true;
    }
    if (!any) wane_text_string(out, "none");
}

/* ------------------------------------------------------------------------------------- options */

static bool given(const wane_report_request *r, const wane_report_option *o)
{
    const void *value = (const char *)r + o->offset;
    switch (o->kind) {
    case WANE_REPORT_TEXT:
    case WANE_REPORT_STAGE: return *(const char *const *)value != NULL;
    case WANE_REPORT_COUNT: return *(const size_t *)value != 0;
    case WANE_REPORT_FRACTION: return !isnan(*(const double *)value);
    case WANE_REPORT_NAMES: return ((const wane_report_names *)value)->count > 0;
    }
    return false;
}

/* "NAME: takes no --task; a metric does": of an option that others take. */
static wane_status not_taken(const wane_report_request *r, const wane_report_option *o,
                             wane_error *err)
{
    const char *near = NULL;
    wane_text who = {0};
    size_t takers = 0;
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        if (!(wane_reports[i]->takes & o->bit)) continue;
        wane_text_printf(&who, "%s%s", takers++ ? ", " : "",
                         of_metrics(wane_reports[i]) ? "a metric" : wane_reports[i]->name);
    }
    if (r->name && of_metrics(wane_report_of(r->name))) near = wane_report_nearest(r->name);
    wane_status st = wane_text_check(&who, "curves", o->name, err);
    if (st == WANE_OK)
        st = wane_fail(err, WANE_EINVAL, "curves: %s: takes no --%s; %s %s%s%s%s",
                       r->name ? r->name : "a metric", o->name, who.data,
                       takers == 1 ? "does" : "do", near ? "; did you mean " : "", near ? near : "",
                       near ? "?" : "");
    wane_text_free(&who);
    return st;
}

/* "--band x: neither sd nor ci", "--x-scale x: none of auto, linear, log". */
static wane_status no_choice(const wane_report_option *o, const char *value, wane_error *err)
{
    wane_text all = {0};
    size_t count = 0;
    while (o->choices[count]) count++;
    for (size_t i = 0; i < count; i++)
        wane_text_printf(&all, "%s%s", i == 0 ? "" : count == 2 ? " nor " : ", ", o->choices[i]);
    wane_status st = wane_text_check(&all, "curves", o->name, err);
    if (st == WANE_OK)
        st = wane_fail(err, WANE_EINVAL, "curves: --%s %s: %s %s", o->name, value,
                       count == 2 ? "neither" : "none of", all.data);
    wane_text_free(&all);
    return st;
}

static wane_status check_value(const wane_report_request *r, const wane_report_option *o,
                               wane_error *err)
{
    const void *value = (const char *)r + o->offset;
    int64_t stage = 0;
    if (o->kind == WANE_REPORT_FRACTION) {
        double number = *(const double *)value;
        if (number > 0 && number <= 1) return WANE_OK;
        return wane_fail(err, WANE_EINVAL, "curves: --%s %g: not in (0, 1]", o->name, number);
    }
    if (o->kind != WANE_REPORT_TEXT && o->kind != WANE_REPORT_STAGE) return WANE_OK;
    const char *text = *(const char *const *)value;
    if (o->kind == WANE_REPORT_STAGE) {
        if (strcmp(text, "last") == 0 || (wane_parse_int64(&stage, text) && stage > 0))
            return WANE_OK;
        return wane_fail(err, WANE_EINVAL, "curves: --%s %s: neither a number from 1 on nor last",
                         o->name, text);
    }
    if (!o->choices) return WANE_OK;
    for (size_t i = 0; o->choices[i]; i++)
        if (strcmp(o->choices[i], text) == 0) return WANE_OK;
    return no_choice(o, text, err);
}

wane_status wane_report_check(const wane_report_request *r, wane_error *err)
{
    const wane_report *report = wane_report_of(r->name);
    for (size_t i = 0; i < WANE_REPORT_OPTIONS; i++) {
        const wane_report_option *o = &wane_report_options[i];
        if (!given(r, o)) continue;
        wane_status st = report->takes & o->bit ? check_value(r, o, err) : not_taken(r, o, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* --------------------------------------------------------------------------------------- calls */

wane_status wane_report_open(wane_reporting *out, wane_results *db, const wane_report_request *r,
                             wane_error *err)
{
    const char *names[WANE_REPORTS];
    wane_status st = WANE_OK;
    *out = (wane_reporting){.report = wane_report_of(r->name), .db = db, .asked = *r};
    WANE_TRY(wane_report_check(r, err));
    if (r->by && strcmp(r->by, "order") == 0) out->asked.by = "order_name";
    if (of_metrics(out->report) && r->name && !r->task && !r->corpus)
        WANE_TRY(wane_named_metric_check(db, r->name, names, chart_names(names), err));
    out->arena = wane_arena_new();
    if (!out->arena) WANE_TRY(wane_fail_memory(err, "curves", out->report->name));
    WANE_TRY(out->report->open(out, err));
done:
    return st;
}

void wane_report_close(wane_reporting *r)
{
    if (r->report && r->report->close) r->report->close(r);
    wane_arena_free(r->arena);
    *r = (wane_reporting){0};
}

wane_status wane_report_svg(wane_text *out, wane_results *db, const wane_report_request *request,
                            wane_error *err)
{
    wane_reporting r;
    wane_status st = wane_report_open(&r, db, request, err);
    if (st == WANE_OK) st = r.report->draw(out, &r, err);
    wane_report_close(&r);
    return st;
}
