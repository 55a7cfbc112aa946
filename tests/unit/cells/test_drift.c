/* SPDX-License-Identifier: Apache-2.0
 * The measure `drift`, from a run to the database: known answers of changes that are made by hand,
 * and the first layer's numbers against the definition, under two rules of windows.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/glossary.h"
#include "eval/model/model.h"
#include "store/results/query.h"
#include "tasks/data/corpus.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: the corpora; the last line. */
static const char experiment[] =
    "name: small\nmodel: model\n%s"
    "tasks:\n  - {path: builtin/topic, train_rows: 16, test_rows: 16}\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 2e-1}\n"
    "  - {name: same, kind: given, stages: [model]}\n"
    "  - {name: negated, kind: given, stages: [negated]}\n"
    "  - {name: diagonal, kind: given, stages: [diagonal]}\n"
    "  - {name: norm, kind: given, stages: [norm]}\n"
    "  - {name: turned, kind: given, stages: [turned]}\n"
    "  - {name: broken, kind: given, stages: [broken]}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 64}\n"
    "keep: all\nintruders: {nulls: none}\n%s\n";
enum { METHODS = 7, CORPORA = 3 };

/* A text in windows that overlap and in whole documents; and one that the model knows. */
static const char corpora[] =
    "corpora:\n  - {name: windows, path: text.txt, documents: blank, window: 8, stride: 3, role: "
    "other}\n"
    "  - {name: whole, path: text.txt, documents: blank, role: other}\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 5}\n";
static const char text[] = "the red fox ran at the old man and the man ran at the fox\n\n"
                           "a small dog saw the red fox and the fox saw the dog , the dog ran\n";

static wane_error err;
static wane_model *base, *turned;

/* All goes well when it exits 1: a checkpoint that is not finite fails its gate, and no other does.
 */
static void run(const char *name, const char *corpora_, const char *last)
{
    char yaml[4][512], content[2000];
    int length = snprintf(content, sizeof content, experiment, corpora_, last);
    write_file(scratch_path("small.yaml"), content, (size_t)length);
    (void)snprintf(yaml[0], sizeof yaml[0], "%s", scratch_path("small.yaml"));
    (void)snprintf(yaml[1], sizeof yaml[1], "%s", scratch_path(name));
    const char *const arguments[] = {"run", yaml[0], "--db", yaml[1], "--threads", "1", NULL};
    int code = process_run(arguments, "out", "err");
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 1 || !strstr(said, "6 done, 0 diverged, 1 with a failed gate"))
        fail_msg("exit code %d: %s", code, said);
    free(said);
}

/* ------------------------------------------------------------------------------------ the models
 */

static float *weight(const wane_model *model, const char *name, const wane_parameter **p)
{
    long i = wane_parameters_find(&model->parameters, name);
    assert_true(i >= 0);
    *p = &model->parameters.parameter[i];
    return model->weights + (*p)->offset;
}

/* A folder with a changed copy of the base. */
static wane_model *changed(const char *name, void (*change)(wane_model *model))
{
    char to[64];
    wane_model *model = NULL;
    CHECK_OK(wane_model_copy(&model, base, &err));
    change(model);
    CHECK_OK(wane_model_save(model, scratch_path(name), &err));
    (void)snprintf(to, sizeof to, "%s/tokenizer.json", name);
    copy_file(scratch_path("model/tokenizer.json"), scratch_path(to));
    return model;
}

static void negate(wane_model *model)
{
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        for (size_t k = 0; p->linear && k < p->rows * p->cols; k++)
            model->weights[p->offset + k] *= -1;
    }
}

/* dW^T dW = I / 4 where there are at least as many outputs as inputs. */
static void add_to_diagonal(wane_model *model)
{
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        for (size_t k = 0; p->linear && k < p->rows && k < p->cols; k++)
            model->weights[p->offset + k * p->cols + k] += 0.5F;
    }
}

static void change_last_norm(wane_model *model)
{
    const wane_parameter *p = NULL;
    float *gain = weight(model, "model.norm.weight", &p);
    for (size_t i = 0; i < p->rows; i++) gain[i] *= 1 + 0.01F * (float)i;
}

static const char query[] = "model.layers.0.self_attn.q_proj.weight",
                  value[] = "model.layers.0.self_attn.v_proj.weight";

/* Two matrices of different sizes, and the inputs of all: those count as they were in the base. */
static void turn(wane_model *model)
{
    const char *const names[] = {query, value};
    const wane_parameter *p = NULL;
    for (size_t n = 0; n < 2; n++) {
        float *w = weight(model, names[n], &p);
        for (size_t i = 0; i < p->rows * p->cols; i++)
            w[i] += (float)(n + 1) * 0.01F * (float)((int)(i * i % 11) - 5);
    }
    float *gain = weight(model, "model.layers.0.input_layernorm.weight", &p);
    for (size_t i = 0; i < p->rows; i++) gain[i] *= i % 2 ? 3 : 0.3F;
}

static void put_nan(wane_model *model)
{
    const wane_parameter *p = NULL;
    weight(model, query, &p)[5] = NAN;
}

static int make(void **state)
{
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_model_load(&base, scratch_path("model"), &err));
    wane_model_free(changed("negated", negate));
    wane_model_free(changed("diagonal", add_to_diagonal));
    wane_model_free(changed("norm", change_last_norm));
    wane_model_free(changed("broken", put_nan));
    turned = changed("turned", turn);
    write_file(scratch_path("text.txt"), text, sizeof text - 1);
    run("small.db", corpora, "");
    return 0;
}

static int unmake(void **state)
{
    wane_model_free(base);
    wane_model_free(turned);
    return scratch_remove(state);
}

/* ----------------------------------------------------------------------------------- the numbers
 */

static int64_t count(const char *sql)
{
    return query_integer_at(scratch_path("small.db"), sql);
}

static double stored(const char *method, const char *corpus, const char *matrix, const char *name)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT value FROM measured_values WHERE method = '%s' AND subject = '%s' AND "
                   "matrix = '%s' AND name = '%s'",
                   method, corpus, matrix, name);
    return query_number_at(scratch_path("small.db"), sql);
}

/* Asked for afterwards, it is measured of the kept weights: a cell a stage and corpus, two numbers
 * a matrix and two of the stage. */
static void only_where_it_is_asked_for(void **state)
{
    (void)state;
    size_t matrices = 0;
    for (size_t i = 0; i < base->parameters.count; i++)
        matrices += base->parameters.parameter[i].linear;
    assert_int_equal(count("SELECT count(*) FROM cell WHERE measure = 'drift'"), 0);
    run("small.db", corpora, "measures: [drift]");
    char *said = read_file(scratch_path("err"), NULL);
    assert_non_null(strstr(said, "0 stages trained (0 steps), 21 cells filled here"));
    free(said);
    assert_int_equal(count("SELECT count(*) FROM cell WHERE measure = 'drift'"), METHODS * CORPORA);
    assert_int_equal(count("SELECT count(*) FROM measured WHERE measure = 'drift'"),
                     METHODS * CORPORA * 2 * (matrices + 1));
    assert_int_equal(count("SELECT count(*) FROM measured_values WHERE method = 'lora' AND "
                           "value > 0 AND name LIKE 'drift%'"),
                     CORPORA * 2 * (matrices + 1));
    assert_non_null(wane_meaning_find("drift", NULL));
    assert_non_null(wane_meaning_find("drift_abs", NULL));
}

static void what_is_not_changed_does_not_drift(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char sql[400];
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM measured_values WHERE method = '%s' AND measure = "
                       "'drift' AND NOT (name = 'drift' AND reason = 'unchanged' OR "
                       "name = 'drift_abs' AND value = 0)",
                       i ? "norm" : "same");
        assert_int_equal(count(sql), 0);
    }
}

/* A number that is none spoils its matrix and the stage; the inputs of all others are the base's.
 */
static void what_is_not_finite_has_no_number(void **state)
{
    (void)state;
    assert_int_equal(count("SELECT count(*) FROM measured_values WHERE method = 'broken' AND "
                           "measure = 'drift' AND reason = 'not_finite'"),
                     2 * CORPORA * 2);
    assert_int_equal(count("SELECT count(*) FROM measured_values WHERE method = 'broken' AND name "
                           "= 'drift_abs' AND value = 0"),
                     CORPORA * 13);
}

/* -2 W_0 has four times the energy of W_0, on any text, in every matrix and in all. A multiple of
 * an orthogonal map prefers nothing. */
static void known_answers(void **state)
{
    (void)state;
    size_t seen = 0;
    assert_int_equal(count("SELECT count(*) FROM measured_values WHERE method = 'negated' AND name "
                           "= 'drift_abs' AND value <> 4"),
                     0);
    for (size_t i = 0; i < base->parameters.count; i++) {
        const wane_parameter *p = &base->parameters.parameter[i];
        if (!p->linear) continue;
        double drift = stored("diagonal", "windows", p->name, "drift");
        if (p->rows >= p->cols) CHECK_NEAR(drift, 1, 0, 1e-6);
        else assert_true(fabs(drift - 1) > 1e-4 && drift < (double)p->cols / (double)p->rows);
        seen += p->rows >= p->cols;
    }
    assert_true(seen >= 4);
}

/* ------------------------------------------------------------------------------- the definition */

typedef struct second_moment {
    double x[64][64]; /* sum of x x^T */
    size_t width;
} second_moment;

/* What the first layer's attention is fed by the base: the embedding, normalised; of all tokens of
 * all windows. */
static void first_layer(second_moment *s, size_t window, size_t stride)
{
    wane_tokenizer *tokenizer = NULL;
    wane_corpus corpus = {0};
    wane_windows windows = {0};
    const wane_parameter *p = NULL;
    const float *table = weight(base, "model.embed_tokens.weight", &p);
    const float *gain = weight(base, "model.layers.0.input_layernorm.weight", &p);
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("text.txt"));
    const wane_corpus_spec spec = {.name = "text", .path = path, .documents = "blank"};
    const wane_window_rule rule = {.window = window, .stride = stride};
    CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_path("model"), &err));
    CHECK_OK(wane_corpus_open(&corpus, &spec, &err));
    CHECK_OK(wane_corpus_encode(&windows, &corpus, tokenizer, &rule, &err));
    assert_true(stride ? windows.windows > 4 : windows.windows == 2);
    *s = (second_moment){.width = base->config.width};
    assert_true(s->width <= 64);
    for (size_t t = 0; t < windows.starts[windows.windows]; t++) {
        const float *e = table + (size_t)windows.ids[t] * s->width;
        double x[64], square = 0;
        for (size_t i = 0; i < s->width; i++) square += (double)e[i] * (double)e[i];
        double root = sqrt(square / (double)s->width + base->config.norm_epsilon);
        for (size_t i = 0; i < s->width; i++) x[i] = (double)e[i] / root * (double)gain[i];
        for (size_t i = 0; i < s->width; i++)
            for (size_t j = 0; j < s->width; j++) s->x[i][j] += x[i] * x[j];
    }
    wane_windows_free(&windows);
    wane_corpus_free(&corpus);
    wane_tokenizer_free(tokenizer);
}

/* tr(C Sigma C^T) and ||C||_F^2, C = left - right (NULL: 0). */
static double trace(const second_moment *s, const char *name, const wane_model *left,
                    const wane_model *right, double *norm)
{
    const wane_parameter *p = NULL;
    const float *a = weight(left, name, &p), *b = right ? weight(right, name, &p) : NULL;
    double sum = 0;
    *norm = 0;
    for (size_t o = 0; o < p->rows; o++) {
        double c[64];
        for (size_t i = 0; i < p->cols; i++) {
            c[i] = (double)a[o * p->cols + i] - (b ? (double)b[o * p->cols + i] : 0);
            *norm += c[i] * c[i];
        }
        for (size_t i = 0; i < p->cols; i++)
            for (size_t j = 0; j < p->cols; j++) sum += c[i] * s->x[i][j] * c[j];
    }
    return sum;
}

static void numbers_are_those_of_the_definition(void **state)
{
    (void)state;
    static second_moment s;
    const char *const names[] = {query, value}, *const texts[] = {"windows", "whole"};
    for (size_t c = 0; c < 2; c++) {
        double input = 0, change[2], own[2], norm[2], unused = 0;
        first_layer(&s, c ? base->config.context : 8, c ? 0 : 3);
        for (size_t i = 0; i < s.width; i++) input += s.x[i][i];
        for (size_t n = 0; n < 2; n++) {
            change[n] = trace(&s, names[n], turned, base, &norm[n]);
            own[n] = trace(&s, names[n], base, NULL, &unused);
            CHECK_NEAR(stored("turned", texts[c], names[n], "drift"),
                       (double)s.width * change[n] / (norm[n] * input), 0, 1e-6);
            CHECK_NEAR(stored("turned", texts[c], names[n], "drift_abs"), change[n] / own[n], 0,
                       1e-6);
        }
        /* Of the stage: sums over sums, matrices that are not changed included. */
        CHECK_NEAR(stored("turned", texts[c], "", "drift"),
                   (double)s.width * (change[0] + change[1]) / ((norm[0] + norm[1]) * input), 0,
                   1e-6);
        double all = stored("turned", texts[c], "", "drift_abs");
        assert_true(all > 0 && (change[0] + change[1]) / all > 1.5 * (own[0] + own[1]));
    }
    assert_int_equal(count("SELECT count(*) FROM measured_values WHERE method = 'turned' AND name "
                           "= 'drift' AND subject = 'whole' AND reason IS NULL"),
                     3);
}

/* Bit by bit the same. */
static void two_threads_give_the_same(void **state)
{
    (void)state;
    char database[512], yaml[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("small.db"));
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    const char *const arguments[] = {"verify", database,    "--recompute", "1000", "--experiment",
                                     yaml,     "--threads", "2",           NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    assert_int_equal(code, 0);
}

static void without_a_corpus_there_is_none(void **state)
{
    (void)state;
    run("none.db", "", "measures: [drift]");
    const char *path = scratch_path("none.db");
    assert_int_equal(query_integer_at(path, "SELECT count(*) FROM cell WHERE measure = 'drift' AND "
                                            "reason = 'no_corpus'"),
                     METHODS);
    assert_int_equal(
        query_integer_at(path, "SELECT count(*) FROM measured WHERE measure = 'drift'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_where_it_is_asked_for),
        cmocka_unit_test(what_is_not_changed_does_not_drift),
        cmocka_unit_test(what_is_not_finite_has_no_number),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(numbers_are_those_of_the_definition),
        cmocka_unit_test(two_threads_give_the_same),
        cmocka_unit_test(without_a_corpus_there_is_none),
    };
    return cmocka_run_group_tests_name("drift", tests, make, unmake);
}
