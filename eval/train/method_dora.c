/* SPDX-License-Identifier: Apache-2.0
 * The method `dora`: the length of each row of a weight and its direction are trained apart, the
 * direction by LoRA's factors (Liu et al. 2024, arXiv 2402.09353), as peft has it: the weight
 * becomes diag(m / n) (W + scale B A), n the lengths of the rows of W + scale B A, through which no
 * gradient goes (section 4.3), and m starts as the lengths of those of W.
 */
#include <math.h>
#include <string.h>

#include "eval/model/term.h"
#include "eval/train/method_lora.h"
#include "store/base/blas.h"
#include "store/base/memory.h"
#include "store/base/threads.h"

/* ---------------------------------------------------------------------------- lengths of rows */

/* Rows of a weight whose lengths are worked out at once, and rows of a batch whose part in the
 * gradient of a vector is. */
enum { WEIGHT_ROWS = 16, ROWS = 64 };

/* out[i] = |row first + i of W + scale B A|; scratch holds count x cols. A zero B leaves W as it
 * is, so what a fresh vector starts from and what is derived of it agree to the bit. */
static void lengths(const float *weight, const wane_lowrank_term *term, size_t cols, size_t first,
                    size_t count, float *scratch, float *out)
{
    const wane_kernels *k = wane_kernels_best();
    memcpy(scratch, weight + first * cols, count * cols * sizeof *scratch);
    wane_sgemm_tile(false, false, count, cols, term->rank, term->scale,
                    term->b + first * term->rank, term->rank, term->a, cols, 1, scratch, cols);
    for (size_t i = 0; i < count; i++)
        out[i] = sqrtf(k->dot(cols, scratch + i * cols, scratch + i * cols));
}

static wane_lowrank_term term_of(const wane_factor *f)
{
    return (wane_lowrank_term){.b = f->b, .a = f->a, .rank = f->rank, .scale = f->scale};
}

typedef struct deriving {
    const wane_factor *factor;
    const float *weight;
    float *scratch;
    size_t floats;
} deriving;

/* Of each output: m / n, then of each 1 / n. */
static void derive(void *context, size_t tile, int thread)
{
    const deriving *d = context;
    const wane_factor *f = d->factor;
    const wane_lowrank_term term = term_of(f);
    size_t first = tile * WEIGHT_ROWS,
           count = f->rows - first < WEIGHT_ROWS ? f->rows - first : WEIGHT_ROWS;
    float *gain = f->derived + first, *inverse = f->derived + f->rows + first;
    lengths(d->weight, &term, f->cols, first, count, d->scratch + (size_t)thread * d->floats, gain);
    for (size_t i = 0; i < count; i++) {
        inverse[i] = 1 / gain[i];
        gain[i] = f->vector[first + i] / gain[i];
    }
}

static void prepare(const wane_adapter *adapter, const wane_model *model, wane_pool *pool,
                    float *scratch, size_t floats)
{
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        deriving d = {f, model->weights + model->parameters.parameter[f->parameter].offset, scratch,
                      floats};
        wane_pool_run(pool, (f->rows + WEIGHT_ROWS - 1) / WEIGHT_ROWS, derive, &d);
    }
}

/* ----------------------------------------------------------------------------------- the term */

/* A block of rows x inputs or outputs, another for gradient_vector, and what plain LoRA needs. */
static size_t scratch_floats(size_t tile, size_t rank, size_t widest)
{
    return 2 * (tile * widest + WANE_LANES) + wane_low_rank.scratch(tile, rank, widest);
}

/* out (stride ldo) += (gain - less) in, columns like outputs. */
static void add_scaled(const wane_factor *f, size_t rows, float less, const float *in, size_t ldi,
                       float *out, size_t ldo)
{
    const float *gain = f->derived;
    for (size_t t = 0; t < rows; t++)
        for (size_t i = 0; i < f->rows; i++) out[t * ldo + i] += (gain[i] - less) * in[t * ldi + i];
}

/* y += (m / n - 1) W d + m / n scale B A d, where d is drop(x). With nothing dropped y has W d. */
static void forward(const wane_term_rows *r, const float *x, float *y, size_t ldy)
{
    const wane_factor *f = r->factor;
    const float *gain = f->derived;
    wane_term_rows low = *r;
    if (!r->mask) {
        wane_low_rank.forward(r, x, y, ldy);
        for (size_t t = 0; t < r->rows; t++)
            for (size_t i = 0; i < f->rows; i++)
                y[t * ldy + i] += (gain[i] - 1) * (y[t * ldy + i] - (r->bias ? r->bias[i] : 0));
        return;
    }
    float *dropped = r->scratch, *part = wane_term_behind(dropped, r->rows * f->cols);
    low.scratch = wane_term_behind(part, r->rows * f->rows);
    low.mask = NULL; /* dropped here */
    wane_term_drop(r, 0, r->rows, 0, f->cols, x, f->cols, dropped, f->cols, false);
    r->backend->forward(&r->by, &r->weight, 1, r->rows, dropped, part, f->rows, false);
    add_scaled(f, r->rows, 1, part, f->rows, y, ldy);
    memset(part, 0, r->rows * f->rows * sizeof *part);
    wane_low_rank.forward(&low, dropped, part, f->rows);
    add_scaled(f, r->rows, 0, part, f->rows, y, ldy);
}

/* dx += undrop((m / n - 1) dy W) and what plain LoRA adds, given m / n dy. */
static void backward(const wane_term_rows *r, const float *dy, size_t lddy, float *dx)
{
    const wane_factor *f = r->factor;
    wane_term_rows low = *r;
    float *scaled = r->scratch;
    low.scratch = wane_term_behind(scaled, r->rows * f->rows);
    memset(scaled, 0, r->rows * f->rows * sizeof *scaled);
    add_scaled(f, r->rows, 0, dy, lddy, scaled, f->rows);
    wane_low_rank.backward(&low, scaled, f->rows, dx);
    if (!dx) return;
    memset(scaled, 0, r->rows * f->rows * sizeof *scaled);
    add_scaled(f, r->rows, 1, dy, lddy, scaled, f->rows);
    float *whole = r->mask ? low.scratch : dx;
    r->backend->input_gradient(&r->by, &r->weight, 1, r->rows, scaled, f->rows, whole, !r->mask);
    if (r->mask) wane_term_drop(r, 0, r->rows, 0, f->cols, whole, f->cols, dx, f->cols, true);
}

static void gradient_a(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out)
{
    wane_low_rank.gradient_a(r, x, dy, lddy, first, count, out);
}

/* diag(m / n) scale dy^T low. */
static void gradient_b(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out)
{
    const wane_factor *f = r->factor;
    float *scratch = r->scratch;
    (void)x;
    r->kernels->product(f->rank, count, r->rows, r->low, 1, f->rank, dy + first, lddy, scratch,
                        count, false);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < f->rank; j++)
            out[(first + i) * f->rank + j] +=
                f->scale * f->derived[first + i] * scratch[j * count + i];
}

/* Of output i the sum of dy_i (W d + scale B A d)_i / n_i. */
static void gradient_vector(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                            size_t first, size_t count, float *out)
{
    const wane_factor *f = r->factor;
    const float *inverse = f->derived + f->rows;
    wane_packed weight = wane_packed_rows(&r->weight, first, count);
    float *u = r->scratch, *dropped = wane_term_behind(u, ROWS * count);
    for (size_t row = 0; row < r->rows; row += ROWS) {
        size_t rows = r->rows - row < ROWS ? r->rows - row : ROWS;
        const float *d = x + row * f->cols;
        if (r->mask) {
            wane_term_drop(r, row, rows, 0, f->cols, d, f->cols, dropped, f->cols, false);
            d = dropped;
        }
        r->backend->forward(&r->by, &weight, 1, rows, d, u, count, false);
        wane_sgemm_tile(false, true, rows, count, f->rank, f->scale, r->low + row * f->rank,
                        f->rank, f->b + first * f->rank, f->rank, 1, u, count);
        for (size_t t = 0; t < rows; t++)
            for (size_t i = 0; i < count; i++)
                out[first + i] +=
                    dy[(row + t) * lddy + first + i] * u[t * count + i] * inverse[first + i];
    }
}

static const wane_term dora_term = {
    .scratch = scratch_floats,
    .prepare = prepare,
    .derived = 2,
    .whole = true,
    .forward = forward,
    .backward = backward,
    .gradient_a = gradient_a,
    .gradient_b = gradient_b,
    .gradient_vector = gradient_vector,
};

/* ---------------------------------------------------------------------------------- the entry */

static size_t numbers(const wane_method_settings *settings, const wane_parameter *parameter)
{
    return wane_lora_numbers(settings, parameter) + parameter->rows;
}

/* A row without a length has no direction. */
static wane_status check(const char *doing, const char *name, const float *length, size_t first,
                         size_t count, wane_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!(length[i] > 0))
            return wane_fail(err, WANE_EINVAL, "%s: %s: row %zu is zero: it has no direction",
                             doing, name, first + i);
    return WANE_OK;
}

static wane_status begin(wane_trainer *trainer, const wane_method_settings *settings,
                         wane_adapter *continued, wane_error *err)
{
    wane_status st = WANE_OK;
    float *scratch = NULL;
    WANE_TRY(wane_lora_begin(trainer, settings, continued, err));
    for (size_t f = 0; !continued && f < trainer->adapter->count; f++) {
        const wane_factor *factor = &trainer->adapter->factor[f];
        const wane_parameter *p = &trainer->model->parameters.parameter[factor->parameter];
        const wane_lowrank_term term = term_of(factor);
        wane_free(scratch);
        scratch = wane_alloc_aligned(WEIGHT_ROWS * p->cols, sizeof *scratch);
        if (!scratch) WANE_TRY(wane_fail_memory(err, "train", p->name));
        for (size_t first = 0; first < p->rows; first += WEIGHT_ROWS) {
            size_t count = p->rows - first < WEIGHT_ROWS ? p->rows - first : WEIGHT_ROWS;
            lengths(trainer->model->weights + p->offset, &term, p->cols, first, count, scratch,
                    factor->vector + first);
            WANE_TRY(check("train", p->name, factor->vector + first, first, count, err));
        }
    }
done:
    wane_free(scratch);
    return st;
}

typedef struct scaling {
    const float *vector;
    float *weight;
    size_t rows, cols;
} scaling;

static void scale_rows(void *context, size_t tile, int thread)
{
    const wane_kernels *k = wane_kernels_best();
    const scaling *s = context;
    (void)thread;
    for (size_t i = tile * WEIGHT_ROWS; i < s->rows && i < (tile + 1) * WEIGHT_ROWS; i++) {
        float *row = s->weight + i * s->cols;
        k->scale(s->cols, s->vector[i] / sqrtf(k->dot(s->cols, row, row)), row);
    }
}

static wane_status merge(wane_pool *pool, const wane_update_tensor *tensor, float *weight,
                         wane_error *err)
{
    const wane_kernels *k = wane_kernels_best();
    scaling s = {tensor->vector, weight, tensor->rows, tensor->cols};
    if (tensor->embedding) /* peft's lengths are then those of columns */
        return wane_fail(err, WANE_EINVAL, "merge: %s: DoRA on an embedding is not known here",
                         tensor->name);
    wane_update_apply(pool, tensor, weight);
    for (size_t i = 0; i < s.rows; i++) {
        float square = k->dot(s.cols, weight + i * s.cols, weight + i * s.cols);
        wane_status st = check("merge", tensor->name, &square, i, 1, err);
        if (st != WANE_OK) return st;
    }
    wane_pool_run(pool, (s.rows + WEIGHT_ROWS - 1) / WEIGHT_ROWS, scale_rows, &s);
    return WANE_OK;
}

static const wane_setting entries[] = {WANE_LORA_SETTINGS};

static const wane_settings dora = {
    .name = "dora",
    .help = "low-rank factors change the direction of each row of a weight, its length is trained "
            "beside them (DoRA)",
    .entries = entries,
    .count = sizeof entries / sizeof *entries,
    .defaults = &wane_lora_usual,
};

const wane_method wane_method_dora = {
    .settings = &dora,
    .number = 3,
    .learning_rate = 2e-4,
    .adapter = true,
    .passes = 3, /* LoRA's, W once more for the gradients of inputs and once for those of m */
    .term = &dora_term,
    .start = 1e-6, /* y is made apart from the residual stream and added to it: last bits */
    .bad = wane_lora_bad,
    .targets = wane_targets_linear,
    .numbers = numbers,
    .begin = begin,
    .list = wane_lora_list,
    .learned = wane_lora_learned,
    .merge = merge,
};
