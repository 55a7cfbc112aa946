/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/model/pass_case.h"

#include <math.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/term.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

const wane_config small = {.architecture = &wane_architecture_llama,
                           .vocabulary = 37,
                           .width = 24,
                           .layers = 3,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_width = 6,
                           .hidden = 28,
                           .context = 128,
                           .norm_epsilon = 1e-5,
                           .rope = {.theta = 100},
                           .tied = true,
                           .attention_bias = true,
                           .mlp_bias = true,
                           .initializer_range = 0.3};

void make_data(data *d, size_t sequences, size_t every)
{
    wane_random where = {.seed = 2, .purpose = WANE_RANDOM_TEST};
    *d = (data){.starts = {0}};
    size_t targets = 0;
    for (size_t s = 0; s < sequences; s++)
        d->starts[s + 1] = d->starts[s] + 1 + (size_t)wane_random_below(&where, s, 60);
    size_t tokens = d->starts[sequences];
    assert_true(tokens <= TOKENS);
    where.tensor = 1;
    for (size_t t = 0; t < tokens; t++)
        d->ids[t] = (int32_t)wane_random_below(&where, t, small.vocabulary);
    for (size_t t = every / 2; t < tokens; t += every) {
        d->position[targets] = t;
        d->target[targets++] = d->ids[(t + 1) % tokens];
    }
    d->batch = (wane_batch){.tokens = tokens,
                            .sequences = sequences,
                            .ids = d->ids,
                            .starts = d->starts,
                            .targets = targets,
                            .position = d->position,
                            .target = d->target};
}

wane_model *make_model(const wane_config *config)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_random(&model, config, 1, &err));
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST};
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (p->role != WANE_ROLE_NORM && p->role != WANE_ROLE_BIAS) continue;
        where.tensor = i;
        wane_random_uniform_fill(wane_model_weight(model, i), p->rows, 0.2, 1.2, &where);
    }
    return model;
}

wane_adapter *make_adapter(const wane_model *model, const char *word, size_t rank, double dropout)
{
    wane_error err;
    const wane_parameters *table = &model->parameters;
    wane_adapter *adapter = NULL;
    bool *target = wane_alloc(table->count, sizeof *target);
    for (size_t i = 0; i < table->count; i++)
        target[i] = table->parameter[i].linear && strstr(table->parameter[i].name, word);
    CHECK_OK(
        wane_adapter_new(&adapter, &wane_low_rank, table, target, rank, 1.5, dropout, 1, 1, &err));
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .tensor = 99};
    for (size_t f = 0; f < adapter->count; f++, where.step++)
        wane_random_normal_fill(adapter->factor[f].b, adapter->factor[f].rows * rank, 0.3, &where);
    wane_free(target);
    return adapter;
}

float *gradients_of(const plan *p, double *loss)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = p->batch->tokens,
                               .sequences = p->batch->sequences,
                               .targets = p->batch->targets,
                               .training = true,
                               .train_weights = p->train != NULL,
                               .frozen_layers = p->frozen,
                               .backend = p->backend};
    wane_pass_limits_adapter(&limits, p->adapter);
    if (p->threads) CHECK_OK(wane_pool_new(&pool, p->threads, &err));
    CHECK_OK(wane_pass_new(&pass, &p->model->config, &limits, pool, &err));
    size_t floats = p->train ? p->model->parameters.floats : p->adapter->floats;
    float *block = wane_alloc_aligned(floats, sizeof *block);
    wane_gradients g = {
        .weights = p->train ? block : NULL, .train = p->train, .adapter = p->train ? NULL : block};
    CHECK_OK(wane_pass_forward(pass, p->model, p->adapter, p->batch, p->dropout, &err));
    CHECK_OK(wane_pass_backward(pass, 0.25, &g, loss, &err));
    wane_pass_free(pass);
    wane_pool_free(pool);
    return block;
}

float *nll_of(const wane_model *model, const wane_adapter *adapter, const wane_batch *batch,
              int threads)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {
        .tokens = batch->tokens, .sequences = batch->sequences, .targets = batch->targets};
    wane_pass_limits_adapter(&limits, adapter);
    if (threads) CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, pool, &err));
    float *nll = wane_alloc(batch->targets, sizeof *nll);
    CHECK_OK(wane_pass_forward(pass, model, adapter, batch, NULL, &err));
    wane_pass_nll(pass, nll, NULL);
    wane_pass_free(pass);
    wane_pool_free(pool);
    return nll;
}

bool *all_trained(const wane_model *model)
{
    bool *train = wane_alloc(model->parameters.count, sizeof *train);
    for (size_t i = 0; i < model->parameters.count; i++) train[i] = true;
    return train;
}

void check_slope(const plan *p, wane_adapter *adapter)
{
    double loss = 0, norm = 0, change = 0;
    float *gradient = gradients_of(p, &loss);
    float *kept = wane_alloc_aligned(adapter->floats, sizeof *kept);
    memcpy(kept, adapter->block, adapter->floats * sizeof *kept);
    for (size_t i = 0; i < adapter->floats; i++) norm += (double)gradient[i] * gradient[i];
    double h = 0.02 / sqrt(norm);
    for (int side = -1; side <= 1; side += 2) {
        for (size_t i = 0; i < adapter->floats; i++)
            adapter->block[i] = (float)(kept[i] + side * h * gradient[i]);
        wane_free(gradients_of(p, &loss));
        change += side * 0.25 * loss;
    }
    CHECK_NEAR(change / (2 * h), norm, 0, 5e-3);
    wane_free(kept);
    wane_free(gradient);
}

void check_threads(const wane_model *model, const wane_adapter *adapter)
{
    static data d;
    make_data(&d, 20, 4);
    wane_dropout dropout = {.seed = 5};
    double loss[2];
    plan p = {.model = model, .adapter = adapter, .batch = &d.batch, .dropout = &dropout};
    float *one = gradients_of(&p, &loss[0]);
    p.threads = 3;
    float *three = gradients_of(&p, &loss[1]);
    assert_memory_equal(one, three, adapter->floats * sizeof *one);
    assert_true(loss[0] == loss[1]);
    wane_free(one);
    wane_free(three);
}
