/* SPDX-License-Identifier: Apache-2.0
 * wane intruders on pairs whose answer is known.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "eval/model/model.h"
#include "eval/pair/panels.h"
#include "eval/pair/spectra_of_pair.h"
#include "eval/train/train.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/update.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

enum { WIDTH = 256, RANK_MOST = 8 };
static const char tuned_name[] = "model.layers.0.self_attn.q_proj.weight";

#define NULLS                                                                                      \
    "intruders_low intruders_high intruders_null intruders_null_low intruders_null_high "          \
    "intruders_p_low intruders_p_high uninformative null_reason"

static wane_model *model;
static float factor_a[RANK_MOST * WIDTH], factor_b[RANK_MOST * WIDTH];

/* The update W + scale b a^T on the query matrix, as an adapter of `rank`; b = a, or 0 at the start
 * of training. */
static void save_adapter(const char *path, size_t rank, double scale, bool start)
{
    wane_error err;
    wane_update update = {0};
    wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(factor_a, rank * WIDTH, 1 / sqrt(WIDTH), &where);
    for (size_t r = 0; r < rank; r++)
        for (size_t i = 0; i < WIDTH; i++)
            factor_b[i * rank + r] = start ? 0 : factor_a[r * WIDTH + i];
    CHECK_OK(wane_update_new(&update, 1, true, &err));
    update.tensors[0] = (wane_update_tensor){
        .name = tuned_name,
        .rows = WIDTH,
        .cols = WIDTH,
        .term = {.b = factor_b, .a = factor_a, .rank = rank, .scale = (float)scale}};
    update.facts = (wane_adapter_facts){.alpha = scale * (double)rank, .rank = rank};
    CHECK_OK(wane_update_save(&update, path, &err));
    wane_update_free(&update);
}

/* The same, merged: as a file with that one tensor, and as a whole model. */
static wane_model *save_merged(const char *adapter, const char *tensors, const char *folder)
{
    wane_error err;
    wane_update update = {0}, dense = {0};
    wane_model *tuned = NULL;
    CHECK_OK(wane_model_copy(&tuned, model, &err));
    CHECK_OK(wane_update_load(&update, adapter, NULL, NULL, &err));
    CHECK_OK(wane_model_apply(tuned, &update, NULL, &err));
    CHECK_OK(wane_update_new(&dense, 1, false, &err));
    long index = wane_parameters_find(&model->parameters, tuned_name);
    dense.tensors[0] = (wane_update_tensor){.name = tuned_name,
                                            .rows = WIDTH,
                                            .cols = WIDTH,
                                            .data = wane_model_weight(tuned, (size_t)index)};
    CHECK_OK(wane_update_save(&dense, tensors, &err));
    CHECK_OK(wane_model_save(tuned, folder, &err));
    wane_update_free(&update);
    wane_update_free(&dense);
    return tuned;
}

static int make(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0) return -1;
    model = small_model(1, 4, 64, 300);
    long index = wane_parameters_find(&model->parameters, tuned_name);
    wane_base_svd *svd = NULL;
    CHECK_OK(wane_base_svd_compute(&svd, wane_model_matrix(model, (size_t)index), &err));
    save_adapter(scratch_path("strong"), 1, 3 * wane_base_svd_sigma(svd)[0], false);
    wane_base_svd_free(svd);
    return 0;
}

static int unmake(void **state)
{
    told_free();
    wane_model_free(model);
    return scratch_remove(state);
}

/* The one matrix that was tuned; all others must be as they were, or (a file of one tensor) not
 * there. */
static const wane_json *tuned_matrix(const wane_json *answer)
{
    const wane_json *list = wane_json_get(answer, "matrices"), *found = NULL;
    size_t count = wane_json_size(list),
           missing = wane_json_size(wane_json_get(answer, "only_base"));
    assert_true((count == 7 && missing == 0) || (count == 1 && missing == 10));
    assert_int_equal(wane_json_size(wane_json_get(answer, "only_tuned")), 0);
    for (size_t i = 0; i < count; i++) {
        const wane_json *m = wane_json_at(list, i);
        if (strcmp(json_text(m, "name"), tuned_name) == 0) {
            found = m;
            continue;
        }
        assert_true(json_number(m, "intruders") == 0 && json_number(m, "energy") == 0);
        /* Nothing to count, and nothing to draw. */
        assert_true(json_number(m, "delta_frobenius") == 0 &&
                    json_number(m, "intruders_null") == 0);
        assert_true(json_number(m, "existing") == 0 && isnan(json_number(m, "floor")));
        assert_int_equal(wane_json_size(wane_json_get(m, "directions")), 0);
    }
    assert_non_null(found);
    return found;
}

/* W + 3 sigma_1 v v^T with a random v: one intruder in the top ten, v itself, on both sides;
 * whatever form the tuned weights come in. */
static void one_strong_direction_is_one_intruder(void **state)
{
    (void)state;
    static const char *const forms[] = {"strong", "strong.safetensors", "strong-model"};
    wane_model_free(
        save_merged(scratch_path(forms[0]), scratch_path(forms[1]), scratch_path(forms[2])));
    for (size_t f = 0; f < 3; f++)
        for (int side = 0; side < 2; side++) {
            char line[200];
            (void)snprintf(line, sizeof line, "intruders {base} {%s} --side %s --json", forms[f],
                           side ? "v" : "u");
            const wane_json *answer = told_json(line), *m = tuned_matrix(answer);
            json_keys_are(answer,
                          "k epsilon side total existing unresolved " NULLS " matrices parts "
                          "settings only_base only_tuned tie resized");
            assert_true(json_number(answer, "existing") == 10);
            assert_true(json_number(answer, "unresolved") == 0);
            /* One direction three times sigma_1 is new wherever it points. */
            assert_true(json_number(answer, "intruders_null") == 1);
            assert_true(json_number(answer, "intruders_null_low") == 1);
            assert_true(json_number(answer, "intruders_null_high") == 1);
            assert_true(json_number(answer, "intruders_p_low") == 1);
            assert_true(json_number(answer, "intruders_p_high") == 1);
            assert_true(wane_json_kind_of(wane_json_get(answer, "null_reason")) == WANE_JSON_NULL);
            assert_true(json_number(answer, "total") == 1 && json_number(answer, "k") == 10);
            assert_true(json_number(m, "intruders") == 1 && json_number(m, "rows") == WIDTH);
            json_keys_are(m, "name rows cols intruders intruders_low intruders_high intruders_null "
                             "energy delta_frobenius "
                             "relative_update effective_rank rounding_floor existing "
                             "unresolved floor bounded directions");
            const wane_json *first = wane_json_at(wane_json_get(m, "directions"), 0);
            json_keys_are(first, "position sigma max_cosine max_cosine_high span cluster_overlap");
            assert_true(json_number(first, "max_cosine_high") == json_number(first, "max_cosine"));
            assert_false(wane_json_bool(wane_json_get(m, "bounded"), true));
            assert_true(json_number(first, "max_cosine") < 0.4);
            CHECK_NEAR(json_number(first, "span"), 1, 1e-9, 0);
            CHECK_NEAR(json_number(m, "effective_rank"), 1, 2e-3, 0);
            assert_true(json_number(m, "intruders_null") == 1);
            assert_true(json_number(m, "rounding_floor") == 0);
        }
}

/* The same counts; a cosine that is bounded is said to be, and not passed for a number. */
static void bounds_say_that_they_are(void **state)
{
    (void)state;
    const wane_json *m =
        tuned_matrix(told_json("intruders {base} {strong} --bounded --null --json"));
    size_t open = 0;
    assert_true(json_number(m, "intruders") == 1);
    assert_true(wane_json_bool(wane_json_get(m, "bounded"), false));
    const wane_json *list = wane_json_get(m, "directions");
    for (size_t j = 0; j < wane_json_size(list); j++) {
        const wane_json *d = wane_json_at(list, j);
        assert_true(json_number(d, "max_cosine") <= json_number(d, "max_cosine_high"));
        assert_true(isnan(json_number(d, "span")));
        open += json_number(d, "max_cosine") < json_number(d, "max_cosine_high");
    }
    assert_true(open > 0);
    assert_int_equal(told("intruders {base} {strong} --bounded --no-null"), 0);
    assert_non_null(
        strstr(told_out(), "bounds               1 matrix without the SVD of its base"));
    assert_int_equal(told("intruders {base} {strong} --no-null"), 0);
    assert_null(strstr(told_out(), "without the SVD"));
}

static void both_sides_are_a_list(void **state)
{
    (void)state;
    const wane_json *answer = told_json("intruders {base} {strong} --side both --json -k 3");
    assert_int_equal(wane_json_size(answer), 2);
    for (size_t side = 0; side < 2; side++) {
        const wane_json *one = wane_json_at(answer, side);
        assert_string_equal(json_text(one, "side"), side ? "v" : "u");
        assert_true(json_number(one, "k") == 3);
        assert_int_equal(wane_json_size(wane_json_get(tuned_matrix(one), "directions")), 3);
    }
}

static void the_table_for_people(void **state)
{
    (void)state;
    assert_int_equal(told("intruders {base} {strong} --side both"), 0);
    const char *out = told_out();
    assert_non_null(
        strstr(out, "matrices             7, of them 1 changed (without embeddings and heads)\n"));
    assert_non_null(strstr(out, "intruders, side u    1 of 10 directions that exist in the top 10 "
                                "of the changed matrices (|cosine| < 0.5)\n"
                                "margin               1 at |cosine| < 0.45, 1 at 0.55\n"
                                "at random            1.00 [1, 1] in 99 random updates with the "
                                "singular values of dW (null_rotated); p 1.00 for as many or "
                                "more\n"));
    assert_null(strstr(out, "in neither side"));
    assert_non_null(strstr(out, "PEFT adapter, rank 1, alpha "));
    assert_non_null(strstr(out, "\ntotal "));
    assert_null(strstr(out, "rounding"));
    assert_null(strstr(out, "up_proj")); /* unchanged */
    assert_null(strstr(out, " \n"));     /* no space ends a line */
}

/* Kept base spectra give the same bytes; so do other numbers of threads. */
static void cache_and_threads_change_nothing(void **state)
{
    (void)state;
    wane_error err;
    char **names = NULL;
    size_t count = 0;
    (void)told_json("intruders {base} {strong} --json --threads 1");
    char *plain = strdup(told_out());
    static const char *const lines[] = {"intruders {base} {strong} --json --threads 3",
                                        "intruders {base} {strong} --json --cache {cache}",
                                        "intruders {base} {strong} --json --cache {cache}"};
    for (size_t i = 0; i < 3; i++) {
        (void)told_json(lines[i]);
        assert_string_equal(plain, told_out());
    }
    CHECK_OK(wane_folder_list(&names, &count, scratch_path("cache"), &err));
    assert_int_equal(count, 1);
    wane_names_free(names, count);
    free(plain);
}

/* ---------------------------------------------------------------------------- 16-bit checkpoints
 */

static uint16_t to_bf16(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/* The model as a folder of BF16; *rounding = ||rounded - exact||_F of the tuned matrix. */
static void save_bf16(const wane_model *tuned, const char *folder, double *rounding)
{
    wane_error err;
    wane_text header = {0}, file = {0};
    size_t offset = 0;
    wane_text_string(&header, "{");
    for (size_t i = 0; i < tuned->parameters.count; i++) {
        const wane_parameter *p = &tuned->parameters.parameter[i];
        size_t bytes = 2 * p->rows * p->cols;
        wane_text_printf(&header, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":", i ? "," : "", p->name);
        if (p->role == WANE_ROLE_NORM) wane_text_printf(&header, "[%zu]", p->rows);
        else wane_text_printf(&header, "[%zu,%zu]", p->rows, p->cols);
        wane_text_printf(&header, ",\"data_offsets\":[%zu,%zu]}", offset, offset + bytes);
        offset += bytes;
    }
    wane_text_string(&header, "}");
    uint64_t length = header.length;
    wane_text_append(&file, (const char *)&length, sizeof length);
    wane_text_append(&file, header.data, header.length);
    for (size_t i = 0; i < tuned->parameters.count; i++) {
        const wane_parameter *p = &tuned->parameters.parameter[i];
        double square = 0;
        for (size_t j = 0; j < p->rows * p->cols; j++) {
            float exact = tuned->weights[p->offset + j], back = 0;
            uint16_t half = to_bf16(exact);
            uint32_t bits = (uint32_t)half << 16;
            memcpy(&back, &bits, sizeof back);
            square += ((double)back - (double)exact) * ((double)back - (double)exact);
            wane_text_append(&file, (const char *)&half, sizeof half);
        }
        if (strcmp(p->name, tuned_name) == 0) *rounding = sqrt(square);
    }
    CHECK_OK(wane_text_check(&file, "test", folder, &err));
    CHECK_OK(wane_model_save(tuned, folder, &err)); /* its config.json */
    char path[600];
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    CHECK_OK(wane_file_write(path, file.data, file.length, &err));
    wane_text_free(&header);
    wane_text_free(&file);
}

/* A weak rank-8 change drowns in the rounding of every weight: no effective rank is claimed. */
static void rounding_is_not_taken_for_rank(void **state)
{
    (void)state;
    double rounding = 0;
    save_adapter(scratch_path("weak"), 8, 1e-3, false);
    wane_model *tuned = save_merged(scratch_path("weak"), scratch_path("weak.safetensors"),
                                    scratch_path("weak-model"));
    save_bf16(tuned, scratch_path("weak-bf16"), &rounding);
    const wane_json *m = tuned_matrix(told_json("intruders {base} {weak} --json"));
    double rank = json_number(m, "effective_rank"), change = json_number(m, "delta_frobenius");
    assert_true(rank > 4 && rank <= 8.0001 && change < 0.1);
    m = tuned_matrix(told_json("intruders {base} {weak.safetensors} --json"));
    CHECK_NEAR(json_number(m, "delta_frobenius"), change, 0, 1e-3);
    assert_true(json_number(m, "rounding_floor") == 0);

    const wane_json *answer = told_json("intruders {base} {weak-bf16} --json"), *list = NULL;
    list = wane_json_get(answer, "matrices");
    for (size_t i = 0; i < wane_json_size(list); i++) {
        m = wane_json_at(list, i);
        assert_true(json_number(m, "delta_frobenius") < 10 * json_number(m, "rounding_floor"));
        assert_true(isnan(json_number(m, "effective_rank")));
        if (strcmp(json_text(m, "name"), tuned_name) == 0)
            CHECK_NEAR(json_number(m, "rounding_floor"), rounding, 0, 0.03);
    }
    assert_int_equal(told("intruders {base} {weak-bf16}"), 0);
    assert_non_null(strstr(told_out(), ": what rounding to BF16 alone makes of ||dW||\n"));
    assert_non_null(strstr(told_out(), "7 changed matrices are within 10 floors"));

    /* from a database as they were found */
    (void)told_json("intruders {base} {weak-bf16} --json --no-null --db {weak.db}");
    char *first = strdup(told_out());
    (void)told_json("intruders {base} {weak-bf16} --json --no-null --db {weak.db}");
    assert_string_equal(told_out(), first);
    free(first);

    /* a strong change is above the floor, and has its rank again */
    wane_model_free(tuned);
    tuned = save_merged(scratch_path("strong"), scratch_path("again.safetensors"),
                        scratch_path("again-model"));
    save_bf16(tuned, scratch_path("strong-bf16"), &rounding);
    answer = told_json("intruders {base} {strong-bf16} --json");
    list = wane_json_get(answer, "matrices");
    for (size_t i = 0; i < wane_json_size(list); i++) {
        m = wane_json_at(list, i);
        bool strong = strcmp(json_text(m, "name"), tuned_name) == 0;
        assert_true(strong == !isnan(json_number(m, "effective_rank")));
    }
    assert_true(json_number(answer, "total") == 1);
    wane_model_free(tuned);
}

/* A model against itself, and an adapter that is still at its start. */
static void nothing_changed(void **state)
{
    (void)state;
    save_adapter(scratch_path("start"), 2, 1, true);
    static const char *const tuned[] = {"start", "base"};
    for (int i = 0; i < 2; i++) {
        char line[100];
        (void)snprintf(line, sizeof line, "intruders {base} {%s} --json", tuned[i]);
        const wane_json *answer = told_json(line);
        assert_true(json_number(answer, "total") == 0);
        assert_int_equal(wane_json_size(wane_json_get(answer, "matrices")), 7);
        (void)snprintf(line, sizeof line, "intruders {base} {%s}", tuned[i]);
        assert_int_equal(told(line), 0);
        assert_non_null(strstr(told_out(), "7, of them 0 changed"));
    }
}

/* An update so small that no random one shows either: a count of 0 that says nothing. */
static void a_small_update_is_uninformative(void **state)
{
    (void)state;
    save_adapter(scratch_path("small"), 8, 1e-3, false);
    const wane_json *answer = told_json("intruders {base} {small} --json"), *flag = NULL;
    flag = wane_json_get(answer, "uninformative");
    assert_true(json_number(answer, "total") == 0);
    assert_true(json_number(answer, "intruders_null_high") == 0);
    assert_true(json_number(answer, "intruders_p_low") == 1);
    assert_true(wane_json_bool(flag, false));
    assert_int_equal(told("diff {base} {small}"), 0);
    assert_non_null(strstr(told_out(), "(null_rotated): uninformative, at this size they have none "
                                       "either\n"));
}

static wane_update one_tensor(float *values, size_t rows, size_t cols)
{
    wane_error err;
    wane_update out = {0};
    CHECK_OK(wane_update_new(&out, 1, false, &err));
    out.tensors[0] =
        (wane_update_tensor){.name = "a.weight", .rows = rows, .cols = cols, .data = values};
    return out;
}

/* Whole weights beyond a size, and who does not want any, get no random updates, and the page says
 * why. */
static void no_random_updates(void **state)
{
    (void)state;
    enum { WIDE = WANE_NULL_DENSE_SIDE + 1, SHORT = 12 };
    wane_error err;
    wane_random where = {.seed = 4, .purpose = WANE_RANDOM_TEST};
    float *values = malloc((size_t)WIDE * WIDE * sizeof *values);
    assert_non_null(values);
    wane_random_normal_fill(values, (size_t)WIDE * WIDE, 1, &where);
    static const char *const paths[2][2] = {{"wide", "wide-tuned"}, {"long", "long-tuned"}};
    for (int i = 0; i < 2; i++)
        for (int tuned = 0; tuned < 2; tuned++) {
            wane_update update = one_tensor(values, i ? SHORT : WIDE, WIDE);
            values[5] += (float)tuned;
            CHECK_OK(wane_update_save(&update, scratch_path(paths[i][tuned]), &err));
            wane_update_free(&update);
        }
    free(values);
    const wane_json *answer = told_json("intruders {wide} {wide-tuned} --json");
    assert_string_equal(json_text(answer, "null_reason"), "wide");
    assert_true(isnan(json_number(answer, "intruders_null")));
    assert_true(isnan(json_number(answer, "intruders_p_low")));
    assert_true(wane_json_kind_of(wane_json_get(answer, "uninformative")) == WANE_JSON_NULL);
    assert_int_equal(told("intruders {wide} {wide-tuned}"), 0);
    assert_non_null(strstr(told_out(), "not drawn: a whole weight's smaller side is beyond 512 "
                                       "(--null)\n"));
    answer = told_json("intruders {long} {long-tuned} --json");
    assert_true(wane_json_kind_of(wane_json_get(answer, "null_reason")) == WANE_JSON_NULL);
    answer = told_json("intruders {base} {strong} --json --no-null");
    assert_string_equal(json_text(answer, "null_reason"), "not_asked");
    assert_true(
        isnan(json_number(wane_json_at(wane_json_get(answer, "matrices"), 0), "intruders_null")));
    assert_int_equal(told("diff {base} {strong} --no-null"), 0);
    assert_non_null(strstr(told_out(), "at random, left      not drawn (--no-null)\n"));
    answer = told_json("intruders {base} {base} --json");
    assert_string_equal(json_text(answer, "null_reason"), "unchanged");
}

/* A tensor of several panels, changed in its first and its last number; then with a NaN there. */
static void sums_go_over_every_panel(void **state)
{
    (void)state;
    enum { WIDE = 600, COUNT = WIDE * WIDE };
    _Static_assert((int)COUNT > (int)WANE_PANEL && COUNT % WANE_PANEL != 0,
                   "two panels, the last a part");
    wane_error err;
    wane_random where = {.seed = 6, .purpose = WANE_RANDOM_TEST};
    float *values = malloc(COUNT * sizeof *values);
    double square = 0;
    assert_non_null(values);
    wane_random_normal_fill(values, COUNT, 1, &where);
    for (size_t i = 0; i < COUNT; i++) square += (double)values[i] * (double)values[i];
    static const char *const names[] = {"panels", "panels-tuned", "panels-nan"};
    for (int i = 0; i < 3; i++) {
        wane_update update = one_tensor(values, WIDE, WIDE);
        if (i == 1) values[0] += 3, values[COUNT - 1] += 4;
        if (i == 2) values[COUNT - 1] = NAN;
        CHECK_OK(wane_update_save(&update, scratch_path(names[i]), &err));
        wane_update_free(&update);
    }
    free(values);
    const wane_json *all = told_json("diff {panels} {panels-tuned} --json --no-null --threads 1");
    const wane_json *group = wane_json_at(wane_json_get(all, "tensors"), 0);
    CHECK_NEAR(json_number(group, "delta_frobenius"), 5, 1e-6, 0);
    CHECK_NEAR(json_number(group, "base_frobenius"), sqrt(square), 0, 1e-12);
    char *one = strdup(told_out());
    (void)told_json("diff {panels} {panels-tuned} --json --no-null --threads 3");
    assert_string_equal(one, told_out());
    free(one);
    assert_int_equal(told("diff {panels} {panels-nan} --json"), 1);
    assert_non_null(strstr(told_out(), "\"base\": 0, \"tuned\": 1}"));
}

/* The margin is the count at epsilon -+ .05, the mean that of `wane intruders` at any k. */
static void other_epsilons_and_k(void **state)
{
    (void)state;
    double at[3];
    static const char *const lines[] = {"intruders {base} {strong} --json --epsilon .85 -k 40",
                                        "intruders {base} {strong} --json --epsilon .9 -k 40",
                                        "intruders {base} {strong} --json --epsilon .95 -k 40"};
    const wane_json *answer = NULL;
    for (int i = 0; i < 3; i++) at[i] = json_number(told_json(lines[i]), "total");
    answer = told_json(lines[1]);
    assert_true(json_number(answer, "intruders_low") == at[0]);
    assert_true(json_number(answer, "intruders_high") == at[2]);
    assert_true(at[2] > at[0]);
    assert_true(json_number(answer, "intruders_null") > 1);
}

static void bad_calls(void **state)
{
    (void)state;
    static const told_refusal calls[] = {
        {"intruders {base}", "something is missing"},
        {"intruders {base} {strong} more", "too many operands"},
        {"intruders {none} {strong}", "none"},
        {"intruders {base} {none}", "none"},
        {"intruders {strong} {base}", "an adapter, not a model"},
        {"intruders {base} {strong} --side w", "--side is u, v or both"},
        {"intruders {base} {strong} -k 0", "-k is at least 1"},
        {"intruders {base} {strong} -k x", "--top: 'x'"},
        {"intruders {base} {strong} --epsilon 2", "--epsilon in (0, 1]"},
        {"intruders {base} {strong} --null --no-null", "--null or --no-null, not both"},
        {"diff {base} {strong} --null --no-null", "--null or --no-null, not both"},
        {"intruders {base} {strong} --sides u", "did you mean --side"},
        {"intruders {base} {strong} --threads 65", "at most 64"},
        {"intruders {base} {other}", "no tensor in common with"},
        {"intruders {base} {strong} --cache {base/config.json}", "config.json"},
    };
    wane_error err;
    wane_update other = {0};
    float value[4] = {1, 2, 3, 4};
    CHECK_OK(wane_update_new(&other, 1, false, &err));
    other.tensors[0] =
        (wane_update_tensor){.name = "no.weight", .rows = 2, .cols = 2, .data = value};
    CHECK_OK(wane_update_save(&other, scratch_path("other"), &err));
    wane_update_free(&other);
    told_refused(calls, sizeof calls / sizeof *calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_strong_direction_is_one_intruder),
        cmocka_unit_test(bounds_say_that_they_are),
        cmocka_unit_test(both_sides_are_a_list),
        cmocka_unit_test(the_table_for_people),
        cmocka_unit_test(cache_and_threads_change_nothing),
        cmocka_unit_test(rounding_is_not_taken_for_rank),
        cmocka_unit_test(nothing_changed),
        cmocka_unit_test(a_small_update_is_uninformative),
        cmocka_unit_test(no_random_updates),
        cmocka_unit_test(sums_go_over_every_panel),
        cmocka_unit_test(other_epsilons_and_k),
        cmocka_unit_test(bad_calls),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
