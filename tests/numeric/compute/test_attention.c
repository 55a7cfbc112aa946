/* SPDX-License-Identifier: Apache-2.0
 * Attention of one sequence against the formula in double; its gradient against central
 * differences of that formula.
 */
#include <math.h>

#include "eval/compute/attention.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

/* Queries of `rows` rows at the given positions, over `keys` keys of one sequence. */
typedef struct problem {
    size_t heads, kv_heads, width, keys, rows;
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
static problem make(size_t heads, size_t kv_heads, size_t width, size_t keys, size_t stride)
{
    problem p = {heads, kv_heads, width, keys, 0, NULL, NULL, NULL, NULL, NULL, NULL};
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

/* out (width) of one row and head, in double. */
static void exact(const problem *p, size_t row, size_t head, double *out)
{
    size_t ld = 2 * p->kv_heads * p->width, group = p->heads / p->kv_heads;
    const double *q = p->wide_q + (row * p->heads + head) * p->width;
    const double *keys = p->wide_kv + head / group * p->width;
    const double *values = keys + p->kv_heads * p->width;
    double sum = 0;
    for (size_t i = 0; i < p->width; i++) out[i] = 0;
    for (size_t j = 0; j <= (size_t)p->position[row]; j++) {
        double score = 0;
        for (size_t i = 0; i < p->width; i++) score += q[i] * keys[j * ld + i];
        double e = exp(score / sqrt((double)p->width));
        sum += e;
        for (size_t i = 0; i < p->width; i++) out[i] += e * values[j * ld + i];
    }
    for (size_t i = 0; i < p->width; i++) out[i] /= sum;
}

static double weighted(const problem *p)
{
    double sum = 0, out[64];
    for (size_t r = 0; r < p->rows; r++)
        for (size_t h = 0; h < p->heads; h++) {
            exact(p, r, h, out);
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
                            .scale = 1.0f / sqrtf((float)p->width),
                            .causal = true,
                            .q = p->q,
                            .kv = p->kv,
                            .position = p->position,
                            .out = out,
                            .lse = lse};
}

static void forward(const problem *p, const wane_attention *a, size_t prefix, float *scratch)
{
    for (size_t row = 0; row < p->rows; row += WANE_ATTENTION_ITEM_ROWS) {
        size_t rows = p->rows - row;
        if (rows > WANE_ATTENTION_ITEM_ROWS) rows = WANE_ATTENTION_ITEM_ROWS;
        wane_attention_item item = {row, rows, prefix, 0, prefix, p->keys};
        for (size_t h = 0; h < p->kv_heads; h++) wane_attention_forward(a, &item, h, scratch);
    }
}

static void attention_equals_the_formula(void **state)
{
    (void)state;
    const size_t shapes[][5] = {{4, 2, 16, 40, 1},
                                {3, 1, 10, 1, 1},
                                {2, 2, 8, 150, 1},
                                {6, 2, 32, 70, 9},
                                {1, 1, 64, 300, 60}};
    for (int level = 0; level < 3; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t s = 0; k && s < 5; s++) {
            problem p = make(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], shapes[s][4]);
            size_t count = p.rows * p.heads * p.width;
            float *out = wane_alloc(count, sizeof *out), *split = wane_alloc(count, sizeof *split);
            float *scratch =
                wane_alloc(wane_attention_scratch(p.width, p.keys, false), sizeof *scratch);
            wane_attention a = attention_of(&p, k, out, NULL);
            forward(&p, &a, 0, scratch);
            for (size_t r = 0; r < p.rows; r++)
                for (size_t h = 0; h < p.heads; h++) {
                    double wanted[64];
                    exact(&p, r, h, wanted);
                    for (size_t i = 0; i < p.width; i++)
                        CHECK_NEAR(out[(r * p.heads + h) * p.width + i], wanted[i], 2e-6, 2e-6);
                }
            /* The same keys in two stretches, as behind a shared prefix. */
            a.out = split;
            forward(&p, &a, p.keys / 3, scratch);
            for (size_t i = 0; i < count; i++) CHECK_NEAR(split[i], out[i], 1e-6, 1e-6);
            wane_free(out);
            wane_free(split);
            wane_free(scratch);
            discard(&p);
        }
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

static void gradients_equal_central_differences(void **state)
{
    (void)state;
    const size_t shapes[][5] = {{4, 2, 6, 9, 1}, {2, 1, 16, 37, 5}, {3, 3, 4, 1, 1}};
    for (int level = 0; level < 3; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t s = 0; k && s < 3; s++) {
            problem p = make(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], shapes[s][4]);
            size_t count = p.rows * p.heads * p.width, pairs = 2 * p.keys * p.kv_heads * p.width;
            float *out = wane_alloc(count, sizeof *out), *dq = wane_alloc(count, sizeof *dq);
            float *dkv = wane_alloc(pairs, sizeof *dkv);
            float *lse = wane_alloc(p.rows * p.heads, sizeof *lse);
            float *scratch =
                wane_alloc(wane_attention_scratch(p.width, p.keys, true), sizeof *scratch);
            for (size_t i = 0; i < pairs; i++) dkv[i] = NAN; /* overwritten */
            wane_attention a = attention_of(&p, k, out, lse);
            forward(&p, &a, 0, scratch);
            wane_attention_gradient g = {p.dout, dq, dkv};
            wane_attention_item item = {0, p.rows, 0, 0, 0, p.keys};
            for (size_t h = 0; h < p.kv_heads; h++)
                wane_attention_backward(&a, &g, &item, h, scratch);
            check_slopes(&p, dq, p.wide_q, count, count / 100 + 1);
            check_slopes(&p, dkv, p.wide_kv, pairs, pairs / 100 + 1);
            wane_free(out);
            wane_free(dq);
            wane_free(dkv);
            wane_free(lse);
            wane_free(scratch);
            discard(&p);
        }
    }
}

/* A sequence none of whose rows is asked for gives its keys no gradient. */
static void no_rows_no_gradient(void **state)
{
    (void)state;
    problem p = make(2, 1, 4, 5, 1);
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
        cmocka_unit_test(gradients_equal_central_differences),
        cmocka_unit_test(no_rows_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
