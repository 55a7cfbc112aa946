/* SPDX-License-Identifier: Apache-2.0
 * The term of `dora` on a model with biases: its gradients against the loss with the lengths of
 * rows held, which no gradient goes through, and against torch's of peft's module; merged weights,
 * and a comparison with them (tests/reference/make_peft_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/term.h"
#include "eval/pair/checkpoint.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "tests/numeric/model/pass_case.h"
#include "tests/support/support.h"

#define FIXTURES "reference/peft/"

enum { RANK = 3 };

static wane_term held; /* dora's, but for prepare */

/* m / n with n as it was when derived was last made by the term itself. */
static void held_prepare(const wane_adapter *adapter, const wane_model *model, wane_pool *pool,
                         float *scratch, size_t floats)
{
    (void)model, (void)pool, (void)scratch, (void)floats;
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        for (size_t j = 0; j < f->rows; j++) f->derived[j] = f->vector[j] * f->derived[f->rows + j];
    }
}

/* |row i of W + scale B A|, in double. */
static double length_of(const wane_model *model, const wane_factor *f, size_t i)
{
    const float *w = model->weights + model->parameters.parameter[f->parameter].offset;
    double sum = 0;
    for (size_t c = 0; c < f->cols; c++) {
        double v = (double)w[i * f->cols + c];
        for (size_t k = 0; k < f->rank; k++)
            v += (double)f->scale * (double)f->b[i * f->rank + k] * (double)f->a[k * f->cols + c];
        sum += v * v;
    }
    return sqrt(sum);
}

/* On every linear weight; `fresh`: B zero and the vectors the lengths of W's rows. */
static wane_adapter *make_dora(const wane_model *model, double dropout, bool fresh)
{
    wane_error err;
    const wane_parameters *table = &model->parameters;
    wane_adapter *adapter = NULL;
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .tensor = 99};
    bool *target = wane_alloc(table->count, sizeof *target);
    assert_non_null(target);
    for (size_t i = 0; i < table->count; i++) target[i] = table->parameter[i].linear;
    CHECK_OK(wane_adapter_new(&adapter, wane_method_dora.term, table, target, RANK, 1.5, dropout, 1,
                              1, &err));
    wane_free(target);
    for (size_t i = 0; i < adapter->count; i++, where.step++) {
        wane_factor *f = &adapter->factor[i];
        wane_random_uniform_fill(f->vector, f->rows, 0.5, 1.5, &where);
        for (size_t j = 0; j < f->rows; j++)
            f->vector[j] = (float)((fresh ? 1 : (double)f->vector[j]) * length_of(model, f, j));
        where.step++;
        if (!fresh) wane_random_normal_fill(f->b, f->rows * f->rank, 0.3, &where);
    }
    return adapter;
}

enum part { PART_A, PART_B, PART_VECTOR };

static bool is_of(const wane_adapter *adapter, enum part part, size_t number)
{
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        const size_t from[] = {f->a_offset, f->b_offset, f->vector_offset};
        const size_t count[] = {f->rank * f->cols, f->rank * f->rows, f->rows};
        if (number >= from[part] && number < from[part] + count[part]) return true;
    }
    return false;
}

/* The gradient of all A, B or vectors against the loss along it. */
static double difference_of(const plan *p, wane_adapter *adapter, enum part part)
{
    double loss = 0, norm = 0, change = 0;
    adapter->term = wane_method_dora.term;
    float *gradient = gradients_of(p, &loss);
    float *kept = wane_alloc_aligned(adapter->floats, sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, adapter->block, adapter->floats * sizeof *kept);
    for (size_t i = 0; i < adapter->floats; i++) {
        if (!is_of(adapter, part, i)) gradient[i] = 0;
        norm += (double)gradient[i] * (double)gradient[i];
    }
    assert_true(norm > 0);
    double h = 0.01 / sqrt(norm);
    adapter->term = &held;
    for (int side = -1; side <= 1; side += 2) {
        for (size_t i = 0; i < adapter->floats; i++)
            adapter->block[i] = (float)((double)kept[i] + side * h * (double)gradient[i]);
        wane_free(gradients_of(p, &loss));
        change += side * 0.25 * loss;
    }
    memcpy(adapter->block, kept, adapter->floats * sizeof *kept);
    adapter->term = wane_method_dora.term;
    wane_free(kept);
    wane_free(gradient);
    return change / (2 * h) / norm - 1;
}

static void gradients_are_those_of_the_loss_with_lengths_held(void **state)
{
    (void)state;
    static data d;
    make_data(&d, 6, 3);
    held = *wane_method_dora.term;
    held.prepare = held_prepare;
    wane_model *model = make_model(&small);
    for (int drops = 0; drops < 2; drops++) {
        wane_adapter *adapter = make_dora(model, drops ? 0.3 : 0, false);
        wane_dropout dropout = {.seed = 5, .stage = 1, .step = 2};
        plan p = {.model = model,
                  .adapter = adapter,
                  .batch = &d.batch,
                  .dropout = drops ? &dropout : NULL};
        for (int part = PART_A; part <= PART_VECTOR; part++) {
            double off = difference_of(&p, adapter, (enum part)part);
            print_message("%s of %s: %.2g relative\n", drops ? "dropout" : "no dropout",
                          (const char *const[]){"A", "B", "the vectors"}[part], off);
            assert_true(fabs(off) < 5e-3);
        }
        wane_adapter_free(adapter);
    }
    wane_model_free(model);
}

/* Largest difference from a tensor of torch's, relative to its largest number. */
static double off_torch(const wane_tensors *expected, const char *what, const char *weight,
                        const char *part, const float *ours, size_t count)
{
    char name[160];
    wane_error err;
    double worst = 0, largest = 0;
    (void)snprintf(name, sizeof name, "dora-rslora.%s.%s%s", what, weight, part);
    const wane_tensor *t = wane_tensors_find(expected, name);
    if (!t || t->elements != count) fail_msg("%s: not there", name);
    float *theirs = wane_alloc(count, sizeof *theirs);
    CHECK_OK(wane_tensors_read(expected, t, theirs, &err));
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)theirs[i]));
        worst = fmax(worst, fabs((double)theirs[i] - (double)ours[i]));
    }
    wane_free(theirs);
    return worst / largest;
}

/* Of the sum of nll of a text, an adapter that peft has written on every matrix. */
static void gradients_are_torchs(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 17, 22, 3, 9, 9, 5}, target[] = {17, 22, 3, 9, 9, 5};
    static const size_t starts[] = {0, 7}, position[] = {0, 1, 2, 3, 4, 5};
    const wane_batch batch = {
        7, 1, ids, starts, .targets = 6, .position = position, .target = target};
    wane_error err;
    double loss = 0, worst[3] = {0, 0, 0};
    wane_update update = {0};
    wane_adapter *adapter = NULL;
    wane_model *model = NULL;
    wane_tensors *expected = NULL;
    CHECK_OK(wane_tensors_open(&expected, FIXTURES "expected.safetensors", &err));
    CHECK_OK(wane_model_load(&model, FIXTURES "base-biased", &err));
    CHECK_OK(wane_update_load(&update, FIXTURES "dora-rslora", NULL, NULL, &err));
    CHECK_OK(wane_adapter_from_update(&adapter, &model->parameters, &update, &err));
    assert_int_equal(adapter->count, 14);
    plan p = {.model = model, .adapter = adapter, .batch = &batch};
    float *gradient = gradients_of(&p, &loss);
    for (size_t i = 0; i < adapter->floats; i++) gradient[i] *= 4; /* they are of a quarter */
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        const wane_parameter *one = &model->parameters.parameter[f->parameter];
        double off[] = {
            off_torch(expected, "gradient", one->name, ".A", gradient + f->a_offset,
                      f->rank * f->cols),
            off_torch(expected, "gradient", one->name, ".B", gradient + f->b_offset,
                      f->rank * f->rows),
            off_torch(expected, "gradient", one->name, ".m", gradient + f->vector_offset, f->rows)};
        for (int k = 0; k < 3; k++) worst[k] = fmax(worst[k], off[k]);
    }
    print_message("of torch's largest: A %.2g, B %.2g, vectors %.2g\n", worst[0], worst[1],
                  worst[2]);
    for (int k = 0; k < 3; k++) assert_true(worst[k] < 1e-5);
    wane_free(gradient);
    wane_adapter_free(adapter);
    wane_update_free(&update);
    wane_model_free(model);
    wane_tensors_close(expected);
}

/* What a comparison reads of an adapter with vectors are the weights it is merged to, and peft's.
 */
static void compared_are_merged_weights(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    wane_model *model = NULL;
    wane_comparison c = {0};
    const wane_comparison_options options = {0};
    const wane_log log = {0};
    CHECK_OK(wane_model_load(&model, FIXTURES "base-biased", &err));
    CHECK_OK(wane_update_load(&update, FIXTURES "dora-rslora", NULL, NULL, &err));
    CHECK_OK(wane_model_apply(model, &update, NULL, &err));
    CHECK_OK(wane_comparison_open(&c, FIXTURES "base-biased", FIXTURES "dora-rslora", &options,
                                  &log, &err));
    size_t read = 0;
    double worst = 0;
    wane_tensors *expected = NULL;
    CHECK_OK(wane_tensors_open(&expected, FIXTURES "expected.safetensors", &err));
    for (size_t i = 0; i < c.count; i++) {
        const wane_compared *one = &c.list[i];
        if (!one->update) continue;
        long index = wane_parameters_find(&model->parameters, one->name);
        assert_true(index >= 0 && !wane_compared_term(one));
        float *values = wane_alloc(one->rows * one->cols, sizeof *values);
        CHECK_OK(wane_comparison_read(values, &c, i, true, &err));
        assert_memory_equal(values, wane_model_weight(model, (size_t)index),
                            one->rows * one->cols * sizeof *values);
        worst = fmax(worst,
                     off_torch(expected, "merged", one->name, "", values, one->rows * one->cols));
        wane_free(values);
        read++;
    }
    assert_int_equal(read, 14);
    print_message("merged weights: %.2g of peft's largest\n", worst);
    assert_true(worst < 1e-6);
    wane_tensors_close(expected);
    wane_comparison_close(&c);
    wane_update_free(&update);
    wane_model_free(model);
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_dora(model, 0.2, false);
    check_threads(model, adapter);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* Merged, each row has the direction of W + scale B A and the vector's number for its length; and
 * computes what the term does. */
static void merged_rows_have_their_lengths(void **state)
{
    (void)state;
    static data d;
    wane_error err;
    wane_model *model = make_model(&small), *merged = NULL;
    wane_adapter *adapter = make_dora(model, 0, false);
    make_data(&d, 3, 3);
    CHECK_OK(wane_model_copy(&merged, model, &err));
    for (size_t i = 0; i < adapter->count; i++) {
        const wane_factor *f = &adapter->factor[i];
        const float *before = wane_model_weight(model, f->parameter);
        float *after = wane_model_weight(merged, f->parameter);
        wane_update_tensor tensor = {.name = "w",
                                     .rows = f->rows,
                                     .cols = f->cols,
                                     .term = {.b = f->b, .a = f->a, .rank = RANK, .scale = 1.5F},
                                     .vector = f->vector};
        CHECK_OK(wane_method_dora.merge(NULL, &tensor, after, &err));
        for (size_t row = 0; row < f->rows; row++) {
            double length = length_of(model, f, row);
            for (size_t c = 0; c < f->cols; c++) {
                double v = (double)before[row * f->cols + c];
                for (size_t k = 0; k < RANK; k++)
                    v += 1.5 * (double)f->b[row * RANK + k] * (double)f->a[k * f->cols + c];
                CHECK_NEAR(after[row * f->cols + c], v / length * (double)f->vector[row], 1e-6,
                           1e-6);
            }
        }
    }
    float *with = nll_of(model, adapter, &d.batch, 0), *in = nll_of(merged, NULL, &d.batch, 0);
    for (size_t t = 0; t < d.batch.targets; t++) CHECK_NEAR(in[t], with[t], 1e-5, 1e-5);
    wane_free(with);
    wane_free(in);
    wane_adapter_free(adapter);
    wane_model_free(merged);
    wane_model_free(model);
}

static void a_row_of_zeros_is_refused(void **state)
{
    (void)state;
    wane_error err;
    float weight[] = {3, 4, 0, 0}, b[] = {0, 0}, a[] = {1, 2}, vector[] = {10, 1};
    wane_update_tensor tensor = {.name = "w",
                                 .rows = 2,
                                 .cols = 2,
                                 .term = {.b = b, .a = a, .rank = 1, .scale = 1},
                                 .vector = vector};
    CHECK_FAILS(wane_method_dora.merge(NULL, &tensor, weight, &err), WANE_EINVAL,
                "merge: w: row 1 is zero");
    weight[3] = -2;
    CHECK_OK(wane_method_dora.merge(NULL, &tensor, weight, &err));
    CHECK_NEAR(weight[0], 6, 1e-6, 0);
    CHECK_NEAR(weight[1], 8, 1e-6, 0);
    assert_true(weight[2] == 0 && weight[3] == -1);
    tensor.embedding = true;
    CHECK_FAILS(wane_method_dora.merge(NULL, &tensor, weight, &err), WANE_EINVAL,
                "on an embedding");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss_with_lengths_held),
        cmocka_unit_test(gradients_are_torchs),
        cmocka_unit_test(compared_are_merged_weights),
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(merged_rows_have_their_lengths),
        cmocka_unit_test(a_row_of_zeros_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
