/* SPDX-License-Identifier: Apache-2.0
 * Asks the pass for logits of about 4 MiB at a time and reduces each row by a tile of the pool,
 * beside the base's row where a KL is wanted.
 */
#include "eval/measure/distributions.h"

#include <math.h>

#include "eval/compute/kernels.h"
#include "store/base/matrix.h"
#include "store/base/memory.h"

struct wane_scored_rows {
    const wane_model *model, *base;
    const wane_adapter *adapter;
    wane_pool *pool;
    wane_pass *pass, *base_pass;
    size_t chunk, vocabulary;
    float *logits, *base_logits; /* chunk x vocabulary */
    float *scratch;              /* per thread: vocabulary */
};

/* About 4 MiB of logits a chunk, whatever the vocabulary. */
static size_t chunk_rows(size_t vocabulary)
{
    size_t rows = ((size_t)1 << 20) / vocabulary;
    return rows < 16 ? 16 : rows > 512 ? 512 : rows;
}

wane_status wane_rows_new(wane_scored_rows **out, const wane_model *model,
                          const wane_adapter *adapter, const wane_model *base, size_t tokens,
                          size_t sequences, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_scored_rows *r = wane_alloc(1, sizeof *r);
    if (!r) return wane_fail_memory(err, "measure", "model");
    *r = (wane_scored_rows){.model = model,
                            .base = base,
                            .adapter = adapter,
                            .pool = pool,
                            .vocabulary = model->config.vocabulary};
    wane_pass_limits limits = {.tokens = tokens, .sequences = sequences, .targets = 1};
    wane_pass_limits_adapter(&limits, adapter);
    WANE_TRY(wane_pass_new(&r->pass, &model->config, &limits, pool, err));
    wane_pass_limits_adapter(&limits, NULL);
    if (base) WANE_TRY(wane_pass_new(&r->base_pass, &base->config, &limits, pool, err));
    r->chunk = chunk_rows(r->vocabulary);
    size_t floats = r->chunk * r->vocabulary;
    r->logits = wane_alloc_aligned(floats, sizeof(float));
    r->base_logits = base ? wane_alloc_aligned(floats, sizeof(float)) : NULL;
    r->scratch = wane_alloc_aligned((size_t)wane_pool_threads(pool) * r->vocabulary, sizeof(float));
    if (!r->logits || (base && !r->base_logits) || !r->scratch) {
        st = wane_fail_memory(err, "measure", "logits");
        goto done;
    }
    *out = r;
    r = NULL;
done:
    wane_rows_free(r);
    return st;
}

void wane_rows_free(wane_scored_rows *rows)
{
    if (!rows) return;
    wane_pass_free(rows->pass);
    wane_pass_free(rows->base_pass);
    wane_free(rows->logits);
    wane_free(rows->base_logits);
    wane_free(rows->scratch);
    wane_free(rows);
}

wane_status wane_rows_forward(wane_scored_rows *rows, const wane_batch *batch, bool with_base,
                              wane_error *err)
{
    wane_status st = wane_pass_forward(rows->pass, rows->model, rows->adapter, batch, NULL, err);
    if (st == WANE_OK && with_base)
        st = wane_pass_forward(rows->base_pass, rows->base, NULL, batch, NULL, err);
    return st;
}

typedef struct scoring {
    wane_scored_rows *rows;
    const int32_t *target;
    bool with_base;
    wane_row_score *out;
} scoring;

/* KL = sum p_b (log p_b - log p), soft CE = -sum p_b log p, both in double over float logs. */
static void compare(const float *logits, float lse, const float *base, float base_lse,
                    float *scratch, size_t count, wane_row_score *out)
{
    enum { LANES = 8 };
    double kl[LANES] = {0}, ce[LANES] = {0};
    for (size_t v = 0; v < count; v++) scratch[v] = base[v] - base_lse;
    wane_kernels_best()->exp(count, scratch, scratch);
    for (size_t v = 0; v + LANES <= count; v += LANES)
        for (size_t l = 0; l < LANES; l++) {
            double p = (double)scratch[v + l], log_p = (double)logits[v + l] - (double)lse;
            kl[l] += p * ((double)base[v + l] - (double)base_lse - log_p);
            ce[l] -= p * log_p;
        }
    for (size_t v = count / LANES * LANES; v < count; v++) {
        double p = (double)scratch[v], log_p = (double)logits[v] - (double)lse;
        kl[0] += p * ((double)base[v] - (double)base_lse - log_p);
        ce[0] -= p * log_p;
    }
    for (size_t l = 1; l < LANES; l++) {
        kl[0] += kl[l];
        ce[0] += ce[l];
    }
    out->kl = kl[0];
    out->soft_ce = ce[0];
}

static void score_row(void *context, size_t row, int thread)
{
    scoring *s = context;
    size_t vocabulary = s->rows->vocabulary;
    const float *logits = s->rows->logits + row * vocabulary;
    float lse = 0, base_lse = 0;
    /* An infinite logit may leave the sums finite: -inf is a probability of 0, but no model means
     * that. */
    bool finite = wane_all_finite(logits, vocabulary);
    if (s->with_base)
        finite = finite && wane_all_finite(s->rows->base_logits + row * vocabulary, vocabulary);
    if (!finite) {
        s->out[row] = (wane_row_score){NAN, s->with_base ? NAN : 0, s->with_base ? NAN : 0};
        return;
    }
    wane_kernels_best()->logsumexp(vocabulary, logits, &lse, NULL);
    s->out[row] = (wane_row_score){0};
    if (s->target) s->out[row].nll = (double)lse - (double)logits[s->target[row]];
    if (!s->with_base) return;
    const float *base = s->rows->base_logits + row * vocabulary;
    wane_kernels_best()->logsumexp(vocabulary, base, &base_lse, NULL);
    compare(logits, lse, base, base_lse, s->rows->scratch + (size_t)thread * vocabulary, vocabulary,
            &s->out[row]);
}

void wane_rows_score(wane_scored_rows *rows, const size_t *position, const int32_t *target,
                     size_t count, bool with_base, wane_row_score *out)
{
    for (size_t first = 0; first < count; first += rows->chunk) {
        size_t size = count - first < rows->chunk ? count - first : rows->chunk;
        wane_pass_logits(rows->pass, position + first, size, rows->logits);
        if (with_base) wane_pass_logits(rows->base_pass, position + first, size, rows->base_logits);
        scoring s = {rows, target ? target + first : NULL, with_base, out + first};
        wane_pool_run(rows->pool, size, score_row, &s);
    }
}

typedef struct choosing {
    wane_scored_rows *rows;
    const int32_t *choice;
    size_t choices;
    double *out;
} choosing;

static void choose_row(void *context, size_t row, int thread)
{
    (void)thread;
    choosing *c = context;
    const float *logits = c->rows->logits + row * c->rows->vocabulary;
    float lse = wane_all_finite(logits, c->rows->vocabulary) ? 0 : NAN;
    for (size_t j = 0; isnan(lse) && j < c->choices; j++) c->out[row * c->choices + j] = NAN;
    if (isnan(lse)) return;
    wane_kernels_best()->logsumexp(c->rows->vocabulary, logits, &lse, NULL);
    for (size_t j = 0; j < c->choices; j++)
        c->out[row * c->choices + j] = (double)logits[c->choice[j]] - (double)lse;
}

void wane_rows_choices(wane_scored_rows *rows, const size_t *position, size_t count,
                       const int32_t *choice, size_t choices, double *out)
{
    for (size_t first = 0; first < count; first += rows->chunk) {
        size_t size = count - first < rows->chunk ? count - first : rows->chunk;
        wane_pass_logits(rows->pass, position + first, size, rows->logits);
        choosing c = {rows, choice, choices, out + first * choices};
        wane_pool_run(rows->pool, size, choose_row, &c);
    }
}
