/* SPDX-License-Identifier: Apache-2.0
 * Scores by heads on frozen features: the linear head a stage has trained, or a probe fitted anew.
 */
#include <math.h>

#include "analysis/statistics/logistic.h"
#include "eval/cells/cell.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"

/* The position whose head scores the task: the last stage so far, on the way from the base, that
 * trains it; 0: none. */
static size_t head_position(const wane_measuring *at, size_t task)
{
    size_t first = wane_plan_from_base(at->run) ? at->position : 1;
    for (size_t p = at->position; p >= first && p > 0; p--)
        if (wane_plan_trains(at->work->plan, at->run, p, task)) return p;
    return 0;
}

wane_status wane_head_reach(wane_reach *reach, const wane_measuring *at, size_t task,
                            wane_error *err)
{
    const wane_plan *plan = at->work->plan;
    bool kept = true;
    wane_status st = WANE_OK;
    if (at->work->experiment->head != WANE_HEAD_LINEAR) return WANE_OK;
    size_t trained = head_position(at, task);
    if (trained) st = wane_head_kept(&kept, at->work, &plan->stages[at->run->stages[trained]], err);
    if (!kept) *reach = WANE_REACH_GONE;
    return st;
}

static wane_status score_linear(wane_accuracy *out, const char **reason,
                                const wane_measuring *place, size_t task, wane_error *err)
{
    wane_work *work = place->work;
    const wane_chain *chain = place->chain;
    const wane_input_task *in = &work->inputs->tasks[task];
    size_t at = head_position(place, task);
    const wane_stage_kind *kind = work->plan->stages[place->run->stages[at]].kind;
    wane_status st = WANE_OK;
    float *weight = NULL;
    if (at) st = kind->head(&weight, work, place->run, at, task, chain, err);
    if (st == WANE_OK && !weight) *reason = "head_not_trained";
    else if (st == WANE_OK)
        st = wane_measure_linear(out, chain->model, NULL, weight, &in->task, WANE_SPLIT_TEST,
                                 &in->test, work->pool, err);
    wane_free(weight);
    return st;
}

static wane_status probe_rows(wane_work *work, size_t task, wane_error *err)
{
    if (!work->probe_rows)
        work->probe_rows = wane_alloc(work->experiment->task_count, sizeof *work->probe_rows);
    if (!work->probe_rows) return wane_fail_memory(err, "probe", "rows");
    if (work->probe_rows[task].rows) return WANE_OK;
    return wane_inputs_train(&work->probe_rows[task], work->inputs, &work->inputs->tasks[task].task,
                             work->inputs->max_length, err);
}

void wane_probe_rows_free(wane_work *work)
{
    for (size_t t = 0; work->probe_rows && t < work->experiment->task_count; t++)
        wane_prompts_free(&work->probe_rows[t]);
    wane_free(work->probe_rows);
}

/* A probe whose Newton steps do not reach their tolerance has no score, and says so. */
static wane_status fit(wane_logistic *out, const char **reason, wane_work *work, size_t task,
                       const double *features, const wane_prompts *rows, wane_error *err)
{
    size_t width = work->inputs->base->config.width;
    wane_status st = wane_logistic_fit(out, features, rows->labels, rows->rows, width,
                                       rows->label_count, NULL, work->pool, err);
    if (st != WANE_ENUMERIC) return st;
    wane_log_line(work->options->log, WANE_LOG_WARNING, "probe: %s: %s",
                  work->experiment->tasks[task].spec.name, err->message);
    *reason = "probe_failed";
    return WANE_OK;
}

static bool all_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static wane_status score_probe(wane_accuracy *out, const char **reason, wane_work *work,
                               size_t task, const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_input_task *in = &work->inputs->tasks[task];
    size_t width = work->inputs->base->config.width, labels = in->test.label_count;
    double *train = NULL, *test = NULL, *scores = NULL;
    wane_logistic probe = {0};
    WANE_TRY(probe_rows(work, task, err));
    const wane_prompts *rows = &work->probe_rows[task];
    train = wane_alloc(rows->rows, width * sizeof *train);
    test = wane_alloc(in->test.rows, width * sizeof *test);
    scores = wane_alloc(in->test.rows, labels * sizeof *scores);
    WANE_TRY(train && test && scores ? WANE_OK : wane_fail_memory(err, "probe", in->key));
    WANE_TRY(wane_measure_features(train, chain->model, NULL, rows, work->pool, err));
    WANE_TRY(wane_measure_features(test, chain->model, NULL, &in->test, work->pool, err));
    if (all_finite(train, rows->rows * width)) {
        WANE_TRY(fit(&probe, reason, work, task, train, rows, err));
        if (*reason) goto done;
        WANE_TRY(wane_logistic_predict(NULL, NULL, scores, &probe, test, in->test.rows, width,
                                       work->pool, err));
    } else { /* no probe can be fitted: no score is one */
        for (size_t i = 0; i < in->test.rows * labels; i++) scores[i] = NAN;
    }
    st = wane_accuracy_of_scores(out, scores, &in->task, WANE_SPLIT_TEST, &in->test, err);
done:
    wane_logistic_free(&probe);
    wane_free(train);
    wane_free(test);
    wane_free(scores);
    return st;
}

wane_status wane_score_by_head(wane_accuracy *out, const char **reason, const wane_measuring *at,
                               size_t task, wane_error *err)
{
    *reason = NULL;
    if (at->work->experiment->head == WANE_HEAD_REPROBE)
        return score_probe(out, reason, at->work, task, at->chain, err);
    return score_linear(out, reason, at, task, err);
}
