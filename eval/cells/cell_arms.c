/* SPDX-License-Identifier: Apache-2.0
 * Reads the unchanged stage's numbers back from its own cells, changes the weights by an arm once
 * for all who ask for the same change, measures, and puts the weights back.
 */
#include "eval/cells/cell_arms.h"

#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "store/base/memory.h"
#include "store/results/query.h"

static size_t parameters(const wane_work *work)
{
    return work->inputs->base->parameters.count;
}

static wane_status evaluation_new(wane_evaluation *out, const wane_work *work, wane_error *err)
{
    *out = (wane_evaluation){
        .matrix = wane_alloc(parameters(work), sizeof *out->matrix),
        .likelihood = wane_alloc(work->experiment->corpus_count, sizeof *out->likelihood),
        .accuracy = wane_alloc(work->experiment->task_count, sizeof *out->accuracy)};
    if (out->matrix && out->likelihood && out->accuracy) return WANE_OK;
    return wane_fail_memory(err, "intervention", "results"); /* the caller frees */
}

static void evaluation_free(wane_evaluation *e, const wane_work *work)
{
    for (size_t c = 0; e->likelihood && c < work->experiment->corpus_count; c++)
        wane_likelihood_free(&e->likelihood[c]);
    for (size_t t = 0; e->accuracy && t < work->experiment->task_count; t++)
        wane_accuracy_free(&e->accuracy[t]);
    wane_free(e->matrix);
    wane_free(e->likelihood);
    wane_free(e->accuracy);
    *e = (wane_evaluation){0};
}

void wane_intervening_free(wane_work *work)
{
    wane_intervening *s = work->intervening;
    if (!s) return;
    for (size_t i = 0; s->scaling && i < parameters(work); i++) wane_scaling_free(s->scaling[i]);
    for (size_t i = 0; i < s->count; i++) {
        evaluation_free(s->done[i], work);
        wane_free(s->done[i]);
    }
    evaluation_free(&s->unchanged, work);
    wane_model_free(s->model);
    wane_free(s->scaling);
    wane_free(s->done);
    wane_free(s);
    work->intervening = NULL;
}

/* ------------------------------------------------------------------ the stage from its own cells
 */

static wane_binding integer(int64_t value)
{
    return (wane_binding){NULL, {.type = WANE_VALUE_INTEGER, .integer = value}};
}

static wane_status missing_rows(const wane_work *work, const char *what, size_t found, size_t want,
                                wane_error *err)
{
    return wane_fail(err, WANE_EINTERNAL, "intervention: %s: %s: %zu rows of the stage, %zu wanted",
                     wane_results_path(work->db), what, found, want);
}

static wane_status read_windows(wane_likelihood *out, const wane_work *work, int64_t stage,
                                size_t corpus, wane_error *err)
{
    static const char sql[] = "SELECT nll, tokens FROM window WHERE stage = ?1 AND step = -1 AND "
                              "corpus = ?2 ORDER BY document, position";
    const wane_windows *w = &work->inputs->corpora[corpus].windows;
    wane_binding ids[2] = {integer(stage), integer(work->plan->corpus_ids[corpus])};
    wane_query *query = NULL;
    size_t count = 0;
    double nll = 0;
    out->window = wane_alloc(w->windows, sizeof *out->window);
    if (!out->window) return wane_fail_memory(err, "intervention", "windows");
    out->windows = w->windows;
    wane_status st = wane_query_open(&query, work->db, sql, ids, 2, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        if (count < w->windows) {
            wane_window_score *score = &out->window[count++];
            score->nll = wane_query_double(query, 0);
            score->tokens = (size_t)wane_query_int(query, 1);
            nll += score->nll;
            out->tokens += score->tokens;
        }
    wane_query_free(query);
    if (st == WANE_DONE && count == w->windows) {
        out->nll = nll / (double)out->tokens;
        return WANE_OK;
    }
    if (st != WANE_DONE) return st;
    return missing_rows(work, work->experiment->corpora[corpus].spec.name, count, w->windows, err);
}

/* Of an accuracy that is NULL: WANE_NOT_FINITE, or NULL where there is no row at all. */
static wane_status read_reason(const char **out, const wane_work *work, int64_t stage, size_t task,
                               wane_error *err)
{
    static const char sql[] = "SELECT reason FROM score WHERE stage = ?1 AND step = -1 AND task = "
                              "?2 AND metric = 'accuracy' AND split = 'test'";
    wane_binding ids[2] = {integer(stage), integer(work->plan->task_ids[task])};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, ids, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK && wane_query_text(query, 0)) *out = WANE_NOT_FINITE;
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status read_examples(wane_accuracy *out, const wane_work *work, int64_t stage,
                                 size_t task, wane_error *err)
{
    static const char sql[] =
        "SELECT row, label, predicted FROM example WHERE stage = ?1 AND step = -1 AND task = ?2 "
        "AND split = 'test' ORDER BY row";
    size_t rows = work->inputs->tasks[task].test.rows, count = 0, right = 0;
    wane_binding ids[2] = {integer(stage), integer(work->plan->task_ids[task])};
    wane_query *query = NULL;
    out->example = wane_alloc(rows, sizeof *out->example);
    if (!out->example) return wane_fail_memory(err, "intervention", "examples");
    out->examples = rows;
    wane_status st = wane_query_open(&query, work->db, sql, ids, 2, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        if (count < rows) {
            wane_example_score *e = &out->example[count++];
            e->row = (size_t)wane_query_int(query, 0);
            e->label = (int32_t)wane_query_int(query, 1);
            e->predicted = (int32_t)wane_query_int(query, 2);
            right += e->label == e->predicted;
        }
    wane_query_free(query);
    if (st == WANE_DONE && count == 0) { /* its head has no score there, or it is not finite */
        wane_accuracy_free(out);
        return read_reason(&out->reason, work, stage, task, err);
    }
    if (st == WANE_DONE && count == rows) {
        out->accuracy = (double)right / (double)rows;
        return WANE_OK;
    }
    if (st != WANE_DONE) return st;
    return missing_rows(work, work->experiment->tasks[task].spec.name, count, rows, err);
}

static wane_status read_unchanged(wane_evaluation *out, const wane_work *work,
                                  const wane_plan_run *run, size_t position, int64_t stage,
                                  wane_error *err)
{
    wane_status st = evaluation_new(out, work, err);
    out->lambda = 1;
    for (size_t c = 0; c < work->experiment->corpus_count && st == WANE_OK; c++)
        st = read_windows(&out->likelihood[c], work, stage, c, err);
    for (size_t t = 0; t < work->experiment->task_count && st == WANE_OK; t++)
        if (wane_task_measured(work->plan, run, position, t))
            st = read_examples(&out->accuracy[t], work, stage, t, err);
    return st;
}

/* ------------------------------------------------------------------------------- its directions */

static wane_status take_scaling(wane_scaling **out, wane_work *work, const wane_chain *chain,
                                size_t position, size_t parameter, wane_error *err)
{
    const wane_experiment *x = work->experiment;
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    const wane_rounding rounding = wane_chain_rounding(work, chain, parameter);
    const wane_scaling_options options = {.k = x->interventions.k,
                                          .epsilon = x->interventions.epsilon,
                                          .side = x->interventions.side,
                                          .stored = x->intruders_top,
                                          .rounding = rounding.tuned,
                                          .base_rounding = rounding.base};
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st = wane_terms_of(&terms, &lowrank, work, chain, position, parameter, 0, err);
    if (st == WANE_OK) st = wane_spectra_base(work, parameter, work->pool, err);
    if (st == WANE_OK && lowrank && terms.rank < smaller)
        st = wane_scaling_lowrank(out, work->svd[parameter], terms.term, terms.count, &options,
                                  work->pool, err);
    else if (st == WANE_OK)
        st =
            wane_scaling_full(out, work->svd[parameter], wane_model_matrix(chain->model, parameter),
                              &options, work->pool, err);
    wane_base_svd_let_go(work->svd[parameter]);
    wane_free(terms.term);
    return st;
}

wane_status wane_intervening_begin(wane_work *work, const wane_plan_run *run, size_t position,
                                   const wane_chain *chain, wane_error *err)
{
    int64_t stage = work->plan->stages[run->stages[position]].id;
    wane_status st = WANE_OK;
    if (work->intervening && work->intervening->stage == stage) return WANE_OK;
    wane_intervening_free(work);
    wane_intervening *s = work->intervening = wane_alloc(1, sizeof *s);
    if (!s) return wane_fail_memory(err, "intervention", run->name);
    s->scaling = wane_alloc(parameters(work), sizeof *s->scaling);
    WANE_TRY(s->scaling ? WANE_OK : wane_fail_memory(err, "intervention", run->name));
    WANE_TRY(read_unchanged(&s->unchanged, work, run, position, stage, err));
    WANE_TRY(wane_model_copy(&s->model, chain->model, err));
    s->finite = true;
    for (size_t i = 0; i < parameters(work); i++)
        if (work->inputs->base->parameters.parameter[i].linear)
            s->finite = s->finite && wane_weight_finite(chain->model, i);
    for (size_t i = 0; i < parameters(work) && s->finite; i++)
        if (work->inputs->base->parameters.parameter[i].linear)
            WANE_TRY(take_scaling(&s->scaling[i], work, chain, position, i, err));
    s->stage = stage;
done:
    if (st != WANE_OK) wane_intervening_free(work);
    return st;
}

/* The arm's numbers for a parameter; WANE_ARM_NO_INTRUDER for one that is no linear weight. */
static wane_intervention arm_of(const wane_work *work, size_t parameter, wane_choice choice,
                                wane_arm arm, double lambda)
{
    const wane_scaling *s = work->intervening->scaling[parameter];
    if (!s) return (wane_intervention){.state = WANE_ARM_NO_INTRUDER};
    return wane_intervene(s, choice, arm, lambda);
}

void wane_intervening_set(bool *set, size_t *count, size_t *with, const char **why,
                          const wane_work *work, wane_choice choice, wane_arm arm, double lambda)
{
    const wane_interventions *asked = &work->experiment->interventions;
    size_t reasons[WANE_ARM_UNREACHABLE + 1] = {0}, most = 0, own = 0;
    *count = *with = 0;
    *why = wane_arm_state_name(WANE_ARM_NO_INTRUDER);
    for (size_t i = 0; i < parameters(work); i++) {
        wane_arm_state state = arm_of(work, i, choice, arm, lambda).state;
        set[i] = state == WANE_ARM_EXISTS;
        *with += state != WANE_ARM_NO_INTRUDER;
        own += set[i];
        if (state != WANE_ARM_EXISTS && state != WANE_ARM_NO_INTRUDER && ++reasons[state] > most) {
            most = reasons[state];
            *why = wane_arm_state_name(state);
        }
        for (int a = 0; asked->together && a < WANE_ARMS; a++)
            if (asked->arm[a] &&
                arm_of(work, i, choice, (wane_arm)a, lambda).state != WANE_ARM_EXISTS)
                set[i] = false;
        *count += set[i];
    }
    if (own > 0) *why = "not_comparable";
}

/* --------------------------------------------------------------------------------- measuring it */

/* Where no matrix has two intruders both choices are the same. */
static wane_choice plain_choice(const wane_work *work, const bool *set, wane_choice choice)
{
    for (size_t i = 0; i < parameters(work); i++)
        if (set[i] && wane_scaling_intruders(work->intervening->scaling[i], WANE_CHOICE_ALL) > 1)
            return choice;
    return WANE_CHOICE_TOP;
}

static const wane_evaluation *find(const wane_work *work, const bool *set, wane_choice choice,
                                   wane_arm arm, double lambda)
{
    const wane_intervening *s = work->intervening;
    for (size_t i = 0; i < s->count; i++) {
        const wane_evaluation *e = s->done[i];
        if (e->arm == arm && e->choice == choice && e->lambda == lambda &&
            memcmp(e->matrix, set, parameters(work) * sizeof *set) == 0)
            return e;
    }
    return NULL;
}

static wane_status change_weights(wane_work *work, const wane_evaluation *e, wane_error *err)
{
    wane_intervening *s = work->intervening;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < parameters(work) && st == WANE_OK; i++) {
        if (!e->matrix[i]) continue;
        wane_intervention what = wane_intervene(s->scaling[i], e->choice, e->arm, e->lambda);
        st = wane_intervention_apply(wane_model_weight(s->model, i),
                                     wane_model_matrix(work->inputs->base, i).data, s->scaling[i],
                                     &what, work->pool, err);
    }
    return st;
}

static void put_back(wane_work *work, const wane_chain *chain)
{
    wane_model *model = work->intervening->model;
    memcpy(model->weights, chain->model->weights, model->parameters.floats * sizeof(float));
}

static wane_status measure_task(wane_accuracy *out, wane_work *work, size_t task,
                                const wane_plan_run *run, size_t position, const wane_chain *chain,
                                wane_error *err)
{
    const wane_input_task *in = &work->inputs->tasks[task];
    const char *reason = NULL;
    const wane_measuring at = {.work = work, .run = run, .position = position, .chain = chain};
    if (work->experiment->head != WANE_HEAD_VERBALIZER)
        return wane_score_by_head(out, &reason, &at, task, err);
    return wane_measure_accuracy(out, chain->model, NULL, NULL, &in->task, WANE_SPLIT_TEST,
                                 &in->test, work->experiment->tasks[task].per_token, work->pool,
                                 err);
}

static wane_status measure_all(wane_evaluation *e, wane_work *work, const wane_plan_run *run,
                               size_t position, const wane_chain *chain, wane_error *err)
{
    const wane_inputs *in = work->inputs;
    const wane_experiment *x = work->experiment;
    wane_model *model = work->intervening->model;
    wane_chain changed = *chain;
    changed.model = model;
    wane_status st = WANE_OK;
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++)
        st = wane_measure_likelihood(&e->likelihood[c], model, NULL, NULL, &in->corpora[c].windows,
                                     work->pool, err);
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++)
        if (wane_task_measured(work->plan, run, position, t))
            st = measure_task(&e->accuracy[t], work, t, run, position, &changed, err);
    return st;
}

wane_status wane_intervening_measure(const wane_evaluation **out, wane_work *work,
                                     const wane_plan_run *run, size_t position,
                                     const wane_chain *chain, const bool *set, wane_choice choice,
                                     wane_arm arm, double lambda, wane_error *err)
{
    wane_intervening *s = work->intervening;
    wane_evaluation *e = NULL;
    wane_status st = WANE_OK;
    if (lambda == 1) { /* every arm is the stage itself */
        *out = &s->unchanged;
        return WANE_OK;
    }
    choice = plain_choice(work, set, choice);
    if ((*out = find(work, set, choice, arm, lambda)) != NULL) return WANE_OK;
    if (!WANE_GROW(s->done, s->capacity, s->count + 1))
        WANE_TRY(wane_fail_memory(err, "intervention", "results"));
    e = wane_alloc(1, sizeof *e);
    WANE_TRY(e ? evaluation_new(e, work, err) : wane_fail_memory(err, "intervention", "results"));
    e->arm = arm;
    e->choice = choice;
    e->lambda = lambda;
    memcpy(e->matrix, set, parameters(work) * sizeof *set);
    WANE_TRY(change_weights(work, e, err));
    WANE_TRY(measure_all(e, work, run, position, chain, err));
    s->done[s->count++] = e;
    *out = e;
    e = NULL;
done:
    put_back(work, chain);
    if (e) evaluation_free(e, work);
    wane_free(e);
    return st;
}
