/* SPDX-License-Identifier: Apache-2.0
 * Whatever a block can be (made_up.h): likelihoods and gradients of weights and of factors against
 * the model in double, number by number; prefixes, threads, parts of the parameters.
 */
#include <math.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model_internal.h"
#include "store/base/memory.h"
#include "tests/numeric/model/made_up.h"
#include "tests/numeric/model/model_in_double.h"
#include "tests/numeric/model/pass_case.h"
#include "tests/support/support.h"

/* Longer than a window, of one token, and without a target in the last. */
enum { COUNT = 24, TARGETS = 7, ROUND = 4 };
static const size_t starts[ROUND + 1] = {0, 9, 10, 20, COUNT};
static const int32_t ids[COUNT] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8,
                                   9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4};
static const size_t positions[TARGETS] = {2, 7, 8, 9, 12, 12, 19};
static const int32_t targets[TARGETS] = {1, 5, 3, 10, 7, 0, 2};
static const wane_batch batch = {.tokens = COUNT,
                                 .sequences = ROUND,
                                 .ids = ids,
                                 .starts = starts,
                                 .targets = TARGETS,
                                 .position = positions,
                                 .target = targets};

static void likelihoods_are_those_in_double(void **state)
{
    (void)state;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_model *model = make_model(made_up_all[m].config);
        double nll[TARGETS], *weights = doubled_weights(model, NULL);
        (void)loss_in_double(model, weights, &batch, nll);
        float *made = nll_of(model, NULL, &batch, 2);
        for (size_t t = 0; t < TARGETS; t++) {
            if (!(fabs((double)made[t] - nll[t]) <= 1e-5 + 1e-5 * nll[t]))
                print_error("%s: target %zu\n", made_up_all[m].name, t);
            CHECK_NEAR(made[t], nll[t], 1e-5, 1e-5);
        }
        wane_free(made);
        wane_free(weights);
        wane_model_free(model);
    }
}

/* A quarter of the slope of the loss along number i of what `at` points into. */
static double slope(const wane_model *model, const wane_adapter *adapter, float *at)
{
    const float step = 0x1p-16F, kept = *at;
    double change = 0, moved = 0;
    for (int side = -1; side <= 1; side += 2) {
        *at = kept + (float)side * step;
        double *weights = doubled_weights(model, adapter);
        moved += side * (double)*at;
        change += side * loss_in_double(model, weights, &batch, NULL);
        wane_free(weights);
    }
    *at = kept;
    return 0.25 * change / moved;
}

/* `count` numbers, every third, whose gradients were made; relative to the largest. */
static void check_numbers(const char *name, const char *what, const wane_model *model,
                          const wane_adapter *adapter, float *values, const float *gradient,
                          size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)gradient[i]));
    for (size_t i = 0; i < count; i += 3) {
        double expected = slope(model, adapter, values + i);
        most = fmax(most, fabs(expected));
        if (!(fabs((double)gradient[i] - expected) <= 1e-4 * most + 1e-6))
            print_error("%s: %s: %zu\n", name, what, i);
        CHECK_NEAR(gradient[i], expected, 1e-4 * most + 1e-6, 0);
    }
}

static void gradients_are_those_in_double(void **state)
{
    (void)state;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_model *model = make_model(made_up_all[m].config);
        bool *train = all_trained(model);
        double loss = 0;
        plan p = {.model = model, .batch = &batch, .train = train, .threads = 2};
        float *gradient = gradients_of(&p, &loss);
        for (size_t i = 0; i < model->parameters.count; i++) {
            const wane_parameter *one = &model->parameters.parameter[i];
            check_numbers(made_up_all[m].name, one->name, model, NULL, wane_model_weight(model, i),
                          gradient + one->offset, one->rows * one->cols);
        }
        wane_free(gradient);
        wane_free(train);
        wane_model_free(model);
    }
}

static void gradients_of_factors_are_those_in_double(void **state)
{
    (void)state;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_model *model = make_model(made_up_all[m].config);
        wane_adapter *adapter = make_adapter(model, "", 2, 0);
        double loss = 0;
        plan p = {.model = model, .batch = &batch, .adapter = adapter, .threads = 2};
        float *gradient = gradients_of(&p, &loss);
        for (size_t f = 0; f < adapter->count; f++) {
            const wane_factor *one = &adapter->factor[f];
            const char *name = model->parameters.parameter[one->parameter].name;
            check_numbers(made_up_all[m].name, name, model, adapter, one->a,
                          gradient + one->a_offset, one->rank * one->cols);
            check_numbers(made_up_all[m].name, name, model, adapter, one->b,
                          gradient + one->b_offset, one->rank * one->rows);
        }
        wane_free(gradient);
        wane_adapter_free(adapter);
        wane_model_free(model);
    }
}

/* Training a part gives that part's gradients to the bit, and leaves the rest alone. */
static void parts_have_the_gradients_of_the_whole(void **state)
{
    (void)state;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_model *model = make_model(made_up_all[m].config);
        const wane_parameters *table = &model->parameters;
        bool *train = all_trained(model);
        double loss = 0;
        plan p = {.model = model, .batch = &batch, .train = train};
        float *whole = gradients_of(&p, &loss);
        for (size_t only = 0; only < table->count; only++) {
            for (size_t i = 0; i < table->count; i++) train[i] = i == only;
            int layer = table->parameter[only].layer;
            p.frozen = layer > 0 ? (size_t)layer : 0;
            float *part = gradients_of(&p, &loss);
            for (size_t i = 0; i < table->count; i++) {
                const wane_parameter *one = &table->parameter[i];
                for (size_t j = 0; j < one->rows * one->cols; j++)
                    if (part[one->offset + j] != (i == only ? whole[one->offset + j] : 0))
                        fail_msg("%s: %s alone: %s", made_up_all[m].name,
                                 table->parameter[only].name, one->name);
            }
            wane_free(part);
        }
        wane_free(whole);
        wane_free(train);
        wane_model_free(model);
    }
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    data d;
    make_data(&d, 12, 2);
    for (size_t t = 0; t < d.batch.tokens; t++) d.ids[t] %= 11;
    for (size_t t = 0; t < d.batch.targets; t++) d.target[t] %= 11;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_config config = *made_up_all[m].config;
        config.context = 64;
        wane_model *model = make_model(&config);
        wane_adapter *adapter = make_adapter(model, "", 3, 0.25);
        wane_dropout dropout = {.seed = 3, .stage = 1, .step = 5};
        bool *train = all_trained(model);
        double loss[2], again[2];
        plan full = {.model = model, .batch = &d.batch, .train = train};
        plan low = {.model = model, .batch = &d.batch, .adapter = adapter, .dropout = &dropout};
        float *a = gradients_of(&full, &loss[0]), *b = gradients_of(&low, &loss[1]);
        full.threads = low.threads = 3;
        float *c = gradients_of(&full, &again[0]), *e = gradients_of(&low, &again[1]);
        assert_memory_equal(a, c, model->parameters.floats * sizeof *a);
        assert_memory_equal(b, e, adapter->floats * sizeof *b);
        assert_memory_equal(loss, again, sizeof loss);
        wane_free(a);
        wane_free(b);
        wane_free(c);
        wane_free(e);
        wane_free(train);
        wane_adapter_free(adapter);
        wane_model_free(model);
    }
}

/* A sequence that continues another against the two written out; tokens that see what is behind
 * them have no prefix. */
static void a_shared_prefix_equals_full_sequences(void **state)
{
    (void)state;
    const size_t shared_starts[] = {0, 8, 11, 12}, full_starts[] = {0, 11, 20};
    const int32_t shared_ids[] = {3, 1, 4, 1, 5, 9, 2, 6, 7, 8, 3, 10};
    const int32_t full_ids[] = {3, 1, 4, 1, 5, 9, 2, 6, 7, 8, 3, 3, 1, 4, 1, 5, 9, 2, 6, 10};
    const long prefix[] = {-1, 0, 0};
    const size_t shared_positions[] = {7, 8, 10, 11}, full_positions[] = {7, 8, 10, 19};
    wane_batch shared = {.tokens = 12,
                         .sequences = 3,
                         .ids = shared_ids,
                         .starts = shared_starts,
                         .prefix = prefix,
                         .targets = 4,
                         .position = shared_positions,
                         .target = targets};
    wane_batch full = {.tokens = 20,
                       .sequences = 2,
                       .ids = full_ids,
                       .starts = full_starts,
                       .targets = 4,
                       .position = full_positions,
                       .target = targets};
    for (size_t m = 0; m < MADE_UP; m++) {
        if (made_up_all[m].config->block.full) continue;
        if (!wane_config_prefix_shared(made_up_all[m].config, 8, 11)) continue;
        wane_model *model = make_model(made_up_all[m].config);
        wane_adapter *adapter = make_adapter(model, "", 2, 0);
        float *a = nll_of(model, adapter, &shared, 2), *b = nll_of(model, adapter, &full, 2);
        for (size_t t = 0; t < 4; t++) CHECK_NEAR(a[t], b[t], 2e-5, 2e-6);
        wane_free(a);
        wane_free(b);
        wane_adapter_free(adapter);
        wane_model_free(model);
    }
}

/* A prefix is shared only by those that turn it as it is turned alone: with longrope both short or
 * both long, with dynamic none longer than the context. */
static void prefixes_that_are_turned_otherwise_are_refused(void **state)
{
    (void)state;
    static const struct {
        const wane_config *config;
        size_t prefix, whole;
        bool shared;
    } cases[] = {{&made_up_stretched, 4, 5, true},  {&made_up_stretched, 4, 6, false},
                 {&made_up_stretched, 5, 6, false}, {&made_up_stretched, 6, 9, true},
                 {&made_up_grown, 6, 7, true},      {&made_up_grown, 7, 8, false},
                 {&made_up_grown, 8, 9, false},     {&made_up_behind, 8, 20, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        const size_t at[] = {0, cases[i].prefix, cases[i].whole};
        const long prefix[] = {-1, 0};
        wane_batch both = {
            .tokens = at[2], .sequences = 2, .ids = ids, .starts = at, .prefix = prefix};
        wane_pass_limits limits = {.tokens = COUNT, .sequences = 2, .targets = 1};
        wane_model *model = make_model(cases[i].config);
        wane_pass *pass = NULL;
        CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
        assert_int_equal(wane_config_prefix_shared(&model->config, at[1], at[2]), cases[i].shared);
        wane_status st = wane_pass_forward(pass, model, NULL, &both, NULL, &err);
        if (cases[i].shared) CHECK_OK(st);
        else CHECK_FAILS(st, WANE_EINVAL, "sequence 1: its positions are turned otherwise");
        wane_pass_free(pass);
        wane_model_free(model);
    }
}

/* By hand: which layers have a window, which positions. */
static void layers_have_their_own_shape(void **state)
{
    (void)state;
    const wane_config *c = &made_up_capped;
    for (size_t l = 0; l < c->layers; l++) {
        wane_layer_shape shape = wane_config_layer(c, l);
        assert_int_equal(shape.window, l % 2 ? 0 : 3);
        assert_ptr_equal(shape.rope, l % 2 ? &c->rope : &c->local_rope);
    }
    c = &made_up_behind;
    for (size_t l = 0; l < c->layers; l++) {
        wane_layer_shape shape = wane_config_layer(c, l);
        assert_int_equal(shape.window, 0);
        assert_ptr_equal(shape.rope, l == 1 ? NULL : &c->rope);
    }
    assert_null(wane_config_layer(&made_up_turned, 0).rope);
    assert_int_equal(wane_config_layer(&made_up_full, 0).window, 3);
    assert_ptr_equal(wane_config_layer(&made_up_full, 0).rope, &made_up_full.rope);
    assert_int_equal(wane_config_layer(&made_up_full, 1).window, 0);
}

/* Written and read by the tables of rows and keys: the same bits come out. */
static void files_bring_back_what_is_computed(void **state)
{
    (void)state;
    wane_error err;
    for (size_t m = 0; m < MADE_UP; m++) {
        wane_model *model = make_model(made_up_all[m].config), *again = NULL;
        wane_package *package = NULL;
        char first[WANE_SHA256_HEX], second[WANE_SHA256_HEX];
        CHECK_OK(wane_model_save(model, scratch_path("model"), &err));
        CHECK_OK(wane_package_open(&package, scratch_path("model"), &err));
        CHECK_OK(wane_model_load_as(&again, model->config.architecture, package, &err));
        wane_package_close(package);
        assert_false(wane_config_shape_differs(NULL, &model->config, &again->config));
        assert_true(wane_config_computes_alike(&model->config, &again->config));
        float *a = nll_of(model, NULL, &batch, 1), *b = nll_of(again, NULL, &batch, 1);
        assert_memory_equal(a, b, TARGETS * sizeof *a);
        CHECK_OK(wane_model_sha256(first, model, &err));
        CHECK_OK(wane_model_sha256(second, again, &err));
        assert_string_equal(first, second);
        wane_free(a);
        wane_free(b);
        wane_model_free(model);
        wane_model_free(again);
    }
}

/* Every setting of a table decides the hash, and is told. */
static void settings_are_told_apart(void **state)
{
    (void)state;
    wane_error err;
    wane_config other = made_up_capped;
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    wane_model *model = make_model(&other);
    char first[WANE_SHA256_HEX], second[WANE_SHA256_HEX];
    CHECK_OK(wane_model_sha256(first, model, &err));
    assert_int_equal(wane_config_differences(list, &made_up_capped, &other), 0);
    wane_layer_add(&model->config.block.windowed, 3);
    CHECK_OK(wane_model_sha256(second, model, &err));
    assert_string_not_equal(first, second);
    assert_int_equal(wane_config_differences(list, &made_up_capped, &model->config), 1);
    assert_string_equal(list[0].setting, "layer_types");
    assert_non_null(strstr(list[0].base, "\"full_attention\"]"));
    assert_non_null(strstr(list[0].value, "\"sliding_attention\"]"));
    assert_false(wane_config_computes_alike(&made_up_capped, &model->config));
    model->config = other;
    model->config.block.logit_cap = 0;
    assert_int_equal(wane_config_differences(list, &made_up_capped, &model->config), 1);
    assert_string_equal(list[0].base, "4");
    assert_string_equal(list[0].value, "null");
    assert_int_equal(wane_config_differences(list, &made_up_capped, &made_up_full), 1);
    assert_string_equal(list[0].setting, "model_type");
    assert_true(wane_config_shape_differs(&list[0], &made_up_capped, &made_up_full));
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods_are_those_in_double),
        cmocka_unit_test(gradients_are_those_in_double),
        cmocka_unit_test(gradients_of_factors_are_those_in_double),
        cmocka_unit_test(parts_have_the_gradients_of_the_whole),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(a_shared_prefix_equals_full_sequences),
        cmocka_unit_test(prefixes_that_are_turned_otherwise_are_refused),
        cmocka_unit_test(layers_have_their_own_shape),
        cmocka_unit_test(files_bring_back_what_is_computed),
        cmocka_unit_test(settings_are_told_apart),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
