/* SPDX-License-Identifier: Apache-2.0
 * Another term than plain LoRA's: y = v (x W^T + scale (drop(x) A^T) B^T) + b, a trained number v
 * for each output. It uses every hook of a term; its gradients are held against the loss itself.
 */
#include "eval/model/term.h"

#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "tests/numeric/model/pass_case.h"
#include "tests/support/support.h"

static size_t gained_scratch(size_t tile, size_t rank, size_t widest)
{
    return tile * widest + WANE_LANES + wane_low_rank.scratch(tile, rank, widest);
}

/* What is computed with is a copy of the vector, which training never sees. */
static void gained_prepare(const wane_adapter *adapter, const wane_model *model, wane_pool *pool,
                           float *scratch, size_t floats)
{
    (void)pool;
    assert_true(floats >= 64);
    scratch[floats - 1] = 0;
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        assert_int_equal(model->parameters.parameter[f->parameter].rows, f->rows);
        memcpy(f->derived, f->vector, f->rows * sizeof(float));
    }
}

static void gained_forward(const wane_term_rows *r, const float *x, float *y, size_t ldy)
{
    const float *v = r->factor->derived;
    wane_low_rank.forward(r, x, y, ldy);
    for (size_t t = 0; t < r->rows; t++)
        for (size_t i = 0; i < r->factor->rows; i++) {
            float b = r->bias ? r->bias[i] : 0;
            y[t * ldy + i] = v[i] * (y[t * ldy + i] - b) + b;
        }
}

static void gained_backward(const wane_term_rows *r, const float *dy, size_t lddy, float *dx)
{
    const wane_factor *f = r->factor;
    wane_term_rows low = *r;
    float *scaled = r->scratch;
    low.scratch = wane_term_behind(scaled, r->rows * f->rows);
    for (size_t t = 0; t < r->rows; t++)
        for (size_t i = 0; i < f->rows; i++)
            scaled[t * f->rows + i] = f->derived[i] * dy[t * lddy + i];
    wane_low_rank.backward(&low, scaled, f->rows, dx);
    if (!dx) return;
    for (size_t t = 0; t < r->rows; t++)
        for (size_t i = 0; i < f->rows; i++) scaled[t * f->rows + i] -= dy[t * lddy + i];
    r->backend->input_gradient(&r->by, &r->weight, 1, r->rows, scaled, f->rows, dx, true);
}

static void gained_a(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                     size_t first, size_t count, float *out)
{
    wane_low_rank.gradient_a(r, x, dy, lddy, first, count, out);
}

static void gained_b(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                     size_t first, size_t count, float *out)
{
    const wane_factor *f = r->factor;
    (void)x;
    for (size_t i = first; i < first + count; i++)
        for (size_t t = 0; t < r->rows; t++)
            for (size_t k = 0; k < f->rank; k++)
                out[i * f->rank + k] +=
                    f->scale * f->derived[i] * dy[t * lddy + i] * r->low[t * f->rank + k];
}

static void gained_vector(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                          size_t first, size_t count, float *out)
{
    const wane_factor *f = r->factor;
    for (size_t t = 0; t < r->rows; t++)
        for (size_t i = first; i < first + count; i++) {
            float u = r->kernels->dot(f->cols, x + t * f->cols, r->weight.weight + i * f->cols);
            for (size_t k = 0; k < f->rank; k++)
                u += f->scale * r->low[t * f->rank + k] * f->b[i * f->rank + k];
            out[i] += dy[t * lddy + i] * u;
        }
}

static const wane_term gained = {
    .scratch = gained_scratch,
    .prepare = gained_prepare,
    .derived = 1,
    .whole = true,
    .forward = gained_forward,
    .backward = gained_backward,
    .gradient_a = gained_a,
    .gradient_b = gained_b,
    .gradient_vector = gained_vector,
};

enum { RANK = 3 };

/* On every linear weight; B and the vectors are random, or what changes nothing. */
static wane_adapter *make_gained(const wane_model *model, double dropout, bool plain)
{
    wane_error err;
    const wane_parameters *table = &model->parameters;
    wane_adapter *adapter = NULL;
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .tensor = 99};
    bool *target = wane_alloc(table->count, sizeof *target);
    assert_non_null(target);
    for (size_t i = 0; i < table->count; i++) target[i] = table->parameter[i].linear;
    CHECK_OK(wane_adapter_new(&adapter, &gained, table, target, RANK, 1.5, dropout, 1, 1, &err));
    wane_free(target);
    for (size_t i = 0; i < adapter->count; i++, where.step++) {
        wane_factor *f = &adapter->factor[i];
        wane_random_uniform_fill(f->vector, f->rows, plain ? 1 : 0.5, plain ? 1 : 1.5, &where);
        where.step++;
        if (!plain) wane_random_normal_fill(f->b, f->rows * f->rank, 0.3, &where);
    }
    return adapter;
}

/* Numbers from .. to - 1 of the adapter's gradient against the loss along them alone. */
static void check_part(const plan *p, wane_adapter *adapter, size_t from, size_t to)
{
    double loss = 0, norm = 0, change = 0;
    float *gradient = gradients_of(p, &loss);
    float *kept = wane_alloc_aligned(adapter->floats, sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, adapter->block, adapter->floats * sizeof *kept);
    for (size_t i = from; i < to; i++) norm += (double)gradient[i] * (double)gradient[i];
    assert_true(norm > 0);
    double h = 0.01 / sqrt(norm);
    for (int side = -1; side <= 1; side += 2) {
        for (size_t i = from; i < to; i++)
            adapter->block[i] = (float)((double)kept[i] + side * h * (double)gradient[i]);
        wane_free(gradients_of(p, &loss));
        change += side * 0.25 * loss;
    }
    memcpy(adapter->block, kept, adapter->floats * sizeof *kept);
    CHECK_NEAR(change / (2 * h), norm, 0, 5e-3);
    wane_free(kept);
    wane_free(gradient);
}

static void gradients_are_those_of_the_loss(void **state)
{
    (void)state;
    static data d;
    make_data(&d, 6, 3);
    wane_model *model = make_model(&small);
    for (int drops = 0; drops < 2; drops++) {
        wane_adapter *adapter = make_gained(model, drops ? 0.3 : 0, false);
        wane_dropout dropout = {.seed = 5, .stage = 1, .step = 2};
        plan p = {.model = model,
                  .adapter = adapter,
                  .batch = &d.batch,
                  .dropout = drops ? &dropout : NULL};
        size_t b = adapter->factor[0].b_offset, vector = adapter->factor[0].vector_offset;
        check_part(&p, adapter, 0, b);
        check_part(&p, adapter, b, vector);
        check_part(&p, adapter, vector, adapter->floats);
        wane_adapter_free(adapter);
    }
    wane_model_free(model);
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_gained(model, 0.2, false);
    check_threads(model, adapter);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* Vectors of ones with B zero leave the model as it is; a pass planned for factors alone has no
 * room for another term. */
static void a_term_is_planned_for(void **state)
{
    (void)state;
    static data d;
    wane_error err;
    make_data(&d, 3, 3);
    wane_model *model = make_model(&small);
    wane_adapter *plain = make_gained(model, 0, true);
    size_t numbers = 0;
    for (size_t i = 0; i < plain->count; i++)
        numbers += plain->factor[i].rows * (RANK + 1) + plain->factor[i].cols * RANK;
    assert_int_equal(plain->numbers, numbers);
    float *without = nll_of(model, NULL, &d.batch, 0), *with = nll_of(model, plain, &d.batch, 0);
    for (size_t t = 0; t < d.batch.targets; t++) CHECK_NEAR(with[t], without[t], 1e-5, 1e-5);
    wane_free(without);
    wane_free(with);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = d.batch.tokens,
                               .sequences = d.batch.sequences,
                               .targets = d.batch.targets,
                               .adapter_floats_rank = RANK};
    CHECK_OK(wane_pass_new(&pass, &small, &limits, NULL, &err));
    CHECK_FAILS(wane_pass_forward(pass, model, plain, &d.batch, NULL, &err), WANE_EINVAL,
                "of another term than was planned for");
    wane_pass_free(pass);
    wane_adapter_free(plain);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss),
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(a_term_is_planned_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
