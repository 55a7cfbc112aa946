/* SPDX-License-Identifier: Apache-2.0
 * What a strategy may do to a training: mix in rows, add a penalty, change the gradient, leave
 * something behind; and the strategies that there are.
 */
#include <math.h>
#include <string.h>

#include "eval/train/train.h"
#include "tests/support/support.h"

#define TINY "reference/tensors/tiny-llama"

static wane_model *base;

static int load_model(void **state)
{
    (void)state;
    wane_error err;
    return wane_model_load(&base, TINY, &err) == WANE_OK ? 0 : -1;
}

static int free_model(void **state)
{
    (void)state;
    wane_model_free(base);
    return 0;
}

/* ------------------------------------------------------------------ the table, and replay */

static void every_strategy_has_a_name_of_its_own(void **state)
{
    (void)state;
    const wane_strategy *one = NULL;
    size_t count = 0;
    for (; (one = wane_strategy_at(count)); count++) {
        for (size_t other = 0; other < count; other++)
            assert_string_not_equal(wane_strategy_at(other)->settings->name, one->settings->name);
        assert_true(strlen(one->settings->help) > 10);
        assert_true((one->settings->count > 0) == (one->bytes > 0));
        for (size_t i = 0; i < one->settings->count; i++)
            assert_true(one->settings->entries[i].offset + one->settings->entries[i].size <=
                        one->bytes);
    }
    assert_ptr_equal(wane_strategy_at(0), &wane_strategy_none);
    assert_false(wane_strategy_acts(&wane_strategy_none));
    assert_true(count >= 2);
}

/* floor(share n + 1/2), whatever the past holds. */
static void replay_counts_rows_of_the_past(void **state)
{
    (void)state;
    static const struct {
        double share;
        size_t rows, past, wanted;
    } cases[] = {{0.05, 100, 900, 5}, {0.05, 10, 900, 1}, {0.05, 9, 900, 0}, {0.1, 64, 8, 6},
                 {1, 7, 3, 7},        {2.5, 3, 100, 8},   {0, 50, 50, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wane_strategy_replay.mixed(&cases[i].share, cases[i].rows, cases[i].past),
                         cases[i].wanted);
    assert_true(wane_strategy_replay.needs_past);
    assert_true(wane_strategy_acts(&wane_strategy_replay));
}

static void hash_of(char out[WANE_SHA256_HEX], const wane_strategy *strategy, const void *settings)
{
    wane_error err;
    wane_sha256 *hash = NULL;
    CHECK_OK(wane_sha256_begin(&hash, &err));
    wane_strategy_hash(hash, strategy, settings);
    CHECK_OK(wane_sha256_end(out, hash, &err));
}

static void keys_hold_what_a_strategy_does(void **state)
{
    (void)state;
    char nothing[WANE_SHA256_HEX], none[WANE_SHA256_HEX], one[WANE_SHA256_HEX],
        two[WANE_SHA256_HEX];
    const double a = 0.05, b = 0.1;
    wane_error err;
    CHECK_OK(wane_sha256_bytes(nothing, "", 0, &err));
    hash_of(none, &wane_strategy_none, NULL);
    hash_of(one, &wane_strategy_replay, &a);
    hash_of(two, &wane_strategy_replay, &b);
    assert_string_equal(none, nothing);
    assert_string_not_equal(one, none);
    assert_string_not_equal(two, one);
}

/* ------------------------------------------------------------------------------ L2 to the base */

/* As the strategy has them. */
typedef struct l2 {
    double weight;
    int to;
} l2;
enum { TO_BASE, TO_START };

/* Two tensors of five numbers, the second none of the base's; weight / 2 times the squares and
 * weight times the distances by hand. All numbers here are exact in binary. */
static void l2_is_the_formula(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    float one[COUNT] = {1, 2, -3, 0.5f, 7}, two[COUNT] = {4, 4, 4, 4, 4};
    float gradients[2][COUNT] = {{1, 1, 1, 1, 1}, {0}};
    const float was[COUNT] = {1, 1, 1, 1, 1}, began[COUNT] = {0, 2, -2, 0, 0};
    const wane_trained trained[] = {
        {.name = "one", .value = one, .gradient = gradients[0], .count = COUNT},
        {.name = "two", .value = two, .gradient = gradients[1], .count = COUNT}};
    const float *const base_of[] = {was, NULL}, *const start_of[] = {began, began};
    const l2 to_base = {.weight = 0.5, .to = TO_BASE}, to_start = {.weight = 2, .to = TO_START};
    wane_strategy_training t = {
        .settings = &to_base, .count = 2, .trained = trained, .base = base_of, .start = start_of};

    /* numbers 1 to 3: away by 1, -4 and -1/2 */
    assert_true(wane_strategy_l2.penalty(&t, 0, 1, 3) == 0.25 * (1 + 16 + 0.25));
    const float pulled[COUNT] = {1, 1.5f, -1, 0.75f, 1};
    assert_memory_equal(gradients[0], pulled, sizeof pulled);
    /* what the base has not is free */
    assert_true(wane_strategy_l2.penalty(&t, 1, 0, COUNT) == 0);
    for (size_t i = 0; i < COUNT; i++) assert_true(gradients[1][i] == 0);

    t.settings = &to_start;
    assert_true(wane_strategy_l2.penalty(&t, 1, 0, COUNT) == 1 * (16 + 4 + 36 + 16 + 16));
    const float away[COUNT] = {8, 4, 12, 8, 8};
    assert_memory_equal(gradients[1], away, sizeof away);

    /* and the slope of the value is the gradient: central differences of a square are exact */
    for (size_t i = 0; i < COUNT; i++) {
        float unused[COUNT] = {0}, kept = two[i];
        const wane_trained moved[] = {
            trained[0], {.name = "two", .value = two, .gradient = unused, .count = COUNT}};
        t.trained = moved;
        two[i] = kept + 0.25f;
        double above = wane_strategy_l2.penalty(&t, 1, 0, COUNT);
        two[i] = kept - 0.25f;
        double below = wane_strategy_l2.penalty(&t, 1, 0, COUNT);
        two[i] = kept;
        assert_true((above - below) / 0.5 == (double)gradients[1][i]);
    }
}

/* A distance of weights is none of an adapter's factors. */
static void l2_to_the_base_is_of_weights(void **state)
{
    (void)state;
    const l2 to_base = {.weight = 1, .to = TO_BASE}, to_start = {.weight = 1, .to = TO_START};
    assert_non_null(strstr(wane_strategy_l2.unfit(&to_base, &wane_method_lora), "to: start"));
    assert_null(wane_strategy_l2.unfit(&to_start, &wane_method_lora));
    assert_null(wane_strategy_l2.unfit(&to_base, &wane_method_full));
    assert_null(wane_strategy_l2.unfit(&to_base, &wane_method_full_matrices));
    assert_false(wane_strategy_l2.needs_past); /* the first stage is held too */
}

/* ------------------------------------------------------------ a penalty that a test has made */

typedef struct pull {
    double weight;
} pull;

/* weight / 2 times the squared distance to where the stage started. */
static double pull_penalty(const wane_strategy_training *t, size_t tensor, size_t first,
                           size_t count)
{
    double weight = ((const pull *)t->settings)->weight, sum = 0;
    const wane_trained *one = &t->trained[tensor];
    for (size_t i = first; i < first + count; i++) {
        double away = (double)one->value[i] - (double)t->start[tensor][i];
        one->gradient[i] += (float)(weight * away);
        sum += away * away;
    }
    return weight / 2 * sum;
}

static void no_gradient(const wane_strategy_training *t)
{
    for (size_t i = 0; i < t->count; i++)
        memset(t->trained[i].gradient, 0, t->trained[i].count * sizeof(float));
}

static int begun, ended;

static wane_status count_begin(wane_strategy_training *t, wane_error *err)
{
    (void)err;
    begun++;
    t->state = &begun;
    return WANE_OK;
}

static void count_end(void *state)
{
    assert_ptr_equal(state, &begun);
    ended++;
}

static wane_status leave(const wane_tensor_source **out, size_t *count,
                         const wane_strategy_training *t, wane_error *err)
{
    static wane_tensor_source left;
    (void)err;
    left = (wane_tensor_source){.name = "first",
                                .data = t->trained[0].value,
                                .dimensions = 1,
                                .shape = {t->trained[0].count}};
    *out = &left;
    *count = 1;
    return WANE_OK;
}

static const wane_settings of_pull = {.name = "pull", .help = "to where the stage began"};
static const wane_strategy pulling = {
    .settings = &of_pull, .bytes = sizeof(pull), .keeps_start = true, .penalty = pull_penalty};
static const wane_settings of_none = {.name = "test", .help = "of a test"};
static const wane_strategy stopped = {.settings = &of_none,
                                      .begin = count_begin,
                                      .project = no_gradient,
                                      .after = leave,
                                      .end = count_end};

static const wane_training settings = {.learning_rate = 1e-2,
                                       .beta1 = 0.9,
                                       .beta2 = 0.999,
                                       .epsilon = 1e-8,
                                       .total_steps = 10,
                                       .micro_tokens = 64};

/* Two rows of four tokens, each to be predicted but the first. */
static const int32_t ids[] = {1, 5, 9, 2, 7, 7, 3, 4}, targets[] = {5, 9, 2, 7, 3, 4};
static const size_t starts[] = {0, 4, 8}, positions[] = {0, 1, 2, 4, 5, 6};
static const wane_batch batch = {.tokens = 8,
                                 .sequences = 2,
                                 .ids = ids,
                                 .starts = starts,
                                 .targets = 6,
                                 .position = positions,
                                 .target = targets};

enum { STEPS = 3 };

/* STEPS steps from the base; the model is the caller's. */
static wane_model *train(wane_step out[STEPS], const wane_strategy *strategy, const void *own,
                         int threads)
{
    const wane_method_settings method = {.method = &wane_method_full_matrices};
    wane_error err;
    wane_model *model = NULL;
    wane_pool *pool = NULL;
    wane_trainer *trainer = NULL;
    CHECK_OK(wane_model_copy(&model, base, &err));
    CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &settings, NULL, 1, 1, pool, &err));
    if (strategy) CHECK_OK(wane_trainer_use(trainer, strategy, own, base, NULL, &err));
    for (int s = 0; s < STEPS; s++) CHECK_OK(wane_trainer_step(trainer, &batch, &out[s], &err));
    const wane_tensor_source *left = NULL;
    size_t count = 0;
    CHECK_OK(wane_trainer_after(&left, &count, trainer, &err));
    assert_int_equal(count, strategy && strategy->after ? 1 : 0);
    if (count) assert_string_equal(left->name, "first");
    wane_trainer_free(trainer);
    wane_pool_free(pool);
    return model;
}

static double squared_distance(const wane_model *model)
{
    double sum = 0;
    for (size_t p = 0; p < base->parameters.count; p++) {
        const wane_parameter *one = &base->parameters.parameter[p];
        for (size_t i = one->offset; i < one->offset + one->rows * one->cols; i++) {
            double away = (double)model->weights[i] - (double)base->weights[i];
            sum += away * away;
        }
    }
    return sum;
}

static void same_weights(const wane_model *a, const wane_model *b)
{
    assert_memory_equal(a->weights, b->weights, base->parameters.floats * sizeof(float));
}

static void a_penalty_of_nothing_changes_no_bit(void **state)
{
    (void)state;
    wane_step plain[STEPS], none[STEPS], light[STEPS];
    const pull nothing = {0};
    wane_model *a = train(plain, NULL, NULL, 1);
    wane_model *b = train(none, &wane_strategy_none, NULL, 1);
    wane_model *c = train(light, &pulling, &nothing, 1);
    same_weights(a, b);
    same_weights(a, c);
    for (int s = 0; s < STEPS; s++) {
        assert_true(none[s].loss == plain[s].loss && light[s].loss == plain[s].loss);
        assert_true(plain[s].penalty == 0 && none[s].penalty == 0 && light[s].penalty == 0);
    }
    wane_model_free(a);
    wane_model_free(b);
    wane_model_free(c);
}

/* At the start there is nothing to hold, so the first step is that of no strategy; before the
 * second the penalty is weight / 2 times the distance the first has gone, and it is no part of the
 * loss. */
static void a_penalty_holds_what_is_trained(void **state)
{
    (void)state;
    wane_step plain[STEPS], held[STEPS], alone[STEPS];
    const pull strong = {200};
    wane_model *free_one = train(plain, NULL, NULL, 1);
    wane_model *held_one = train(held, &pulling, &strong, 1);
    wane_model *again = train(alone, &pulling, &strong, 3);
    same_weights(held_one, again);
    assert_true(held[0].penalty == 0 && held[0].loss == plain[0].loss);
    assert_true(held[0].grad_norm == plain[0].grad_norm);
    assert_true(held[1].loss == plain[1].loss);
    assert_true(held[1].grad_norm != plain[1].grad_norm);
    assert_true(held[1].penalty > 0 && held[1].finite);
    assert_true(squared_distance(held_one) < squared_distance(free_one));
    for (int s = 0; s < STEPS; s++) assert_true(held[s].penalty == alone[s].penalty);
    wane_model_free(free_one);
    wane_model_free(held_one);
    wane_model_free(again);
}

/* After one step, by hand from the weights. */
static void the_value_is_that_of_the_formula(void **state)
{
    (void)state;
    const wane_method_settings method = {.method = &wane_method_full_matrices};
    const pull weight = {3};
    wane_error err;
    wane_model *model = NULL;
    wane_trainer *trainer = NULL;
    wane_step step;
    CHECK_OK(wane_model_copy(&model, base, &err));
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &settings, NULL, 1, 1, NULL, &err));
    CHECK_OK(wane_trainer_use(trainer, &pulling, &weight, base, NULL, &err));
    CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
    double wanted = 3.0 / 2 * squared_distance(model);
    CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
    assert_true(fabs(step.penalty - wanted) <= 1e-12 * wanted);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

/* Pieces of tensors of many numbers, and of few: each number is in one piece, and the sum is that
 * of all, in one order for any number of threads. */
static double take_piece(void *context, size_t tensor, size_t first, size_t count)
{
    unsigned char **taken = context;
    double sum = 0;
    for (size_t i = first; i < first + count; i++) {
        taken[tensor][i]++;
        sum += 1 / (1 + (double)i + 1e6 * (double)tensor);
    }
    return sum;
}

static void pieces_hold_every_number_once(void **state)
{
    (void)state;
    enum { MANY = 100000, FEW = 5 };
    static unsigned char many[MANY], few[FEW];
    unsigned char *taken[] = {many, few};
    static float value[MANY], gradient[MANY];
    const wane_trained list[] = {
        {.name = "many", .value = value, .gradient = gradient, .count = MANY},
        {.name = "few", .value = value, .gradient = gradient, .count = FEW}};
    double sums[2], wanted = 0;
    wane_error err;
    wane_optimizer *optimizer = NULL;
    CHECK_OK(wane_optimizer_new(&optimizer, list, 2, &err));
    for (int t = 0; t < 2; t++) {
        wane_pool *pool = NULL;
        CHECK_OK(wane_pool_new(&pool, 1 + 2 * t, &err));
        sums[t] = wane_optimizer_sum(optimizer, take_piece, taken, pool);
        wane_pool_free(pool);
    }
    for (size_t i = 0; i < MANY; i++) assert_int_equal(many[i], 2);
    for (size_t i = 0; i < FEW; i++) assert_int_equal(few[i], 2);
    for (size_t i = 0; i < MANY; i++) wanted += 1 / (1 + (double)i);
    for (size_t i = 0; i < FEW; i++) wanted += 1 / (1 + (double)i + 1e6);
    assert_true(sums[0] == sums[1]);
    CHECK_NEAR(sums[0], wanted, 0, 1e-12);
    wane_optimizer_free(optimizer);
}

/* From a start that is not the base: of the first step, the one has a value and the other none. */
static void l2_holds_to_the_base_or_to_the_start(void **state)
{
    (void)state;
    const wane_method_settings method = {.method = &wane_method_full};
    for (int to = TO_BASE; to <= TO_START; to++) {
        const l2 own = {.weight = 4, .to = to};
        wane_error err;
        wane_model *model = NULL;
        wane_trainer *trainer = NULL;
        wane_step step;
        CHECK_OK(wane_model_copy(&model, base, &err));
        for (size_t i = 0; i < 8; i++) model->weights[i] += 0.125f;
        double first = 4.0 / 2 * squared_distance(model);
        CHECK_OK(wane_trainer_new(&trainer, model, &method, &settings, NULL, 1, 2, NULL, &err));
        CHECK_OK(wane_trainer_use(trainer, &wane_strategy_l2, &own, base, NULL, &err));
        CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
        assert_true(first > 0);
        if (to == TO_BASE) assert_true(fabs(step.penalty - first) <= 1e-12 * first);
        else assert_true(step.penalty == 0);
        double second = 4.0 / 2 * squared_distance(model);
        CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
        if (to == TO_BASE) assert_true(fabs(step.penalty - second) <= 1e-12 * second);
        else assert_true(step.penalty > 0 && step.penalty != second);
        wane_trainer_free(trainer);
        wane_model_free(model);
    }
}

/* A penalty that is no number ends the training, and its step is not taken. */
static void a_penalty_that_is_not_finite_diverges(void **state)
{
    (void)state;
    const wane_method_settings method = {.method = &wane_method_lora, .rank = 2, .alpha = 4};
    const pull bad = {NAN};
    wane_error err;
    wane_model *model = NULL;
    wane_trainer *trainer = NULL;
    wane_step step;
    CHECK_OK(wane_model_copy(&model, base, &err));
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &settings, NULL, 1, 1, NULL, &err));
    CHECK_OK(wane_trainer_use(trainer, &pulling, &bad, base, NULL, &err));
    CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
    assert_false(step.finite);
    assert_int_equal(wane_trainer_done(trainer), 0);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void a_gradient_may_be_changed(void **state)
{
    (void)state;
    wane_step steps[STEPS];
    begun = ended = 0;
    wane_model *model = train(steps, &stopped, NULL, 2);
    same_weights(model, base);
    for (int s = 0; s < STEPS; s++) assert_true(steps[s].grad_norm == 0 && steps[s].finite);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    wane_model_free(model);
}

/* What a strategy is told of: weights with those of the base, factors without. */
static const wane_strategy_training *told;

static wane_status look(wane_strategy_training *t, wane_error *err)
{
    (void)err;
    told = t;
    for (size_t i = 0; i < t->count; i++) {
        if (t->start)
            assert_memory_equal(t->start[i], t->trained[i].value,
                                t->trained[i].count * sizeof(float));
        if (t->base[i])
            assert_memory_equal(t->base[i], t->trained[i].value,
                                t->trained[i].count * sizeof(float));
    }
    assert_int_equal(t->position, 4);
    return WANE_OK;
}

static void a_strategy_knows_the_base(void **state)
{
    (void)state;
    const wane_strategy looking = {.settings = &of_none, .keeps_start = true, .begin = look};
    const wane_method_settings methods[] = {{.method = &wane_method_full},
                                            {.method = &wane_method_lora, .rank = 2, .alpha = 4}};
    for (size_t m = 0; m < 2; m++) {
        wane_error err;
        wane_model *model = NULL;
        wane_trainer *trainer = NULL;
        CHECK_OK(wane_model_copy(&model, base, &err));
        CHECK_OK(wane_trainer_new(&trainer, model, &methods[m], &settings, NULL, 1, 4, NULL, &err));
        CHECK_OK(wane_trainer_use(trainer, &looking, NULL, base, NULL, &err));
        assert_true(told->count > 0);
        for (size_t i = 0; i < told->count; i++) assert_true((told->base[i] != NULL) == (m == 0));
        wane_trainer_free(trainer);
        wane_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_has_a_name_of_its_own),
        cmocka_unit_test(replay_counts_rows_of_the_past),
        cmocka_unit_test(keys_hold_what_a_strategy_does),
        cmocka_unit_test(l2_is_the_formula),
        cmocka_unit_test(l2_to_the_base_is_of_weights),
        cmocka_unit_test(a_penalty_of_nothing_changes_no_bit),
        cmocka_unit_test(a_penalty_holds_what_is_trained),
        cmocka_unit_test(the_value_is_that_of_the_formula),
        cmocka_unit_test(pieces_hold_every_number_once),
        cmocka_unit_test(l2_holds_to_the_base_or_to_the_start),
        cmocka_unit_test(a_penalty_that_is_not_finite_diverges),
        cmocka_unit_test(a_gradient_may_be_changed),
        cmocka_unit_test(a_strategy_knows_the_base),
    };
    return cmocka_run_group_tests(tests, load_model, free_model);
}
