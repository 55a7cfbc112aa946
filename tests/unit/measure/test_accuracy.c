/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/measure/measure.h"
#include "eval/model/rope_kinds.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"
#include "tests/unit/measure/direct.h"

enum { ROWS_MOST = 700, TOKENS_MOST = 20000, LABELS_MOST = 5, VOCABULARY = 61 };

/* A task of random prompts; labels of the given lengths. */
typedef struct sample {
    wane_row rows[ROWS_MOST];
    size_t starts[ROWS_MOST + 1], label_starts[LABELS_MOST + 1];
    int32_t ids[TOKENS_MOST], labels[ROWS_MOST], label_ids[64];
    wane_task task;
    wane_prompts prompts;
} sample;

static sample data;

static void make_task(size_t rows, size_t shortest, size_t longest, const size_t *lengths,
                      size_t labels)
{
    wane_random where = {.seed = rows, .purpose = WANE_RANDOM_TEST};
    size_t tokens = 0, said = 0;
    for (size_t r = 0; r < rows; r++) {
        data.starts[r] = tokens;
        tokens += shortest + wane_random_below(&where, 2 * r, longest - shortest + 1);
        data.labels[r] = (int32_t)wane_random_below(&where, 2 * r + 1, labels);
        data.rows[r] = (wane_row){.label = data.labels[r], .number = 3 * r + 1};
    }
    data.starts[rows] = tokens;
    assert_true(rows <= ROWS_MOST && tokens <= TOKENS_MOST);
    for (size_t l = 0; l < labels; l++) {
        data.label_starts[l] = said;
        said += lengths[l];
    }
    data.label_starts[labels] = said;
    direct_ids(data.ids, tokens, VOCABULARY, 7);
    direct_ids(data.label_ids, said, VOCABULARY, 8);
    data.task = (wane_task){
        .name = "sample", .label_count = labels, .rows = {0, rows}, .row = {NULL, data.rows}};
    data.prompts = (wane_prompts){.rows = rows,
                                  .starts = data.starts,
                                  .ids = data.ids,
                                  .labels = data.labels,
                                  .label_count = labels,
                                  .label_starts = data.label_starts,
                                  .label_ids = data.label_ids};
}

static wane_accuracy measure(const wane_model *model, const wane_adapter *adapter,
                             const wane_model *base, bool per_token, int threads)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_accuracy out = {0};
    if (threads > 0) CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_measure_accuracy(&out, model, adapter, base, &data.task, WANE_SPLIT_TEST,
                                   &data.prompts, per_token, pool, &err));
    wane_pool_free(pool);
    return out;
}

/* Prompt and label as one sequence, by itself: *length ids, of which a model reads all but the
 * last.
 */
static const int32_t *full_sequence(size_t row, size_t label, size_t *prompt, size_t *length)
{
    static int32_t ids[TOKENS_MOST];
    size_t said = data.label_starts[label + 1] - data.label_starts[label];
    *prompt = data.starts[row + 1] - data.starts[row];
    *length = *prompt + said;
    memcpy(ids, data.ids + data.starts[row], *prompt * sizeof *ids);
    memcpy(ids + *prompt, data.label_ids + data.label_starts[label], said * sizeof *ids);
    return ids;
}

static double direct_score(const wane_model *model, const wane_adapter *adapter, size_t row,
                           size_t label, bool per_token)
{
    size_t prompt = 0, length = 0;
    const int32_t *ids = full_sequence(row, label, &prompt, &length);
    double *log_p = direct_log_p(model, adapter, ids, length - 1), score = 0;
    for (size_t t = prompt; t < length; t++) score += log_p[(t - 1) * VOCABULARY + (size_t)ids[t]];
    wane_free(log_p);
    return per_token ? score / (double)(length - prompt) : score;
}

/* Every example of `a` against labels scored one full sequence at a time. */
static void check_examples(const wane_accuracy *a, const wane_model *model,
                           const wane_adapter *adapter, bool per_token)
{
    size_t labels = data.prompts.label_count, right = 0;
    double loss = 0;
    assert_int_equal(a->examples, data.prompts.rows);
    for (size_t r = 0; r < a->examples; r++) {
        const wane_example_score *e = &a->example[r];
        double score[LABELS_MOST], best = -INFINITY, other = -INFINITY, sum = 0;
        for (size_t l = 0; l < labels; l++) {
            score[l] = direct_score(model, adapter, r, l, per_token);
            best = fmax(best, score[l]);
            if ((int32_t)l != data.labels[r]) other = fmax(other, score[l]);
        }
        for (size_t l = 0; l < labels; l++) sum += exp(score[l] - best);
        double own = score[data.labels[r]];
        assert_int_equal(e->row, 3 * r + 1);
        assert_int_equal(e->label, data.labels[r]);
        CHECK_NEAR(e->margin, own - other, 2e-5, 1e-6);
        CHECK_NEAR(e->loss, best + log(sum) - own, 2e-5, 1e-6);
        if (fabs(own - other) > 1e-4) assert_int_equal(e->predicted == e->label, own > other);
        CHECK_NEAR(score[e->predicted], best, 2e-5, 1e-6);
        right += e->predicted == e->label;
        loss += e->loss;
    }
    double n = (double)a->examples, p = (double)right / n;
    CHECK_NEAR(a->accuracy, p, 0, 1e-15);
    CHECK_NEAR(a->stderr_, sqrt(p * (1 - p) / n), 1e-15, 1e-14);
    CHECK_NEAR(a->loss, loss / n, 0, 1e-13);
}

static void labels_equal_full_sequences(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 1, 3, 1, 4};
    wane_model *model = direct_model(VOCABULARY, 64, 1);
    wane_adapter *adapter = direct_adapter(model);
    make_task(60, 1, 50, lengths, 5);
    assert_true(data.starts[60] + 60 * 6 > WANE_MEASURE_TOKENS / 2);
    for (int per_token = 0; per_token < 2; per_token++)
        for (int with = 0; with < 2; with++) {
            wane_accuracy a = measure(model, with ? adapter : NULL, NULL, per_token, 2);
            check_examples(&a, model, with ? adapter : NULL, per_token);
            assert_true(isnan(a.kl_on_task_prompt) && isnan(a.kl_on_task_answer));
            wane_accuracy_free(&a);
        }
    wane_adapter_free(adapter);
    wane_model_free(model);
}

/* Several batches; labels of one token need the prompt alone. */
static void single_tokens_equal_full_sequences(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 1, 1};
    wane_model *model = direct_model(VOCABULARY, 64, 2);
    make_task(150, 1, 60, lengths, 3);
    assert_true(data.starts[150] > WANE_MEASURE_TOKENS);
    wane_accuracy a = measure(model, NULL, NULL, false, 2);
    check_examples(&a, model, NULL, false);
    size_t counts[3] = {0};
    for (size_t r = 0; r < 150; r++) counts[data.labels[r]]++;
    size_t most = counts[0] > counts[1] ? counts[0] : counts[1];
    if (counts[2] > most) most = counts[2];
    CHECK_NEAR(a.majority, (double)most / 150, 0, 1e-15);
    wane_accuracy_free(&a);
    wane_model_free(model);
}

/* More rows in one batch than a chunk of logits has, of 512. */
static void chunks_of_many_short_rows(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 1};
    wane_model *model = direct_model(VOCABULARY, 64, 2);
    make_task(700, 1, 3, lengths, 2);
    assert_true(data.starts[700] <= WANE_MEASURE_TOKENS);
    wane_accuracy a = measure(model, NULL, NULL, false, 2);
    check_examples(&a, model, NULL, false);
    wane_accuracy_free(&a);
    wane_model_free(model);
}

/* A row larger than a batch is a batch by itself. */
static void rows_longer_than_a_batch(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 3};
    wane_model *model = direct_model(VOCABULARY, 4096, 2);
    make_task(3, WANE_MEASURE_TOKENS - 1, WANE_MEASURE_TOKENS + 200, lengths, 2);
    wane_accuracy a = measure(model, NULL, NULL, false, 2);
    check_examples(&a, model, NULL, false);
    wane_accuracy_free(&a);
    wane_model_free(model);
}

static void ties_go_to_the_smaller_label(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 2, 2};
    wane_model *model = direct_model(VOCABULARY, 64, 3);
    make_task(40, 1, 20, lengths, 3);
    /* Every token is as likely as any other, bit by bit: labels of equal text would not do, since
     * OpenBLAS may sum one row in another order than the next. */
    memset(model->weights, 0, model->parameters.floats * sizeof *model->weights);
    wane_accuracy a = measure(model, NULL, NULL, false, 0);
    for (size_t r = 0; r < 40; r++) {
        assert_int_equal(a.example[r].predicted, 0);
        assert_true(a.example[r].margin == 0);
        CHECK_NEAR(a.example[r].loss, log(3), 0, 1e-15);
    }
    wane_accuracy_free(&a);
    wane_model_free(model);
}

/* Inside the prompts, which are sequences of their own, and from their last tokens on. */
static void check_divergences(const wane_accuracy *a, const wane_model *model,
                              const wane_model *base)
{
    double sum[2] = {0}, positions[2] = {0};
    for (size_t r = 0; r < data.prompts.rows; r++) {
        size_t prompt = 0, length = 0;
        const int32_t *ids = full_sequence(r, (size_t)data.labels[r], &prompt, &length);
        for (int answer = 0; answer < 2; answer++) {
            size_t count = answer ? length - 1 : prompt;
            double *log_p = direct_log_p(model, NULL, ids, count);
            double *log_b = direct_log_p(base, NULL, ids, count);
            for (size_t t = answer ? prompt - 1 : 0; t + !answer < count; t++) {
                sum[answer] +=
                    direct_kl(log_b + t * VOCABULARY, log_p + t * VOCABULARY, VOCABULARY);
                positions[answer]++;
            }
            wane_free(log_p);
            wane_free(log_b);
        }
    }
    CHECK_NEAR(a->kl_on_task_prompt, sum[0] / positions[0], 0, 2e-6);
    CHECK_NEAR(a->kl_on_task_answer, sum[1] / positions[1], 0, 2e-6);
}

static void divergence_equals_direct_sums(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 3, 2};
    wane_model *model = direct_model(VOCABULARY, 64, 4), *base = direct_model(VOCABULARY, 64, 5);
    make_task(90, 1, 40, lengths, 3);
    wane_accuracy a = measure(model, NULL, base, false, 2);
    check_examples(&a, model, NULL, false);
    check_divergences(&a, model, base);
    wane_accuracy_free(&a);
    a = measure(model, NULL, model, false, 2);
    assert_true(a.kl_on_task_prompt == 0 && a.kl_on_task_answer == 0);
    wane_accuracy_free(&a);
    wane_model_free(model);
    wane_model_free(base);
}

/* Where rotary positions go by a sequence's length, a label may make its prompt long: the label is
 * then scored behind a prompt of its own. Rows on both sides of that length, and across it. */
static void labels_that_make_a_prompt_long(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 1, 3, 1, 4};
    const wane_rope ropes[] = {
        {.theta = 50,
         .kind = &wane_rope_longrope,
         .original_context = 20,
         .attention_factor = 1.2,
         .short_factor = {4, {1, 1, 1.2, 1.5}},
         .long_factor = {4, {1, 2.5, 4, 9}}},
        {.theta = 50, .kind = &wane_rope_dynamic, .factor = 3, .original_context = 20}};
    for (size_t i = 0; i < sizeof ropes / sizeof *ropes; i++) {
        size_t across = 0;
        wane_model *model = direct_model(VOCABULARY, i ? 20 : 64, 4);
        wane_model *base = direct_model(VOCABULARY, i ? 20 : 64, 5);
        model->config.rope = base->config.rope = ropes[i];
        make_task(60, 10, 30, lengths, 5);
        for (size_t r = 0; r < 60; r++) {
            size_t prompt = data.starts[r + 1] - data.starts[r];
            across += prompt <= 20 && prompt + 3 > 20;
        }
        assert_true(across > 3 && across < 30);
        wane_accuracy a = measure(model, NULL, base, i == 1, 2);
        check_examples(&a, model, NULL, i == 1);
        check_divergences(&a, model, base);
        wane_accuracy_free(&a);
        wane_model_free(model);
        wane_model_free(base);
    }
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 1, 3};
    wane_model *model = direct_model(VOCABULARY, 64, 6), *base = direct_model(VOCABULARY, 64, 7);
    make_task(120, 1, 60, lengths, 3);
    wane_accuracy one = measure(model, NULL, base, false, 0);
    for (int threads = 1; threads <= 5; threads += 2) {
        wane_accuracy many = measure(model, NULL, base, false, threads);
        for (size_t r = 0; r < one.examples; r++) {
            const wane_example_score *x = &one.example[r], *y = &many.example[r];
            assert_true(x->margin == y->margin && x->loss == y->loss);
            assert_int_equal(x->predicted, y->predicted);
        }
        assert_true(one.loss == many.loss && one.kl_on_task_prompt == many.kl_on_task_prompt &&
                    one.kl_on_task_answer == many.kl_on_task_answer);
        wane_accuracy_free(&many);
    }
    wane_accuracy_free(&one);
    wane_model_free(model);
    wane_model_free(base);
}

/* Prompts of one token have no prompt position. */
static void nothing_to_measure(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 1};
    wane_error err;
    wane_model *model = direct_model(VOCABULARY, 64, 8);
    wane_accuracy a = {0};
    make_task(4, 1, 1, lengths, 2);
    a = measure(model, NULL, model, false, 0);
    assert_true(isnan(a.kl_on_task_prompt) && a.kl_on_task_answer == 0);
    wane_accuracy_free(&a);
    data.prompts.rows = 0;
    CHECK_FAILS(wane_measure_accuracy(&a, model, NULL, NULL, &data.task, WANE_SPLIT_TEST,
                                      &data.prompts, false, NULL, &err),
                WANE_EINVAL, "sample: no row to measure");
    wane_model_free(model);
}

/* Scores of logits that are not finite are no predictions: no accuracy, and no outcome of the row.
 */
static void logits_that_are_not_finite_have_no_accuracy(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 1};
    static const struct {
        const char *name;
        float value;
    } cases[] = {{"model.norm.weight", NAN},
                 {"model.norm.weight", 3.4e38f},
                 {"lm_head.weight", NAN},
                 {"lm_head.weight", -INFINITY}};
    wane_model *base = direct_model(VOCABULARY, 64, 8);
    make_task(40, 2, 30, lengths, 3);
    wane_accuracy good = measure(base, NULL, NULL, false, 0);
    assert_null(good.reason);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_model *model = direct_model(VOCABULARY, 64, 8);
        long at = wane_parameters_find(&model->parameters, cases[i].name);
        wane_model_weight(model, (size_t)at)[5] = cases[i].value;
        wane_accuracy a = measure(model, NULL, base, i % 2, 0);
        assert_string_equal(a.reason, WANE_NOT_FINITE);
        assert_string_equal(a.kl_reason, WANE_NOT_FINITE);
        /* Rows are numbered 1, 4, 7, ...; not every one need overflow. */
        bool all = !isfinite(cases[i].value);
        if (all) assert_int_equal(a.row, 1);
        assert_true(isnan(a.accuracy) && isnan(a.stderr_) && isnan(a.loss) &&
                    isnan(a.kl_on_task_prompt) && isnan(a.kl_on_task_answer));
        assert_true(a.majority == good.majority);
        for (size_t r = 0; r < a.examples; r++)
            assert_true((a.example[r].predicted >= 0 && isfinite(a.example[r].loss) && !all) ||
                        (a.example[r].predicted == -1 && isnan(a.example[r].loss) &&
                         isnan(a.example[r].margin)));
        wane_accuracy_free(&a);
        wane_model_free(model);
    }
    wane_accuracy_free(&good);
    wane_model_free(base);
}

/* One row is enough; a divergence from a base that is not finite is missing by itself. */
static void one_score_that_is_not_finite(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 1};
    wane_error err;
    double scores[8] = {0, 1, 1, 0, NAN, 1, 0, 1};
    wane_accuracy a = {0};
    make_task(4, 2, 5, lengths, 2);
    CHECK_OK(wane_accuracy_of_scores(&a, scores, &data.task, WANE_SPLIT_TEST, &data.prompts, &err));
    assert_string_equal(a.reason, WANE_NOT_FINITE);
    assert_int_equal(a.row, 7);
    assert_int_equal(a.example[2].predicted, -1);
    assert_int_equal(a.example[3].predicted, 1);
    assert_true(isnan(a.accuracy));
    wane_accuracy_free(&a);
    wane_model *model = direct_model(VOCABULARY, 64, 8), *base = direct_model(VOCABULARY, 64, 8);
    base->weights[0] = NAN; /* of token 0 */
    for (size_t i = 0; i < data.starts[4]; i++) data.ids[i] = (int32_t)(i % 2);
    a = measure(model, NULL, base, false, 0);
    assert_null(a.reason);
    assert_true(isfinite(a.accuracy));
    assert_string_equal(a.kl_reason, WANE_NOT_FINITE);
    assert_true(isnan(a.kl_on_task_answer));
    wane_accuracy_free(&a);
    wane_model_free(model);
    wane_model_free(base);
}

static void memory_runs_out(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 1};
    wane_error err;
    wane_model *model = direct_model(VOCABULARY, 16, 8), *base = direct_model(VOCABULARY, 16, 9);
    make_task(3, 1, 5, lengths, 2);
    wane_status st = WANE_ENOMEM;
    for (long n = 0; st != WANE_OK; n++) {
        wane_accuracy a = {0};
        wane_memory_fail_after(n);
        st = wane_measure_accuracy(&a, model, NULL, base, &data.task, WANE_SPLIT_TEST,
                                   &data.prompts, false, NULL, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || (st == WANE_ENOMEM && !a.example && n < 1000));
        wane_accuracy_free(&a);
    }
    wane_model_free(model);
    wane_model_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_equal_full_sequences),
        cmocka_unit_test(single_tokens_equal_full_sequences),
        cmocka_unit_test(chunks_of_many_short_rows),
        cmocka_unit_test(rows_longer_than_a_batch),
        cmocka_unit_test(ties_go_to_the_smaller_label),
        cmocka_unit_test(divergence_equals_direct_sums),
        cmocka_unit_test(labels_that_make_a_prompt_long),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(nothing_to_measure),
        cmocka_unit_test(logits_that_are_not_finite_have_no_accuracy),
        cmocka_unit_test(one_score_that_is_not_finite),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
