/* SPDX-License-Identifier: Apache-2.0
 * A tuned model beside its base: each under its own configuration, vocabulary and tokenizer.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

static const char text[] = "tom sees the big cow .\nthe cow sleeps .\n\n"
                           "two hens digs at the barn .\n";

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    if (told("pretrain -o {base} --steps 40 --seed 1 --width 16 --layers 1 --heads 2 --kv-heads 1 "
             "--hidden 24 --context 64 --documents 100 --batch-tokens 512 --learning-rate 0.02") !=
        0)
        return -1;
    write_file(scratch_path("text.txt"), text, sizeof text - 1);
    copy_model("base", "theta",
               (file_change[]){{"config.json", "\"rope_theta\": 1e+04", "\"rope_theta\": 2.5"},
                               {"config.json", "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 0.1"},
                               {NULL, NULL, NULL}});
    return 0;
}

static int unmake(void **state)
{
    told_free();
    return scratch_remove(state);
}

/* Equal weights, other numbers: what diff says of the tuned model is what it gives alone. */
static void a_tuned_model_has_its_own_configuration(void **state)
{
    (void)state;
    double alone = json_number(told_json("perplexity {theta} {text.txt} --json"), "nll");
    double base = json_number(told_json("perplexity {base} {text.txt} --json"), "nll");
    double accuracy = json_number(
        wane_json_at(told_json("eval {theta} --tasks builtin/topic --limit 50 --json"), 0),
        "accuracy");
    assert_true(fabs(alone - base) > 0.01);
    const wane_json *all = told_json("diff {base} {theta} --corpus {text.txt} --tasks "
                                     "builtin/topic --limit 50 --json");
    const wane_json *part = wane_json_get(all, "likelihood");
    assert_true(json_number(part, "nll_base") == base);
    assert_true(json_number(part, "nll_tuned") == alone);
    assert_true(json_number(part, "kl_to_base") > 0.001);
    assert_true(json_number(wane_json_at(wane_json_get(all, "scores"), 0), "accuracy_tuned") ==
                accuracy);
    part = wane_json_get(all, "settings");
    assert_int_equal(wane_json_size(part), 2);
    assert_string_equal(json_text(wane_json_at(part, 0), "setting"), "rms_norm_eps");
    assert_string_equal(json_text(wane_json_at(part, 1), "setting"), "rope_theta");
    assert_true(json_number(wane_json_at(part, 1), "base") == 10000);
    assert_true(json_number(wane_json_at(part, 1), "tuned") == 2.5);
    assert_true(json_number(told_json("perplexity {base} {text.txt} --adapter {theta} --json"),
                            "nll") == alone);
    assert_int_equal(told("diff {base} {theta}"), 0);
    assert_non_null(strstr(told_out(), "\nconfig.json          rms_norm_eps: 1e-06 in the base, "
                                       "0.1 in the tuned\n"));
    assert_non_null(strstr(told_out(), "  rope_theta: 10000 in the base, 2.5 in the tuned\n"));
    assert_int_equal(told("diff {base} {theta} --csv"), 0);
    assert_non_null(strstr(told_err(), "config.json: rope_theta: 10000 in "));
}

static void what_differs_is_stored(void **state)
{
    (void)state;
    assert_int_equal(told("diff {base} {theta} --db {pair.db}"), 0);
    assert_int_equal(query_integer_at(scratch_path("pair.db"), "SELECT count(*) FROM difference"),
                     2);
    assert_int_equal(query_integer_at(scratch_path("pair.db"),
                                      "SELECT count(*) FROM difference JOIN stage ON stage.id = "
                                      "stage WHERE kind = 'given' AND setting = 'rope_theta' AND "
                                      "base = '10000' AND value = '2.5'"),
                     1);
}

/* A config.json that says the same in other words differs in nothing. */
static void equal_settings_are_not_listed(void **state)
{
    (void)state;
    copy_model("base", "same",
               (file_change[]){{"config.json", "\"rope_theta\": 1e+04",
                                "\"rope_theta\": 10000, \"use_cache\": false"},
                               {"config.json", "  \"head_dim\": 8,\n", ""},
                               {NULL, NULL, NULL}});
    const wane_json *all = told_json("diff {base} {same} --corpus {text.txt} --json");
    assert_int_equal(wane_json_size(wane_json_get(all, "settings")), 0);
    assert_true(json_number(wane_json_get(all, "likelihood"), "change") == 0);
}

/* Numbers per token want the same ids on both sides; added ids that do not occur change nothing. */
static void both_tokenizers_must_agree_on_the_text(void **state)
{
    (void)state;
    static const char added[] = "\"added_tokens\": [{\"id\": 220, \"content\": \"<pad>\", "
                                "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                                "\"normalized\": false, \"special\": true}, ";
    copy_model("base", "swapped",
               (file_change[]){{"tokenizer.json", "\"at\": 4", "\"at\": 999"},
                               {"tokenizer.json", "\"the\": 5", "\"the\": 4"},
                               {"tokenizer.json", "\"at\": 999", "\"at\": 5"},
                               {NULL, NULL, NULL}});
    copy_model(
        "base", "added",
        (file_change[]){{"tokenizer.json", "\"added_tokens\": [", added}, {NULL, NULL, NULL}});
    static const told_refusal calls[] = {
        {"diff {base} {swapped} --corpus {text.txt}",
         "text: the tokenizers give other ids: document 1, position 4: id 5 by "},
        {"diff {base} {swapped} --tasks builtin/topic",
         "topic: the tokenizers give other ids: row "},
        {"perplexity {base} {text.txt} --adapter {swapped}", "document 1, position 4: id 5 by "},
    };
    told_refused(calls, sizeof calls / sizeof *calls);
    assert_int_equal(told("diff {base} {swapped}"), 0); /* spectra go by names and shapes */
    const wane_json *all = told_json(
        "diff {base} {added} --corpus {text.txt} --tasks builtin/topic --limit 20 --json");
    assert_true(json_number(wane_json_get(all, "likelihood"), "change") == 0);
}

/* ------------------------------------------------------------------------- ties and totals */

/* How a tuned copy of the base is kept. */
typedef enum keeping {
    AS_EMBEDDING, /* as the base is */
    AS_HEAD,      /* the tied matrix under its other name */
    TWICE,        /* under both, equal */
    UNTIED,       /* two that differ, and config.json says so */
    MORE_ROWS,    /* three entries were added to the vocabulary */
    FEWER_ROWS,
    WITH_BUFFERS, /* and what modules keep beside their weights */
    NO_CONFIG     /* tensors alone, the tied matrix under its other name */
} keeping;

enum { MOST_TENSORS = 16, MOST_FLOATS = 8192 };

static wane_tensor_source sources[MOST_TENSORS];
static float values[MOST_TENSORS][MOST_FLOATS];

static void add_source(size_t *count, const char *name, size_t rows, size_t cols)
{
    sources[*count] = (wane_tensor_source){.name = name,
                                           .data = values[*count],
                                           .dimensions = cols > 1 ? 2 : 1,
                                           .shape = {rows, cols}};
    ++*count;
}

/* Saves the base with something added to every tensor; returns the ||dW||^2 of what is compared and
 * *tensors, their number, as double arithmetic has them. */
static double save_tuned(const char *name, keeping how, size_t *tensors)
{
    static const char embed[] = "model.embed_tokens.weight", head[] = "lm_head.weight";
    wane_error err;
    wane_tensors *base = NULL;
    char path[300];
    size_t count = 0;
    double square = 0;
    CHECK_OK(wane_tensors_open(&base, scratch_path("base/model.safetensors"), &err));
    *tensors = wane_tensors_count(base);
    for (size_t i = 0; i < wane_tensors_count(base); i++) {
        const wane_tensor *t = wane_tensors_at(base, i);
        bool tied = strcmp(t->name, embed) == 0;
        size_t rows = t->shape[0], cols = t->dimensions > 1 ? t->shape[1] : 1;
        size_t kept = !tied               ? rows
                      : how == MORE_ROWS  ? rows + 3
                      : how == FEWER_ROWS ? rows - 3
                                          : rows;
        size_t common = kept < rows ? kept : rows;
        assert_true(kept * cols <= MOST_FLOATS && t->elements <= MOST_FLOATS);
        static float before[MOST_FLOATS];
        CHECK_OK(wane_tensors_read(base, t, before, &err));
        for (size_t j = 0; j < kept * cols; j++) {
            float was = j < t->elements ? before[j] : 0;
            values[count][j] = was + 0.01F * (float)(j % 7);
            double d = (double)values[count][j] - (double)was;
            if (j < common * cols) square += d * d;
        }
        bool renamed = tied && (how == AS_HEAD || how == NO_CONFIG);
        add_source(&count, renamed ? head : t->name, kept, cols);
        if (!tied || (how != TWICE && how != UNTIED)) continue;
        for (size_t j = 0; j < t->elements; j++) {
            values[count][j] = values[count - 1][j] + (how == UNTIED ? 0.5F : 0.0F);
            double d = (double)values[count][j] - (double)before[j];
            if (how == UNTIED) square += d * d;
        }
        *tensors += how == UNTIED;
        add_source(&count, head, kept, cols);
    }
    if (how == WITH_BUFFERS)
        add_source(&count, "model.layers.0.self_attn.rotary_emb.inv_freq", 4, 1);
    CHECK_OK(wane_folder_make(scratch_path(name), &err));
    if (how != NO_CONFIG)
        copy_model(
            "base", name,
            how == UNTIED
                ? (file_change[]){{"config.json", "embeddings\": true", "embeddings\": false"},
                                  {NULL, NULL, NULL}}
            : how == MORE_ROWS
                ? (file_change[]){{"config.json", "\"vocab_size\": 220", "\"vocab_size\": 223"},
                                  {NULL, NULL, NULL}}
            : how == FEWER_ROWS
                ? (file_change[]){{"config.json", "\"vocab_size\": 220", "\"vocab_size\": 217"},
                                  {NULL, NULL, NULL}}
                : (file_change[]){{NULL, NULL, NULL}});
    (void)snprintf(path, sizeof path, "%s/model.safetensors", name);
    CHECK_OK(wane_tensors_write(scratch_path(path), sources, count, NULL, 0, &err));
    wane_tensors_close(base);
    return square;
}

/* The groups of a diff, added up. */
static double sum_of_groups(const wane_json *all, double *tensors, double *changed)
{
    const wane_json *groups = wane_json_get(all, "tensors");
    double square = *tensors = *changed = 0;
    for (size_t i = 0; i < wane_json_size(groups); i++) {
        const wane_json *g = wane_json_at(groups, i);
        square += pow(json_number(g, "delta_frobenius"), 2);
        *tensors += json_number(g, "tensors");
        *changed += json_number(g, "changed");
    }
    return square;
}

static void no_total_is_without_a_changed_tensor(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        keeping how;
        const char *says;
    } cases[] = {
        {"t_embedding", AS_EMBEDDING, NULL},
        {"t_head", AS_HEAD,
         "model.embed_tokens.weight of the base and lm_head.weight of the tuned are one matrix"},
        {"t_twice", TWICE, NULL},
        {"t_untied", UNTIED,
         "model.embed_tokens.weight of the base is compared with two: model.embed_tokens.weight "
         "and "
         "lm_head.weight"},
        {"t_buffers", WITH_BUFFERS, NULL},
        {"t_tensors", NO_CONFIG, "lm_head.weight of the tuned are one matrix"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[100];
        size_t number = 0;
        double tensors = 0, changed = 0;
        double square = save_tuned(cases[i].name, cases[i].how, &number);
        (void)snprintf(line, sizeof line, "diff {base} {%s} --json", cases[i].name);
        const wane_json *all = told_json(line);
        CHECK_NEAR(sum_of_groups(all, &tensors, &changed), square, 0, 1e-12);
        assert_true(tensors == (double)number && changed == tensors);
        assert_int_equal(wane_json_size(wane_json_get(all, "only_base")), 0);
        assert_int_equal(wane_json_size(wane_json_get(all, "only_tuned")), 0);
        (void)snprintf(line, sizeof line, "diff {base} {%s}", cases[i].name);
        assert_int_equal(told(line), 0);
        if (cases[i].says) assert_non_null(strstr(told_out(), cases[i].says));
        else assert_null(strstr(told_out(), "\ntied "));
        assert_null(strstr(told_out(), "without"));
        /* and the other way round */
        (void)snprintf(line, sizeof line, "diff {%s} {base} --json", cases[i].name);
        if (cases[i].how == NO_CONFIG) continue;
        CHECK_NEAR(sum_of_groups(told_json(line), &tensors, &changed), square, 0, 1e-12);
        assert_true(tensors == (double)number && changed == tensors);
    }
}

/* ||dW|| of adapters as peft 0.21 has it (get_delta_weight and modules_to_save, in double), on
 * heads and embeddings too. One that ensure_weight_tying keeps on both is one tensor. */
static void adapters_change_what_peft_says(void **state)
{
    (void)state;
    static const struct {
        const char *base, *adapter;
        double norm, changed;
    } cases[] = {
        {"untied", "head", 2.4220037238291527, 3},
        {"untied", "embed", 7.040295881070206, 3},
        {"untied", "saved", 3.605976174593546, 10},
        {"untied", "saved-embed", 3.021682125132107, 5},
        {"biased", "bias-all", 2.218076821581929, 12},
        {"tied", "tied-head", 2.4383919189816288, 3},
        {"tied", "tied-embed", 6.3661630360314865, 3},
        {"tied", "tied-both", 6.057234876898055, 2},
        {"tied", "tied-saved", 3.352671614053875, 5},
        {"tied", "tied-ensured", 3.992719727929625, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        double tensors = 0, changed = 0;
        (void)snprintf(line, sizeof line, "diff reference/peft/base-%s reference/peft/%s --json",
                       cases[i].base, cases[i].adapter);
        assert_int_equal(told(line), 0);
        wane_error err;
        wane_json *all = NULL;
        CHECK_OK(wane_json_parse(&all, told_out(), strlen(told_out()), "out", &err));
        CHECK_NEAR(sqrt(sum_of_groups(all, &tensors, &changed)), cases[i].norm, 0, 1e-6);
        assert_true(changed == cases[i].changed);
        assert_int_equal(wane_json_size(wane_json_get(all, "only_tuned")), 0);
        wane_json_free(all);
    }
}

/* Rows in common are compared, and the total says what it is without. Likelihoods are of each
 * model's own vocabulary, and have no KL. */
static void resized_vocabularies(void **state)
{
    (void)state;
    size_t number = 0;
    double tensors = 0, changed = 0;
    double square = save_tuned("t_more", MORE_ROWS, &number);
    const wane_json *all = told_json("diff {base} {t_more} --corpus {text.txt} --json");
    CHECK_NEAR(sum_of_groups(all, &tensors, &changed), square, 0, 1e-12);
    const wane_json *row = wane_json_at(wane_json_get(all, "resized"), 0);
    assert_string_equal(json_text(row, "name"), "model.embed_tokens.weight");
    assert_true(json_number(row, "rows_tuned") == 223 && json_number(row, "rows") == 220);
    row = wane_json_get(all, "likelihood");
    assert_true(isnan(json_number(row, "kl_to_base")));
    assert_string_equal(json_text(row, "kl_reason"), "vocabularies_differ");
    double tuned = json_number(row, "nll_tuned");
    assert_true(tuned == json_number(told_json("perplexity {t_more} {text.txt} --json"), "nll"));
    assert_int_equal(told("diff {base} {t_more} --corpus {text.txt}"), 0);
    assert_non_null(strstr(told_out(), "model.embed_tokens.weight: 220 rows in the base, 223 in "
                                       "the tuned; the first 220 are compared\n"));
    assert_non_null(strstr(told_out(), "  without 3 rows of the tuned alone\n"));
    assert_non_null(strstr(told_out(), "-  vocabularies of 220 and 223 ids\n"));
    square = save_tuned("t_fewer", FEWER_ROWS, &number);
    all = told_json("diff {base} {t_fewer} --json");
    CHECK_NEAR(sum_of_groups(all, &tensors, &changed), square, 0, 1e-12);
    all = told_json("intruders {base} {t_more} --json");
    assert_int_equal(wane_json_size(wane_json_get(all, "matrices")), 7);
    assert_int_equal(told("scale {base} {t_more} --lambda 0 -o {scaled}"), 2);
    assert_non_null(strstr(told_err(), "its shape is not that of the base model: vocab_size 223"));
}

/* -------------------------------------------------------------------------------- not finite */

/* The base with one value of a tensor replaced; a tensor is all of it multiplied when at is
 * SIZE_MAX. */
static void save_spoiled(const char *name, const char *tensor, size_t at, float value)
{
    wane_error err;
    wane_tensors *base = NULL;
    char path[300];
    size_t count = 0;
    copy_model("base", name, (file_change[]){{NULL, NULL, NULL}});
    CHECK_OK(wane_tensors_open(&base, scratch_path("base/model.safetensors"), &err));
    for (size_t i = 0; i < wane_tensors_count(base); i++) {
        const wane_tensor *t = wane_tensors_at(base, i);
        CHECK_OK(wane_tensors_read(base, t, values[count], &err));
        bool spoiled = strcmp(t->name, tensor) == 0;
        for (size_t j = 0; spoiled && at == SIZE_MAX && j < t->elements; j++)
            values[count][j] *= value;
        if (spoiled && at != SIZE_MAX) values[count][at] = value;
        add_source(&count, t->name, t->shape[0], t->dimensions > 1 ? t->shape[1] : 1);
    }
    (void)snprintf(path, sizeof path, "%s/model.safetensors", name);
    CHECK_OK(wane_tensors_write(scratch_path(path), sources, count, NULL, 0, &err));
    wane_tensors_close(base);
}

/* The call answers on stdout, and ends with exit code 1 and a line that holds `says`. */
static const wane_json *told_not_finite(const char *line, const char *says)
{
    wane_error err;
    static wane_json *answer;
    assert_int_equal(told(line), 1);
    if (!strstr(told_err(), says)) print_error("%s\n", told_err());
    assert_non_null(strstr(told_err(), says));
    wane_json_free(answer);
    answer = NULL;
    if (strstr(line, "--json"))
        CHECK_OK(wane_json_parse(&answer, told_out(), strlen(told_out()), "out", &err));
    else assert_null(strstr(told_out(), "nan"));
    return answer;
}

static void what_is_not_finite_is_named_and_no_number(void **state)
{
    (void)state;
    static const char matrix[] = "model.layers.0.mlp.up_proj.weight";
    double tensors = 0, changed = 0;
    save_spoiled("s_norm", "model.norm.weight", 3, NAN);
    save_spoiled("s_matrix", matrix, 5, -INFINITY);
    save_spoiled("s_overflow", "model.norm.weight", SIZE_MAX, 1e38F);
    const wane_json *all = told_not_finite("diff {base} {s_norm} --corpus {text.txt} --tasks "
                                           "builtin/topic --limit 10 --json",
                                           "s_norm: tensor model.norm.weight: not finite");
    assert_true(isnan(sum_of_groups(all, &tensors, &changed)) && changed == 1);
    const wane_json *part = wane_json_at(wane_json_get(all, "not_finite"), 0);
    assert_string_equal(json_text(part, "name"), "model.norm.weight");
    assert_true(json_number(part, "base") == 0 && json_number(part, "tuned") == 1);
    part = wane_json_get(all, "likelihood");
    assert_true(isnan(json_number(part, "nll_tuned")) && isfinite(json_number(part, "nll_base")));
    assert_true(isnan(json_number(part, "change")) && isnan(json_number(part, "kl_to_base")));
    assert_string_equal(json_text(part, "reason"), "not_finite");
    part = wane_json_at(wane_json_get(all, "scores"), 0);
    assert_true(isnan(json_number(part, "accuracy_tuned")) && isnan(json_number(part, "p")));
    assert_true(isnan(json_number(part, "only_base")));
    assert_string_equal(json_text(part, "reason"), "not_finite");
    (void)told_not_finite(
        "diff {base} {s_norm} --corpus {text.txt} --tasks builtin/topic --limit 10", "not finite");
    assert_non_null(strstr(told_out(), "\nnot finite           model.norm.weight of the tuned: 1 "
                                       "value is NaN or infinite\n"));
    /* The other way round, the base is not finite and the tuned side has its numbers. */
    all = told_not_finite("diff {s_norm} {base} --corpus {text.txt} --json", "s_norm: tensor");
    part = wane_json_get(all, "likelihood");
    assert_true(isfinite(json_number(part, "nll_tuned")) && isnan(json_number(part, "nll_base")));
    /* Finite weights whose logits overflow. */
    all = told_not_finite("diff {base} {s_overflow} --corpus {text.txt} --json",
                          "s_overflow: logits on corpus text: not finite");
    assert_int_equal(wane_json_size(wane_json_get(all, "not_finite")), 0);
    assert_true(isnan(json_number(wane_json_get(all, "likelihood"), "nll_tuned")));
}

static void a_matrix_that_is_not_finite_is_not_counted(void **state)
{
    (void)state;
    static const char name[] = "model.layers.0.mlp.up_proj.weight";
    const wane_json *all = told_not_finite(
        "intruders {base} {s_matrix} --json",
        "model.layers.0.mlp.up_proj.weight: not finite (NaN or infinite): 1 of 7 matrices is not");
    const wane_json *list = wane_json_get(all, "matrices");
    size_t found = 0;
    for (size_t i = 0; i < wane_json_size(list); i++) {
        const wane_json *m = wane_json_at(list, i);
        bool bad = strcmp(json_text(m, "name"), name) == 0;
        found += bad;
        assert_true(isnan(json_number(m, "intruders")) == bad);
        if (bad) assert_string_equal(json_text(m, "reason"), "not_finite");
    }
    assert_int_equal(found, 1);
    (void)told_not_finite("intruders {base} {s_matrix} --db {s.db}", "not counted");
    assert_non_null(strstr(told_out(), "model.layers.0.mlp.up_proj.weight: not finite\n"));
    assert_non_null(strstr(told_out(), "||dW||               -, - of ||W||, over these"));
    assert_int_equal(
        query_integer_at(scratch_path("s.db"),
                         "SELECT count(*) FROM spectrum WHERE reason = 'not_finite' AND "
                         "changed AND intruders_u IS NULL AND delta_frobenius IS NULL"),
        1);
    assert_int_equal(query_integer_at(scratch_path("s.db"),
                                      "SELECT count(*) FROM run JOIN gate ON gate.run = run.id "
                                      "WHERE status = 'gate_failed' AND gate.name = 'finite' AND "
                                      "NOT passed"),
                     1);
    /* Again: the page is the same, and which side is to blame is found out again. */
    char *page = strdup(told_out());
    (void)told_not_finite("intruders {base} {s_matrix} --db {s.db}",
                          "/s_matrix: model.layers.0.mlp.up_proj");
    assert_string_equal(told_out(), page);
    free(page);
    (void)told_not_finite("intruders {s_matrix} {base} --db {s.db}",
                          "/s_matrix: model.layers.0.mlp.up_proj");
    (void)told_not_finite("intruders {s_matrix} {base} --db {s.db}",
                          "/s_matrix: model.layers.0.mlp.up_proj");
    (void)told_not_finite("intruders {s_matrix} {base}", "/s_matrix: model.layers.0.mlp.up_proj");
    (void)told_not_finite("diff {s_matrix} {base}", "s_matrix: tensor model.layers.0.mlp.up_proj");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tuned_model_has_its_own_configuration),
        cmocka_unit_test(what_differs_is_stored),
        cmocka_unit_test(equal_settings_are_not_listed),
        cmocka_unit_test(both_tokenizers_must_agree_on_the_text),
        cmocka_unit_test(no_total_is_without_a_changed_tensor),
        cmocka_unit_test(adapters_change_what_peft_says),
        cmocka_unit_test(resized_vocabularies),
        cmocka_unit_test(what_is_not_finite_is_named_and_no_number),
        cmocka_unit_test(a_matrix_that_is_not_finite_is_not_counted),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
