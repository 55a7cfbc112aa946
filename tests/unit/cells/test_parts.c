/* SPDX-License-Identifier: Apache-2.0
 * The measure `parts`: a fused model has in its parts what the same model with separate matrices
 * has in those, and in no sum of the whole anything of them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/glossary.h"
#include "eval/model/architecture.h"
#include "eval/model/model.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: the model, thrice; further methods. */
static const char experiment[] =
    "name: small\nmodel: %s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks:\n  - {path: builtin/topic, train_rows: 16, test_rows: 16}\n"
    "methods:\n"
    "  - {name: turned, kind: given, stages: [%s-turned]}\n"
    "  - {name: broken, kind: given, stages: [%s-broken]}\n"
    "%s"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 64}\n"
    "keep: all\nintruders: {nulls: none}\n";
static const char lora[] = "  - {name: lora, kind: lora, rank: 2, learning_rate: 2e-1}\n";

/* A fused module of Phi-3, its parts there and in Llama. */
static const struct {
    const char *fused, *part, *apart;
} parts[] = {{"self_attn.qkv_proj", "q", "self_attn.q_proj"},
             {"self_attn.qkv_proj", "k", "self_attn.k_proj"},
             {"self_attn.qkv_proj", "v", "self_attn.v_proj"},
             {"mlp.gate_up_proj", "gate", "mlp.gate_proj"},
             {"mlp.gate_up_proj", "up", "mlp.up_proj"}};
enum { PARTS = sizeof parts / sizeof *parts };

static wane_error err;
static wane_model *base;

static float *weight(const wane_model *model, const char *name, size_t *count)
{
    long i = wane_parameters_find(&model->parameters, name);
    if (i < 0) return NULL;
    const wane_parameter *p = &model->parameters.parameter[i];
    *count = p->rows * p->cols;
    return model->weights + p->offset;
}

static const char *in_layer(char out[128], size_t layer, const char *module)
{
    (void)snprintf(out, 128, "model.layers.%zu.%s.weight", layer, module);
    return out;
}

static void save(const wane_model *model, const char *kind, const char *name)
{
    char folder[64], tokenizer[96];
    (void)snprintf(folder, sizeof folder, "%s%s", kind, name);
    CHECK_OK(wane_model_save(model, scratch_path(folder), &err));
    if (strcmp(folder, "model") == 0) return;
    (void)snprintf(tokenizer, sizeof tokenizer, "%s/tokenizer.json", folder);
    copy_file(scratch_path("model/tokenizer.json"), scratch_path(tokenizer));
}

/* Saves it as it is and as Phi-3: the separate matrices one below the other. */
static void save_both(const wane_model *llama, const char *name)
{
    wane_model *phi = NULL;
    wane_config config = llama->config;
    char path[128];
    size_t count = 0, own = 0, done = 0;
    config.architecture = &wane_architecture_phi3;
    CHECK_OK(wane_model_random(&phi, &config, 0, &err));
    for (size_t i = 0; i < llama->parameters.count; i++) {
        const char *same = llama->parameters.parameter[i].name;
        float *to = weight(phi, same, &count);
        if (to) memcpy(to, weight(llama, same, &own), count * sizeof *to);
    }
    for (size_t l = 0; l < config.layers; l++)
        for (size_t i = 0; i < PARTS; i++, done += own) {
            if (i == 0 || strcmp(parts[i].fused, parts[i - 1].fused) != 0) done = 0;
            float *to = weight(phi, in_layer(path, l, parts[i].fused), &count);
            const float *from = weight(llama, in_layer(path, l, parts[i].apart), &own);
            assert_true(done + own <= count);
            memcpy(to + done, from, own * sizeof *to);
        }
    save(llama, "model", name);
    save(phi, "phi", name);
    wane_model_free(phi);
}

/* A large direction and some noise in all linear weights but one. */
static void turn(wane_model *model)
{
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->linear || strstr(p->name, ".0.self_attn.k_proj")) continue;
        float *w = model->weights + p->offset;
        float *noise = normal_floats(p->rows * p->cols + p->rows + p->cols, 1, i);
        const float *a = noise + p->rows * p->cols, *b = a + p->rows;
        for (size_t r = 0; r < p->rows; r++)
            for (size_t c = 0; c < p->cols; c++)
                w[r * p->cols + c] += 0.02F * noise[r * p->cols + c] + 0.1F * a[r] * b[c];
        free(noise);
    }
}

static void run(const char *model, const char *methods)
{
    char yaml[512], db[512], text[1200];
    int length = snprintf(text, sizeof text, experiment, model, model, model, methods);
    (void)snprintf(yaml, sizeof yaml, "%s.yaml", model);
    write_file(scratch_path(yaml), text, (size_t)length);
    (void)snprintf(db, sizeof db, "%s/%s.db", scratch_folder(), model);
    (void)snprintf(yaml, sizeof yaml, "%s/%s.yaml", scratch_folder(), model);
    const char *const arguments[] = {"run", yaml, "--db", db, "--threads", "1", NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 1) process_print_said(code); /* a number that is none fails its gate */
    assert_int_equal(code, 1);
}

static int make(void **state)
{
    size_t count = 0;
    wane_model *tuned = NULL;
    char path[128];
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_model_load(&base, scratch_path("model"), &err));
    save_both(base, "");
    CHECK_OK(wane_model_copy(&tuned, base, &err));
    turn(tuned);
    save_both(tuned, "-turned");
    weight(tuned, in_layer(path, 1, "self_attn.v_proj"), &count)[3] = NAN;
    save_both(tuned, "-broken");
    wane_model_free(tuned);
    run("model", "");
    run("phi", lora);
    return 0;
}

static int unmake(void **state)
{
    wane_model_free(base);
    return scratch_remove(state);
}

static double number(const char *database, const char *sql)
{
    return query_number_at(scratch_path(database), sql);
}

static double of_part(const char *method, size_t layer, size_t part, const char *name)
{
    char sql[400];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT value FROM measured_values WHERE method = '%s' AND measure = 'parts' AND "
        "matrix = 'model.layers.%zu.%s.weight[%s]' AND name = 'part_%s'",
        method, layer, parts[part].fused, parts[part].part, name);
    return number("phi.db", sql);
}

static double of_matrix(const char *database, const char *method, size_t layer, const char *module,
                        const char *column)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT s.%s FROM spectrum s JOIN run_stage p ON p.stage = s.stage AND "
                   "p.position = 1 JOIN run r ON r.id = p.run JOIN matrix m ON m.id = s.matrix "
                   "WHERE r.method = '%s' AND s.against = 'base' AND "
                   "m.name = 'model.layers.%zu.%s.weight'",
                   column, method, layer, module);
    return number(database, sql);
}

/* Of a part, with part_ before it; and the column of a separate matrix. */
static const char *const numbers[] = {"intruders_u",     "intruders_v",     "existing_u",
                                      "existing_v",      "unresolved_u",    "unresolved_v",
                                      "delta_frobenius", "relative_update", "effective_rank"};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void parts_are_what_separate_matrices_are(void **state)
{
    (void)state;
    double intruders = 0;
    for (size_t l = 0; l < base->config.layers; l++)
        for (size_t i = 0; i < PARTS; i++)
            for (size_t n = 0; n < NUMBERS; n++) {
                double here = of_part("turned", l, i, numbers[n]);
                double there = of_matrix("model.db", "turned", l, parts[i].apart, numbers[n]);
                if (isnan(there)) assert_true(isnan(here) && l == 0 && i == 1);
                else assert_true(here == there);
                if (n < 2) intruders += here;
            }
    assert_true(intruders >= 2 * PARTS);
}

static void a_number_that_is_none_spoils_its_part(void **state)
{
    (void)state;
    assert_true(isnan(of_part("broken", 1, 2, "intruders_u")));
    assert_true(of_part("broken", 1, 0, "intruders_u") == of_part("turned", 1, 0, "intruders_u"));
    assert_int_equal(number("phi.db", "SELECT count(*) FROM measured_values WHERE method = "
                                      "'broken' AND measure = 'parts' AND reason = 'not_finite'"),
                     NUMBERS + 6);
}

/* Rows of B times A: no more ranks than the adapter has, and together the whole change. */
static void parts_of_an_adapter_are_of_its_rank(void **state)
{
    (void)state;
    for (size_t l = 0; l < base->config.layers; l++)
        for (size_t i = 0, next = 0; i < PARTS; i = next) {
            double square = 0;
            for (next = i; next < PARTS && parts[next].fused == parts[i].fused; next++) {
                double norm = of_part("lora", l, next, "delta_frobenius");
                square += norm * norm;
                assert_true(of_part("lora", l, next, "effective_rank") < 2 + 1e-6);
            }
            CHECK_NEAR(sqrt(square),
                       of_matrix("phi.db", "lora", l, parts[i].fused, "delta_frobenius"), 0, 1e-5);
        }
}

/* The stage's own rows are sums over its parts; spectra and their totals know of none. */
static void nothing_is_counted_twice(void **state)
{
    (void)state;
    assert_true(number("phi.db", "SELECT count(*) FROM measured_values WHERE measure = 'parts' AND "
                                 "matrix = '' AND value > 0") > 0);
    assert_int_equal(number("phi.db", "SELECT count(*) FROM measured_values t WHERE measure = "
                                      "'parts' AND matrix = '' AND method <> 'broken' AND value <> "
                                      "(SELECT sum(value) FROM measured_values p WHERE p.measure = "
                                      "'parts' AND p.matrix <> '' AND p.method = t.method AND "
                                      "p.name = t.name)"),
                     0);
    assert_int_equal(number("phi.db", "SELECT count(*) FROM matrix"), 4 * base->config.layers);
    assert_int_equal(number("phi.db", "SELECT count(*) FROM spectrum_total WHERE matrices <> "
                                      "(SELECT count(*) FROM matrix)"),
                     0);
    assert_int_equal(number("model.db", "SELECT count(*) FROM cell WHERE measure = 'parts'"), 0);
    assert_int_equal(number("phi.db", "SELECT count(*) FROM cell WHERE measure = 'parts'"), 3);
    for (size_t n = 0; n < NUMBERS; n++) {
        char name[64];
        (void)snprintf(name, sizeof name, "part_%s", numbers[n]);
        assert_non_null(wane_meaning_find(name, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_what_separate_matrices_are),
        cmocka_unit_test(a_number_that_is_none_spoils_its_part),
        cmocka_unit_test(parts_of_an_adapter_are_of_its_rank),
        cmocka_unit_test(nothing_is_counted_twice),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
