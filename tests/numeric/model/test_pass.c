/* SPDX-License-Identifier: Apache-2.0
 * Whole passes: threads, packing, prefixes, parts of the parameters, dropout, limits.
 */
#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "tests/numeric/model/pass_case.h"
#include "tests/support/support.h"

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    data d;
    make_data(&d, SEQUENCES, 1);
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_adapter(model, "proj", 3, 0.25);
    wane_dropout dropout = {.seed = 3, .stage = 1, .step = 5};
    bool *train = all_trained(model);
    double loss[2], first[2];
    float *nll = nll_of(model, NULL, &d.batch, 0);
    plan full = {.model = model, .batch = &d.batch, .train = train};
    plan low = {.model = model, .batch = &d.batch, .adapter = adapter, .dropout = &dropout};
    float *a = gradients_of(&full, &first[0]), *b = gradients_of(&low, &first[1]);
    for (int threads = 1; threads <= 5; threads += 2) {
        full.threads = low.threads = threads;
        float *again = nll_of(model, NULL, &d.batch, threads);
        float *c = gradients_of(&full, &loss[0]), *e = gradients_of(&low, &loss[1]);
        assert_memory_equal(again, nll, d.batch.targets * sizeof *nll);
        assert_memory_equal(c, a, model->parameters.floats * sizeof *a);
        assert_memory_equal(e, b, adapter->floats * sizeof *b);
        assert_memory_equal(loss, first, sizeof loss);
        wane_free(again);
        wane_free(c);
        wane_free(e);
    }
    wane_free(nll);
    wane_free(a);
    wane_free(b);
    wane_free(train);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* The same sequences one at a time: the same likelihoods, and gradients that add up. */
static void packing_changes_nothing(void **state)
{
    (void)state;
    data d;
    make_data(&d, 12, 2);
    wane_model *model = make_model(&small);
    bool *train = all_trained(model);
    size_t floats = model->parameters.floats;
    double whole_loss = 0, loss = 0, sum = 0;
    plan p = {.model = model, .batch = &d.batch, .train = train};
    float *whole = gradients_of(&p, &whole_loss), *nll = nll_of(model, NULL, &d.batch, 0);
    double *added = wane_alloc(floats, sizeof *added);
    for (size_t s = 0; s < d.batch.sequences; s++) {
        size_t first = d.starts[s], starts[2] = {0, d.starts[s + 1] - first}, position[TOKENS];
        size_t from = 0, count = 0;
        while (from < d.batch.targets && d.position[from] < first) from++;
        for (size_t t = from; t < d.batch.targets && d.position[t] < d.starts[s + 1]; t++)
            position[count++] = d.position[t] - first;
        if (count == 0) continue;
        wane_batch one = {.tokens = starts[1],
                          .sequences = 1,
                          .ids = d.ids + first,
                          .starts = starts,
                          .targets = count,
                          .position = position,
                          .target = d.target + from};
        p.batch = &one;
        float *part = gradients_of(&p, &loss), *alone = nll_of(model, NULL, &one, 0);
        for (size_t t = 0; t < count; t++) CHECK_NEAR(nll[from + t], alone[t], 2e-5, 2e-6);
        for (size_t i = 0; i < floats; i++) added[i] += part[i];
        sum += loss;
        wane_free(part);
        wane_free(alone);
    }
    CHECK_NEAR(whole_loss, sum, 0, 1e-6);
    double most = 0;
    for (size_t i = 0; i < floats; i++) most = fmax(most, fabs(added[i]));
    for (size_t i = 0; i < floats; i++) CHECK_NEAR(whole[i], added[i], 2e-6 * most, 0);
    wane_free(whole);
    wane_free(nll);
    wane_free(added);
    wane_free(train);
    wane_model_free(model);
}

/* Sequences that continue an earlier one against the same sequences written out. */
static void a_shared_prefix_equals_full_sequences(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_adapter(model, "proj", 2, 0);
    enum { PREFIX = 70, CHOICES = 4 };
    const size_t lengths[CHOICES] = {1, 3, 18, 2};
    data d;
    make_data(&d, SEQUENCES, 1);
    size_t starts[CHOICES + 2] = {0, PREFIX}, full_starts[CHOICES + 1] = {0};
    long prefix[CHOICES + 1] = {-1, 0, 0, 0, 0};
    int32_t full_ids[TOKENS];
    size_t position[64], full_position[64], targets = 0;
    for (size_t c = 0; c < CHOICES; c++) {
        starts[c + 2] = starts[c + 1] + lengths[c];
        full_starts[c + 1] = full_starts[c] + PREFIX + lengths[c];
        memcpy(full_ids + full_starts[c], d.ids, PREFIX * sizeof *full_ids);
        memcpy(full_ids + full_starts[c] + PREFIX, d.ids + starts[c + 1],
               lengths[c] * sizeof *full_ids);
        for (size_t t = 0; t < lengths[c]; t++) {
            position[targets] = starts[c + 1] + t;
            full_position[targets++] = full_starts[c] + PREFIX + t;
        }
        position[targets] = PREFIX - 1; /* the prefix's own end */
        full_position[targets++] = full_starts[c] + PREFIX - 1;
    }
    wane_batch shared = {.tokens = starts[CHOICES + 1],
                         .sequences = CHOICES + 1,
                         .ids = d.ids,
                         .starts = starts,
                         .prefix = prefix,
                         .targets = targets,
                         .position = position,
                         .target = d.target};
    wane_batch full = {.tokens = full_starts[CHOICES],
                       .sequences = CHOICES,
                       .ids = full_ids,
                       .starts = full_starts,
                       .targets = targets,
                       .position = full_position,
                       .target = d.target};
    float *a = nll_of(model, adapter, &shared, 2), *b = nll_of(model, adapter, &full, 2);
    for (size_t t = 0; t < targets; t++) CHECK_NEAR(a[t], b[t], 2e-5, 2e-6);
    wane_free(a);
    wane_free(b);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = 200, .sequences = 8, .targets = 64};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    prefix[2] = 1; /* a prefix with a prefix */
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &shared, NULL, &err), WANE_EINVAL,
                "sequence 2");
    wane_pass_free(pass);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* Training a part gives that part's gradients to the bit, and leaves the rest alone. */
static void parts_have_the_gradients_of_the_whole(void **state)
{
    (void)state;
    wane_config config = small;
    data d;
    make_data(&d, 8, 3);
    for (int tied = 0; tied < 2; tied++) {
        config.tied = tied;
        wane_model *model = make_model(&config);
        const wane_parameters *table = &model->parameters;
        bool *train = all_trained(model);
        double loss = 0;
        plan p = {.model = model, .batch = &d.batch, .train = train};
        float *whole = gradients_of(&p, &loss);
        for (size_t only = 0; only < table->count; only++) {
            for (size_t i = 0; i < table->count; i++) train[i] = i == only;
            p.frozen = table->parameter[only].layer > 0 ? (size_t)table->parameter[only].layer : 0;
            float *part = gradients_of(&p, &loss);
            for (size_t i = 0; i < table->count; i++) {
                const wane_parameter *one = &table->parameter[i];
                bool zero = true;
                for (size_t j = 0; j < one->rows * one->cols; j++) {
                    assert_true(part[one->offset + j] == (i == only ? whole[one->offset + j] : 0));
                    zero = zero && part[one->offset + j] == 0;
                }
                assert_true(zero == (i != only));
            }
            wane_free(part);
        }
        wane_free(whole);
        wane_free(train);
        wane_model_free(model);
    }
}

static void adapters_on_parts_have_the_gradients_of_the_whole(void **state)
{
    (void)state;
    data d;
    make_data(&d, 8, 3);
    wane_model *model = make_model(&small);
    const char *words[] = {"2.mlp.down",    "2.mlp.up",      "1.self_attn.o",
                           "1.self_attn.v", "0.self_attn.q", "mlp"};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        wane_adapter *adapter = make_adapter(model, words[w], 2, 0);
        plan p = {.model = model, .batch = &d.batch, .adapter = adapter};
        p.frozen = words[w][0] == 'm' ? 0 : (size_t)(words[w][0] - '0');
        check_slope(&p, adapter);
        wane_adapter_free(adapter);
    }
    wane_model_free(model);
}

/* Loss with fixed dropout masks, summed over two micro-batches as over one. */
static void dropout_masks_depend_on_the_token_alone(void **state)
{
    (void)state;
    data d;
    make_data(&d, 6, 1);
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_adapter(model, "proj", 2, 0.3);
    wane_dropout dropout = {.seed = 3, .stage = 1, .step = 5};
    double whole_loss = 0, loss[2], other = 0, plain = 0;
    plan p = {.model = model, .batch = &d.batch, .adapter = adapter, .dropout = &dropout};
    float *whole = gradients_of(&p, &whole_loss);
    wane_batch half[2] = {d.batch, d.batch};
    size_t cut = d.starts[3], starts[4], position[TOKENS];
    half[0].sequences = half[1].sequences = 3;
    half[0].tokens = half[0].targets = cut;
    half[1].tokens = half[1].targets = d.batch.tokens - cut;
    half[1].ids += cut;
    half[1].target += cut;
    for (size_t s = 0; s < 4; s++) starts[s] = d.starts[3 + s] - cut;
    for (size_t t = 0; t < half[1].tokens; t++) position[t] = t;
    half[1].starts = starts;
    half[1].position = position;
    float *part[2];
    for (int i = 0; i < 2; i++) {
        p.batch = &half[i];
        dropout.first_token = i ? cut : 0;
        part[i] = gradients_of(&p, &loss[i]);
    }
    CHECK_NEAR(whole_loss, loss[0] + loss[1], 0, 1e-6);
    double most = 0;
    for (size_t i = 0; i < adapter->floats; i++) most = fmax(most, fabs(whole[i]));
    for (size_t i = 0; i < adapter->floats; i++)
        CHECK_NEAR(whole[i], (double)part[0][i] + part[1][i], 3e-6 * most, 0);
    p.batch = &d.batch;
    dropout.first_token = 0;
    dropout.step = 6;
    wane_free(part[0]);
    part[0] = gradients_of(&p, &other);
    assert_true(fabs(other - whole_loss) > 1e-4 * whole_loss);
    p.dropout = NULL;
    wane_free(part[1]);
    part[1] = gradients_of(&p, &plain);
    assert_true(fabs(plain - whole_loss) > 1e-4 * whole_loss);
    wane_free(whole);
    wane_free(part[0]);
    wane_free(part[1]);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* Gradients under dropout against the loss under the same masks. */
static void dropout_gradients_follow_the_loss(void **state)
{
    (void)state;
    data d;
    make_data(&d, 6, 2);
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_adapter(model, "proj", 2, 0.3);
    wane_dropout dropout = {.seed = 3, .stage = 1, .step = 5};
    plan p = {.model = model, .batch = &d.batch, .adapter = adapter, .dropout = &dropout};
    check_slope(&p, adapter);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* The last layer is made for what is asked for, in any order and any number of calls. */
static void logits_come_in_any_order(void **state)
{
    (void)state;
    wane_error err;
    data d;
    make_data(&d, 8, 4);
    wane_model *model = make_model(&small);
    size_t v = small.vocabulary, tokens = d.batch.tokens, reverse[TOKENS];
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = tokens, .sequences = 8, .targets = d.batch.targets};
    CHECK_OK(wane_pass_new(&pass, &small, &limits, NULL, &err));
    float *all = wane_alloc(tokens * v, sizeof *all), *some = wane_alloc(tokens * v, sizeof *some);
    float *features = wane_alloc(tokens * small.width, sizeof *features);
    float *nll = wane_alloc(d.batch.targets, sizeof *nll);
    for (size_t t = 0; t < tokens; t++) reverse[t] = tokens - 1 - t;
    CHECK_OK(wane_pass_forward(pass, model, NULL, &d.batch, NULL, &err));
    wane_pass_logits(pass, reverse, tokens, all);
    wane_pass_nll(pass, nll, NULL);
    CHECK_OK(wane_pass_forward(pass, model, NULL, &d.batch, NULL, &err));
    for (size_t t = 0; t < tokens; t += 5) {
        size_t twice[2] = {t, t};
        wane_pass_logits(pass, twice, 2, some);
        assert_memory_equal(some, some + v, v * sizeof *some);
        for (size_t i = 0; i < v; i++)
            CHECK_NEAR(some[i], all[(tokens - 1 - t) * v + i], 2e-5, 2e-6);
    }
    /* features times the head are the logits */
    wane_pass_features(pass, reverse, tokens, features);
    for (size_t r = 0; r < tokens; r += 11)
        for (size_t i = 0; i < v; i++) {
            double sum = 0;
            for (size_t j = 0; j < small.width; j++)
                sum += (double)features[r * small.width + j] * model->weights[i * small.width + j];
            CHECK_NEAR(all[r * v + i], sum, 2e-5, 2e-6);
        }
    for (size_t t = 0; t < d.batch.targets; t++) {
        const float *row = all + (tokens - 1 - d.position[t]) * v;
        double sum = 0;
        for (size_t i = 0; i < v; i++) sum += exp((double)row[i]);
        CHECK_NEAR(nll[t], log(sum) - row[d.target[t]], 2e-6, 2e-6);
    }
    wane_free(all);
    wane_free(some);
    wane_free(features);
    wane_free(nll);
    wane_pass_free(pass);
    wane_model_free(model);
}

/* Several targets at one position, and targets in no order. */
static void targets_may_repeat(void **state)
{
    (void)state;
    data d;
    make_data(&d, 4, 1);
    wane_model *model = make_model(&small);
    bool *train = all_trained(model);
    double loss = 0, sum = 0, one_loss = 0;
    size_t at = d.batch.tokens - 1;
    d.batch.targets = 5;
    d.position[0] = d.position[1] = d.position[4] = at;
    d.position[2] = 3;
    d.position[3] = 0;
    plan p = {.model = model, .batch = &d.batch, .train = train};
    float *whole = gradients_of(&p, &loss);
    double *added = wane_alloc(model->parameters.floats, sizeof *added);
    wane_batch one = d.batch;
    for (size_t t = 0; t < 5; t++) {
        one.targets = 1;
        one.position = d.position + t;
        one.target = d.target + t;
        p.batch = &one;
        float *part = gradients_of(&p, &one_loss);
        for (size_t i = 0; i < model->parameters.floats; i++) added[i] += part[i];
        sum += one_loss;
        wane_free(part);
    }
    CHECK_NEAR(loss, sum, 0, 1e-6);
    for (size_t i = 0; i < model->parameters.floats; i++)
        CHECK_NEAR(whole[i], added[i], 2e-5, 1e-4);
    wane_free(whole);
    wane_free(added);
    wane_free(train);
    wane_model_free(model);
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    wane_error err;
    data d;
    make_data(&d, 6, 2);
    wane_model *model = make_model(&small);
    wane_adapter *adapter = make_adapter(model, "proj", 3, 0);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = d.batch.tokens, .sequences = 6, .targets = 1};
    CHECK_OK(wane_pass_new(&pass, &small, &limits, NULL, &err));
    wane_batch b = d.batch;
    d.ids[4] = (int32_t)small.vocabulary;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "token 4");
    d.ids[4] = -1;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "token 4");
    d.ids[4] = 0;
    d.target[2] = -5;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "target 2");
    d.target[2] = 0;
    d.position[1] = b.tokens;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "target 1");
    d.position[1] = 0;
    CHECK_FAILS(wane_pass_forward(pass, model, adapter, &b, NULL, &err), WANE_EINVAL, "rank 3");
    b.tokens--;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "tokens");
    b.tokens += 2;
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "exceed");
    b = d.batch;
    size_t kept = d.starts[2];
    d.starts[2] = d.starts[1];
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &b, NULL, &err), WANE_EINVAL, "sequence 1");
    d.starts[2] = kept;
    wane_config other = small;
    other.hidden++;
    wane_model *foreign = make_model(&other);
    CHECK_FAILS(wane_pass_forward(pass, foreign, NULL, &b, NULL, &err), WANE_EINVAL, "shape");
    wane_model_free(foreign);
    double loss = 0;
    wane_gradients g = {0};
    CHECK_FAILS(wane_pass_backward(pass, 1, &g, &loss, &err), WANE_EINVAL, "training");
    wane_pass_free(pass);
    /* longer than the context */
    size_t starts[2] = {0, 129};
    int32_t ids[129] = {0};
    wane_batch one = {.tokens = 129, .sequences = 1, .ids = ids, .starts = starts};
    limits.tokens = 200;
    CHECK_OK(wane_pass_new(&pass, &small, &limits, NULL, &err));
    CHECK_FAILS(wane_pass_forward(pass, model, NULL, &one, NULL, &err), WANE_EINVAL, "context");
    wane_pass_free(pass);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

static void memory_is_planned(void **state)
{
    (void)state;
    wane_error err;
    size_t evaluation = 0, training = 0, last = 0, huge = 0;
    wane_pass_limits limits = {.tokens = 500, .sequences = 10, .targets = 500};
    CHECK_OK(wane_pass_bytes(&evaluation, &small, &limits, &err));
    limits.training = true;
    CHECK_OK(wane_pass_bytes(&training, &small, &limits, &err));
    limits.frozen_layers = 2;
    CHECK_OK(wane_pass_bytes(&last, &small, &limits, &err));
    assert_true(evaluation < last && last < training);
    limits.frozen_layers = 3;
    CHECK_FAILS(wane_pass_bytes(&huge, &small, &limits, &err), WANE_EINVAL, "layer");
    limits = (wane_pass_limits){.tokens = INT32_MAX, .sequences = 1, .targets = SIZE_MAX};
    limits.training = true;
    CHECK_FAILS(wane_pass_bytes(&huge, &small, &limits, &err), WANE_EINVAL, "memory");
    limits.tokens = 0;
    CHECK_FAILS(wane_pass_bytes(&huge, &small, &limits, &err), WANE_EINVAL, "0 tokens");
    limits = (wane_pass_limits){.tokens = 50, .sequences = 1};
    wane_pass *pass = NULL;
    for (long n = 0; n < 3; n++) {
        wane_memory_fail_after(n);
        assert_int_equal(wane_pass_new(&pass, &small, &limits, NULL, &err), WANE_ENOMEM);
        wane_memory_fail_after(-1);
    }
    assert_null(pass);
    wane_pass_free(NULL);
}

/* A weight that is not finite shows in the loss. */
static void nan_is_not_swallowed(void **state)
{
    (void)state;
    data d;
    make_data(&d, 3, 2);
    wane_model *model = make_model(&small);
    wane_model_weight(model, 5)[3] = NAN;
    float *nll = nll_of(model, NULL, &d.batch, 0);
    for (size_t t = 0; t < d.batch.targets; t++) assert_true(isnan(nll[t]));
    wane_free(nll);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(packing_changes_nothing),
        cmocka_unit_test(a_shared_prefix_equals_full_sequences),
        cmocka_unit_test(parts_have_the_gradients_of_the_whole),
        cmocka_unit_test(adapters_on_parts_have_the_gradients_of_the_whole),
        cmocka_unit_test(dropout_masks_depend_on_the_token_alone),
        cmocka_unit_test(dropout_gradients_follow_the_loss),
        cmocka_unit_test(logits_come_in_any_order),
        cmocka_unit_test(targets_may_repeat),
        cmocka_unit_test(bad_batches_are_refused),
        cmocka_unit_test(memory_is_planned),
        cmocka_unit_test(nan_is_not_swallowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
