/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "store/files/update.h"
#include "tests/support/support.h"

#define FIXTURES "reference/tensors/"

static void count_warning(void *context, const char *line)
{
    assert_non_null(strstr(line, "unknown key"));
    ++*(int *)context;
}

/* Every adapter of the reference, merged into its base, gives the weights peft merged. */
static void merged_weights_equal_pefts(const char *name)
{
    wane_error err;
    wane_update update = {0};
    wane_tensors *base = NULL, *merged = NULL;
    char path[128];
    int warnings = 0;
    (void)snprintf(path, sizeof path, FIXTURES "adapter-%s", name);
    CHECK_OK(wane_update_load(&update, path, count_warning, &warnings, &err));
    assert_int_equal(warnings, 0);
    (void)snprintf(path, sizeof path, FIXTURES "merged-%s.safetensors", name);
    CHECK_OK(wane_tensors_open(&merged, path, &err));
    CHECK_OK(wane_tensors_open(&base, FIXTURES "tiny-llama", &err));
    assert_true(update.lowrank);
    assert_int_equal(update.count, wane_tensors_count(merged));
    for (size_t i = 0; i < update.count; i++) {
        const wane_update_tensor *t = &update.tensors[i];
        const wane_tensor *before = wane_tensors_find(base, t->name);
        const wane_tensor *after = wane_tensors_find(merged, t->name);
        assert_non_null(before);
        assert_non_null(after);
        float weight[1024], wanted[1024], largest = 0;
        assert_true(before->elements == t->rows * t->cols && before->elements <= 1024);
        CHECK_OK(wane_tensors_read(base, before, weight, &err));
        CHECK_OK(wane_tensors_read(merged, after, wanted, &err));
        wane_update_apply(NULL, t, weight);
        for (size_t k = 0; k < before->elements; k++) largest = fmaxf(largest, fabsf(wanted[k]));
        for (size_t k = 0; k < before->elements; k++)
            CHECK_NEAR(weight[k], wanted[k], 2e-7 * largest, 0);
    }
    wane_update_free(&update);
    wane_tensors_close(base);
    wane_tensors_close(merged);
}

static void adapters_of_peft_are_read(void **state)
{
    (void)state;
    merged_weights_equal_pefts("plain");
    merged_weights_equal_pefts("patterns");
    merged_weights_equal_pefts("rslora");
}

static void facts_of_an_adapter_are_read(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0}, half = {0}, plain = {0};
    CHECK_OK(wane_update_load(&update, FIXTURES "adapter-patterns", NULL, NULL, &err));
    assert_true(update.facts.alpha == 8);
    assert_true(update.facts.dropout == 0.05);
    assert_int_equal(update.facts.rank, 4);
    assert_false(update.facts.rslora);
    assert_string_equal(update.facts.base_model, "tiny-llama");
    assert_int_equal(update.count, 14);
    static const struct {
        const char *name;
        size_t rank;
        float scale;
    } some[] = {{"model.layers.0.self_attn.q_proj.weight", 2, 4},
                {"model.layers.0.self_attn.v_proj.weight", 4, 3},
                {"model.layers.1.self_attn.v_proj.weight", 4, 2},
                {"model.layers.1.mlp.up_proj.weight", 6, 8.0F / 6},
                {"model.layers.1.mlp.down_proj.weight", 6, 0.5F}};
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        bool found = false;
        for (size_t i = 0; i < update.count; i++)
            if (strcmp(update.tensors[i].name, some[k].name) == 0) {
                found = true;
                assert_int_equal(update.tensors[i].term.rank, some[k].rank);
                assert_true(update.tensors[i].term.scale == some[k].scale);
            }
        assert_true(found);
    }
    wane_update_free(&update);
    CHECK_OK(wane_update_load(&update, FIXTURES "adapter-rslora", NULL, NULL, &err));
    assert_true(update.facts.rslora);
    assert_true(update.tensors[1].term.scale == 3.0F); /* 6 / sqrt(4) */
    wane_update_free(&update);
    CHECK_OK(wane_update_load(&half, FIXTURES "adapter-bf16", NULL, NULL, &err));
    CHECK_OK(wane_update_load(&plain, FIXTURES "adapter-plain", NULL, NULL, &err));
    assert_int_equal(half.count, plain.count);
    for (size_t i = 0; i < half.count; i++)
        for (size_t k = 0; k < 4 * half.tensors[i].cols; k++)
            CHECK_NEAR(half.tensors[i].term.a[k], plain.tensors[i].term.a[k], 0, 0x1p-8);
    wane_update_free(&half);
    wane_update_free(&plain);
}

static void same_file(const char *first, const char *second)
{
    size_t count = 0, other = 0;
    char *a = read_file(first, &count), *b = read_file(second, &other);
    assert_int_equal(count, other);
    assert_memory_equal(a, b, count);
    free(a);
    free(b);
}

static void adapters_survive_a_round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {FIXTURES "adapter-plain", FIXTURES "adapter-patterns",
                                        FIXTURES "adapter-rslora", FIXTURES "adapter-bf16"};
    wane_error err;
    for (size_t n = 0; n < 4; n++) {
        wane_update first = {0}, second = {0};
        CHECK_OK(wane_update_load(&first, names[n], NULL, NULL, &err));
        CHECK_OK(wane_update_save(&first, scratch_path("saved/deep"), &err));
        CHECK_OK(wane_update_load(&second, scratch_path("saved/deep"), NULL, NULL, &err));
        assert_int_equal(first.count, second.count);
        assert_true(first.facts.alpha == second.facts.alpha);
        assert_true(first.facts.dropout == second.facts.dropout);
        assert_int_equal(first.facts.rslora, second.facts.rslora);
        assert_string_equal(first.facts.base_model, second.facts.base_model);
        for (size_t i = 0; i < first.count; i++) {
            const wane_update_tensor *a = &first.tensors[i], *b = &second.tensors[i];
            assert_string_equal(a->name, b->name);
            assert_int_equal(a->term.rank, b->term.rank);
            assert_true(a->term.scale == b->term.scale);
            assert_memory_equal(a->term.a, b->term.a, a->term.rank * a->cols * sizeof(float));
            assert_memory_equal(a->term.b, b->term.b, a->term.rank * a->rows * sizeof(float));
        }
        CHECK_OK(wane_update_save(&second, scratch_path("again"), &err));
        same_file(scratch_path("saved/deep/adapter_config.json"),
                  scratch_path("again/adapter_config.json"));
        same_file(scratch_path("saved/deep/adapter_model.safetensors"),
                  scratch_path("again/adapter_model.safetensors"));
        wane_update_free(&first);
        wane_update_free(&second);
    }
}

/* Any finite scale is kept to the bit, whatever the rank. */
static void scales_survive_a_round_trip(void **state)
{
    (void)state;
    wane_error err;
    wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST};
    static const float zeros[200];
    for (int rslora = 0; rslora < 2; rslora++) {
        wane_update update = {0}, back = {0};
        char names[20][32];
        CHECK_OK(wane_update_new(&update, 20, true, &err));
        update.facts = (wane_adapter_facts){.alpha = 16, .rank = 8, .rslora = rslora == 1};
        for (size_t i = 0; i < 20; i++) {
            (void)snprintf(names[i], sizeof names[i], "m.%c.weight", 'a' + (int)i);
            float scale = (float)(wane_random_uniform(&where, i) * 7);
            update.tensors[i] = (wane_update_tensor){
                .name = names[i], .rows = 3, .cols = 5, .term = {zeros, zeros, i + 1, scale}};
        }
        CHECK_OK(wane_update_save(&update, scratch_path("scales"), &err));
        CHECK_OK(wane_update_load(&back, scratch_path("scales"), NULL, NULL, &err));
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(back.tensors[i].term.rank, i + 1);
            assert_true(back.tensors[i].term.scale == update.tensors[i].term.scale);
        }
        wane_update_free(&back);
        update.tensors[3].name = "m.d.bias";
        CHECK_FAILS(wane_update_save(&update, scratch_path("scales"), &err), WANE_EINVAL,
                    "m.d.bias: no module's weight");
        update.tensors[3].name = names[3];
        update.tensors[4].term.a = NULL;
        CHECK_FAILS(wane_update_save(&update, scratch_path("scales"), &err), WANE_EINVAL,
                    "does not fit the update's form");
        wane_update_free(&update);
    }
}

static void tuned_tensors_survive_a_round_trip(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0}, back = {0};
    CHECK_OK(wane_update_load(&update, FIXTURES "tiny-llama", NULL, NULL, &err));
    assert_false(update.lowrank);
    assert_int_equal(update.count, 21);
    CHECK_OK(wane_update_save(&update, scratch_path("tuned.safetensors"), &err));
    CHECK_OK(wane_update_load(&back, scratch_path("tuned.safetensors"), NULL, NULL, &err));
    assert_int_equal(back.count, 21);
    float weight[1024];
    for (size_t i = 0; i < 21; i++) {
        const wane_update_tensor *t = &back.tensors[i];
        assert_string_equal(t->name, update.tensors[i].name);
        assert_int_equal(t->cols, update.tensors[i].cols);
        memset(weight, 0x55, sizeof weight);
        wane_update_apply(NULL, t, weight);
        assert_memory_equal(weight, update.tensors[i].data, t->rows * t->cols * sizeof *weight);
    }
    wane_update_free(&back);
    wane_update_free(&update);
    wane_update_free(&update);
    CHECK_FAILS(wane_update_load(&update, FIXTURES "dtypes.safetensors", NULL, NULL, &err),
                WANE_EFORMAT, "neither a matrix nor a vector");
    CHECK_FAILS(wane_update_load(&update, scratch_path("absent"), NULL, NULL, &err), WANE_ENOTFOUND,
                "absent");
    CHECK_FAILS(wane_update_save(&update, scratch_path("none"), &err), WANE_EINVAL, "no tensors");
}

/* A merge has the same bits for any number of threads. */
static void merging_ignores_the_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 257, RANK = 5 };
    wane_error err;
    wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    float *values = calloc((size_t)ROWS * COLS * 2, sizeof *values), *one = values;
    float *two = values + (size_t)ROWS * COLS, a[RANK * COLS], b[ROWS * RANK];
    assert_non_null(values);
    wane_random_normal_fill(one, (size_t)ROWS * COLS, 1, &where);
    memcpy(two, one, (size_t)ROWS * COLS * sizeof *one);
    where.tensor = 1;
    wane_random_normal_fill(a, RANK * COLS, 1, &where);
    wane_random_normal_fill(b, ROWS * RANK, 1, &where);
    wane_update_tensor t = {.rows = ROWS, .cols = COLS, .term = {b, a, RANK, 0.3F}};
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    wane_update_apply(NULL, &t, one);
    wane_update_apply(pool, &t, two);
    assert_memory_equal(one, two, (size_t)ROWS * COLS * sizeof *one);
    wane_pool_free(pool);
    free(values);
}

/* A disk that fills up at any moment leaves a folder that is the new adapter or none. */
static void a_full_disk_leaves_no_mixture(void **state)
{
    (void)state;
    wane_error err;
    wane_update old = {0}, new = {0}, found = {0};
    CHECK_OK(wane_update_load(&old, FIXTURES "adapter-plain", NULL, NULL, &err));
    CHECK_OK(wane_update_load(&new, FIXTURES "adapter-rslora", NULL, NULL, &err));
    long n = 0;
    for (;; n++) {
        CHECK_OK(wane_update_save(&old, scratch_path("full"), &err));
        wane_file_fail_after(n);
        wane_status st = wane_update_save(&new, scratch_path("full"), &err);
        wane_file_fail_after(-1);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_EIO);
        if (wane_file_exists(scratch_path("full/adapter_config.json"))) {
            CHECK_OK(wane_update_load(&found, scratch_path("full"), NULL, NULL, &err));
            assert_int_equal(found.count, found.facts.rslora ? new.count : old.count);
            wane_update_free(&found);
        }
    }
    assert_true(n >= 6);
    wane_update_free(&old);
    wane_update_free(&new);
}

static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    long n = 0;
    for (;; n++) {
        wane_update update = {0};
        wane_memory_fail_after(n);
        wane_status st = wane_update_load(&update, FIXTURES "adapter-patterns", NULL, NULL, &err);
        if (st == WANE_OK) st = wane_update_save(&update, scratch_path("starved"), &err);
        wane_memory_fail_after(-1);
        wane_update_free(&update);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_of_peft_are_read),
        cmocka_unit_test(facts_of_an_adapter_are_read),
        cmocka_unit_test(adapters_survive_a_round_trip),
        cmocka_unit_test(scales_survive_a_round_trip),
        cmocka_unit_test(tuned_tensors_survive_a_round_trip),
        cmocka_unit_test(merging_ignores_the_number_of_threads),
        cmocka_unit_test(a_full_disk_leaves_no_mixture),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
