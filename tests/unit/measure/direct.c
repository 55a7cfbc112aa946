/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/measure/direct.h"

#include <math.h>

#include "eval/model/architecture.h"
#include "eval/model/term.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

wane_model *direct_model(size_t vocabulary, size_t context, uint64_t seed)
{
    wane_error err;
    wane_model *model = NULL;
    wane_config config = {.architecture = &wane_architecture_llama,
                          .vocabulary = vocabulary,
                          .width = 16,
                          .layers = 2,
                          .heads = 2,
                          .kv_heads = 1,
                          .head_width = 8,
                          .hidden = 24,
                          .context = context,
                          .norm_epsilon = 1e-6,
                          .rope = {.theta = 10000},
                          .initializer_range = 0.4,
                          .bos = 0,
                          .eos = -1};
    CHECK_OK(wane_model_random(&model, &config, seed, &err));
    return model;
}

wane_adapter *direct_adapter(const wane_model *model)
{
    wane_error err;
    wane_adapter *adapter = NULL;
    bool target[64] = {false};
    assert_true(model->parameters.count <= 64);
    for (size_t i = 0; i < model->parameters.count; i++)
        target[i] = model->parameters.parameter[i].linear;
    CHECK_OK(wane_adapter_new(&adapter, &wane_low_rank, &model->parameters, target, 2, 0.7, 0, 5, 1,
                              &err));
    wane_random where = {.seed = 9, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(adapter->block, adapter->floats, 0.3, &where);
    return adapter;
}

double *direct_log_p(const wane_model *model, const wane_adapter *adapter, const int32_t *ids,
                     size_t count)
{
    wane_error err;
    size_t vocabulary = model->config.vocabulary, starts[2] = {0, count};
    wane_pass *pass = NULL;
    wane_pass_limits limits = {
        .tokens = count, .sequences = 1, .targets = 1, .adapter_floats_rank = adapter ? 2 : 0};
    wane_batch batch = {.tokens = count, .sequences = 1, .ids = ids, .starts = starts};
    float *logits = wane_alloc(count * vocabulary, sizeof *logits);
    double *out = wane_alloc(count * vocabulary, sizeof *out);
    size_t *position = wane_alloc(count, sizeof *position);
    assert_true(logits && out && position);
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, model, adapter, &batch, NULL, &err));
    for (size_t t = 0; t < count; t++) position[t] = t;
    wane_pass_logits(pass, position, count, logits);
    for (size_t t = 0; t < count; t++) {
        const float *row = logits + t * vocabulary;
        double most = (double)row[0], sum = 0;
        for (size_t v = 1; v < vocabulary; v++) most = fmax(most, (double)row[v]);
        for (size_t v = 0; v < vocabulary; v++) sum += exp((double)row[v] - most);
        for (size_t v = 0; v < vocabulary; v++)
            out[t * vocabulary + v] = (double)row[v] - most - log(sum);
    }
    wane_pass_free(pass);
    wane_free(logits);
    wane_free(position);
    return out;
}

double direct_kl(const double *log_p, const double *log_q, size_t vocabulary)
{
    double kl = 0;
    for (size_t v = 0; v < vocabulary; v++) kl += exp(log_p[v]) * (log_p[v] - log_q[v]);
    return kl;
}

void direct_ids(int32_t *ids, size_t count, size_t vocabulary, uint64_t seed)
{
    wane_random where = {.seed = seed, .purpose = WANE_RANDOM_TEST, .tensor = 1};
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)wane_random_below(&where, i, vocabulary);
}
