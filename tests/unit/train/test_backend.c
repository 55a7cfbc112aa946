/* SPDX-License-Identifier: Apache-2.0
 * Every product of a model with its weights goes through the backend, with packs as old as the
 * weights: held by a backend that packs in earnest and watches (held_backend.h); and fp32, which
 * packs nothing, makes one product of matrices that touch.
 */
#include <math.h>
#include <string.h>

#include "eval/model/term.h"
#include "eval/train/train.h"
#include "store/base/blas.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/numeric/model/pass_case.h"
#include "tests/support/support.h"
#include "tests/unit/train/held_backend.h"

/* Untied, a vocabulary that is packed in two parts, more hidden units than a strip of a gradient.
 */
static wane_config untied(void)
{
    wane_config c = small;
    c.vocabulary = 300;
    c.hidden = 200;
    c.tied = false;
    return c;
}

static wane_model *rounded_copy(const wane_model *model)
{
    wane_error err;
    wane_model *copy = NULL;
    CHECK_OK(wane_model_copy(&copy, model, &err));
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->linear && p->role != WANE_ROLE_HEAD) continue;
        for (size_t k = 0; k < p->rows * p->cols; k++)
            copy->weights[p->offset + k] = held_rounded(copy->weights[p->offset + k]);
    }
    return copy;
}

/* Rows of the linear weights; with the head. */
static size_t layer_rows(const wane_model *model)
{
    size_t rows = 0;
    for (size_t i = 0; i < model->parameters.count; i++)
        if (model->parameters.parameter[i].linear) rows += model->parameters.parameter[i].rows;
    return rows;
}

static size_t all_rows(const wane_model *model)
{
    return layer_rows(model) + model->config.vocabulary;
}

static void a_machine_without_it_is_told(void **state)
{
    (void)state;
    wane_error err;
    wane_config c = untied();
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = 10, .sequences = 1, .targets = 1, .backend = &held};
    held_missing(true);
    CHECK_FAILS(wane_pass_new(&pass, &c, &limits, NULL, &err), WANE_EINVAL,
                "this machine cannot run held");
    held_missing(false);
    held_starved(true);
    assert_int_equal(wane_pass_new(&pass, &c, &limits, NULL, &err), WANE_ENOMEM);
    held_starved(false);
    assert_null(pass);
    CHECK_OK(wane_pass_new(&pass, &c, &limits, NULL, &err));
    assert_int_equal(held_counted().blocks, 1);
    wane_pass_free(pass);
    assert_int_equal(held_counted().blocks, 0);
}

/* ----------------------------------------------------------------------------- fp32's products */

enum { ROWS = 40, COLS = 24, FIRST = 8, SECOND = 16, THIRD = 9, OUTPUTS = FIRST + SECOND + THIRD };

static void check_bits(const float *a, const float *b, size_t count)
{
    assert_memory_equal(a, b, count * sizeof *a);
}

/* The first two matrices touch, the third lies elsewhere. */
static void touching_matrices_are_one_product(void **state)
{
    (void)state;
    static float weight[OUTPUTS * COLS], x[ROWS * COLS], dy[ROWS * OUTPUTS], y[ROWS * OUTPUTS],
        want[ROWS * OUTPUTS], dx[ROWS * COLS], want_dx[ROWS * COLS];
    static float dw[OUTPUTS * COLS], want_dw[OUTPUTS * COLS];
    const wane_backend *b = wane_backend_named("fp32");
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(weight, OUTPUTS * COLS, 1, &where);
    where.tensor = 1;
    wane_random_normal_fill(x, ROWS * COLS, 1, &where);
    where.tensor = 2;
    wane_random_normal_fill(dy, ROWS * OUTPUTS, 1, &where);
    float *apart = weight + THIRD * COLS; /* behind it those that touch */
    wane_packed w[3] = {{apart, FIRST, COLS, NULL, 0, FIRST},
                        {apart + FIRST * COLS, SECOND, COLS, NULL, 0, SECOND},
                        {weight, THIRD, COLS, NULL, 0, THIRD}};
    for (int whole = 0; whole < 2; whole++) {
        wane_workers by = {.tile = !whole};
        for (int on = 0; on < 2; on++) {
            b->forward(&by, w, 3, ROWS, x, y, OUTPUTS, on);
            wane_sgemm_tile(false, true, ROWS, FIRST + SECOND, COLS, 1, x, COLS, apart, COLS,
                            (float)on, want, OUTPUTS);
            wane_sgemm_tile(false, true, ROWS, THIRD, COLS, 1, x, COLS, weight, COLS, (float)on,
                            want + FIRST + SECOND, OUTPUTS);
            check_bits(y, want, ROWS * OUTPUTS);
            b->input_gradient(&by, w, 3, ROWS, dy, OUTPUTS, dx, on);
            wane_sgemm_tile(false, false, ROWS, COLS, FIRST + SECOND, 1, dy, OUTPUTS, apart, COLS,
                            (float)on, want_dx, COLS);
            wane_sgemm_tile(false, false, ROWS, COLS, THIRD, 1, dy + FIRST + SECOND, OUTPUTS,
                            weight, COLS, 1, want_dx, COLS);
            check_bits(dx, want_dx, ROWS * COLS);
            b->weight_gradient(&by, OUTPUTS, COLS, ROWS, dy, OUTPUTS, x, dw);
            wane_sgemm_tile(true, false, OUTPUTS, COLS, ROWS, 1, dy, OUTPUTS, x, COLS, 1, want_dw,
                            COLS);
            check_bits(dw, want_dw, OUTPUTS * COLS);
        }
    }
}

static void a_rate_is_measured(void **state)
{
    (void)state;
    wane_error err;
    double rate = 0;
    CHECK_OK(wane_backend_rate(&rate, wane_backend_at(0), NULL, &err));
    assert_true(rate > 1e6);
    held_counted();
    CHECK_OK(wane_backend_rate(&rate, &held, NULL, &err));
    held_count n = held_counted();
    assert_true(n.stale == 0 && n.packed == 512 && n.forward >= 2 * 512 * 512 * 512);
    assert_int_equal(n.blocks, 0);
    held_starved(true);
    assert_int_equal(wane_backend_rate(&rate, &held, NULL, &err), WANE_ENOMEM);
    held_starved(false);
}

/* ------------------------------------------------------------------- nothing goes past the handle
 */

/* DoRA's term with gains that do not come from the weights. */
static wane_term dora;

static void fixed_gains(const wane_adapter *adapter, const wane_model *model, wane_pool *pool,
                        float *scratch, size_t floats)
{
    (void)model, (void)pool, (void)scratch, (void)floats;
    for (size_t i = 0; i < adapter->count; i++)
        for (size_t j = 0; j < adapter->factor[i].rows; j++) {
            adapter->factor[i].derived[j] = 1.25F;
            adapter->factor[i].derived[adapter->factor[i].rows + j] = 0.75F;
        }
}

static wane_adapter *adapter_of(const wane_model *model, const wane_term *term, double dropout)
{
    wane_error err;
    wane_adapter *adapter = NULL;
    bool *target = wane_alloc(model->parameters.count, sizeof *target);
    assert_non_null(target);
    for (size_t i = 0; i < model->parameters.count; i++)
        target[i] = model->parameters.parameter[i].linear;
    CHECK_OK(
        wane_adapter_new(&adapter, term, &model->parameters, target, 3, 1.5, dropout, 1, 1, &err));
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST, .tensor = 99};
    wane_random_normal_fill(adapter->block, adapter->floats, 0.3, &where);
    wane_free(target);
    return adapter;
}

/* Likelihoods, loss and gradients with the weights and with the rounded ones are the same bits: who
 * read a weight past its pack would see that they differ. */
static void check_rounded(const wane_model *model, const wane_term *term, double dropout)
{
    wane_model *twin = rounded_copy(model);
    wane_adapter *adapter = term ? adapter_of(model, term, dropout) : NULL;
    bool *train = term ? NULL : all_trained(model);
    wane_dropout where = {.seed = 5};
    data d;
    make_data(&d, 6, 3);
    plan p = {.model = model,
              .adapter = adapter,
              .batch = &d.batch,
              .train = train,
              .dropout = &where,
              .backend = &held};
    double loss[2] = {0}, other = 0;
    held_counted();
    for (p.threads = 0; p.threads <= 3; p.threads += 3) {
        p.model = model;
        float *gradient = gradients_of(&p, &loss[0]);
        p.model = twin;
        float *again = gradients_of(&p, &loss[1]);
        size_t floats = term ? adapter->floats : model->parameters.floats;
        check_bits(gradient, again, floats);
        assert_true(loss[0] == loss[1] && (p.threads == 0 || loss[0] == other));
        other = loss[0];
        wane_free(gradient);
        wane_free(again);
    }
    held_count n = held_counted();
    assert_true(n.stale == 0 && n.blocks == 0 && n.forward && n.input && !n.weight == !train);
    assert_int_equal(n.packed, 4 * all_rows(model));
    wane_free(train);
    wane_adapter_free(adapter);
    wane_model_free(twin);
}

static void no_weight_is_read_past_its_pack(void **state)
{
    (void)state;
    wane_config c = untied();
    wane_model *model = make_model(&c);
    dora = *wane_method_dora.term;
    dora.prepare = fixed_gains;
    check_rounded(model, NULL, 0);
    check_rounded(model, &wane_low_rank, 0);
    check_rounded(model, &wane_low_rank, 0.25);
    check_rounded(model, &dora, 0);
    check_rounded(model, &dora, 0.25);
    wane_model_free(model);
}

static double length(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* The backend makes gradients of weights twice as large: all of them, and no other ones. */
static void every_gradient_of_a_weight_is_the_backends(void **state)
{
    (void)state;
    wane_config c = untied();
    wane_model *model = make_model(&c);
    bool *train = all_trained(model);
    data d;
    make_data(&d, 6, 3);
    plan p = {.model = model, .batch = &d.batch, .train = train};
    double loss = 0;
    float *usual = gradients_of(&p, &loss);
    p.backend = &held;
    float *twice = gradients_of(&p, &loss);
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *one = &model->parameters.parameter[i];
        double times = one->linear || one->role == WANE_ROLE_HEAD ? 2 : 1;
        size_t count = one->rows * one->cols;
        CHECK_NEAR(length(twice + one->offset, count), times * length(usual + one->offset, count),
                   1e-6, 0.1);
    }
    wane_free(usual);
    wane_free(twice);
    wane_free(train);
    wane_model_free(model);
}

/* ---------------------------------------------------------------------------- when what is packed
 */

/* A pass that only measures, and its batch. */
typedef struct measured {
    wane_model *model;
    wane_pass *pass;
    data d;
    float nll[TOKENS];
} measured;

static void begin_measuring(measured *m)
{
    wane_error err;
    wane_config c = untied();
    m->model = make_model(&c);
    make_data(&m->d, 6, 3);
    wane_pass_limits limits = {.tokens = m->d.batch.tokens,
                               .sequences = m->d.batch.sequences,
                               .targets = m->d.batch.targets,
                               .backend = &held};
    CHECK_OK(wane_pass_new(&m->pass, &c, &limits, NULL, &err));
    held_counted();
}

/* Runs the model; the rows that were packed for it, all packs being those of the weights. */
static size_t packed_for(measured *m, const wane_model *model)
{
    wane_error err;
    CHECK_OK(wane_pass_forward(m->pass, model, NULL, &m->d.batch, NULL, &err));
    wane_pass_nll(m->pass, m->nll, NULL);
    held_count n = held_counted();
    assert_int_equal(n.stale, 0);
    assert_int_equal(n.input + n.weight, 0);
    return n.packed;
}

static void end_measuring(measured *m)
{
    wane_pass_free(m->pass);
    wane_model_free(m->model);
}

static void what_does_not_change_is_packed_once(void **state)
{
    (void)state;
    wane_error err;
    static measured m;
    begin_measuring(&m);
    size_t count = m.model->parameters.count, head = count - 1, down = 0;
    bool *changed = wane_alloc(count, sizeof *changed);
    assert_non_null(changed);
    while (m.model->parameters.parameter[down].role != WANE_ROLE_DOWN) down++;
    CHECK_OK(wane_pass_forward(m.pass, m.model, NULL, &m.d.batch, NULL, &err));
    assert_int_equal(held_counted().packed,
                     layer_rows(m.model)); /* no head before it is asked for */
    assert_int_equal(packed_for(&m, m.model), m.model->config.vocabulary);
    assert_int_equal(packed_for(&m, m.model), 0);
    wane_pass_weights_changed(m.pass, changed);
    assert_int_equal(packed_for(&m, m.model), 0);
    changed[down] = true;
    wane_model_weight(m.model, down)[3] += 1;
    wane_pass_weights_changed(m.pass, changed);
    assert_int_equal(packed_for(&m, m.model), m.model->config.width);
    changed[head] = true;
    wane_model_weight(m.model, head)[3] += 1;
    wane_pass_weights_changed(m.pass, changed);
    assert_int_equal(packed_for(&m, m.model), m.model->config.width + m.model->config.vocabulary);
    wane_pass_weights_changed(m.pass, NULL);
    assert_int_equal(packed_for(&m, m.model), all_rows(m.model));
    wane_model *other = NULL;
    CHECK_OK(wane_model_copy(&other, m.model, &err));
    assert_int_equal(packed_for(&m, other), all_rows(m.model));
    wane_model_free(other);
    wane_free(changed);
    end_measuring(&m);
}

/* The watch itself: a weight that changes and nobody says so is seen. */
static void an_old_pack_is_noticed(void **state)
{
    (void)state;
    wane_error err;
    static measured m;
    begin_measuring(&m);
    assert_int_equal(packed_for(&m, m.model), all_rows(m.model));
    wane_model_weight(m.model, m.model->parameters.count - 1)[3] += 1;
    CHECK_OK(wane_pass_forward(m.pass, m.model, NULL, &m.d.batch, NULL, &err));
    wane_pass_nll(m.pass, m.nll, NULL);
    assert_int_equal(held_counted().stale, 1);
    end_measuring(&m);
}

/* The head of classes has the room of the vocabulary's, and is packed at every forward. */
static void a_head_of_classes_is_packed_each_time(void **state)
{
    (void)state;
    wane_error err;
    static measured m;
    begin_measuring(&m);
    enum { CLASSES = 40 };
    static float weight[CLASSES * 24];
    static const size_t starts[] = {0, CLASSES};
    const wane_class_head head = {CLASSES, weight, 1, starts};
    wane_random where = {.seed = 4, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(weight, CLASSES * m.model->config.width, 1, &where);
    assert_int_equal(packed_for(&m, m.model), all_rows(m.model));
    m.d.batch.head = &head;
    for (int again = 0; again < 2; again++) {
        weight[5] += 1;
        assert_int_equal(packed_for(&m, m.model), CLASSES);
    }
    CHECK_OK(wane_pass_forward(m.pass, m.model, NULL, &m.d.batch, NULL, &err));
    wane_pass_nll(m.pass, m.nll, NULL);
    wane_pass_nll(m.pass, m.nll, NULL);
    held_count n = held_counted();
    assert_true(n.stale == 0 && n.packed == CLASSES);
    m.d.batch.head = NULL;
    assert_int_equal(packed_for(&m, m.model), m.model->config.vocabulary);
    end_measuring(&m);
}

/* ------------------------------------------------------------------------------------- training */

static wane_training training_of(const wane_backend *backend)
{
    return (wane_training){.learning_rate = 1e-2,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .total_steps = 10,
                           .micro_tokens = 64,
                           .backend = backend};
}

enum { STEPS = 3 };

/* Steps of a method, in several forwards each, from initial numbers that are changed after the
 * first step, and two of them again from the state after the first. `trained` rows are packed for
 * every step and after every change, the others once. */
static void check_training(const wane_method_settings *settings, size_t once, size_t trained)
{
    wane_error err;
    wane_config c = untied();
    wane_model *model = make_model(&c);
    wane_trainer *trainer = NULL;
    wane_training training = training_of(&held);
    wane_step step = {0}, first[STEPS] = {{0}};
    data d;
    make_data(&d, 6, 3);
    CHECK_OK(wane_trainer_new(&trainer, model, settings, &training, NULL, 0, 0, NULL, &err));
    held_counted();
    for (int s = 0; s < STEPS; s++) {
        CHECK_OK(wane_trainer_step(trainer, &d.batch, &first[s], &err));
        held_count n = held_counted();
        assert_int_equal(n.stale, 0);
        assert_int_equal(n.packed, (s == 0 ? once : 0) + trained);
        if (s == 0) CHECK_OK(wane_trainer_perturb(trainer, 1e-2, 1, &err));
        if (s == 0) CHECK_OK(wane_trainer_save(trainer, scratch_path("state"), "key", &err));
    }
    if (once ==
        0) { /* the embedding comes back with the state: a step that leaves packs that hold */
        wane_model_weight(model, 0)[(size_t)d.ids[0] * c.width] = NAN;
        CHECK_OK(wane_trainer_step(trainer, &d.batch, &step, &err));
        assert_false(step.finite);
    }
    CHECK_OK(wane_trainer_load(trainer, scratch_path("state"), "key", &err));
    for (int s = 1; s < STEPS; s++) {
        CHECK_OK(wane_trainer_step(trainer, &d.batch, &step, &err));
        assert_true(step.loss == first[s].loss && step.grad_norm == first[s].grad_norm);
        assert_true(s == 1 || step.loss != first[s - 1].loss);
    }
    assert_int_equal(held_counted().stale, 0);
    wane_trainer_free(trainer);
    wane_model_free(model);
    assert_int_equal(held_counted().blocks, 0);
}

static void every_step_multiplies_with_its_own_weights(void **state)
{
    (void)state;
    wane_config c = untied();
    wane_model *model = make_model(&c);
    size_t layers = layer_rows(model), head = c.vocabulary;
    wane_model_free(model);
    wane_method_settings m = {.method = &wane_method_full};
    check_training(&m, 0, layers + head);
    m.method = &wane_method_full_matrices;
    check_training(&m, head, layers);
    m = (wane_method_settings){.method = &wane_method_lora, .rank = 3, .alpha = 6, .dropout = 0.1};
    check_training(&m, layers + head, 0);
    m.method = &wane_method_dora;
    check_training(&m, layers + head, 0);
}

/* The head of classes is packed for each of the forwards of a step. */
static void a_trained_head_of_classes_is_never_old(void **state)
{
    (void)state;
    wane_error err;
    static const size_t classes[] = {5};
    const wane_method_settings lora = {.method = &wane_method_lora,
                                       .rank = 3,
                                       .alpha = 6,
                                       .linear_head = true,
                                       .head_groups = 1,
                                       .head_classes = classes};
    wane_config c = untied();
    wane_model *model = make_model(&c);
    wane_trainer *trainer = NULL;
    wane_training training = training_of(&held);
    wane_step step = {0};
    data d;
    make_data(&d, 6, 3);
    for (size_t t = 0; t < d.batch.targets; t++) d.target[t] %= 5;
    CHECK_OK(wane_trainer_new(&trainer, model, &lora, &training, NULL, 0, 0, NULL, &err));
    held_counted();
    for (int s = 0; s < STEPS; s++) {
        CHECK_OK(wane_trainer_step(trainer, &d.batch, &step, &err));
        held_count n = held_counted();
        assert_int_equal(n.stale, 0);
        if (s == 0) n.packed -= layer_rows(model);
        assert_true(n.packed >= 5 && n.packed % 5 == 0 && n.weight > 0);
    }
    wane_trainer_free(trainer);
    wane_model_free(model);
}

/* ---------------------------------------------------------------------------------------- memory
 */

static size_t bytes_of(const wane_pass_limits *limits)
{
    wane_error err;
    size_t bytes = 0;
    wane_config c = untied();
    CHECK_OK(wane_pass_bytes(&bytes, &c, limits, &err));
    return bytes;
}

/* Packs are planned with the pass; for the way back too where it goes that way. */
static void packs_are_planned_for(void **state)
{
    (void)state;
    wane_config c = untied();
    wane_model *model = make_model(&c);
    wane_pass_limits limits = {.tokens = 100, .sequences = 4, .targets = 9};
    size_t numbers = c.vocabulary * c.width, frozen = 0;
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->linear) continue;
        numbers += p->rows * p->cols;
        if (p->layer == 0) frozen += p->rows * p->cols;
    }
    size_t more[3], slack = 64 * (model->parameters.count + 2);
    for (int i = 0; i < 3; i++) {
        limits.training = i > 0;
        limits.frozen_layers = i == 2;
        limits.backend = &held;
        more[i] = bytes_of(&limits);
        limits.backend = NULL;
        size_t without = bytes_of(&limits);
        limits.backend = wane_backend_named("fp32");
        assert_int_equal(without, bytes_of(&limits));
        assert_true(more[i] >= without + numbers * 2);
        more[i] -= without;
    }
    CHECK_NEAR((double)(more[1] - more[0]), (double)numbers * 2, (double)slack, 0);
    CHECK_NEAR((double)(more[1] - more[2]), (double)frozen * 2, (double)slack, 0);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_it_is_told),
        cmocka_unit_test(touching_matrices_are_one_product),
        cmocka_unit_test(a_rate_is_measured),
        cmocka_unit_test(no_weight_is_read_past_its_pack),
        cmocka_unit_test(every_gradient_of_a_weight_is_the_backends),
        cmocka_unit_test(what_does_not_change_is_packed_once),
        cmocka_unit_test(an_old_pack_is_noticed),
        cmocka_unit_test(a_head_of_classes_is_packed_each_time),
        cmocka_unit_test_setup_teardown(every_step_multiplies_with_its_own_weights, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(a_trained_head_of_classes_is_never_old),
        cmocka_unit_test(packs_are_planned_for),
    };
    return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
