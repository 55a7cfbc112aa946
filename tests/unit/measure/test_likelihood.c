/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/measure/measure.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"
#include "tests/unit/measure/direct.h"

enum { WINDOWS_MOST = 400, TOKENS_MOST = 20000 };

/* Windows of random length that score from a random token on, of three to a document; the numbers
 * of the documents have gaps, as they have where a document has nothing to score. */
typedef struct sample {
    size_t starts[WINDOWS_MOST + 1], first[WINDOWS_MOST], document[WINDOWS_MOST],
        position[WINDOWS_MOST];
    int32_t ids[TOKENS_MOST];
    wane_windows windows;
} sample;

static sample data;

static const wane_windows *make_windows(size_t count, size_t shortest, size_t longest,
                                        size_t vocabulary)
{
    wane_random where = {.seed = count, .purpose = WANE_RANDOM_TEST};
    size_t tokens = 0;
    assert_true(count <= WINDOWS_MOST);
    data.windows = (wane_windows){.windows = count,
                                  .documents = (count + 2) / 3,
                                  .starts = data.starts,
                                  .first = data.first,
                                  .document = data.document,
                                  .position = data.position,
                                  .ids = data.ids,
                                  .words = 11,
                                  .bytes = 77,
                                  .bos = 0};
    for (size_t w = 0; w < count; w++) {
        size_t length = shortest + wane_random_below(&where, 2 * w, longest - shortest + 1);
        data.starts[w] = tokens;
        data.first[w] = 1 + wane_random_below(&where, 2 * w + 1, length - 1);
        data.document[w] = 5 * (w / 3) + 2;
        tokens += length;
        data.windows.tokens += length - data.first[w];
    }
    data.starts[count] = tokens;
    assert_true(tokens <= TOKENS_MOST);
    direct_ids(data.ids, tokens, vocabulary, 77);
    return &data.windows;
}

static wane_likelihood measure(const wane_model *model, const wane_adapter *adapter,
                               const wane_model *base, const wane_windows *windows, int threads)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_likelihood out = {0};
    if (threads > 0) CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_measure_likelihood(&out, model, adapter, base, windows, pool, &err));
    wane_pool_free(pool);
    return out;
}

static void check_window(const wane_window_score *score, const wane_windows *w, size_t window,
                         const wane_model *model, const wane_adapter *adapter,
                         const wane_model *base)
{
    size_t from = w->starts[window], count = w->starts[window + 1] - from;
    size_t vocabulary = model->config.vocabulary;
    double *log_p = direct_log_p(model, adapter, w->ids + from, count);
    double *log_b = direct_log_p(base, NULL, w->ids + from, count);
    double nll = 0, kl = 0, ce = 0;
    for (size_t t = w->first[window]; t < count; t++) {
        const double *p = log_p + (t - 1) * vocabulary, *b = log_b + (t - 1) * vocabulary;
        nll -= p[w->ids[from + t]];
        kl += direct_kl(b, p, vocabulary);
        for (size_t v = 0; v < vocabulary; v++) ce -= exp(b[v]) * p[v];
    }
    assert_int_equal(score->tokens, count - w->first[window]);
    CHECK_NEAR(score->nll, nll, 1e-5, 2e-6);
    CHECK_NEAR(score->kl, kl, 1e-5, 2e-6);
    CHECK_NEAR(score->soft_ce, ce, 1e-5, 2e-6);
    wane_free(log_p);
    wane_free(log_b);
}

/* Several batches, the vocabulary no multiple of a vector; with an adapter beside the weights. */
static void windows_equal_direct_sums(void **state)
{
    (void)state;
    enum { V = 61 };
    wane_model *model = direct_model(V, 64, 1), *base = direct_model(V, 64, 2);
    wane_adapter *adapter = direct_adapter(model);
    const wane_windows *w = make_windows(120, 2, 64, V);
    assert_true(w->starts[w->windows] > WANE_MEASURE_TOKENS);
    for (int with = 0; with < 2; with++) {
        wane_likelihood l = measure(model, with ? adapter : NULL, base, w, 2);
        double nll = 0, kl = 0, ce = 0;
        assert_int_equal(l.windows, w->windows);
        assert_int_equal(l.tokens, w->tokens);
        for (size_t i = 0; i < w->windows; i++) {
            check_window(&l.window[i], w, i, model, with ? adapter : NULL, base);
            nll += l.window[i].nll;
            kl += l.window[i].kl;
            ce += l.window[i].soft_ce;
        }
        double n = (double)w->tokens;
        CHECK_NEAR(l.nll, nll / n, 0, 1e-14);
        CHECK_NEAR(l.kl_to_base, kl / n, 0, 1e-14);
        CHECK_NEAR(l.soft_ce, ce / n, 0, 1e-14);
        assert_true(l.kl_to_base > 0.1);
        assert_int_equal(l.words, 11);
        assert_int_equal(l.bytes, 77);
        wane_likelihood_free(&l);
    }
    wane_adapter_free(adapter);
    wane_model_free(model);
    wane_model_free(base);
}

/* The pass's own nll, which knows its targets beforehand, says the same. */
static void windows_equal_the_nll_of_the_pass(void **state)
{
    (void)state;
    enum { V = 40 };
    wane_error err;
    wane_model *model = direct_model(V, 32, 3);
    const wane_windows *w = make_windows(9, 2, 32, V);
    wane_likelihood l = measure(model, NULL, NULL, w, 0);
    for (size_t i = 0; i < w->windows; i++) {
        size_t count = w->starts[i + 1] - w->starts[i], starts[2] = {0, count}, position[32];
        int32_t target[32];
        float nll[32];
        wane_batch batch = {.tokens = count,
                            .sequences = 1,
                            .ids = w->ids + w->starts[i],
                            .starts = starts,
                            .position = position,
                            .target = target};
        for (size_t t = w->first[i]; t < count; t++) {
            position[batch.targets] = t - 1;
            target[batch.targets++] = batch.ids[t];
        }
        wane_pass *pass = NULL;
        wane_pass_limits limits = {.tokens = count, .sequences = 1, .targets = batch.targets};
        CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
        CHECK_OK(wane_pass_forward(pass, model, NULL, &batch, NULL, &err));
        wane_pass_nll(pass, nll, NULL);
        double sum = 0;
        for (size_t t = 0; t < batch.targets; t++) sum += (double)nll[t];
        CHECK_NEAR(l.window[i].nll, sum, 1e-5, 1e-6);
        wane_pass_free(pass);
    }
    assert_true(isnan(l.kl_to_base) && isnan(l.soft_ce));
    wane_likelihood_free(&l);
    wane_model_free(model);
}

/* Logits come in chunks of 512 rows, and of fewer when the vocabulary is large. */
static void chunks_of_a_large_vocabulary(void **state)
{
    (void)state;
    enum { V = 5003 };
    wane_model *model = direct_model(V, 512, 4), *base = direct_model(V, 512, 5);
    const wane_windows *w = make_windows(2, 300, 400, V);
    data.first[0] = data.first[1] = 1;
    data.windows.tokens = w->starts[2] - 2;
    wane_likelihood l = measure(model, NULL, base, w, 2);
    assert_true(w->tokens > 2 * ((1 << 20) / V));
    for (size_t i = 0; i < 2; i++) check_window(&l.window[i], w, i, model, NULL, base);
    wane_likelihood_free(&l);
    wane_model_free(model);
    wane_model_free(base);
}

static void nothing_lies_between_a_model_and_itself(void **state)
{
    (void)state;
    enum { V = 61 };
    wane_model *model = direct_model(V, 64, 1);
    const wane_windows *w = make_windows(50, 2, 64, V);
    wane_likelihood l = measure(model, NULL, model, w, 2);
    for (size_t i = 0; i < w->windows; i++) assert_true(l.window[i].kl == 0);
    assert_true(l.kl_to_base == 0 && l.soft_ce > 0); /* soft CE: the model's own entropy */
    wane_likelihood_free(&l);
    wane_model_free(model);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { V = 61 };
    wane_model *model = direct_model(V, 64, 1), *base = direct_model(V, 64, 2);
    const wane_windows *w = make_windows(100, 2, 64, V);
    wane_likelihood one = measure(model, NULL, base, w, 0);
    for (int threads = 1; threads <= 5; threads += 2) {
        wane_likelihood many = measure(model, NULL, base, w, threads);
        assert_memory_equal(one.window, many.window, w->windows * sizeof *one.window);
        assert_true(one.nll == many.nll && one.kl_to_base == many.kl_to_base &&
                    one.soft_ce == many.soft_ce && one.nll_stderr == many.nll_stderr);
        wane_likelihood_free(&many);
    }
    wane_likelihood_free(&one);
    wane_model_free(model);
    wane_model_free(base);
}

/* ------------------------------------------------------------------------------------- errors */

/* The linearised error of a ratio of sums, which the bootstrap estimates. */
static double closed_form(const double *sums, const double *tokens, size_t count)
{
    double sum = 0, n = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        sum += sums[i];
        n += tokens[i];
    }
    for (size_t i = 0; i < count; i++) {
        double residual = sums[i] - sum / n * tokens[i];
        square += residual * residual;
    }
    return sqrt(square) / n;
}

static void bootstrap_agrees_with_the_closed_form(void **state)
{
    (void)state;
    enum { MOST = 500 };
    double sums[MOST], tokens[MOST];
    float noise[MOST];
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(noise, MOST, 1, &where);
    for (size_t count = 30; count <= MOST; count += 235)
        for (int equal = 0; equal < 2; equal++) {
            for (size_t i = 0; i < count; i++) {
                tokens[i] = equal ? 50 : (double)(10 + i * 7 % 90);
                sums[i] = tokens[i] * (2 + 0.3 * (double)noise[i]);
            }
            /* 1,000 resamples: 2.2% is one standard error of the estimate */
            double expected = closed_form(sums, tokens, count);
            CHECK_NEAR(wane_document_stderr(sums, tokens, count), expected, 0, 0.1);
        }
    for (size_t i = 0; i < MOST; i++) sums[i] = 2 * tokens[i];
    CHECK_NEAR(wane_document_stderr(sums, tokens, MOST), 0, 1e-14, 0);
    assert_true(isnan(wane_document_stderr(sums, tokens, 1)));
}

/* Documents whose numbers have gaps count once each; the paired error is that of the differences.
 */
static void errors_are_of_documents(void **state)
{
    (void)state;
    enum { V = 61 };
    wane_error err;
    wane_model *model = direct_model(V, 64, 1), *base = direct_model(V, 64, 2);
    const wane_windows *w = make_windows(100, 2, 64, V);
    wane_likelihood after = measure(model, NULL, NULL, w, 0);
    wane_likelihood first = measure(base, NULL, NULL, w, 0);
    double sums[34] = {0}, changes[34] = {0}, tokens[34] = {0}, before[100], error = 0;
    assert_int_equal(w->documents, 34);
    for (size_t i = 0; i < w->windows; i++) {
        before[i] = first.window[i].nll;
        sums[i / 3] += after.window[i].nll;
        changes[i / 3] += after.window[i].nll - before[i];
        tokens[i / 3] += (double)after.window[i].tokens;
    }
    assert_true(after.nll_stderr == wane_document_stderr(sums, tokens, 34));
    CHECK_NEAR(after.nll_stderr, closed_form(sums, tokens, 34), 0, 0.12);
    CHECK_OK(wane_likelihood_paired(&error, &after, before, w, &err));
    assert_true(error == wane_document_stderr(changes, tokens, 34));
    /* a shift by the same amount per token has no error */
    for (size_t i = 0; i < w->windows; i++)
        before[i] = after.window[i].nll - 0.25 * (double)after.window[i].tokens;
    CHECK_OK(wane_likelihood_paired(&error, &after, before, w, &err));
    CHECK_NEAR(error, 0, 1e-13, 0);
    wane_likelihood_free(&after);
    wane_likelihood_free(&first);
    wane_model_free(model);
    wane_model_free(base);
}

static void units(void **state)
{
    (void)state;
    wane_likelihood l = {.nll = 1.5,
                         .nll_stderr = 0.25,
                         .kl_to_base = 0.125,
                         .soft_ce = 2.5,
                         .tokens = 100,
                         .words = 60,
                         .bytes = 300};
    wane_windows w = {.bos = 1};
    wane_window_rule rule = {.window = 64};
    wane_likelihood_row row;
    wane_likelihood_columns(&row, &l, &w, &rule);
    CHECK_NEAR(row.token_perplexity, exp(1.5), 0, 1e-15);
    CHECK_NEAR(row.word_perplexity, exp(2.5), 0, 1e-15);
    CHECK_NEAR(row.byte_perplexity, exp(0.5), 0, 1e-15);
    CHECK_NEAR(row.bits_per_byte, 0.5 / log(2), 0, 1e-15);
    assert_true(row.stderr_ == 0.25 && row.kl_to_base == 0.125 && row.soft_ce == 2.5);
    assert_int_equal(row.window, 64);
    assert_int_equal(row.stride, 63);
    assert_string_equal(row.bos, "one per document");
    l.unknown_tokens = 1;
    rule.stride = 10;
    w.bos = -1;
    wane_likelihood_columns(&row, &l, &w, &rule);
    CHECK_NEAR(row.token_perplexity, exp(1.5), 0, 1e-15);
    assert_true(isnan(row.word_perplexity) && isnan(row.byte_perplexity) &&
                isnan(row.bits_per_byte));
    assert_int_equal(row.unk_tokens, 1);
    assert_int_equal(row.stride, 10);
    assert_string_equal(row.bos, "none");
}

/* The value at `element` of a parameter, by its name. */
static float *weight_at(wane_model *model, const char *name, size_t element)
{
    long index = wane_parameters_find(&model->parameters, name);
    assert_true(index >= 0);
    return wane_model_weight(model, (size_t)index) + element;
}

/* One NaN, an overflow of finite weights, an infinity that leaves the sums finite: no likelihood,
 * whatever the token scored; what does not touch a logit changes nothing. */
static void logits_that_are_not_finite_have_no_likelihood(void **state)
{
    (void)state;
    enum { VOCABULARY = 19 };
    static const struct {
        const char *name;
        size_t element;
        float value;
        bool bad;
    } cases[] = {{"model.norm.weight", 5, NAN, true},
                 {"model.norm.weight", 5, INFINITY, true},
                 {"model.norm.weight", 3, 3.4e38f, true},
                 {"lm_head.weight", 16 * 18 + 2, NAN, true}, /* of a token that does not occur */
                 {"lm_head.weight", 16 * 18 + 2, 3.4e38f, true},
                 {"model.layers.1.mlp.down_proj.weight", 7, NAN, true},
                 {"model.layers.0.self_attn.q_proj.weight", 0, NAN, true},
                 {"model.layers.0.self_attn.k_proj.weight", 0, INFINITY, true},
                 {"model.embed_tokens.weight", 16 * 18, NAN, false}}; /* likewise */
    wane_model *base = direct_model(VOCABULARY, 32, 1);
    const wane_windows *w = make_windows(9, 2, 32, VOCABULARY - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int with_base = 0; with_base < 2; with_base++) {
            wane_model *model = direct_model(VOCABULARY, 32, 1);
            *weight_at(model, cases[i].name, cases[i].element) = cases[i].value;
            size_t element = 0;
            const wane_parameter *p = wane_model_not_finite(model, &element);
            assert_true((p != NULL) == !isfinite(cases[i].value));
            if (p) assert_string_equal(p->name, cases[i].name);
            if (p) assert_int_equal(element, cases[i].element);
            wane_likelihood l = measure(model, NULL, with_base ? base : NULL, w, 0);
            wane_likelihood_row row;
            wane_window_rule rule = {.window = 32};
            wane_likelihood_columns(&row, &l, w, &rule);
            if (cases[i].bad) {
                assert_string_equal(l.reason, WANE_NOT_FINITE);
                assert_string_equal(row.reason, WANE_NOT_FINITE);
                assert_int_equal(l.document, data.document[0]);
                assert_true(isnan(l.nll) && isnan(l.nll_stderr) && isnan(l.kl_to_base) &&
                            isnan(l.soft_ce));
                assert_true(isnan(row.token_perplexity) && isnan(row.bits_per_byte));
                assert_int_equal(row.tokens, w->tokens);
            } else {
                assert_null(l.reason);
                assert_true(isfinite(l.nll) && isnan(l.kl_to_base) == !with_base);
            }
            wane_likelihood_free(&l);
            wane_model_free(model);
        }
    /* A base that is not finite has no KL either, and then the pair has no likelihood. */
    *weight_at(base, "model.norm.weight", 0) = NAN;
    wane_model *model = direct_model(VOCABULARY, 32, 1);
    wane_likelihood l = measure(model, NULL, base, w, 0);
    assert_string_equal(l.reason, WANE_NOT_FINITE);
    wane_likelihood_free(&l);
    wane_model_free(model);
    wane_model_free(base);
}

/* An exponential beyond any number is missing, not infinite. */
static void units_beyond_any_number(void **state)
{
    (void)state;
    wane_windows w = {.bos = 0};
    wane_window_rule rule = {.window = 9};
    wane_likelihood l = {.nll = 800, .tokens = 10, .words = 5, .bytes = 100};
    wane_likelihood_row row;
    wane_likelihood_columns(&row, &l, &w, &rule);
    assert_true(row.nll == 800 && isnan(row.token_perplexity) && isnan(row.word_perplexity));
    assert_true(isfinite(row.byte_perplexity) && isfinite(row.bits_per_byte));
}

static void nothing_to_score_is_an_error(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = direct_model(8, 8, 1);
    wane_likelihood l = {0};
    size_t starts[1] = {0};
    wane_windows none = {.starts = starts};
    CHECK_FAILS(wane_measure_likelihood(&l, model, NULL, NULL, &none, NULL, &err), WANE_EINVAL,
                "no token to score");
    const wane_windows *w = make_windows(3, 2, 8, 8);
    data.ids[1] = 8;
    CHECK_FAILS(wane_measure_likelihood(&l, model, NULL, NULL, w, NULL, &err), WANE_EINVAL, "");
    assert_null(l.window);
    wane_model_free(model);
}

/* Every allocation fails once: an error, and nothing left behind (the sanitizer watches). */
static void memory_runs_out(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = direct_model(8, 8, 1), *base = direct_model(8, 8, 2);
    const wane_windows *w = make_windows(3, 2, 8, 8);
    wane_status st = WANE_ENOMEM;
    for (long n = 0; st != WANE_OK; n++) {
        wane_likelihood l = {0};
        wane_memory_fail_after(n);
        st = wane_measure_likelihood(&l, model, NULL, base, w, NULL, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || (st == WANE_ENOMEM && !l.window && n < 1000));
        wane_likelihood_free(&l);
    }
    wane_model_free(model);
    wane_model_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_equal_direct_sums),
        cmocka_unit_test(windows_equal_the_nll_of_the_pass),
        cmocka_unit_test(chunks_of_a_large_vocabulary),
        cmocka_unit_test(nothing_lies_between_a_model_and_itself),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(bootstrap_agrees_with_the_closed_form),
        cmocka_unit_test(errors_are_of_documents),
        cmocka_unit_test(units),
        cmocka_unit_test(logits_that_are_not_finite_have_no_likelihood),
        cmocka_unit_test(units_beyond_any_number),
        cmocka_unit_test(nothing_to_score_is_an_error),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
