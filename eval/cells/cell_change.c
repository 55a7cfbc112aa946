/* SPDX-License-Identifier: Apache-2.0
 * A change cell: how the update of every matrix acts on the inputs of the task just trained, and
 * the angles between this stage's increment and the one before.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/angles.h"
#include "eval/cells/cell_matrices.h"
#include "eval/measure/measure.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"

/* Rows of the task whose prompts are the inputs. */
enum { ROWS = 64 };

/* Weights of the two stages before, where increments are whole tensors. */
typedef struct earlier {
    wane_model *one, *two;
    const char *reason; /* why there are no angles */
} earlier;

static void earlier_free(earlier *e)
{
    wane_model_free(e->one);
    wane_model_free(e->two);
}

/* A stage whose weights were let go leaves the angles undefined; any other failure is one. */
static wane_status read_earlier(earlier *e, wane_work *work, const wane_plan_run *run,
                                size_t position, bool lowrank, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    /* By what the stage is, not by the run that asks: a bound shares its first one with others. */
    e->reason = stage->kind->no_angles;
    if (!e->reason && stage->position == 1) e->reason = "first_stage";
    if (e->reason || lowrank) return WANE_OK;
    wane_status st = wane_stage_model(&e->one, work, run, position - 1, err);
    if (st == WANE_OK) st = wane_stage_model(&e->two, work, run, position - 2, err);
    if (st != WANE_ENOTFOUND) return st;
    e->reason = "weights of the stages before are not kept";
    return WANE_OK;
}

static wane_status increment(wane_change *out, wane_work *work, const wane_chain *chain,
                             size_t position, size_t parameter, wane_pool *pool, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st =
        wane_terms_of_increment(&terms, &lowrank, work, chain, position, parameter, err);
    if (st == WANE_OK)
        st = wane_change_of_terms(out, p->rows, p->cols, terms.term, terms.count, pool, err);
    wane_free(terms.term);
    return st;
}

static bool terms_finite(const wane_update *update, const char *name)
{
    for (size_t t = 0; t < update->count; t++) {
        const wane_update_tensor *tensor = &update->tensors[t];
        if (strcmp(tensor->name, name) == 0 &&
            !wane_lowrank_finite(&tensor->term, tensor->rows, tensor->cols))
            return false;
    }
    return true;
}

/* Whether all that the angles of a parameter are made of is finite. */
static bool increments_finite(const wane_chain *chain, size_t position, size_t parameter,
                              const earlier *e)
{
    bool finite = wane_weight_finite(chain->model, parameter);
    if (e->one)
        return finite && wane_weight_finite(e->one, parameter) &&
               wane_weight_finite(e->two, parameter);
    const char *name = chain->model->parameters.parameter[parameter].name;
    for (size_t p = position > 2 ? position - 2 : 1; p <= position; p++)
        finite = finite && terms_finite(&chain->updates[p - 1], name);
    return finite;
}

static wane_status angles(wane_change_row *row, wane_work *work, const wane_chain *chain,
                          size_t position, size_t parameter, const earlier *e, wane_pool *pool,
                          wane_error *err)
{
    wane_status st = WANE_OK;
    wane_change now = {0}, before = {0};
    if (e->one) {
        wane_matrix one = wane_model_matrix(e->one, parameter);
        WANE_TRY(wane_change_of_weights(&now, wane_model_matrix(chain->model, parameter), one, pool,
                                        err));
        WANE_TRY(
            wane_change_of_weights(&before, one, wane_model_matrix(e->two, parameter), pool, err));
    } else {
        WANE_TRY(increment(&now, work, chain, position, parameter, pool, err));
        WANE_TRY(increment(&before, work, chain, position - 1, parameter, pool, err));
    }
    WANE_TRY(wane_change_angles(&row->angle_u, &row->angle_v, &now, &before, err));
    size_t count = now.count < before.count ? now.count : before.count;
    if (count) row->directions = (int64_t)count;
    else row->reason = "unchanged";
done:
    wane_change_free(&now);
    wane_change_free(&before);
    return st;
}

/* W - W_0 in the model's layout, for the linear weights. */
static wane_status change_model(wane_model **out, const wane_model *tuned, const wane_model *base,
                                wane_error *err)
{
    wane_status st = wane_model_copy(out, tuned, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < base->parameters.floats; i++) (*out)->weights[i] -= base->weights[i];
    return WANE_OK;
}

static bool all_lowrank(const wane_chain *chain, size_t position)
{
    size_t first = position > 2 ? position - 2 : 1;
    bool lowrank = true;
    for (size_t p = first; p <= position; p++) {
        const wane_update *update = &chain->updates[p - 1];
        lowrank = lowrank && update->lowrank;
        for (size_t t = 0; t < update->count; t++)
            lowrank = lowrank && wane_update_is_term(&update->tensors[t]);
    }
    return lowrank;
}

/* One matrix's row; several at once. */
typedef struct making {
    const wane_measuring *at;
    wane_change_row *rows; /* per parameter */
    const double *response;
    const earlier *e;
    size_t tokens;
} making;

static wane_status row_of(void *context, size_t parameter, wane_pool *pool, wane_error *err)
{
    const making *m = context;
    wane_work *work = m->at->work;
    const earlier *e = m->e;
    const double response = m->response[parameter];
    wane_change_row *row = &m->rows[parameter];
    wane_status st = WANE_OK;
    *row = (wane_change_row){.matrix = work->plan->matrix_ids[parameter],
                             .f_delta = isfinite(response) ? response : NAN,
                             .tokens = (int64_t)m->tokens,
                             .directions = WANE_NULL,
                             .angle_u = NAN,
                             .angle_v = NAN,
                             .reason = e->reason};
    bool finite = e->reason || increments_finite(m->at->chain, m->at->position, parameter, e);
    if (!e->reason && finite)
        st = angles(row, work, m->at->chain, m->at->position, parameter, e, pool, err);
    if (!finite || isinf(response)) row->reason = WANE_NOT_FINITE;
    return st;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t task,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_chain *chain = at->chain;
    const size_t position = at->position;
    const wane_parameters *table = &work->inputs->base->parameters;
    wane_model *change = NULL;
    earlier e = {0};
    size_t tokens = 0, count = 0;
    /* A model whose adapter has untied the head has one parameter more, behind the others. */
    double *response = wane_alloc(chain->model->parameters.count, sizeof *response);
    wane_change_row *rows = wane_alloc(table->count, sizeof *rows);
    WANE_TRY(response && rows ? WANE_OK : wane_fail_memory(err, "change", at->run->name));
    WANE_TRY(change_model(&change, chain->model, work->inputs->base, err));
    WANE_TRY(wane_measure_response(response, &tokens, chain->model, change,
                                   &work->inputs->tasks[task].test, ROWS, work->pool, err));
    wane_model_free(change);
    change = NULL;
    WANE_TRY(read_earlier(&e, work, at->run, position, all_lowrank(chain, position), err));
    making m = {at, rows, response, &e, tokens};
    WANE_TRY(wane_each_weight(work, row_of, &m, err));
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear) rows[count++] = rows[i];
    WANE_TRY(wane_work_commit(work, cell, &(wane_cell_rows){.changes = rows, .change_count = count},
                              err));
done:
    earlier_free(&e);
    wane_model_free(change);
    wane_free(response);
    wane_free(rows);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_inputs *in = at->plan->inputs;
    /* A stage that several orders share has one task whichever of them asks. */
    size_t task = at->plan->stages[at->run->stages[at->position]].tasks[0];
    wane_sha256 *hash = NULL;
    char settings[WANE_SHA256_HEX];
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "change 1");
    wane_sha256_text(hash, in->tasks[task].settings);
    if ((st = wane_sha256_end(settings, hash, err)) != WANE_OK) return st;
    return wane_visit(at, in->tasks[task].key, settings,
                      in->tasks[task].task.sha256[WANE_SPLIT_TEST], task, err);
}

const wane_measure wane_change_measure = {
    .name = WANE_CELL_CHANGE, .before = WANE_BEFORE_USED, .visit = visit, .fill = fill};
