/* SPDX-License-Identifier: Apache-2.0
 * Allocates, copies, draws, ties and unties a model's weights, and hashes what it computes.
 */
#include "eval/model/model.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/config_key.h"
#include "eval/model/layout.h"
#include "eval/model/model_internal.h"
#include "store/base/memory.h"
#include "store/base/random.h"

wane_status wane_model_allocate(wane_model **out, const wane_config *config, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_model *model = wane_alloc(1, sizeof *model);
    if (!model) return wane_fail_memory(err, "model", "weights");
    model->config = *config;
    WANE_TRY(wane_parameters_plan(&model->parameters, config, err));
    model->weights = wane_alloc_aligned(model->parameters.floats, sizeof(float));
    if (!model->weights) st = wane_fail_memory(err, "model", "weights");
done:
    if (st == WANE_OK) *out = model;
    else wane_model_free(model);
    return st;
}

void wane_model_free(wane_model *model)
{
    if (!model) return;
    wane_parameters_free(&model->parameters);
    wane_free(model->weights);
    wane_free(model);
}

wane_status wane_model_random(wane_model **out, const wane_config *config, uint64_t seed,
                              wane_error *err)
{
    wane_model *model = NULL;
    wane_status st = wane_model_allocate(&model, config, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        float *w = model->weights + p->offset;
        wane_random where = {.seed = seed, .purpose = WANE_RANDOM_INIT, .tensor = i};
        if (p->role == WANE_ROLE_NORM)
            for (size_t j = 0; j < p->rows; j++)
                w[j] = config->block.norm == WANE_NORM_RMS_PLUS_ONE ? 0.0f : 1.0f;
        else if (p->role != WANE_ROLE_BIAS)
            wane_random_normal_fill(w, p->rows * p->cols, config->initializer_range, &where);
    }
    *out = model;
    return WANE_OK;
}

wane_status wane_model_copy(wane_model **out, const wane_model *model, wane_error *err)
{
    wane_model *copy = NULL;
    wane_status st = wane_model_allocate(&copy, &model->config, err);
    if (st != WANE_OK) return st;
    memcpy(copy->weights, model->weights, model->parameters.floats * sizeof(float));
    *out = copy;
    return WANE_OK;
}

float *wane_model_weight(wane_model *model, size_t parameter)
{
    assert(parameter < model->parameters.count);
    return model->weights + model->parameters.parameter[parameter].offset;
}

wane_matrix wane_model_matrix(const wane_model *model, size_t parameter)
{
    assert(parameter < model->parameters.count);
    const wane_parameter *p = &model->parameters.parameter[parameter];
    return (wane_matrix){
        .data = model->weights + p->offset, .rows = p->rows, .cols = p->cols, .stride = p->cols};
}

const wane_parameter *wane_model_not_finite(const wane_model *model, size_t *element)
{
    for (size_t p = 0; p < model->parameters.count; p++) {
        const wane_parameter *parameter = &model->parameters.parameter[p];
        const float *values = model->weights + parameter->offset;
        for (size_t i = 0; i < parameter->rows * parameter->cols; i++)
            if (!isfinite(values[i])) {
                if (element) *element = i;
                return parameter;
            }
    }
    return NULL;
}

char *wane_model_say_not_finite(char *out, size_t size, const wane_model *model)
{
    size_t element = 0;
    const wane_parameter *p = wane_model_not_finite(model, &element);
    if (!p) return NULL;
    (void)snprintf(out, size, "value %zu of %s is %s", element, p->name,
                   isnan(model->weights[p->offset + element]) ? "NaN" : "infinite");
    return out;
}

wane_status wane_model_untie(wane_model *model, wane_error *err)
{
    wane_model *apart = NULL;
    wane_config config = model->config;
    if (!config.tied) return WANE_OK;
    config.tied = false;
    wane_status st = wane_model_allocate(&apart, &config, err);
    if (st != WANE_OK) return st;
    const wane_parameter *head = &apart->parameters.parameter[wane_head(&apart->parameters)];
    memcpy(apart->weights, model->weights, model->parameters.floats * sizeof(float));
    memcpy(apart->weights + head->offset,
           model->weights + model->parameters.parameter[wane_head(&model->parameters)].offset,
           head->rows * head->cols * sizeof(float));
    wane_model old = *model;
    *model = *apart;
    *apart = old;
    wane_model_free(apart);
    return WANE_OK;
}

void wane_model_tie(wane_model *model)
{
    if (model->config.tied) return;
    const wane_parameter *head = &model->parameters.parameter[wane_head(&model->parameters)];
    model->parameters.floats = head->offset;
    model->parameters.numbers -= head->rows * head->cols;
    model->parameters.count--;
    model->parameters.places->outside.weight[WANE_HEAD] = WANE_ABSENT;
    model->config.tied = true;
}

wane_status wane_model_sha256(char out[WANE_SHA256_HEX], const wane_model *model, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    wane_text first = {0}, later = {0};
    wane_config_hashed(&first, &later, &model->config);
    WANE_TRY(wane_text_check(&first, "hash", "model", err));
    WANE_TRY(wane_text_check(&later, "hash", "model", err));
    WANE_TRY(wane_sha256_begin(&hash, err));
    wane_sha256_text(hash, "wane model 1");
    wane_sha256_text(hash, first.data);
    wane_sha256_text(hash, later.data);
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        wane_sha256_text(hash, p->name);
        wane_sha256_field(hash, model->weights + p->offset, p->rows * p->cols * sizeof(float));
    }
    st = wane_sha256_end(out, hash, err);
done:
    wane_text_free(&first);
    wane_text_free(&later);
    return st;
}
