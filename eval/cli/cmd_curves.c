/* SPDX-License-Identifier: Apache-2.0
 * The command `wane curves`: which chart a metric means (curves, matrices, layers, frontier,
 * looks), the options each takes, and table or file as its output.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/report/frontier.h"
#include "analysis/report/layers.h"
#include "analysis/report/looks.h"
#include "analysis/report/matrices.h"
#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"
#include "store/base/text.h"

/* Writes a chart, or prints the query (freed in any case). */
static wane_status write(const wane_reading *r, wane_query *query, const wane_text *chart,
                         const char *path, wane_error *err)
{
    wane_text text = {0};
    wane_status st = WANE_OK;
    if (chart) return wane_reading_write(path, chart, err);
    if (!path) return wane_reading_print(r, query, "no points", err);
    WANE_TRY(wane_reading_append(
        &text, query, r->csv_plain ? WANE_RENDER_CSV_PLAIN : WANE_RENDER_CSV, NULL, err));
    WANE_TRY(wane_reading_write(path, &text, err));
done:
    wane_text_free(&text);
    return st;
}

/* The end of every chart: what it shows, above a table, then `write`. */
static wane_status finish(const wane_reading *r, wane_query *query, const wane_text *chart,
                          wane_text *caption, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    if (!path && r->format == WANE_RENDER_TABLE) {
        if ((st = wane_text_check(caption, "curves", "caption", err)) != WANE_OK) {
            wane_query_free(query);
            return st;
        }
        wane_text_string(caption, "\n");
        wane_put(stdout, caption->data, caption->length);
    }
    return write(r, query, chart, path, err);
}

static wane_status show_curves(const wane_reading *r, const wane_curves_request *request,
                               const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_curves *curves = NULL;
    wane_query *query = NULL;
    wane_text chart = {0}, caption = {0};
    bool draw = path && wane_ends_with(path, ".svg");
    WANE_TRY(wane_curves_read(&curves, r->db, request, err));
    if (draw) WANE_TRY(wane_curves_draw(&chart, curves, err));
    else if (path || !wane_reading_for_people(r))
        WANE_TRY(wane_curves_rows(&query, curves, r->db, err));
    else WANE_TRY(wane_curves_means(&query, curves, r->db, err));
    wane_curves_caption(&caption, curves);
    st = finish(r, query, draw ? &chart : NULL, &caption, path, err);
    query = NULL;
done:
    wane_query_free(query);
    wane_text_free(&caption);
    wane_curves_free(curves);
    wane_text_free(&chart);
    return st;
}

static wane_status show_matrices(const wane_reading *r, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_matrices *matrices = NULL;
    wane_query *query = NULL;
    wane_text chart = {0};
    bool draw = path && wane_ends_with(path, ".svg");
    WANE_TRY(wane_matrices_read(&matrices, r->db, r->experiment, err));
    if (draw) WANE_TRY(wane_matrices_draw(&chart, matrices, err));
    else if (path || !wane_reading_for_people(r))
        WANE_TRY(wane_matrices_rows(&query, matrices, r->db, err));
    else WANE_TRY(wane_matrices_means(&query, matrices, r->db, err));
    if (!path && r->format == WANE_RENDER_TABLE)
        (void)puts("accuracy of every task after each stage, mean +- sd over seeds\n");
    st = write(r, query, draw ? &chart : NULL, path, err);
done:
    wane_matrices_free(matrices);
    wane_text_free(&chart);
    return st;
}

static wane_status show_layers(const wane_reading *r, const wane_curves_request *request,
                               const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_layers *layers = NULL;
    wane_query *query = NULL;
    wane_text chart = {0}, caption = {0};
    bool draw = path && wane_ends_with(path, ".svg");
    WANE_TRY(
        wane_layers_read(&layers, r->db, &request->counting, request->stage, r->experiment, err));
    if (draw) WANE_TRY(wane_layers_draw(&chart, layers, err));
    else if (path || !wane_reading_for_people(r))
        WANE_TRY(wane_layers_rows(&query, layers, r->db, err));
    else WANE_TRY(wane_layers_means(&query, layers, r->db, err));
    wane_layers_caption(&caption, layers);
    st = finish(r, query, draw ? &chart : NULL, &caption, path, err);
    query = NULL;
done:
    wane_query_free(query);
    wane_layers_free(layers);
    wane_text_free(&chart);
    wane_text_free(&caption);
    return st;
}

static wane_status show_frontier(const wane_reading *r, const wane_frontier_request *request,
                                 const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_query *query = NULL;
    wane_text chart = {0}, caption = {0};
    bool draw = path && wane_ends_with(path, ".svg");
    if (draw) WANE_TRY(wane_frontier_draw(&chart, r->db, request, err));
    else WANE_TRY(wane_frontier_rows(&query, r->db, request, err));
    wane_frontier_caption(&caption, request);
    wane_text_string(&caption, "\n");
    st = finish(r, query, draw ? &chart : NULL, &caption, path, err);
    query = NULL;
done:
    wane_query_free(query);
    wane_text_free(&chart);
    wane_text_free(&caption);
    return st;
}

static wane_status show_looks(const wane_reading *r, const wane_looks_request *request,
                              const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_query *query = NULL;
    wane_text chart = {0}, caption = {0};
    const char *matrix = NULL;
    bool draw = path && wane_ends_with(path, ".svg");
    wane_arena *arena = wane_arena_new();
    WANE_TRY(arena ? WANE_OK : wane_fail_memory(err, "curves", request->metric));
    WANE_TRY(wane_looks_matrix(&matrix, r->db, request, arena, err));
    if (draw) WANE_TRY(wane_looks_draw(&chart, r->db, request, matrix, err));
    else WANE_TRY(wane_looks_rows(&query, r->db, request, matrix, err));
    wane_looks_caption(&caption, request, matrix);
    wane_text_string(&caption, "\n");
    st = finish(r, query, draw ? &chart : NULL, &caption, path, err);
    query = NULL;
done:
    wane_query_free(query);
    wane_arena_free(arena);
    wane_text_free(&chart);
    wane_text_free(&caption);
    return st;
}

#define NOT_GIVEN SIZE_MAX

/* What options say, before it is settled; epsilon is NaN when it is not given. */
typedef struct curves_call {
    wane_reading reading;
    wane_curves_request request;
    const char *path, *band, *stage, *x_scale, *y_scale;
    size_t k;
    double epsilon;
    const char *side, *against, *choice, *matrix;
    wane_option_list arms;
    wane_frontier_request frontier;
    wane_looks_request looks;
} curves_call;

enum chart { CURVES, MATRICES, LAYERS, FRONTIER, LOOKS };

static enum chart chart_of(const wane_curves_request *r)
{
    if (strcmp(r->metric, "accuracy_matrix") == 0) return MATRICES;
    if (wane_frontier_metric(r->metric)) return FRONTIER;
    if (wane_looks_metric(r->metric)) return LOOKS;
    return strcmp(r->metric, "intruders_by_matrix") == 0 ? LAYERS : CURVES;
}

static bool parse_scale(wane_curves_scale *out, const char *name)
{
    static const char *const names[] = {"auto", "linear", "log"};
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (wane_curves_scale)i;
        return true;
    }
    return !name;
}

static bool parse_stage(size_t *out, const char *text)
{
    int64_t stage = 0;
    if (!text || strcmp(text, "last") == 0) return true;
    if (!wane_parse_int64(&stage, text) || stage < 1) return false;
    *out = (size_t)stage;
    return true;
}

/* How intruders are counted; what was not given is the usual. */
static void settle_counting(curves_call *c, wane_curves_kind kind)
{
    wane_curves_request *r = &c->request;
    r->counting = wane_counting_usual();
    r->counted = c->k != NOT_GIVEN || !isnan(c->epsilon) || c->side || c->against;
    if (kind == WANE_CURVES_K) r->counting.k = 0;
    if (c->k != NOT_GIVEN) r->counting.k = c->k;
    if (!isnan(c->epsilon)) r->counting.epsilon = c->epsilon;
    if (c->side) r->counting.side = c->side;
    if (c->against) r->counting.against = c->against;
}

/* Arms of interventions have axes of their own; false after a usage error. */
static bool settle_frontier(const wane_call *call, curves_call *c)
{
    const wane_curves_request *r = &c->request;
    const char *x = r->x ? r->x : "forgetting_change_pct", *choice = c->choice ? c->choice : "top";
    if (strcmp(x, "forgetting_change_pct") != 0 && strcmp(x, "nll_change") != 0)
        (void)wane_cli_usage(call, "%s goes with --x forgetting_change_pct or --x nll_change",
                             r->metric);
    else if (strcmp(choice, "top") != 0 && strcmp(choice, "all") != 0)
        (void)wane_cli_usage(call, "--choice %s: neither top nor all", choice);
    else if (r->task || r->corpus || c->band || r->counted || c->x_scale || c->y_scale)
        (void)wane_cli_usage(call, "%s goes with --x, --by, --choice, --arms and --stage alone",
                             r->metric);
    else {
        c->frontier = (wane_frontier_request){
            .x = x,
            .y = strcmp(r->metric, "frontier") == 0 ? "latest_accuracy_change" : r->metric,
            .by = r->by && strcmp(r->by, "order") == 0 ? "order_name" : r->by,
            .choice = choice,
            .stage = r->stage,
            .arms = c->arms.item,
            .arm_count = c->arms.count};
        return true;
    }
    return false;
}

/* One matrix looked at; false after a usage error. */
static bool settle_looks(const wane_call *call, curves_call *c)
{
    const wane_curves_request *r = &c->request;
    const char *side = c->side ? c->side : "u";
    if (r->task || r->corpus || c->band || c->k != NOT_GIVEN || c->against || r->x || r->by ||
        c->x_scale || c->y_scale || c->choice || c->arms.count)
        (void)wane_cli_usage(call, "%s goes with --matrix, --side, --epsilon and --stage alone",
                             r->metric);
    else if (strcmp(side, "u") != 0 && strcmp(side, "v") != 0)
        (void)wane_cli_usage(call, "--side %s: neither u nor v", side);
    else {
        c->looks = (wane_looks_request){.metric = r->metric,
                                        .matrix = c->matrix,
                                        .side = side,
                                        .epsilon = isnan(c->epsilon) ? 0.5 : c->epsilon,
                                        .stage = r->stage};
        return true;
    }
    return false;
}

/* Settles what was not given; false after a usage error. */
static bool settle(const wane_call *call, curves_call *c)
{
    wane_curves_request *r = &c->request;
    if (r->x && strcmp(r->x, "stage") == 0) r->x = NULL;
    wane_curves_kind kind = wane_curves_kind_of(r);
    bool counts = kind == WANE_CURVES_EPSILON || kind == WANE_CURVES_K;
    if (!r->metric)
        r->metric = r->task ? "accuracy" : counts ? "intruders" : "pretraining_forgetting";
    enum chart chart = chart_of(r);
    settle_counting(c, kind);
    r->interval = c->band && strcmp(c->band, "ci") == 0;
    if (c->band && !r->interval && strcmp(c->band, "sd") != 0)
        (void)wane_cli_usage(call, "--band %s: neither sd nor ci", c->band);
    else if (!parse_scale(&r->x_scale, c->x_scale) || !parse_scale(&r->y_scale, c->y_scale))
        (void)wane_cli_usage(call, "--x-scale and --y-scale are auto, linear or log");
    else if (c->k == 0) (void)wane_cli_usage(call, "--k is at least 1");
    else if (!isnan(c->epsilon) && !(c->epsilon > 0 && c->epsilon <= 1))
        (void)wane_cli_usage(call, "--epsilon %g: not in (0, 1]", c->epsilon);
    else if (!parse_stage(&r->stage, c->stage))
        (void)wane_cli_usage(call, "--stage %s: neither a number from 1 on nor last", c->stage);
    else if (c->path && !wane_ends_with(c->path, ".svg") && !wane_ends_with(c->path, ".csv"))
        (void)wane_cli_usage(call, "--output %s: neither .svg nor .csv", c->path);
    else if (c->path && (c->reading.json || c->reading.format_name))
        (void)wane_cli_usage(call, "either --output or a format");
    else if (chart == FRONTIER) return settle_frontier(call, c);
    else if (chart == LOOKS) return settle_looks(call, c);
    else if (c->matrix) (void)wane_cli_usage(call, "--matrix goes with --metric rise or overlap");
    else if (c->choice || c->arms.count)
        (void)wane_cli_usage(call, "--choice and --arms go with --metric frontier");
    else if (chart != CURVES && (r->x || r->by || r->task || r->corpus || c->band))
        (void)wane_cli_usage(call, "%s goes without --x, --by, --task, --corpus and --band",
                             r->metric);
    else if (chart == MATRICES && r->counted)
        (void)wane_cli_usage(call,
                             "accuracy_matrix goes without --k, --epsilon, --side, --against");
    else if (c->stage && chart != LAYERS && !counts)
        (void)wane_cli_usage(call, "--stage goes with --x epsilon, --x k and intruders_by_matrix");
    else if (kind == WANE_CURVES_SCATTER && c->band)
        (void)wane_cli_usage(call, "--band goes with lines, --x %s draws points", r->x);
    else if (kind == WANE_CURVES_EPSILON && !isnan(c->epsilon))
        (void)wane_cli_usage(call, "either --x epsilon or --epsilon");
    else {
        if (!r->by) r->by = "method";
        if (strcmp(r->by, "order") == 0) r->by = "order_name";
        return true;
    }
    return false;
}

static wane_status show(curves_call *c, wane_error *err)
{
    switch (chart_of(&c->request)) {
    case MATRICES: return show_matrices(&c->reading, c->path, err);
    case FRONTIER:
        c->frontier.experiment = c->reading.experiment;
        return show_frontier(&c->reading, &c->frontier, c->path, err);
    case LOOKS:
        c->looks.experiment = c->reading.experiment;
        return show_looks(&c->reading, &c->looks, c->path, err);
    case LAYERS: return show_layers(&c->reading, &c->request, c->path, err);
    case CURVES: break;
    }
    return show_curves(&c->reading, &c->request, c->path, err);
}

static int run(wane_call *call)
{
    curves_call c = {.k = NOT_GIVEN, .epsilon = NAN};
    const wane_option options[] = {
        {"metric", 'm', WANE_OPTION_TEXT, &c.request.metric, "METRIC",
         "what `wane ls DB metrics` lists (pretraining_forgetting), or see the examples"},
        {"y", 'y', WANE_OPTION_TEXT, &c.request.metric, "METRIC", "the same as --metric"},
        {"x", 'x', WANE_OPTION_TEXT, &c.request.x, "stage|epsilon|k|METRIC",
         "against what (stage); against a metric: a point per run and stage"},
        {"by", 'b', WANE_OPTION_TEXT, &c.request.by, "COLUMN",
         "a line for each of its values: method, kind, rank, order, seed, run (method)"},
        {"corpus", 0, WANE_OPTION_TEXT, &c.request.corpus, "NAME",
         "pretraining_forgetting, nll, kl_to_base or soft_ce of this corpus"},
        {"task", 0, WANE_OPTION_TEXT, &c.request.task, "NAME", "accuracy of this task"},
        {"k", 'k', WANE_OPTION_COUNT, &c.k, "K",
         "intruders are counted among the top K directions of each matrix (10)"},
        {"epsilon", 0, WANE_OPTION_NUMBER, &c.epsilon, "E",
         "an intruder's largest |cosine| is below this (0.5)"},
        {"side", 0, WANE_OPTION_TEXT, &c.side, "u|v", "left or right singular vectors (u)"},
        {"against", 0, WANE_OPTION_TEXT, &c.against, "base|previous",
         "what they are compared with, the base or the stage before (base)"},
        {"stage", 0, WANE_OPTION_TEXT, &c.stage, "N|last",
         "with --x epsilon, --x k and intruders_by_matrix: after this stage (last)"},
        {"choice", 0, WANE_OPTION_TEXT, &c.choice, "top|all",
         "of a frontier: the first intruder of each matrix is scaled, or all (top)"},
        {"arms", 0, WANE_OPTION_LIST, &c.arms, "NAME,...",
         "of a frontier: only where all of these exist (every arm measured)"},
        {"matrix", 0, WANE_OPTION_TEXT, &c.matrix, "NAME",
         "of rise and overlap: one matrix, layers.0.q_proj"},
        {"band", 0, WANE_OPTION_TEXT, &c.band, "sd|ci",
         "around the mean: 1 standard deviation, or a 95% t interval (sd)"},
        {"x-scale", 0, WANE_OPTION_TEXT, &c.x_scale, "SCALE", "linear, log or auto (auto)"},
        {"y-scale", 0, WANE_OPTION_TEXT, &c.y_scale, "SCALE", "the same of the other axis"},
        {"output", 'o', WANE_OPTION_OUTPUT, &c.path, "FILE",
         "a chart (.svg) or its numbers (.csv)"},
        WANE_READING_FORMAT(c.reading),
        WANE_READING_WHERE(c.reading),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (!settle(call, &c)) return WANE_EXIT_USAGE;
    c.reading.csv_file = c.path && wane_ends_with(c.path, ".csv");
    wane_status st = wane_reading_open(&c.reading, call->operand[0], &err);
    c.request.experiment = c.reading.experiment;
    if (st == WANE_OK) st = show(&c, &err);
    if (st == WANE_OK || st == WANE_ENUMERIC) wane_reading_left_out(&c.reading);
    return wane_reading_end(&c.reading, st, &err);
}

const wane_command wane_command_curves = {
    "curves", "curves DB [--metric METRIC] [--x stage|epsilon|k|METRIC] [-o FILE.svg|FILE.csv]",
    "A metric over stages (forgetting curves) or against another: table, chart or csv."
    "\nwane curves DB -o forgetting.svg                          forgetting of pretraining by "
    "method"
    "\nwane curves DB -m nll --corpus NAME -o nll.svg            nll of one corpus after each stage"
    "\nwane curves DB --task NAME -o task.svg                    accuracy of one task after each "
    "stage"
    "\nwane curves DB -m accuracy_matrix -o matrix.svg           heat maps of all tasks after each "
    "stage"
    "\nwane curves DB -x intruders -o scatter.svg                forgetting against intruders"
    "\nwane curves DB -m intruders --k 5 --epsilon 0.3 --side v  intruders counted in another way"
    "\nwane curves DB -x epsilon -o epsilon.svg                  intruders against epsilon; the "
    "same with k"
    "\nwane curves DB -m frontier -o frontier.svg                intruders scaled, and the arms "
    "that "
    "compare: accuracy against forgetting"
    "\nwane curves DB -m rise --matrix NAME -o rise.svg          directions of one matrix as a "
    "stage trains"
    "\nwane curves DB -m overlap --matrix NAME -o overlap.svg    |U_0^T U| of one matrix"
    "\nwane curves DB -m intruders_by_matrix -o layers.svg       heat maps, layers by modules",
    run};
