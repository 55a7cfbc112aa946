/* SPDX-License-Identifier: Apache-2.0
 * perplexity, eval, diff and pretrain on a tiny built-in model: each says what the others say and
 * what eval/measure says.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/paired.h"
#include "eval/measure/measure.h"
#include "eval/train/train.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/update.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

#define SMALL                                                                                      \
    "--width 16 --layers 1 --heads 2 --kv-heads 1 --hidden 24 --context 64 --documents 100 "       \
    "--batch-tokens 512 --learning-rate 0.02"

/* Random factors on every linear weight, large enough to change predictions. */
static void save_adapter(const char *base, const char *path)
{
    enum { RANK = 2, NUMBERS = 4096 };
    static float values[NUMBERS];
    wane_error err;
    wane_model *model = NULL;
    wane_update update = {0};
    wane_random where = {.seed = 4, .purpose = WANE_RANDOM_TEST};
    size_t count = 0, used = 0, next = 0;
    CHECK_OK(wane_model_load(&model, base, &err));
    wane_random_normal_fill(values, NUMBERS, 0.4, &where);
    for (size_t i = 0; i < model->parameters.count; i++)
        count += model->parameters.parameter[i].linear;
    CHECK_OK(wane_update_new(&update, count, true, &err));
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->linear) continue;
        update.tensors[next++] = (wane_update_tensor){
            .name = p->name,
            .rows = p->rows,
            .cols = p->cols,
            .term = {
                .b = values + used, .a = values + used + RANK * p->rows, .rank = RANK, .scale = 1}};
        used += RANK * (p->rows + p->cols);
        assert_true(used <= NUMBERS);
    }
    update.facts = (wane_adapter_facts){.alpha = RANK, .rank = RANK, .base_model = "tiny"};
    CHECK_OK(wane_update_save(&update, path, &err));
    wane_update_free(&update);
    wane_model_free(model);
}

static const char text[] = "tom sees the big cow .\nthe cow sleeps .\n\n"
                           "two hens digs at the barn .\n   \nanna finds the red cake and the "
                           "cow runs .\n\nqwertz !\n";

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    if (told("pretrain -o {base} --steps 40 --seed 1 " SMALL) != 0) return -1;
    save_adapter(scratch_path("base"), scratch_path("adapter"));
    write_file(scratch_path("text.txt"), text, sizeof text - 1);
    return 0;
}

static int unmake(void **state)
{
    told_free();
    return scratch_remove(state);
}

/* What eval/measure says of the built-in corpus under the base or with the adapter. */
static wane_likelihood measure_directly(bool adapted, size_t window, size_t tokens)
{
    wane_error err;
    wane_model *model = NULL;
    wane_update update = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_corpus corpus = {0};
    wane_corpus_spec spec = {.path = scratch_path("text.txt")};
    wane_windows windows = {0};
    wane_window_rule rule = {.window = window, .tokens = tokens};
    wane_likelihood l = {0};
    CHECK_OK(wane_model_load(&model, scratch_path("base"), &err));
    CHECK_OK(wane_tokenizer_load(&tokenizer, scratch_path("base"), &err));
    if (adapted) {
        CHECK_OK(wane_update_load(&update, scratch_path("adapter"), NULL, NULL, &err));
        CHECK_OK(wane_model_apply(model, &update, NULL, &err));
    }
    CHECK_OK(wane_corpus_open(&corpus, &spec, &err));
    CHECK_OK(wane_corpus_encode(&windows, &corpus, tokenizer, &rule, &err));
    CHECK_OK(wane_measure_likelihood(&l, model, NULL, NULL, &windows, NULL, &err));
    wane_update_free(&update);
    wane_windows_free(&windows);
    wane_corpus_free(&corpus);
    wane_tokenizer_free(tokenizer);
    wane_model_free(model);
    return l;
}

static void perplexity_is_what_is_measured(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool adapted;
        size_t window, tokens;
    } calls[] = {{"perplexity {base} {text.txt} --json", false, 64, 0},
                 {"perplexity {base} {text.txt} --json --adapter {adapter}", true, 64, 0},
                 {"perplexity {base} {text.txt} --json --window 5 --tokens 12", false, 5, 12},
                 {"perplexity {base} {text.txt} --json --threads 2", false, 64, 0}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        wane_likelihood l = measure_directly(calls[i].adapted, calls[i].window, calls[i].tokens);
        const wane_json *row = told_json(calls[i].line);
        json_keys_are(row, "corpus data_sha256 nll stderr change_stderr token_perplexity "
                           "word_perplexity byte_perplexity bits_per_byte kl_to_base soft_ce "
                           "tokens words bytes unk_tokens window stride bos out_of_reach reason");
        assert_true(json_number(row, "nll") == l.nll);
        assert_true(json_number(row, "stderr") == l.nll_stderr);
        CHECK_NEAR(json_number(row, "token_perplexity"), exp(l.nll), 0, 1e-14);
        assert_true(json_number(row, "tokens") == (double)l.tokens);
        assert_true(json_number(row, "words") == (double)l.words);
        assert_true(json_number(row, "unk_tokens") == (double)l.unknown_tokens);
        assert_true(json_number(row, "window") == (double)calls[i].window);
        assert_true(json_number(row, "stride") == (double)calls[i].window - 1);
        assert_string_equal(json_text(row, "corpus"), "text");
        bool unknown = l.unknown_tokens > 0;
        assert_true(unknown == (calls[i].tokens == 0)); /* "qwertz" is in the last document */
        assert_true(isnan(json_number(row, "bits_per_byte")) == unknown);
        wane_likelihood_free(&l);
    }
}

/* A model is read from its archive as from its folder. */
static void a_packed_model_is_the_model(void **state)
{
    (void)state;
    static const char *const kinds[] = {"base.tar", "base.tar.gz", "base.tar.zst", "base.zip"};
    (void)told_json("perplexity {base} {text.txt} --json");
    char *expected = strdup(told_out());
    for (size_t i = 0; i < 4; i++) {
        char line[100];
        pack_folder(scratch_path(kinds[i]), scratch_path("base"), i % 2 ? "" : "base/");
        (void)snprintf(line, sizeof line, "perplexity {%s} {text.txt} --json", kinds[i]);
        (void)told_json(line);
        assert_string_equal(told_out(), expected);
    }
    free(expected);
}

static void perplexity_for_people(void **state)
{
    (void)state;
    assert_int_equal(told("perplexity {base} {text.txt}"), 0);
    assert_string_equal(told_err(), "");
    assert_non_null(strstr(told_out(), "corpus               text: 4 documents, "));
    assert_non_null(strstr(told_out(), "no word or byte units)\n"));
    assert_non_null(strstr(told_out(), "byte perplexity      undefined\n"));
    assert_null(strstr(told_out(), "floor"));
    assert_int_equal(told("perplexity {base} builtin --tokens 500"), 0);
    assert_non_null(strstr(told_out(), "the entropy of the language\n"));
    assert_null(strstr(told_out(), "undefined"));
}

/* --------------------------------------------------------------------------------------- eval */

/* The lines of an examples file as JSON; *count of them. */
typedef struct outcomes {
    bool right[400];
    double margin[400], loss[400];
    size_t count;
} outcomes;

static void read_outcomes(outcomes *out, const char *name)
{
    wane_error err;
    char *bytes = read_file(scratch_path(name), NULL);
    out->count = 0;
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n")) {
        wane_json *example = NULL;
        assert_true(out->count < 400);
        CHECK_OK(wane_json_parse(&example, line, strlen(line), "example", &err));
        json_keys_are(example, "task split row label predicted margin loss");
        out->right[out->count] =
            strcmp(json_text(example, "label"), json_text(example, "predicted")) == 0;
        out->margin[out->count] = json_number(example, "margin");
        out->loss[out->count++] = json_number(example, "loss");
        wane_json_free(example);
    }
    free(bytes);
}

static void eval_equals_its_examples(void **state)
{
    (void)state;
    static outcomes o;
    static const struct {
        const char *options;
        size_t rows;
    } calls[] = {{"builtin/topic", 300},
                 {"builtin/counting --adapter {adapter}", 300},
                 {"builtin/topic --split train --limit 50", 50},
                 {"builtin/topic --per-token --max-length 20 --limit 7", 7}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "eval {base} --json --examples {e.jsonl} --tasks %s",
                       calls[i].options);
        const wane_json *list = told_json(line), *row = wane_json_at(list, 0);
        size_t right = 0;
        double loss = 0;
        assert_int_equal(wane_json_size(list), 1);
        json_keys_are(row, "task split data_sha256 n accuracy stderr loss majority reason "
                           "labels cut_rows cut_tokens unknown_tokens apart_rows");
        read_outcomes(&o, "e.jsonl");
        assert_int_equal(o.count, calls[i].rows);
        assert_true(json_number(row, "n") == (double)calls[i].rows);
        for (size_t k = 0; k < o.count; k++) {
            assert_true(o.right[k] ? o.margin[k] >= 0 : o.margin[k] <= 0);
            right += o.right[k];
            loss += o.loss[k] / (double)o.count;
        }
        double p = (double)right / (double)o.count;
        CHECK_NEAR(json_number(row, "accuracy"), p, 0, 1e-15);
        CHECK_NEAR(json_number(row, "stderr"), sqrt(p * (1 - p) / (double)o.count), 1e-15, 1e-14);
        CHECK_NEAR(json_number(row, "loss"), loss, 0, 1e-12);
    }
}

static const char train_rows[] = "{\"text\": \"tom sees the cow .\", \"label\": 0}\n"
                                 "{\"text\": \"the hen sleeps .\", \"label\": 1}\n";
static const char test_rows[] =
    "{\"text\": \"anna sees the cow .\", \"label\": 1}\n"
    "{\"text\": \"the cow sleeps . the hen sleeps . the pig sleeps . the cow runs . the hen runs . "
    "the pig runs .\", \"label\": 0}\n"
    "{\"text\": \"the cow waits .\", \"label\": 0}\n";

/* A folder as the user has it: labels and template from the command line, a text that is cut. */
static void eval_of_a_folder(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("animals"), &err));
    write_file(scratch_path("animals/train.jsonl"), train_rows, sizeof train_rows - 1);
    write_file(scratch_path("animals/test.jsonl"), test_rows, sizeof test_rows - 1);
    const wane_json *row = wane_json_at(
        told_json(
            "eval {base} --tasks {animals} --json --max-length 20 --template {{text}}~he~sees "
            "--labels 0=~cows,1=~the~cow"),
        0);
    assert_true(json_number(row, "n") == 3 && json_number(row, "labels") == 2);
    assert_true(json_number(row, "cut_rows") == 1 && json_number(row, "cut_tokens") > 0);
    assert_string_equal(json_text(row, "task"), "animals");
    CHECK_NEAR(json_number(row, "majority"), 2.0 / 3, 0, 1e-15);
    assert_int_equal(told("eval {base} --tasks {animals},builtin/topic --max-length 20 --labels "
                          "0=~cows,1=~the~cow"),
                     2);
    assert_non_null(strstr(told_err(), "has its own columns, template"));
    assert_int_equal(told("eval {base} --tasks builtin/order,builtin/topic --limit 20"), 0);
    assert_int_equal(strncmp(told_out(), "task   split   n ", 17), 0);
    assert_non_null(strstr(told_out(), "\norder  test   20  "));
    assert_non_null(strstr(told_out(), "\ntopic  test   20  "));
    assert_non_null(strstr(told_out(), "  accuracy  stderr "));
    assert_null(strstr(told_out(), "+-"));
}

/* The base with one value of its last norm changed, as NAME. */
static void save_changed(const char *name, float value)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_load(&model, scratch_path("base"), &err));
    long at = wane_parameters_find(&model->parameters, "model.norm.weight");
    wane_model_weight(model, (size_t)at)[3] = value;
    CHECK_OK(wane_model_save(model, scratch_path(name), &err));
    wane_model_free(model);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", name);
    copy_file(scratch_path("base/tokenizer.json"), scratch_path(path));
}

/* A model whose logits are not numbers: the page shows no number and why, exit 1. */
static void a_model_that_is_not_finite(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        float value;
    } models[] = {{"value 3 of model.norm.weight is NaN\n", NAN},
                  {"value 3 of model.norm.weight is infinite\n", INFINITY},
                  {"sums overflow, the weights are finite\n", 3.4e38f}};
    static const struct {
        const char *line, *out, *more, *err;
    } calls[] = {
        {"perplexity {bad} {text.txt}", "\nnll                  - (not_finite)\n",
         "\ntoken perplexity     -\n", "text, document 0: logits are not finite: "},
        {"perplexity {base} {text.txt} --json --adapter {bad}", "\"nll\": null, \"stderr\": null, ",
         "\"reason\": \"not_finite\"}\n", ""},
        {"eval {bad} --tasks builtin/topic,builtin/order --limit 9 --examples {no}",
         "\ntopic  test   9         -       -     -    ", "  not_finite\norder  test   9 ",
         "task topic, row 0: logits are not finite: "},
        {"eval {bad} --tasks builtin/topic --limit 9 --json",
         "\"accuracy\": null, \"stderr\": null, \"loss\": null", "", ""},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        save_changed("bad", models[i].value);
        for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
            assert_int_equal(told(calls[c].line), 1);
            assert_non_null(strstr(told_out(), calls[c].out));
            assert_non_null(strstr(told_out(), calls[c].more));
            assert_non_null(strstr(told_err(), calls[c].err));
            if (c == 0) assert_non_null(strstr(told_err(), models[i].says));
            assert_null(strstr(told_out(), "nan"));
            assert_null(strstr(told_out(), "inf"));
        }
        char *examples = read_file(scratch_path("no"), NULL);
        assert_string_equal(examples, "");
        free(examples);
        bool finite = isfinite(models[i].value);
        /* 2: there is no intruder */
        assert_int_equal(told("scale {base} {bad} --lambda 0 -o {scaled}"), finite ? 2 : 1);
        if (!finite) assert_non_null(strstr(told_err(), models[i].says));
        assert_false(wane_file_exists(scratch_path("scaled")));
    }
}

/* A pretraining whose last update leaves no numbers writes no model. */
static void a_pretraining_that_ends_in_no_numbers(void **state)
{
    (void)state;
    static const char settings[] = "--steps 2 --seed 1 --width 16 --layers 1 --heads 2 --hidden 24 "
                                   "--context 64 --documents 20 --batch-tokens 128";
    char line[300];
    (void)snprintf(line, sizeof line, "pretrain -o {broken} --learning-rate 1e39 %s", settings);
    assert_int_equal(told(line), 1);
    assert_non_null(strstr(told_err(), "pretrain: step 1: model."));
    assert_non_null(strstr(told_err(), " is not finite after it\n"));
    assert_false(wane_file_exists(scratch_path("broken/model.safetensors")));
    /* Weights that are, and logits that are not. */
    (void)snprintf(line, sizeof line, "pretrain -o {broken} --learning-rate 1e20 %s", settings);
    assert_int_equal(told(line), 1);
    assert_non_null(strstr(told_out(), "\nnll                  - (not_finite)\n"));
    assert_non_null(strstr(told_out(), "\nabove it             - nats/token (a uniform guess: "));
}

/* The words of an experiment's task say on the command line how rows are read: the same rows come
 * out as from the usual names and template. */
static void columns_are_named(void **state)
{
    (void)state;
    enum { SHA = 80 };
    static const char *const lines[] = {
        "eval {base} --tasks {named} --json",
        "eval {base} --tasks {other} --json --text body --label class",
        "eval {base} --tasks {other} --json --label class --template {{body}}\\nLabel:",
        "eval {base} --tasks {other} --json --text body --label class --labels no=~no,yes=~yes",
        "eval {base} --tasks {dev} --json --text body --label class --test validation",
        "diff {base} {adapter} --tasks {other} --json --text body --label class",
        "diff {base} {adapter} --tasks {other} --json --text body --label class --template "
        "{{body}}\\nLabel:",
        "diff {base} {adapter} --tasks {dev} --json --text body --label class --test validation"};
    static const char *const folders[] = {"named", "other", "dev"};
    static const char *const headers[] = {"text\tlabel", "body\tclass", "body\tclass"};
    char sha[SHA] = "", path[64];
    double loss = NAN;
    wane_error err;
    for (int i = 0; i < 3; i++) {
        wane_text rows = {0};
        CHECK_OK(wane_folder_make(scratch_path(folders[i]), &err));
        wane_text_printf(&rows, "%s\n\"tom sees\nthe \"\"cow\"\"\"\tno\nthe hen\tyes\n",
                         headers[i]);
        (void)snprintf(path, sizeof path, "%s/train.tsv", folders[i]);
        write_file(scratch_path(path), rows.data, rows.length);
        (void)snprintf(path, sizeof path, "%s/%s.tsv", folders[i], i == 2 ? "dev" : "test");
        write_file(scratch_path(path), rows.data, rows.length);
        wane_text_free(&rows);
    }
    write_file(scratch_path("dev/test.tsv"), "body\tclass\nx\t-1\n", 16);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const wane_json *answer = told_json(lines[i]);
        if (wane_json_kind_of(answer) == WANE_JSON_ARRAY) {
            const wane_json *row = wane_json_at(answer, 0);
            if (i == 0) (void)snprintf(sha, sizeof sha, "%s", json_text(row, "data_sha256"));
            if (i == 0) loss = json_number(row, "loss");
            assert_string_equal(json_text(row, "data_sha256"), sha);
        } else {
            const wane_json *row = wane_json_at(wane_json_get(answer, "scores"), 0);
            assert_true(json_number(row, "loss_base") == loss);
        }
    }
}

/* --------------------------------------------------------------------------------------- diff */

static void diff_says_what_the_others_say(void **state)
{
    (void)state;
    static outcomes before, after;
    double nll[2], change = 0;
    (void)told_json("eval {base} --tasks builtin/topic --json --limit 150 --examples {b.jsonl}");
    read_outcomes(&before, "b.jsonl");
    (void)told_json("eval {base} --tasks builtin/topic --json --limit 150 --adapter {adapter} "
                    "--examples {a.jsonl}");
    read_outcomes(&after, "a.jsonl");
    size_t only_base = 0, only_tuned = 0;
    for (size_t i = 0; i < 150; i++) {
        only_base += before.right[i] && !after.right[i];
        only_tuned += after.right[i] && !before.right[i];
    }
    nll[0] = json_number(told_json("perplexity {base} builtin --tokens 900 --json"), "nll");
    nll[1] = json_number(
        told_json("perplexity {base} builtin --tokens 900 --json --adapter {adapter}"), "nll");
    double total = json_number(told_json("intruders {base} {adapter} --json"), "total");

    const wane_json *all = told_json("diff {base} {adapter} --corpus builtin --tokens 900 --tasks "
                                     "builtin/topic --limit 150 --json");
    json_keys_are(all, "base tuned tensors settings only_base only_tuned tie resized not_finite "
                       "spectra likelihood scores");
    const wane_json *part = wane_json_get(all, "likelihood");
    assert_true(json_number(part, "nll_base") == nll[0]);
    assert_true(json_number(part, "nll_tuned") == nll[1]);
    change = json_number(part, "change");
    assert_true(change == nll[1] - nll[0] && fabs(change) > 0.05);
    assert_true(json_number(part, "change_stderr") > 0);
    assert_true(json_number(part, "kl_to_base") > 0);
    part = wane_json_at(wane_json_get(all, "scores"), 0);
    assert_true(json_number(part, "only_base") == (double)only_base);
    assert_true(json_number(part, "only_tuned") == (double)only_tuned);
    assert_true(only_base + only_tuned > 0);
    assert_true(json_number(part, "p") == wane_mcnemar_exact(only_base, only_tuned));
    part = wane_json_get(all, "spectra");
    assert_true(json_number(wane_json_get(part, "u"), "intruders") == total);
    assert_int_equal(wane_json_size(wane_json_get(part, "matrices")), 7);
    part = wane_json_get(all, "tuned");
    assert_string_equal(json_text(part, "kind"), "adapter");
    assert_true(json_number(part, "merge_difference") < 1e-4);
    part = wane_json_get(all, "tensors");
    double changed = 0, tensors = 0;
    for (size_t i = 0; i < wane_json_size(part); i++) {
        changed += json_number(wane_json_at(part, i), "changed");
        tensors += json_number(wane_json_at(part, i), "tensors");
    }
    assert_true(changed == 7 && tensors == 11); /* 7 linear, 3 norms, the tied embedding */
}

static void diff_is_one_page(void **state)
{
    (void)state;
    assert_int_equal(told("diff {base} {adapter} --corpus {text.txt} --tasks builtin/topic --limit "
                          "50"),
                     0);
    assert_string_equal(told_err(), "");
    static const char *const parts[] = {
        "base                 ",
        "(PEFT adapter, rank 2, alpha 2, on 7 matrices, made on tiny)\n",
        "merged               logits within ",
        "\ntensors ",
        "\nattention ",
        "\nmlp ",
        "\nall ",
        "\nintruders            ",
        "\nat random, left      ",
        "\nat random, right     ",
        "\nmatrix ",
        "q_proj.weight ",
        "\ncorpus               text: 4 documents",
        "\nnll, nats/token ",
        "paired by document\n",
        "\nKL(base || tuned) ",
        "\ntask ",
        "McNemar p",
        "\ntopic "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(told_out(), parts[i])) print_error("no '%s' in\n%s", parts[i], told_out());
        assert_non_null(strstr(told_out(), parts[i]));
    }
    assert_null(strstr(told_out(), " \n"));
    assert_null(strstr(told_out(), "nan"));
    size_t lines = 0;
    for (const char *at = told_out(); *at; at++) lines += *at == '\n';
    assert_true(lines <= 40);
    /* without corpus and tasks; against itself */
    assert_int_equal(told("diff {base} {adapter}"), 0);
    assert_null(strstr(told_out(), "nll"));
    assert_int_equal(told("diff {base} {base} --corpus {text.txt}"), 0);
    assert_non_null(strstr(told_out(), "+0.0000"));
    assert_null(strstr(told_out(), "nan"));
}

static void threads_change_nothing(void **state)
{
    (void)state;
#define DIFF "diff {base} {adapter} --corpus {text.txt} --tasks builtin/topic --limit 50 --json "
    (void)told_json(DIFF "--threads 1");
    char *one = strdup(told_out());
    (void)told_json(DIFF "--threads 3");
    assert_string_equal(one, told_out());
    free(one);
}

/* ----------------------------------------------------------------------------------- pretrain */

static void pretraining_comes_from_the_seed(void **state)
{
    (void)state;
    wane_error err;
    char hash[3][WANE_SHA256_HEX];
    static const char *const lines[] = {"pretrain -o {p0} --steps 3 --threads 1 " SMALL,
                                        "pretrain -o {p1} --steps 3 --threads 2 " SMALL,
                                        "pretrain -o {p2} --steps 3 --seed 5 " SMALL};
    for (size_t i = 0; i < 3; i++) {
        char path[40];
        assert_int_equal(told(lines[i]), 0);
        assert_non_null(strstr(told_out(), "the language's own, no model is below it\n"));
        assert_non_null(strstr(told_err(), "pretrain: step 3 of 3, loss "));
        (void)snprintf(path, sizeof path, "p%zu/model.safetensors", i);
        CHECK_OK(wane_file_sha256(hash[i], scratch_path(path), &err));
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_not_equal(hash[0], hash[2]);
    assert_int_equal(told("pretrain -o {p0} --steps 3"), 2);
    assert_non_null(strstr(told_err(), "holds a model already"));
}

static void bad_calls(void **state)
{
    (void)state;
    static const told_refusal calls[] = {
        {"perplexity {base}", "something is missing"},
        {"perplexity {none} {text.txt}", "none"},
        {"perplexity {base} {none.txt}", "none.txt"},
        {"perplexity {adapter} {text.txt}", "an adapter, not a model"},
        {"perplexity {base} {text.txt} --window 65", "the model's context is 64 tokens"},
        {"perplexity {base} {text.txt} --window 1", "a window holds at least 2"},
        {"perplexity {base} {text.txt} --window 8 --stride 8", "the stride is less"},
        {"perplexity {base} {text.txt} --filter latin", "is not ascii"},
        {"perplexity {base} {text.txt} --adapter {text.txt}", "text.txt"},
        {"eval {base}", "--tasks is needed"},
        {"eval {base} --tasks builtin/topik", "did you mean \"topic\""},
        {"eval {base} --tasks {none}", "none"},
        {"eval {base} --tasks builtin/topic --split dev", "not 'dev'"},
        {"eval {base} --tasks builtin/topic --labels x", "VALUE=VERBALIZER is wanted"},
        {"eval {base} --tasks builtin/topic --label x", "has its own columns"},
        {"diff {base} {adapter} --tasks builtin/topic --text x", "has its own columns"},
        {"eval {base} --tasks builtin/topic --template {{text}}\\q",
         "--template: \"{text}\\q\": a backslash before \"q\" (\\n is a line break, \\t a tab, "
         "\\\\ a "
         "backslash; character 7)"},
        {"diff {base} {adapter} --tasks {none} --template x\\", "a backslash before the end ("},
        {"eval {base} --tasks {none} --labels 0=~a\\x", "--labels: \" a\\x\": a backslash before"},
        {"eval {base} --tasks {named} --text body", "no column"},
        {"eval {base} --tasks {named} --label class", "no column \"class\" for the label"},
        {"eval {base} --tasks {named} --test last", "last"},
        {"perplexity {base} {named} --field none", "no column \"none\""},
        {"eval {base} --tasks builtin/topic --max-length 3",
         "template and label alone need 4 tokens"},
        {"diff {base}", "something is missing"},
        {"diff {base} {none}", "none"},
        {"diff {base} {adapter} --tasks {none}", "none"},
        {"diff {base} {adapter} --epsilon 0", "--epsilon in (0, 1]"},
        {"pretrain --steps 0 -o {x}", "at least 1"},
        {"pretrain --learning-rate 0 -o {x}", "above 0"},
        {"pretrain --heads 3 -o {x}", "num_attention_heads 3"},
        {"pretrain more", "too many operands"},
        {"eval {base} --tasks builtin/topic --limit 0", "--limit is at least 1"},
        {"eval {base} --tasks builtin/topic --max-length 0", "--max-length is at least 1"},
        {"eval {base} --tasks builtin/topic --limit -1", "'-1' is no usable value"},
        {"diff {base} {adapter} --tasks builtin/topic --limit=0", "--limit is at least 1"},
        {"diff {base} {adapter} --corpus {text.txt} --tokens 0", "--tokens is at least 1"},
        {"perplexity {base} {text.txt} --tokens 0", "--tokens is at least 1"},
        {"perplexity {base} {text.txt} --stride 0", "--stride is at least 1"},
        {"perplexity {base} {text.txt} --window 0", "--window is at least 1"},
        {"pretrain --steps 1 -o {text.txt}", "text.txt"},
    };
    told_refused(calls, sizeof calls / sizeof *calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perplexity_is_what_is_measured),
        cmocka_unit_test(a_packed_model_is_the_model),
        cmocka_unit_test(perplexity_for_people),
        cmocka_unit_test(eval_equals_its_examples),
        cmocka_unit_test(eval_of_a_folder),
        cmocka_unit_test(a_model_that_is_not_finite),
        cmocka_unit_test(a_pretraining_that_ends_in_no_numbers),
        cmocka_unit_test(columns_are_named),
        cmocka_unit_test(diff_says_what_the_others_say),
        cmocka_unit_test(diff_is_one_page),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(pretraining_comes_from_the_seed),
        cmocka_unit_test(bad_calls),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
