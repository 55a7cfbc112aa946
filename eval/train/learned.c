/* SPDX-License-Identifier: Apache-2.0
 * What training learned, as an update, and updates put back on models.
 */
#include <stdlib.h>
#include <string.h>

#include "eval/train/trainer.h"

static int by_name(const void *left, const void *right)
{
    const wane_update_tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Values of a weight that files have turned become so. */
static wane_status to_file(wane_update_tensor *t, wane_update *update, const wane_parameter *p,
                           wane_error *err)
{
    if (!t->data || !p->turned) return WANE_OK;
    float *file = wane_update_room(update, p->rows * p->cols);
    if (!file) return wane_fail_memory(err, "update", p->name);
    wane_parameter_to_file(p, t->data, file);
    t->data = file;
    t->rows = wane_parameter_file_rows(p);
    t->cols = wane_parameter_file_cols(p);
    return WANE_OK;
}

wane_status wane_trainer_update(wane_update *out, const wane_trainer *trainer,
                                const wane_model *model, wane_error *err)
{
    const wane_parameters *parameters = &model->parameters;
    size_t count = 0, kept = 0;
    if (parameters->count != trainer->model->parameters.count)
        return wane_fail(err, WANE_EINVAL, "update: model: not the one that was trained");
    for (size_t i = 0; i < parameters->count; i++) count += trainer->train[i];
    wane_update update = {0};
    wane_status st = wane_update_new(&update, count, trainer->method->adapter, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < parameters->count && st == WANE_OK; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        if (!trainer->train[i]) continue;
        wane_update_tensor *t = &update.tensors[kept++];
        *t = (wane_update_tensor){.name = p->name, .rows = p->rows, .cols = p->cols};
        trainer->method->learned(t, trainer, model, i);
        st = to_file(t, &update, p, err);
    }
    if (st != WANE_OK) {
        wane_update_free(&update);
        return st;
    }
    qsort(update.tensors, kept, sizeof *update.tensors, by_name);
    if (update.lowrank) update.facts = trainer->facts;
    *out = update;
    return WANE_OK;
}

/* The parameter a tensor of an update belongs to. */
static wane_status parameter_of(size_t *out, const wane_parameters *parameters,
                                const wane_update_tensor *tensor, wane_error *err)
{
    long index = wane_parameters_find(parameters, tensor->name);
    if (index < 0)
        return wane_fail(err, WANE_EINVAL, "update: %s: the model has no such tensor",
                         tensor->name);
    const wane_parameter *p = &parameters->parameter[index];
    size_t rows = tensor->data ? wane_parameter_file_rows(p) : p->rows;
    size_t cols = tensor->data ? wane_parameter_file_cols(p) : p->cols;
    if (tensor->rows != rows || tensor->cols != cols)
        return wane_fail(err, WANE_EINVAL, "update: %s: %zu x %zu, the model's is %zu x %zu",
                         tensor->name, tensor->rows, tensor->cols, rows, cols);
    *out = (size_t)index;
    return WANE_OK;
}

/* The tensor is of the head of a tied model, which is its embedding. */
static bool is_tied_head(const wane_model *model, const char *name)
{
    return model->config.tied && strcmp(name, wane_parameters_head_name(&model->parameters)) == 0;
}

static bool is_end(const wane_model *model, const char *name)
{
    return strcmp(name, wane_parameters_embedding_name(&model->parameters)) == 0 ||
           strcmp(name, wane_parameters_head_name(&model->parameters)) == 0;
}

/* An adapter that is on the embedding or the head alone parts the two (as peft computes it: the
 * other keeps the base's weight). */
static bool parts_the_tie(const wane_model *model, const wane_update *update)
{
    bool parts = false;
    for (size_t i = 0; update->lowrank && i < update->count; i++)
        parts = parts || ((!update->tensors[i].data || update->tensors[i].own) &&
                          is_end(model, update->tensors[i].name));
    return parts && model->config.tied;
}

/* Of an adapter's tensor saved whole, a tied head is the embedding. */
static wane_status place_of(size_t *out, const wane_model *model, const wane_update *update,
                            const wane_update_tensor *tensor, wane_error *err)
{
    wane_update_tensor named = *tensor;
    if (update->lowrank && is_tied_head(model, tensor->name))
        named.name = wane_parameters_embedding_name(&model->parameters);
    return parameter_of(out, &model->parameters, &named, err);
}

/* What the adapter says of its base must be so. */
static wane_status check_claim(const wane_model *model, const wane_update_claim *claim,
                               wane_error *err)
{
    const char *name = claim->name;
    if (is_tied_head(model, name)) name = wane_parameters_embedding_name(&model->parameters);
    long index = wane_parameters_find(&model->parameters, name);
    const wane_parameter *p = index < 0 ? NULL : &model->parameters.parameter[index];
    bool fits = p && wane_parameter_file_rows(p) == claim->rows &&
                wane_parameter_file_cols(p) == claim->cols,
         holds = false;
    if (fits && !p->turned) holds = wane_update_claim_holds(claim, model->weights + p->offset);
    else if (fits) {
        float *file = wane_alloc(claim->rows * claim->cols, sizeof *file);
        if (!file) return wane_fail_memory(err, "update", claim->name);
        wane_parameter_to_file(p, model->weights + p->offset, file);
        holds = wane_update_claim_holds(claim, file);
        wane_free(file);
    }
    if (holds) return WANE_OK;
    return wane_fail(err, WANE_EINVAL,
                     "update: %s: is not the %s of this model: the adapter was made on another",
                     claim->key, claim->name);
}

wane_status wane_model_apply(wane_model *model, const wane_update *update, wane_pool *pool,
                             wane_error *err)
{
    size_t index = 0;
    wane_status st = WANE_OK;
    const wane_method *method = NULL;
    for (size_t i = 0; i < update->claim_count && st == WANE_OK; i++)
        st = check_claim(model, &update->claims[i], err);
    if (st == WANE_OK && parts_the_tie(model, update)) st = wane_model_untie(model, err);
    if (st == WANE_OK && update->lowrank) st = wane_method_of_update(&method, update, err);
    for (size_t i = 0; i < update->count && st == WANE_OK; i++)
        st = place_of(&index, model, update, &update->tensors[i], err);
    for (size_t i = 0; i < update->count && st == WANE_OK; i++) {
        const wane_update_tensor *tensor = &update->tensors[i];
        if ((st = place_of(&index, model, update, tensor, err)) != WANE_OK) break;
        float *weight = wane_model_weight(model, index);
        if (tensor->data)
            wane_parameter_from_file(&model->parameters.parameter[index], tensor->data, weight);
        else st = method->merge(pool, tensor, weight, err);
    }
    return st;
}

wane_status wane_trainer_merged(wane_model **out, const wane_trainer *trainer, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_model *model = NULL;
    wane_update update = {0};
    WANE_TRY(wane_model_copy(&model, trainer->model, err));
    if (trainer->method->adapter) {
        WANE_TRY(wane_trainer_update(&update, trainer, model, err));
        WANE_TRY(wane_model_apply(model, &update, trainer->pool, err));
    }
    *out = model;
    model = NULL;
done:
    wane_update_free(&update);
    wane_model_free(model);
    return st;
}

/* The terms in the table's order: per parameter its tensor of the update, or NULL. */
static wane_status order_terms(const wane_update_tensor ***out, const wane_parameters *parameters,
                               const wane_update *update, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_update_tensor **terms = wane_alloc(parameters->count, sizeof *terms);
    if (!terms) return wane_fail_memory(err, "update", "adapter");
    for (size_t i = 0; i < update->count; i++) {
        size_t index = 0;
        const wane_update_tensor *t = &update->tensors[i];
        WANE_TRY(parameter_of(&index, parameters, t, err));
        if (!parameters->parameter[index].linear || t->term.rank == 0)
            WANE_TRY(wane_fail(err, WANE_EINVAL,
                               "update: %s: no linear weight of a layer; it can be merged, not "
                               "computed with",
                               t->name));
        terms[index] = t;
    }
    *out = terms;
    terms = NULL;
done:
    wane_free(terms);
    return st;
}

/* An adapter with room for the terms, all of it 0. */
static wane_status make_adapter(wane_adapter **out, const wane_method *method,
                                const wane_parameters *parameters,
                                const wane_update_tensor *const *terms, double dropout,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    size_t *rank = wane_alloc(parameters->count, sizeof *rank);
    float *scale = wane_alloc(parameters->count, sizeof *scale);
    if (!rank || !scale) WANE_TRY(wane_fail_memory(err, "update", "adapter"));
    for (size_t i = 0; i < parameters->count; i++) {
        if (!terms[i]) continue;
        rank[i] = terms[i]->term.rank;
        scale[i] = terms[i]->term.scale;
    }
    st = wane_adapter_zero(out, method->term, parameters, rank, scale, dropout, err);
done:
    wane_free(rank);
    wane_free(scale);
    return st;
}

wane_status wane_adapter_from_update(wane_adapter **out, const wane_parameters *parameters,
                                     const wane_update *update, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_update_tensor **terms = NULL;
    const wane_method *method = NULL;
    wane_adapter *adapter = NULL;
    if (!update->lowrank || update->count == 0)
        return wane_fail(err, WANE_EINVAL, "update: adapter: it holds no low-rank terms");
    WANE_TRY(wane_method_of_update(&method, update, err));
    WANE_TRY(order_terms(&terms, parameters, update, err));
    WANE_TRY(make_adapter(&adapter, method, parameters, terms, update->facts.dropout, err));
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        const wane_update_tensor *t = terms[factor->parameter];
        memcpy(factor->a, t->term.a, factor->rank * factor->cols * sizeof(float));
        memcpy(factor->b, t->term.b, factor->rank * factor->rows * sizeof(float));
        if (factor->vector) memcpy(factor->vector, t->vector, factor->rows * sizeof(float));
    }
    *out = adapter;
done:
    wane_free(terms);
    return st;
}
