/* SPDX-License-Identifier: Apache-2.0
 * wane scale on a model with one strong direction: what is written is what was asked for, as an
 * adapter and as a whole model.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "eval/model/model.h"
#include "eval/train/train.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/update.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

enum { WIDTH = 128, WIDE = WANE_EXACT_SIDE + 16, RANK = 18 };
static const char tuned_name[] = "model.layers.0.self_attn.q_proj.weight";

static wane_model *model;
static size_t index_;
static float factor_a[RANK * WIDE], factor_b[RANK * WIDE];

/* An adapter on the query matrix: one direction of three times sigma_1, the others a hundredth of
 * it, which are no intruders. */
static void save_adapter(const char *path, double strong, size_t width)
{
    wane_error err;
    wane_update update = {0};
    wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(factor_a, RANK * width, 1 / sqrt((double)width), &where);
    for (size_t r = 0; r < RANK; r++)
        for (size_t i = 0; i < width; i++)
            factor_b[i * RANK + r] =
                (float)((r ? 0.01 : strong) * (double)factor_a[((r + 1) % RANK) * width + i]);
    CHECK_OK(wane_update_new(&update, 1, true, &err));
    update.tensors[0] =
        (wane_update_tensor){.name = tuned_name,
                             .rows = width,
                             .cols = width,
                             .term = {.b = factor_b, .a = factor_a, .rank = RANK, .scale = 0.5F}};
    update.facts = (wane_adapter_facts){.alpha = 0.5 * RANK, .rank = RANK};
    CHECK_OK(wane_update_save(&update, path, &err));
    wane_update_free(&update);
}

static wane_model *merged(const char *adapter)
{
    wane_error err;
    wane_update update = {0};
    wane_model *out = NULL;
    CHECK_OK(wane_model_copy(&out, model, &err));
    CHECK_OK(wane_update_load(&update, adapter, NULL, NULL, &err));
    CHECK_OK(wane_model_apply(out, &update, NULL, &err));
    wane_update_free(&update);
    return out;
}

static int make(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0) return -1;
    model = small_model(1, 2, 64, 160);
    write_file(scratch_path("base/tokenizer.json"), "{}", 2);
    index_ = (size_t)wane_parameters_find(&model->parameters, tuned_name);
    wane_base_svd *svd = NULL;
    CHECK_OK(wane_base_svd_compute(&svd, wane_model_matrix(model, index_), &err));
    save_adapter(scratch_path("strong"), 6 * wane_base_svd_sigma(svd)[0], WIDTH);
    wane_base_svd_free(svd);
    save_adapter(scratch_path("weak"), 0.01, WIDTH);
    wane_model *tuned = merged(scratch_path("strong"));
    CHECK_OK(wane_model_save(tuned, scratch_path("whole"), &err));
    wane_model_free(tuned);
    return 0;
}

static int unmake(void **state)
{
    told_free();
    wane_model_free(model);
    return scratch_remove(state);
}

static double norm(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < WIDTH * WIDTH; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

/* Calls `wane scale` on the adapter and on the whole model: both give the same weights, whose
 * distances are what was said. Returns the said ||D||. */
static double scaled(const char *options, size_t added)
{
    wane_error err;
    char line[300];
    const float *base = wane_model_weight(model, index_);
    (void)snprintf(line, sizeof line, "scale {base} {strong} %s -o {adapter} --json", options);
    const wane_json *said = told_json(line), *m = wane_json_at(wane_json_get(said, "matrices"), 0);
    double delta = json_number(said, "delta_frobenius"), moved = json_number(m, "moved_frobenius");
    assert_int_equal(wane_json_size(wane_json_get(said, "matrices")), 1);
    assert_string_equal(json_text(m, "name"), tuned_name);
    assert_string_equal(json_text(m, "state"), "exists");
    assert_true(json_number(said, "changed") == 1 && json_number(said, "with_intruders") == 1);
    assert_true(json_number(m, "added_rank") == (double)added);
    (void)snprintf(line, sizeof line, "scale {base} {whole} %s -o {model} --json", options);
    said = told_json(line);
    CHECK_NEAR(json_number(said, "delta_frobenius"), delta, 0, 1e-5);
    wane_model *a = merged(scratch_path("adapter")), *b = NULL, *old = NULL;
    CHECK_OK(wane_model_load(&b, scratch_path("model"), &err));
    CHECK_OK(wane_model_load(&old, scratch_path("whole"), &err));
    const float *wa = wane_model_weight(a, index_), *wb = wane_model_weight(b, index_);
    CHECK_NEAR(norm(wa, wb), 0, 1e-5 * delta, 0);
    CHECK_NEAR(norm(wa, base), delta, 0, 1e-5);
    CHECK_NEAR(norm(wb, wane_model_weight(old, index_)), moved, 1e-5 * delta, 1e-5);
    for (size_t p = 0; p < model->parameters.count; p++) { /* nothing else is touched */
        const wane_parameter *other = &model->parameters.parameter[p];
        if (p != index_)
            assert_memory_equal(wane_model_weight(b, p), wane_model_weight(model, p),
                                other->rows * other->cols * sizeof(float));
    }
    size_t count = 0;
    char *tokenizer = read_file(scratch_path("model/tokenizer.json"), &count);
    assert_string_equal(tokenizer, "{}");
    free(tokenizer);
    wane_model_free(a);
    wane_model_free(b);
    wane_model_free(old);
    return delta;
}

static void again(void)
{
    remove_tree(scratch_path("adapter"));
    remove_tree(scratch_path("model"));
}

static void what_is_written_is_what_was_asked(void **state)
{
    (void)state;
    double intruders = scaled("--lambda 0.5", 1);
    assert_int_equal(told("intruders {base} {adapter} --json"), 0);
    again();
    CHECK_NEAR(scaled("--lambda .5 --arm shrink", 0), intruders, 0, 1e-9);
    again();
    double rescaled = scaled("--lambda .5 --arm rescale", 1);
    again();
    (void)scaled("--lambda .5 --arm neighbour --choice all", 1);
    again();
    CHECK_NEAR(scaled("--lambda 1", 0), rescaled, 0, 1e-9); /* dW's own norm */
    again();
}

/* N holds almost nothing here, so that only a tenth of a thousandth can be taken from it. Rank 20
 * must be written as an integer: peft takes 2e+01 for a float. */
static void energy_is_two_columns_wider(void **state)
{
    (void)state;
    (void)scaled("--lambda .9999999 --arm energy", 2);
    char *text = read_file(scratch_path("adapter/adapter_config.json"), NULL);
    assert_non_null(strstr(text, "\"model.layers.0.self_attn.q_proj\": 20\n"));
    free(text);
    again();
}

static void removed_is_gone(void **state)
{
    (void)state;
    assert_true(json_number(told_json("intruders {base} {strong} --json"), "total") == 1);
    assert_int_equal(told("scale {base} {strong} --lambda 0 -o {gone} --choice all"), 0);
    assert_non_null(strstr(told_out(), "changed              1 of 1 matrices; 1 have intruders\n"));
    assert_non_null(strstr(told_out(), "128 x 128          1  1 "));
    assert_null(strstr(told_out(), " \n"));
    assert_true(json_number(told_json("intruders {base} {gone} --json"), "total") == 0);
}

static void refusals_write_nothing(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"scale {base} {strong} --lambda .5", "-o DIR are needed"},
        {"scale {base} {strong} -o {no}", "--lambda in [0, 4]"},
        {"scale {base} {strong} -o {no} --lambda -1", "--lambda in [0, 4]"},
        {"scale {base} {strong} -o {no} --lambda 1 --arm shrunk", "not 'shrunk'"},
        {"scale {base} {strong} -o {no} --lambda 1 --choice some", "not 'some'"},
        {"scale {base} {strong} -o {no} --lambda 1 -k 0", "-k is at least 1"},
        {"scale {base} {strong} -o {no} --lambda 1 --side both", "--side u or v"},
        {"scale {base} {strong} -o {base} --lambda .5", "is an input of this command"},
        {"scale {base} {strong} -o {base/config.json} --lambda .5",
         "is a file of an input of this command"},
        {"scale {base} {weak} -o {no} --lambda .5", "no matrix has an intruder"},
        {"scale {base} {strong} -o {no} --lambda 1.25 --arm energy", "the arm exists for no"},
        {"scale {base} {none} -o {no} --lambda .5", "none"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(told(lines[i][0]), 2);
        if (!strstr(told_err(), lines[i][1])) print_error("%s: %s\n", lines[i][0], told_err());
        assert_non_null(strstr(told_err(), lines[i][1]));
        assert_string_equal(told_out(), "");
        assert_false(wane_folder_exists(scratch_path("no")));
    }
}

/* A matrix above WANE_EXACT_SIDE is scaled without its base's SVD, and says so; --exact takes it,
 * and the same is changed by as much. Its base takes the place of the other: this runs last. */
static void wide_ones_by_bounds(void **state)
{
    (void)state;
    double delta[2];
    wane_model_free(small_model(1, 2, WIDE / 2, 160));
    save_adapter(scratch_path("wide"), 30, WIDE);
    for (int exact = 0; exact < 2; exact++) {
        const wane_json *said =
            told_json(exact ? "scale {base} {wide} -l 0 -o {exact} --json --exact"
                            : "scale {base} {wide} -l 0 -o {bounded} --json");
        const wane_json *m = wane_json_at(wane_json_get(said, "matrices"), 0);
        const wane_json *first = wane_json_at(wane_json_get(m, "scaled"), 0);
        assert_true(json_number(first, "position") == 1);
        assert_true(wane_json_bool(wane_json_get(m, "bounded"), exact) == !exact);
        delta[exact] = json_number(said, "delta_frobenius");
    }
    CHECK_NEAR(delta[0], delta[1], 0, 1e-6);
    assert_int_equal(told("scale {base} {wide} -l 0 -o {page}"), 0);
    assert_non_null(strstr(told_out(), "bounds               1 matrix without the SVD of its "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_was_asked),
        cmocka_unit_test(energy_is_two_columns_wider),
        cmocka_unit_test(removed_is_gone),
        cmocka_unit_test(refusals_write_nothing),
        cmocka_unit_test(wide_ones_by_bounds),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
