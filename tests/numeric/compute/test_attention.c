/* SPDX-License-Identifier: Apache-2.0
 * Attention of one sequence, under every mask, against the formula in double; its gradient against
 * central differences of that formula.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/attention.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

/* What rows see, and how scores become weights. */
typedef struct masking {
    bool causal;
    size_t window;
    float scale, cap;
} masking;

/* Windows of one key, within a vector, of a whole one, over several, and longer than any sequence;
 * caps that the scores reach. */
static const masking maskings[] = {
    {true, 0, 0, 0},     {true, 1, 0, 0},        {true, 5, 0, 0},       {true, 16, 0.3f, 0},
    {true, 33, 0, 0},    {true, 1000, 0, 0},     {true, 0, 0.8f, 1.5f}, {true, 17, 0, 2},
    {false, 0, 0, 0},    {false, 1, 0, 0},       {false, 6, 0, 0},      {false, 17, 0.3f, 0},
    {false, 1000, 0, 0}, {false, 0, 0.8f, 1.5f}, {false, 20, 0, 2},
};
enum { MASKINGS = sizeof maskings / sizeof *maskings };

/* Queries of `rows` rows at the given positions, over `keys` keys of one sequence. */
typedef struct problem {
    size_t heads, kv_heads, width, keys, rows;
    masking mask;
    int32_t *position;
    float *q, *kv, *dout;
    double *wide_q, *wide_kv;
} problem;

static float *draw(size_t count, uint64_t tensor)
{
    wane_random where = {.seed = 4, .purpose = WANE_RANDOM_TEST, .tensor = tensor};
    float *x = wane_alloc(count, sizeof *x);
    wane_random_normal_fill(x, count, 1, &where);
    return x;
}

static double *widen(const float *x, size_t count)
{
    double *out = wane_alloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = x[i];
    return out;
}

/* Every `stride`-th token is a query row, the last always. */
static problem make(const size_t shape[5], masking mask)
{
    size_t heads = shape[0], kv_heads = shape[1], width = shape[2], keys = shape[3];
    size_t stride = shape[4];
    problem p = {.heads = heads, .kv_heads = kv_heads, .width = width, .keys = keys, .mask = mask};
    if (mask.scale == 0) p.mask.scale = 1.0f / sqrtf((float)width);
    p.position = wane_alloc(keys, sizeof *p.position);
    for (size_t t = (keys - 1) % stride; t < keys; t += stride) p.position[p.rows++] = (int32_t)t;
    p.q = draw(p.rows * heads * width, 1);
    p.kv = draw(2 * keys * kv_heads * width, 2);
    p.dout = draw(p.rows * heads * width, 3);
    p.wide_q = widen(p.q, p.rows * heads * width);
    p.wide_kv = widen(p.kv, 2 * keys * kv_heads * width);
    return p;
}

static void discard(problem *p)
{
    wane_free(p->position);
    wane_free(p->q);
    wane_free(p->kv);
    wane_free(p->dout);
    wane_free(p->wide_q);
    wane_free(p->wide_kv);
}

static bool sees(const problem *p, size_t row, size_t key)
{
    size_t position = (size_t)p->position[row];
    size_t away = key < position ? position - key : key - position;
    if (p->mask.causal && key > position) return false;
    return p->mask.window == 0 || away < p->mask.window;
}

/* out (width) of one row and head, in double; returns the log of the softmax's denominator. */
static double exact(const problem *p, size_t row, size_t head, double *out)
{
    size_t ld = 2 * p->kv_heads * p->width, group = p->heads / p->kv_heads;
    const double *q = p->wide_q + (row * p->heads + head) * p->width;
    const double *keys = p->wide_kv + head / group * p->width;
    const double *values = keys + p->kv_heads * p->width;
    double sum = 0, cap = (double)p->mask.cap;
    for (size_t i = 0; i < p->width; i++) out[i] = 0;
    for (size_t j = 0; j < p->keys; j++) {
        if (!sees(p, row, j)) continue;
        double score = 0;
        for (size_t i = 0; i < p->width; i++) score += q[i] * keys[j * ld + i];
        score *= (double)p->mask.scale;
        double e = exp(cap != 0 ? cap * tanh(score / cap) : score);
        sum += e;
        for (size_t i = 0; i < p->width; i++) out[i] += e * values[j * ld + i];
    }
    for (size_t i = 0; i < p->width; i++) out[i] /= sum;
    return log(sum);
}

static double weighted(const problem *p)
{
    double sum = 0, out[64];
    for (size_t r = 0; r < p->rows; r++)
        for (size_t h = 0; h < p->heads; h++) {
            (void)exact(p, r, h, out);
            for (size_t i = 0; i < p->width; i++)
                sum += p->dout[(r * p->heads + h) * p->width + i] * out[i];
        }
    return sum;
}

static wane_attention attention_of(const problem *p, const wane_kernels *k, float *out, float *lse)
{
    return (wane_attention){.kernels = k,
                            .heads = p->heads,
                            .kv_heads = p->kv_heads,
                            .head_width = p->width,
                            .scale = p->mask.scale,
                            .cap = p->mask.cap,
                            .window = p->mask.window,
                            .causal = p->mask.causal,
                            .q = p->q,
                            .kv = p->kv,
                            .position = p->position,
                            .out = out,
                            .lse = lse};
}

/* In items of `most` rows; the first `prefix` keys stand apart, `gap` tokens before the others. */
static void forward(const problem *p, const wane_attention *a, size_t most, size_t prefix,
                    size_t gap, float *scratch)
{
    for (size_t row = 0; row < p->rows; row += most) {
        size_t rows = p->rows - row;
        if (rows > most) rows = most;
        wane_attention_item item = {row, rows, prefix + gap, 0, prefix, p->keys};
        for (size_t h = 0; h < p->kv_heads; h++) wane_attention_forward(a, &item, h, scratch);
    }
}

static void check_forward(const problem *p, const wane_kernels *k)
{
    enum { GAP = 3 };
    size_t count = p->rows * p->heads * p->width, ldk = 2 * p->kv_heads * p->width;
    float *out = wane_alloc(count, sizeof *out), *other = wane_alloc(count, sizeof *other);
    float *lse = wane_alloc(p->rows * p->heads, sizeof *lse);
    float *scratch = wane_alloc(wane_attention_scratch(p->width, p->keys, false), sizeof *scratch);
    wane_attention a = attention_of(p, k, out, lse);
    forward(p, &a, WANE_ATTENTION_ITEM_ROWS, 0, 0, scratch);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t h = 0; h < p->heads; h++) {
            double wanted[64];
            CHECK_NEAR(lse[r * p->heads + h], exact(p, r, h, wanted), 3e-6, 1e-6);
            for (size_t i = 0; i < p->width; i++)
                CHECK_NEAR(out[(r * p->heads + h) * p->width + i], wanted[i], 3e-6, 2e-6);
        }
    a.out = other; /* however the rows are cut */
    forward(p, &a, 1, 0, 0, scratch);
    assert_memory_equal(other, out, count * sizeof *out);
    /* The same keys in two stretches, as behind a shared prefix; between them stands no key. */
    size_t prefix = p->keys / 3;
    float *apart = wane_alloc((p->keys + GAP) * ldk, sizeof *apart);
    for (size_t i = 0; i < (p->keys + GAP) * ldk; i++) apart[i] = NAN;
    memcpy(apart, p->kv, prefix * ldk * sizeof *apart);
    memcpy(apart + (prefix + GAP) * ldk, p->kv + prefix * ldk,
           (p->keys - prefix) * ldk * sizeof *apart);
    a.kv = apart;
    forward(p, &a, WANE_ATTENTION_ITEM_ROWS, prefix, GAP, scratch);
    for (size_t i = 0; i < count; i++) CHECK_NEAR(other[i], out[i], 1e-6, 1e-6);
    wane_free(apart);
    wane_free(out);
    wane_free(other);
    wane_free(lse);
    wane_free(scratch);
}

static void attention_equals_the_formula(void **state)
{
    (void)state;
    const size_t shapes[][5] = {{4, 2, 16, 40, 1},
                                {3, 1, 10, 1, 1},
                                {2, 2, 8, 150, 1},
                                {6, 2, 32, 70, 9},
                                {1, 1, 64, 300, 60}};
    for (size_t s = 0; s < 5; s++)
        for (size_t m = 0; m < MASKINGS; m++) {
            problem p = make(shapes[s], maskings[m]);
            for (int level = 0; level < 3; level++)
                if (wane_kernels_at(level)) check_forward(&p, wane_kernels_at(level));
            discard(&p);
        }
}

/* Whole vectors of keys that no row of a block sees are not looked at, whatever stands there. */
static void keys_outside_the_window_are_not_read(void **state)
{
    (void)state;
    enum { KEYS = 200, WIDTH = 8, FIRST = 100, ROWS = 16, WINDOW = 20 };
    const size_t shape[5] = {1, 1, WIDTH, KEYS, 1};
    for (int causal = 0; causal < 2; causal++) {
        problem p = make(shape, (masking){causal, WINDOW, 0, 0});
        float out[KEYS * WIDTH] = {0}, scratch[4096];
        size_t end = FIRST + ROWS + (causal ? 0 : WINDOW - 1);
        size_t first = (FIRST - WINDOW + 1) / WANE_LANES * WANE_LANES;
        for (size_t i = 0; i < KEYS * 2 * WIDTH; i++)
            if (i / (2 * WIDTH) < first || i / (2 * WIDTH) >= end) p.kv[i] = NAN;
        wane_attention a = attention_of(&p, wane_kernels_best(), out, NULL);
        wane_attention_item item = {FIRST, ROWS, 0, 0, 0, KEYS};
        assert_true(wane_attention_scratch(WIDTH, end, false) <= 4096);
        wane_attention_forward(&a, &item, 0, scratch);
        for (size_t i = FIRST * WIDTH; i < (FIRST + ROWS) * WIDTH; i++)
            assert_true(isfinite(out[i]) && out[i] != 0);
        discard(&p);
    }
}

/* Some entries of dq and dkv (all when small). */
static void check_slopes(problem *p, const float *actual, double *x, size_t count, size_t step)
{
    const double h = 1e-5;
    for (size_t i = 0; i < count; i += step) {
        double kept = x[i], up = 0;
        x[i] = kept + h;
        up = weighted(p);
        x[i] = kept - h;
        CHECK_NEAR(actual[i], (up - weighted(p)) / (2 * h), 5e-6, 1e-5);
        x[i] = kept;
    }
}

static void check_backward(problem *p, const wane_kernels *k)
{
    size_t count = p->rows * p->heads * p->width, pairs = 2 * p->keys * p->kv_heads * p->width;
    float *out = wane_alloc(count, sizeof *out), *dq = wane_alloc(count, sizeof *dq);
    float *dkv = wane_alloc(pairs, sizeof *dkv);
    float *lse = wane_alloc(p->rows * p->heads, sizeof *lse);
    float *scratch = wane_alloc(wane_attention_scratch(p->width, p->keys, true), sizeof *scratch);
    for (size_t i = 0; i < pairs; i++) dkv[i] = NAN; /* overwritten */
    wane_attention a = attention_of(p, k, out, lse);
    forward(p, &a, WANE_ATTENTION_ITEM_ROWS, 0, 0, scratch);
    wane_attention_gradient g = {p->dout, dq, dkv};
    wane_attention_item item = {0, p->rows, 0, 0, 0, p->keys};
    for (size_t h = 0; h < p->kv_heads; h++) wane_attention_backward(&a, &g, &item, h, scratch);
    check_slopes(p, dq, p->wide_q, count, count / 40 + 1);
    check_slopes(p, dkv, p->wide_kv, pairs, pairs / 60 + 1);
    wane_free(out);
    wane_free(dq);
    wane_free(dkv);
    wane_free(lse);
    wane_free(scratch);
}

static void gradients_equal_central_differences(void **state)
{
    (void)state;
    const size_t shapes[][5] = {
        {4, 2, 6, 9, 1}, {2, 1, 16, 37, 5}, {3, 3, 4, 1, 1}, {2, 1, 5, 40, 1}};
    for (size_t s = 0; s < 4; s++)
        for (size_t m = 0; m < MASKINGS; m++) {
            problem p = make(shapes[s], maskings[m]);
            for (int level = 0; level < 3; level++)
                if (wane_kernels_at(level)) check_backward(&p, wane_kernels_at(level));
            discard(&p);
        }
}

/* A sequence none of whose rows is asked for gives its keys no gradient. */
static void no_rows_no_gradient(void **state)
{
    (void)state;
    const size_t shape[5] = {2, 1, 4, 5, 1};
    problem p = make(shape, maskings[0]);
    float dkv[40], scratch[4096];
    for (size_t i = 0; i < 40; i++) dkv[i] = 1;
    wane_attention a = attention_of(&p, wane_kernels_best(), p.q, NULL);
    wane_attention_gradient g = {p.dout, p.q, dkv};
    wane_attention_item item = {0, 0, 0, 0, 0, 5};
    assert_true(wane_attention_scratch(4, 5, true) <= 4096);
    wane_attention_backward(&a, &g, &item, 0, scratch);
    for (size_t i = 0; i < 40; i++) assert_true(dkv[i] == 0);
    discard(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_equals_the_formula),
        cmocka_unit_test(keys_outside_the_window_are_not_read),
        cmocka_unit_test(gradients_equal_central_differences),
        cmocka_unit_test(no_rows_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
