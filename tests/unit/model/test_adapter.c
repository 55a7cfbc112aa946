/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/model/adapter.h"
#include "eval/model/architecture.h"
#include "eval/model/term.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

static const wane_config tiny = {.architecture = &wane_architecture_llama,
                                 .vocabulary = 11,
                                 .width = 8,
                                 .layers = 2,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_width = 4,
                                 .hidden = 400,
                                 .context = 32,
                                 .norm_epsilon = 1e-5,
                                 .rope = {.theta = 100},
                                 .tied = true};

static void factors_follow_the_table(void **state)
{
    (void)state;
    wane_error err;
    wane_parameters p;
    CHECK_OK(wane_parameters_plan(&p, &tiny, &err));
    bool *target = wane_alloc(p.count, sizeof *target);
    for (size_t i = 0; i < p.count; i++) target[i] = p.parameter[i].linear;
    wane_adapter *a = NULL, *b = NULL;
    CHECK_OK(wane_adapter_new(&a, &wane_low_rank, &p, target, 3, 2.5, 0.1, 5, 2, &err));
    CHECK_OK(wane_adapter_new(&b, &wane_low_rank, &p, target, 3, 2.5, 0.1, 5, 2, &err));
    assert_int_equal(a->count, 14);
    assert_memory_equal(a->block, b->block, a->floats * sizeof(float));
    size_t numbers = 0, before = 0;
    for (size_t f = 0; f < a->count; f++) {
        const wane_factor *one = &a->factor[f];
        assert_int_equal(a->of_parameter[one->parameter], (long)f);
        assert_true(f == 0 || one->parameter > before);
        before = one->parameter;
        assert_int_equal(one->rows, p.parameter[one->parameter].rows);
        assert_ptr_equal(one->a, a->block + one->a_offset);
        assert_ptr_equal(one->b, a->block + one->b_offset);
        assert_int_equal(one->a_offset % 16 + one->b_offset % 16, 0);
        assert_true(one->b_offset + one->rows * 3 <= a->floats);
        numbers += 3 * (one->rows + one->cols);
        double bound = 1 / sqrt((double)one->cols), squares = 0, sum = 0;
        size_t count = 3 * one->cols;
        for (size_t i = 0; i < count; i++) {
            assert_true(fabsf(one->a[i]) <= (float)bound);
            sum += one->a[i];
            squares += (double)one->a[i] * one->a[i];
        }
        double deviation = bound / sqrt(3.0);
        CHECK_NEAR(sum / (double)count, 0, 5 * deviation / sqrt((double)count), 0);
        CHECK_NEAR(sqrt(squares / (double)count), deviation, 0, 3 / sqrt((double)count));
        for (size_t i = 0; i < 3 * one->rows; i++) assert_true(one->b[i] == 0);
        assert_true(one->scale == 2.5f);
    }
    assert_int_equal(a->numbers, numbers);
    assert_true(memcmp(a->factor[0].a, a->factor[1].a, 3 * 8 * sizeof(float)) != 0);
    wane_adapter_free(b);
    CHECK_OK(wane_adapter_new(&b, &wane_low_rank, &p, target, 3, 2.5, 0.1, 5, 3, &err));
    assert_true(memcmp(a->block, b->block, 96) != 0); /* another stage draws other numbers */
    wane_adapter_free(b);
    wane_adapter_free(a);
    wane_adapter_free(NULL);
    wane_free(target);
    wane_parameters_free(&p);
}

static void senseless_adapters_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_parameters p;
    CHECK_OK(wane_parameters_plan(&p, &tiny, &err));
    bool *target = wane_alloc(p.count, sizeof *target);
    wane_adapter *a = NULL;
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 2, 1, 0, 1, 1, &err), WANE_EINVAL,
                "none");
    size_t k = (size_t)wane_parameters_find(&p, "model.layers.1.self_attn.k_proj.weight");
    target[k] = true;
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 0, 1, 0, 1, 1, &err), WANE_EINVAL,
                "rank");
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 5, 1, 0, 1, 1, &err), WANE_EINVAL,
                "4 x 8");
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 2, NAN, 0, 1, 1, &err),
                WANE_EINVAL, "scale");
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 2, 1, 1.0, 1, 1, &err),
                WANE_EINVAL, "dropout");
    target[0] = true;
    CHECK_FAILS(wane_adapter_new(&a, &wane_low_rank, &p, target, 2, 1, 0, 1, 1, &err), WANE_EINVAL,
                "embed_tokens");
    target[0] = false;
    for (long n = 0; n < 6; n++) {
        wane_memory_fail_after(n);
        assert_int_equal(wane_adapter_new(&a, &wane_low_rank, &p, target, 2, 1, 0, 1, 1, &err),
                         WANE_ENOMEM);
        wane_memory_fail_after(-1);
    }
    assert_null(a);
    wane_free(target);
    wane_parameters_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_follow_the_table),
        cmocka_unit_test(senseless_adapters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
