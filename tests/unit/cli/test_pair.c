/* SPDX-License-Identifier: Apache-2.0
 * A tuned model beside its base: each under its own configuration, vocabulary and tokenizer.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/results/results.h"
#include "tests/support/support.h"
#include "tests/unit/cli/told.h"

static const char text[] = "tom sees the big cow .\nthe cow sleeps .\n\n"
                           "two hens digs at the barn .\n";

/* What is changed in a file of a copied folder; `from` must be in it. */
typedef struct change {
    const char *file, *from, *to;
} change;

/* The model `base` as `name`, with changes ended by an empty one. */
static void copy_model(const char *name, const change *changes)
{
    static const char *const files[] = {"config.json", "tokenizer.json", "model.safetensors"};
    wane_error err;
    char path[300];
    CHECK_OK(wane_folder_make(scratch_path(name), &err));
    for (size_t f = 0; f < 3; f++) {
        size_t bytes = 0;
        (void)snprintf(path, sizeof path, "base/%s", files[f]);
        char *content = read_file(scratch_path(path), &bytes);
        wane_text out = {0};
        wane_text_append(&out, content, bytes);
        for (const change *c = changes; c->file; c++) {
            if (strcmp(c->file, files[f]) != 0) continue;
            char *at = strstr(out.data, c->from);
            assert_non_null(at);
            wane_text next = {0};
            wane_text_append(&next, out.data, (size_t)(at - out.data));
            wane_text_string(&next, c->to);
            wane_text_string(&next, at + strlen(c->from));
            wane_text_free(&out);
            out = next;
        }
        (void)snprintf(path, sizeof path, "%s/%s", name, files[f]);
        write_file(scratch_path(path), out.data, out.length);
        wane_text_free(&out);
        free(content);
    }
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    if (told("pretrain -o {base} --steps 40 --seed 1 --width 16 --layers 1 --heads 2 --kv-heads 1 "
             "--hidden 24 --context 64 --documents 100 --batch-tokens 512 --learning-rate 0.02") !=
        0)
        return -1;
    write_file(scratch_path("text.txt"), text, sizeof text - 1);
    copy_model("theta",
               (change[]){{"config.json", "\"rope_theta\": 1e+04", "\"rope_theta\": 2.5"},
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
    copy_model("same", (change[]){{"config.json", "\"rope_theta\": 1e+04",
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
    copy_model("swapped", (change[]){{"tokenizer.json", "\"at\": 4", "\"at\": 999"},
                                     {"tokenizer.json", "\"the\": 5", "\"the\": 4"},
                                     {"tokenizer.json", "\"at\": 999", "\"at\": 5"},
                                     {NULL, NULL, NULL}});
    copy_model("added",
               (change[]){{"tokenizer.json", "\"added_tokens\": [", added}, {NULL, NULL, NULL}});
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tuned_model_has_its_own_configuration),
        cmocka_unit_test(what_differs_is_stored),
        cmocka_unit_test(equal_settings_are_not_listed),
        cmocka_unit_test(both_tokenizers_must_agree_on_the_text),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
