/* SPDX-License-Identifier: Apache-2.0
 * The report of metrics: any of them over the stages of runs, against another, or intruders against
 * epsilon or k (curves.h).
 */
#include <math.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/report/report.h"

static wane_curves_scale scale_of(const char *name)
{
    if (!name || strcmp(name, "auto") == 0) return WANE_CURVES_AUTO;
    return strcmp(name, "log") == 0 ? WANE_CURVES_LOG : WANE_CURVES_LINEAR;
}

/* What was not given is the usual; what does not go together is refused. */
static wane_status settle(wane_curves_request *r, const wane_report_request *asked, wane_error *err)
{
    *r = (wane_curves_request){.experiment = asked->experiment,
                               .metric = asked->name,
                               .by = asked->by ? asked->by : "method",
                               .x = asked->x && strcmp(asked->x, "stage") != 0 ? asked->x : NULL,
                               .corpus = asked->corpus,
                               .task = asked->task,
                               .interval = asked->band && strcmp(asked->band, "ci") == 0,
                               .stage = wane_report_stage(asked),
                               .x_scale = scale_of(asked->x_scale),
                               .y_scale = scale_of(asked->y_scale)};
    const wane_curves_kind kind = wane_curves_kind_of(r);
    const bool counts = kind == WANE_CURVES_EPSILON || kind == WANE_CURVES_K;
    if (!r->metric)
        r->metric = r->task ? "accuracy" : counts ? "intruders" : "pretraining_forgetting";
    r->counted = asked->k || !isnan(asked->epsilon) || asked->side || asked->against;
    r->counting = wane_counting_asked(asked->k, asked->epsilon, asked->side, asked->against);
    if (kind == WANE_CURVES_K) r->counting.k = asked->k; /* 0: as far as it is stored */
    if (asked->stage && !counts)
        return wane_fail(err, WANE_EINVAL,
                         "curves: %s: --stage goes with --x epsilon and --x k; over stages there "
                         "are all of them",
                         r->metric);
    if (kind == WANE_CURVES_SCATTER && asked->band)
        return wane_fail(err, WANE_EINVAL,
                         "curves: %s: --band goes with lines, --x %s draws points", r->metric,
                         r->x);
    if (kind == WANE_CURVES_EPSILON && !isnan(asked->epsilon))
        return wane_fail(err, WANE_EINVAL, "curves: %s: either --x epsilon or --epsilon",
                         r->metric);
    return WANE_OK;
}

static wane_status open(wane_reporting *r, wane_error *err)
{
    wane_curves_request request;
    wane_curves *curves = NULL;
    wane_status st = settle(&request, &r->asked, err);
    if (st == WANE_OK) st = wane_curves_read(&curves, r->db, &request, err);
    r->state = curves;
    return st;
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    return wane_curves_rows(out, r->state, r->db, err);
}

static wane_status means(wane_query **out, const wane_reporting *r, wane_error *err)
{
    return wane_curves_means(out, r->state, r->db, err);
}

static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    return wane_curves_draw(out, r->state, err);
}

static void caption(wane_text *out, const wane_reporting *r)
{
    wane_curves_caption(out, r->state);
}

static void end(wane_reporting *r)
{
    wane_curves_free(r->state);
}

static const wane_report_example more[] = {
    {"-m nll --corpus NAME -o nll.svg", "nll of one corpus after each stage"},
    {"--task NAME -o task.svg", "accuracy of one task after each stage"},
    {"-x intruders -o scatter.svg", "forgetting against intruders"},
    {"-m intruders --k 5 --epsilon 0.3 --side v", "intruders counted in another way"},
    {"-x epsilon -o epsilon.svg", "intruders against epsilon; the same with k"},
    {NULL, NULL}};

const wane_report wane_report_metric = {
    .name = "METRIC",
    .brief = "a metric over stages by method (pretraining_forgetting), or against another",
    .example = "-o forgetting.svg",
    .takes = WANE_TAKES_X | WANE_TAKES_BY | WANE_TAKES_CORPUS | WANE_TAKES_TASK | WANE_TAKES_K |
             WANE_TAKES_EPSILON | WANE_TAKES_SIDE | WANE_TAKES_AGAINST | WANE_TAKES_STAGE |
             WANE_TAKES_BAND | WANE_TAKES_X_SCALE | WANE_TAKES_Y_SCALE,
    .open = open,
    .rows = rows,
    .means = means,
    .draw = draw,
    .caption = caption,
    .close = end,
    .more = more};
