/* SPDX-License-Identifier: Apache-2.0
 * nll = -(1/N) sum over scored tokens of log p(token | the tokens before it in its window), nats.
 * kl_to_base = (1/N) sum of KL(p_base || p_tuned); soft_ce = (1/N) sum of -sum_v p_base log p_tuned
 * (arXiv 2401.05605). Errors by bootstrap of documents.
 */
#include <math.h>
#include <string.h>

#include "eval/measure/distributions.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"
#include "store/base/random.h"

double wane_document_stderr(const double *sums, const double *tokens, size_t documents)
{
    enum { RESAMPLES = 1000 };
    double mean = 0, square = 0;
    if (documents < 2) return NAN;
    for (size_t b = 0; b < RESAMPLES; b++) {
        wane_random where = {.seed = 0, .purpose = WANE_RANDOM_RESAMPLE, .step = b};
        double sum = 0, count = 0;
        for (size_t i = 0; i < documents; i++) {
            size_t d = (size_t)wane_random_below(&where, i, documents);
            sum += sums[d];
            count += tokens[d];
        }
        /* Welford's update keeps the variance of nearly equal values exact. */
        double value = sum / count, delta = value - mean;
        mean += delta / (double)(b + 1);
        square += delta * (value - mean);
    }
    return sqrt(square / (RESAMPLES - 1));
}

/* The windows [first, last) that fit in one batch: at least one. */
static size_t batch_end(const wane_windows *w, size_t first)
{
    size_t last = first + 1;
    while (last < w->windows && w->starts[last + 1] - w->starts[first] <= WANE_MEASURE_TOKENS)
        last++;
    return last;
}

static void largest_batch(const wane_windows *w, size_t *tokens, size_t *windows)
{
    *tokens = *windows = 0;
    for (size_t first = 0, last = 0; first < w->windows; first = last) {
        last = batch_end(w, first);
        size_t size = w->starts[last] - w->starts[first];
        if (size > *tokens) *tokens = size;
        if (last - first > *windows) *windows = last - first;
    }
}

typedef struct scratch {
    size_t *starts, *position;
    int32_t *target, *ids; /* ids: the inputs, where they are not the windows' own */
    wane_row_score *score;
} scratch;

static wane_status scratch_new(scratch *s, size_t tokens, size_t windows, wane_error *err)
{
    s->starts = wane_alloc(windows + 1, sizeof *s->starts);
    s->position = wane_alloc(tokens, sizeof *s->position);
    s->target = wane_alloc(tokens, sizeof *s->target);
    s->ids = wane_alloc(tokens, sizeof *s->ids);
    s->score = wane_alloc(tokens, sizeof *s->score);
    if (s->starts && s->position && s->target && s->ids && s->score) return WANE_OK;
    return wane_fail_memory(err, "measure", "likelihood");
}

static void scratch_free(scratch *s)
{
    wane_free(s->starts);
    wane_free(s->position);
    wane_free(s->target);
    wane_free(s->ids);
    wane_free(s->score);
}

static wane_status score_batch(wane_scored_rows *rows, const wane_windows *w, size_t first,
                               size_t last, scratch *s, bool with_base, wane_window_score *out,
                               wane_error *err)
{
    size_t origin = w->starts[first], targets = 0;
    for (size_t i = first; i <= last; i++)
        s->starts[i - first] = w->starts[i] - origin - (w->ahead ? i - first : 0);
    for (size_t i = first; i < last; i++) {
        size_t start = w->starts[i], at = s->starts[i - first];
        for (size_t t = start + w->first[i]; t < w->starts[i + 1]; t++) {
            s->position[targets] = at + (t - start) - 1;
            s->target[targets++] = w->ids[t];
        }
        if (w->ahead)
            memcpy(s->ids + at, w->ids + start, (s->starts[i + 1 - first] - at) * sizeof *s->ids);
    }
    wane_batch batch = {.tokens = s->starts[last - first],
                        .sequences = last - first,
                        .ids = w->ahead ? s->ids : w->ids + origin,
                        .starts = s->starts};
    wane_status st = wane_rows_forward(rows, &batch, with_base, err);
    if (st != WANE_OK) return st;
    wane_rows_score(rows, s->position, s->target, targets, with_base, s->score);
    targets = 0;
    for (size_t i = first; i < last; i++) {
        wane_window_score *window = &out[i];
        window->tokens = w->starts[i + 1] - w->starts[i] - w->first[i];
        for (size_t t = 0; t < window->tokens; t++, targets++) {
            window->nll += s->score[targets].nll;
            window->kl += s->score[targets].kl;
            window->soft_ce += s->score[targets].soft_ce;
        }
    }
    return WANE_OK;
}

/* Standard error over documents of the windows' nll, less `before` (NULL: nothing). Windows come
 * in order of document; documents without windows have no part in it. */
static wane_status stderr_of(double *out, const wane_likelihood *l, const double *before,
                             const wane_windows *w, wane_error *err)
{
    double *sums = wane_alloc(w->documents, sizeof *sums);
    double *tokens = wane_alloc(w->documents, sizeof *tokens);
    wane_status st = WANE_OK;
    if (sums && tokens) {
        size_t d = 0;
        for (size_t i = 0; i < w->windows; i++) {
            d += i > 0 && w->document[i] != w->document[i - 1];
            sums[d] += l->window[i].nll - (before ? before[i] : 0);
            tokens[d] += (double)l->window[i].tokens;
        }
        *out = wane_document_stderr(sums, tokens, w->documents);
    } else st = wane_fail_memory(err, "measure", "documents");
    wane_free(sums);
    wane_free(tokens);
    return st;
}

wane_status wane_likelihood_paired(double *out, const wane_likelihood *after, const double *before,
                                   const wane_windows *windows, wane_error *err)
{
    return stderr_of(out, after, before, windows, err);
}

static wane_status sum_up(wane_likelihood *l, const wane_windows *w, bool with_base,
                          wane_error *err)
{
    double nll = 0, kl = 0, ce = 0;
    for (size_t i = 0; i < w->windows; i++) {
        const wane_window_score *score = &l->window[i];
        if (!l->reason && !isfinite(score->nll + score->kl + score->soft_ce)) {
            l->reason = WANE_NOT_FINITE;
            l->document = w->document[i];
        }
        nll += l->window[i].nll;
        kl += l->window[i].kl;
        ce += l->window[i].soft_ce;
        l->tokens += l->window[i].tokens;
    }
    double n = (double)l->tokens;
    if (l->reason) {
        l->nll = l->nll_stderr = l->kl_to_base = l->soft_ce = NAN;
        return WANE_OK;
    }
    l->nll = nll / n;
    l->kl_to_base = with_base ? kl / n : NAN;
    l->soft_ce = with_base ? ce / n : NAN;
    return stderr_of(&l->nll_stderr, l, NULL, w, err);
}

wane_status wane_measure_likelihood(wane_likelihood *out, const wane_model *model,
                                    const wane_adapter *adapter, const wane_model *base,
                                    const wane_windows *windows, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_scored_rows *rows = NULL;
    scratch s = {0};
    size_t tokens = 0, most = 0;
    wane_likelihood l = {.windows = windows->windows,
                         .words = windows->words,
                         .bytes = windows->bytes,
                         .unknown_tokens = windows->unknown_tokens};
    largest_batch(windows, &tokens, &most);
    if (windows->tokens == 0)
        return wane_fail(err, WANE_EINVAL, "measure: likelihood: no token to score");
    l.window = wane_alloc(windows->windows, sizeof *l.window);
    WANE_TRY(l.window ? WANE_OK : wane_fail_memory(err, "measure", "windows"));
    WANE_TRY(scratch_new(&s, tokens, most, err));
    WANE_TRY(wane_rows_new(&rows, model, adapter, base, tokens, most, pool, err));
    for (size_t first = 0, last = 0; first < windows->windows; first = last) {
        last = batch_end(windows, first);
        WANE_TRY(score_batch(rows, windows, first, last, &s, base != NULL, l.window, err));
    }
    WANE_TRY(sum_up(&l, windows, base != NULL, err));
    *out = l;
    l.window = NULL;
done:
    wane_free(l.window);
    wane_rows_free(rows);
    scratch_free(&s);
    return st;
}

void wane_likelihood_free(wane_likelihood *likelihood)
{
    wane_free(likelihood->window);
    *likelihood = (wane_likelihood){0};
}
