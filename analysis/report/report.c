/* SPDX-License-Identifier: Apache-2.0
 * What reports have in common: the options that they may take, and the stage they are of.
 */
#include "analysis/report/report.h"

#include <string.h>

static const char *const scales[] = {"auto", "linear", "log", NULL};
static const char *const sides[] = {"u", "v", NULL};
static const char *const references[] = {"base", "previous", NULL};
static const char *const choices[] = {"top", "all", NULL};
static const char *const bands[] = {"sd", "ci", NULL};

#define MEMBER(name) offsetof(wane_report_request, name)

const wane_report_option wane_report_options[WANE_REPORT_OPTIONS] = {
    {WANE_TAKES_X, "x", 'x', WANE_REPORT_TEXT, MEMBER(x), "stage|epsilon|k|METRIC",
     "against what (stage); against a metric: a point per run and stage", NULL},
    {WANE_TAKES_BY, "by", 'b', WANE_REPORT_TEXT, MEMBER(by), "COLUMN",
     "a line for each of its values: method, kind, rank, order, seed, run (method)", NULL},
    {WANE_TAKES_CORPUS, "corpus", 0, WANE_REPORT_TEXT, MEMBER(corpus), "NAME",
     "pretraining_forgetting, nll, kl_to_base or soft_ce of this corpus", NULL},
    {WANE_TAKES_TASK, "task", 0, WANE_REPORT_TEXT, MEMBER(task), "NAME", "accuracy of this task",
     NULL},
    {WANE_TAKES_K, "k", 'k', WANE_REPORT_COUNT, MEMBER(k), "K",
     "intruders are counted among the top K directions of each matrix (10)", NULL},
    {WANE_TAKES_EPSILON, "epsilon", 0, WANE_REPORT_FRACTION, MEMBER(epsilon), "E",
     "an intruder's largest |cosine| is below this (0.5)", NULL},
    {WANE_TAKES_SIDE, "side", 0, WANE_REPORT_TEXT, MEMBER(side), "u|v",
     "left or right singular vectors (u)", sides},
    {WANE_TAKES_AGAINST, "against", 0, WANE_REPORT_TEXT, MEMBER(against), "base|previous",
     "what they are compared with, the base or the stage before (base)", references},
    {WANE_TAKES_STAGE, "stage", 0, WANE_REPORT_STAGE, MEMBER(stage), "N|last",
     "after this stage (last); of a metric with --x epsilon or --x k", NULL},
    {WANE_TAKES_CHOICE, "choice", 0, WANE_REPORT_TEXT, MEMBER(choice), "top|all",
     "the first intruder of each matrix is scaled, or all (top)", choices},
    {WANE_TAKES_ARMS, "arms", 0, WANE_REPORT_NAMES, MEMBER(arms), "NAME,...",
     "only where all of these exist (every arm measured)", NULL},
    {WANE_TAKES_MATRIX, "matrix", 0, WANE_REPORT_TEXT, MEMBER(matrix), "NAME",
     "one matrix, layers.0.q_proj", NULL},
    {WANE_TAKES_BAND, "band", 0, WANE_REPORT_TEXT, MEMBER(band), "sd|ci",
     "around the mean: 1 standard deviation, or a 95% t interval (sd)", bands},
    {WANE_TAKES_X_SCALE, "x-scale", 0, WANE_REPORT_TEXT, MEMBER(x_scale), "SCALE",
     "linear, log or auto (auto)", scales},
    {WANE_TAKES_Y_SCALE, "y-scale", 0, WANE_REPORT_TEXT, MEMBER(y_scale), "SCALE",
     "the same of the other axis", scales},
};

size_t wane_report_stage(const wane_report_request *r)
{
    int64_t stage = 0;
    return r->stage && wane_parse_int64(&stage, r->stage) && stage > 0 ? (size_t)stage : 0;
}

void wane_report_say_stage(wane_text *out, size_t stage)
{
    if (stage) wane_text_printf(out, "stage %zu", stage);
    else wane_text_string(out, "the last stage");
}

size_t wane_report_number(const char **list, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0) return i;
    list[*count] = name;
    return (*count)++;
}

const char *wane_report_by(const wane_reporting *r)
{
    return r->asked.by ? r->asked.by : "method";
}

const char *wane_report_label(const wane_reporting *r, const wane_query *q, size_t column)
{
    wane_text text = {0};
    const char *value = wane_query_text(q, column);
    if (value && wane_query_type(q, column) != WANE_VALUE_TEXT)
        wane_text_printf(&text, "%s ", wane_report_by(r));
    wane_text_string(&text, value ? value : "none");
    return wane_report_keep(r, &text);
}

const char *wane_report_keep(const wane_reporting *r, wane_text *text)
{
    const char *kept = text->failed ? NULL : wane_arena_strdup(r->arena, text->data);
    wane_text_free(text);
    return kept;
}
