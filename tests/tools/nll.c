/* SPDX-License-Identifier: Apache-2.0
 * nll MODEL < IDS: the mean of -log p of every token but the first, in nats, over the ids as one
 * sequence; behind it the model's hash.
 */
#include <math.h>
#include <stdio.h>

#include "eval/model/pass.h"
#include "store/base/memory.h"

enum { MOST = 4096 };

static double mean_nll(const float *logits, const int32_t *ids, size_t count, size_t vocabulary)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const float *row = logits + i * vocabulary;
        double most = row[0], total = 0;
        for (size_t v = 1; v < vocabulary; v++) most = fmax(most, row[v]);
        for (size_t v = 0; v < vocabulary; v++) total += exp(row[v] - most);
        sum += most + log(total) - row[ids[i + 1]];
    }
    return sum / (double)(count - 1);
}

static wane_status measure(double *out, const wane_model *model, const int32_t *ids, size_t count,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pool *pool = NULL;
    wane_pass *pass = NULL;
    size_t starts[2] = {0, count}, position[MOST], vocabulary = model->config.vocabulary;
    wane_pass_limits limits = {.tokens = count, .sequences = 1, .targets = 1};
    wane_batch batch = {.tokens = count, .sequences = 1, .ids = ids, .starts = starts};
    float *logits = wane_alloc_aligned(count * vocabulary, sizeof *logits);
    if (!logits) WANE_TRY(wane_fail_memory(err, "nll", "logits"));
    for (size_t i = 0; i < count; i++) position[i] = i;
    WANE_TRY(wane_pool_new(&pool, 2, err));
    WANE_TRY(wane_pass_new(&pass, &model->config, &limits, pool, err));
    WANE_TRY(wane_pass_forward(pass, model, NULL, &batch, NULL, err));
    wane_pass_logits(pass, position, count, logits);
    *out = mean_nll(logits, ids, count, vocabulary);
done:
    wane_pass_free(pass);
    wane_pool_free(pool);
    wane_free(logits);
    return st;
}

int main(int argc, char **argv)
{
    int32_t ids[MOST];
    size_t count = 0;
    double nll = 0;
    char sha256[WANE_SHA256_HEX] = "";
    wane_error err = {0};
    wane_model *model = NULL;
    while (argc == 2 && count < MOST && scanf("%d", &ids[count]) == 1) count++;
    wane_status st =
        argc == 2 && count > 1 ? WANE_OK : wane_fail(&err, WANE_EINVAL, "nll MODEL < IDS");
    if (st == WANE_OK) st = wane_model_load(&model, argv[1], &err);
    if (st == WANE_OK) st = measure(&nll, model, ids, count, &err);
    if (st == WANE_OK) st = wane_model_sha256(sha256, model, &err);
    if (st == WANE_OK) printf("%.9g %s\n", nll, sha256);
    else (void)fprintf(stderr, "%s\n", err.message);
    wane_model_free(model);
    return st == WANE_OK ? 0 : 2;
}
