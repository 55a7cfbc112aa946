/* SPDX-License-Identifier: Apache-2.0
 * f_delta = (1/N) sum over tokens of ||dW x|| / ||x||, x what the tuned model feeds the weight.
 */
#include <math.h>

#include "eval/measure/measure.h"
#include "store/base/memory.h"

typedef struct responding {
    const wane_prompts *prompts;
    size_t rows, limit; /* limit: tokens of the largest batch */
    size_t *starts, *position;
    float *ratio, *features;
    double *sum;
    size_t *count; /* tokens with an input, per parameter */
} responding;

static size_t batch_end(const responding *r, size_t first)
{
    size_t last = first + 1;
    const size_t *starts = r->prompts->starts;
    while (last < r->rows && starts[last + 1] - starts[first] <= WANE_MEASURE_TOKENS) last++;
    return last;
}

static wane_status responding_new(responding *r, const wane_model *model, size_t *most,
                                  wane_error *err)
{
    size_t parameters = model->parameters.count;
    *most = 0;
    for (size_t first = 0, last = 0; first < r->rows; first = last) {
        last = batch_end(r, first);
        size_t tokens = r->prompts->starts[last] - r->prompts->starts[first];
        if (tokens > r->limit) r->limit = tokens;
        if (last - first > *most) *most = last - first;
    }
    r->starts = wane_alloc(*most + 1, sizeof *r->starts);
    r->position = wane_alloc(r->limit, sizeof *r->position);
    r->ratio = wane_alloc(parameters * r->limit, sizeof *r->ratio);
    r->features = wane_alloc(r->limit * model->config.width, sizeof *r->features);
    r->sum = wane_alloc(parameters, sizeof *r->sum);
    r->count = wane_alloc(parameters, sizeof *r->count);
    if (r->starts && r->position && r->ratio && r->features && r->sum && r->count) return WANE_OK;
    return wane_fail_memory(err, "measure", "response");
}

static void responding_free(responding *r)
{
    wane_free(r->starts);
    wane_free(r->position);
    wane_free(r->ratio);
    wane_free(r->features);
    wane_free(r->sum);
    wane_free(r->count);
}

static wane_status add_batch(responding *r, wane_pass *pass, const wane_model *model, size_t first,
                             size_t last, wane_error *err)
{
    const size_t *starts = r->prompts->starts;
    size_t tokens = starts[last] - starts[first];
    for (size_t i = first; i <= last; i++) r->starts[i - first] = starts[i] - starts[first];
    for (size_t t = 0; t < tokens; t++) r->position[t] = t;
    wane_batch batch = {.tokens = tokens,
                        .sequences = last - first,
                        .ids = r->prompts->ids + starts[first],
                        .starts = r->starts};
    wane_status st = wane_pass_forward(pass, model, NULL, &batch, NULL, err);
    if (st != WANE_OK) return st;
    wane_pass_features(pass, r->position, tokens, r->features); /* the last layer, for all tokens */
    for (size_t p = 0; p < model->parameters.count; p++) {
        if (!model->parameters.parameter[p].linear) continue;
        for (size_t t = 0; t < tokens; t++) {
            float ratio = r->ratio[p * r->limit + t];
            if (ratio < 0) continue; /* no input */
            r->sum[p] += (double)ratio;
            r->count[p]++;
        }
    }
    return WANE_OK;
}

wane_status wane_measure_response(double *mean, size_t *tokens, const wane_model *model,
                                  const wane_model *change, const wane_prompts *prompts,
                                  size_t rows, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    responding r = {.prompts = prompts, .rows = rows < prompts->rows ? rows : prompts->rows};
    wane_pass *pass = NULL;
    size_t most = 0;
    if (r.rows == 0) return wane_fail(err, WANE_EINVAL, "measure: response: no row to measure");
    WANE_TRY(responding_new(&r, model, &most, err));
    wane_pass_limits limits = {.tokens = r.limit, .sequences = most, .targets = 1};
    WANE_TRY(wane_pass_new(&pass, &model->config, &limits, pool, err));
    wane_pass_observe(pass, change, r.ratio);
    for (size_t first = 0, last = 0; first < r.rows; first = last) {
        last = batch_end(&r, first);
        WANE_TRY(add_batch(&r, pass, model, first, last, err));
    }
    for (size_t p = 0; p < model->parameters.count; p++)
        mean[p] = !r.count[p] ? NAN : isfinite(r.sum[p]) ? r.sum[p] / (double)r.count[p] : INFINITY;
    *tokens = prompts->starts[r.rows];
done:
    wane_pass_free(pass);
    responding_free(&r);
    return st;
}
