/* SPDX-License-Identifier: Apache-2.0
 * intruders and diff on checkpoints of no model in particular: names, orientation, what is missing,
 * CSV and database.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "store/results/results.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

enum { WIDTH = 24, TENSORS = 6, MOST = 4 * WIDTH * WIDTH };

/* A GPT-2 of one layer: c_attn, c_proj and c_fc are inputs x outputs. */
static const struct {
    const char *name;
    size_t rows, cols; /* in the file */
} tensors[TENSORS] = {
    {"h.0.attn.c_attn.weight", WIDTH, 3 * WIDTH},
    {"h.0.attn.c_proj.weight", WIDTH, WIDTH},
    {"h.0.ln_1.weight", WIDTH, 0},
    {"h.0.mlp.c_fc.weight", WIDTH, 4 * WIDTH},
    {"h.0.mlp.c_proj.weight", 4 * WIDTH, WIDTH},
    {"wte.weight", 32, WIDTH},
};

/* Of a family that has such modules and that no model is loaded of. */
static const char like_gpt2[] = "{\"model_type\": \"imagegpt\", \"tie_word_embeddings\": true}";

static float base[TENSORS][MOST], tuned[TENSORS][MOST];

static void turn(float *out, const float *in, size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) out[j * rows + i] = in[i * cols + j];
}

/* Tensors first .. TENSORS as `prefix` and their names; matrices but the embedding transposed if
 * `linear`. */
static void save(const char *path, float (*values)[MOST], const char *prefix, bool linear,
                 size_t first)
{
    static char names[TENSORS][100];
    static float turned[TENSORS][MOST];
    wane_error err;
    wane_tensor_source list[TENSORS];
    for (size_t i = first; i < TENSORS; i++) {
        size_t rows = tensors[i].rows, cols = tensors[i].cols;
        bool turns = linear && strstr(tensors[i].name, ".c_");
        (void)snprintf(names[i], sizeof names[i], "%s%s", prefix, tensors[i].name);
        if (turns) turn(turned[i], values[i], rows, cols);
        list[i - first] = (wane_tensor_source){.name = names[i],
                                               .data = turns ? turned[i] : values[i],
                                               .dimensions = cols ? 2 : 1,
                                               .shape = {turns ? cols : rows, turns ? rows : cols}};
    }
    CHECK_OK(wane_tensors_write(path, list, TENSORS - first, NULL, 0, &err));
}

static int make(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0) return -1;
    for (size_t i = 0; i < TENSORS; i++) {
        wane_random where = {.seed = 2, .purpose = WANE_RANDOM_TEST, .tensor = 2 * i};
        wane_random_normal_fill(base[i], MOST, 0.1, &where);
        where.tensor++;
        wane_random_normal_fill(tuned[i], MOST, 0.03, &where);
        for (size_t j = 0; j < MOST; j++) tuned[i][j] += base[i][j];
    }
    CHECK_OK(wane_folder_make(scratch_path("gpt2"), &err));
    CHECK_OK(wane_folder_make(scratch_path("llama"), &err));
    save(scratch_path("gpt2/model.safetensors"), base, "transformer.", false, 0);
    save(scratch_path("llama/model.safetensors"), base, "transformer.", false, 0);
    write_file(scratch_path("gpt2/config.json"), like_gpt2, sizeof like_gpt2 - 1);
    write_file(scratch_path("llama/config.json"), "{\"model_type\": \"llama\"}", 23);
    save(scratch_path("tuned"), tuned, "transformer.", false, 0);
    save(scratch_path("bare"), tuned, "", false, 0);
    save(scratch_path("wrapped"), tuned, "module._orig_mod.transformer.", false, 0);
    save(scratch_path("linear"), tuned, "transformer.", true, 0);
    save(scratch_path("odd"), tuned, "odd.transformer.", false, 0);
    save(scratch_path("part"), tuned, "transformer.", false, 4);
    return 0;
}

static int unmake(void **state)
{
    told_free();
    return scratch_remove(state);
}

static const wane_json *matrix_of(const wane_json *answer, const char *name)
{
    const wane_json *list = wane_json_get(answer, "matrices");
    for (size_t i = 0; i < wane_json_size(list); i++) {
        const wane_json *m = wane_json_at(list, i);
        if (strcmp(json_text(m, "name"), name) == 0) return m;
    }
    fail_msg("no matrix %s", name);
    return NULL;
}

/* Four matrices, outputs x inputs; the same figures under every name and in either orientation. */
static void names_and_orientation_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *line, *prefix, *says;
    } calls[] = {
        {"intruders {gpt2} {tuned} --json", "transformer.", ""},
        {"intruders {gpt2} {linear} --json", "transformer.", ""},
        {"intruders {gpt2} {bare} --json", "", "gpt2: names agree without \"transformer.\""},
        {"intruders {gpt2} {wrapped} --json", "transformer.",
         "wrapped: names agree without \"module.\" at their beginning and the parts of wrappers"},
        {"intruders {gpt2} {odd} --json --strip odd.", "transformer.", ""},
        {"intruders {gpt2} {odd} --json --strip odd. --strip transformer.", "", ""},
        {"intruders {tuned} {gpt2} --json --conv1d yes", "transformer.", ""},
        {"intruders {llama} {tuned} --json --conv1d yes", "transformer.", ""},
    };
    double expected[TENSORS][3] = {{0}};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        assert_int_equal(told(calls[c].line), 0);
        assert_non_null(strstr(told_err(), calls[c].says));
        if (!calls[c].says[0]) assert_string_equal(told_err(), "");
        wane_error err;
        wane_json *answer = NULL;
        CHECK_OK(wane_json_parse(&answer, told_out(), strlen(told_out()), "out", &err));
        assert_int_equal(wane_json_size(wane_json_get(answer, "matrices")), 4);
        for (size_t i = 0; i < TENSORS; i++) {
            char name[100];
            if (!strstr(tensors[i].name, ".c_")) continue;
            (void)snprintf(name, sizeof name, "%s%s", calls[c].prefix, tensors[i].name);
            const wane_json *m = matrix_of(answer, name);
            assert_true(json_number(m, "rows") == (double)tensors[i].cols);
            assert_true(json_number(m, "cols") == (double)tensors[i].rows);
            const wane_json *first = wane_json_at(wane_json_get(m, "directions"), 0);
            double got[3] = {json_number(m, "delta_frobenius"), json_number(first, "max_cosine"),
                             json_number(m, "intruders")};
            assert_true(got[0] > 0);
            if (c == 0) memcpy(expected[i], got, sizeof got);
            CHECK_NEAR(got[0], expected[i][0], 0, 1e-12);
            if (strstr(calls[c].line, "{tuned} {gpt2}")) continue; /* the other way round */
            CHECK_NEAR(got[1], expected[i][1], 1e-9, 0);
            assert_true(got[2] == expected[i][2]);
        }
        wane_json_free(answer);
    }
}

static void what_is_missing_is_listed(void **state)
{
    (void)state;
    const wane_json *answer = told_json("intruders {gpt2} {part} --json");
    const wane_json *only = wane_json_get(answer, "only_base");
    assert_int_equal(wane_json_size(only), 4);
    assert_string_equal(wane_json_string(wane_json_at(only, 0), NULL),
                        "transformer.h.0.attn.c_attn.weight");
    assert_int_equal(wane_json_size(wane_json_get(answer, "only_tuned")), 0);
    assert_int_equal(wane_json_size(wane_json_get(answer, "matrices")), 1);
    assert_int_equal(told("diff {part} {tuned}"), 0);
    assert_non_null(
        strstr(told_out(), "only in the tuned    4 tensors, not compared: transformer."));
    answer = told_json("diff {gpt2} {part} --json");
    assert_int_equal(wane_json_size(wane_json_get(answer, "only_base")), 4);
}

static void patterns_choose_matrices(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t count;
    } cases[] = {{"c_proj", 2}, {"^transformer\\.h\\.\\d+\\.mlp", 2}, {"wte|c_fc", 2}, {".", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "intruders {gpt2} {tuned} --json --match %s",
                       cases[i].pattern);
        assert_int_equal(wane_json_size(wane_json_get(told_json(line), "matrices")),
                         cases[i].count);
    }
}

/* Rows as CSV are those of JSON. */
static void tables_as_csv(void **state)
{
    (void)state;
    assert_int_equal(told("intruders {gpt2} {tuned} --csv --side both -k 3"), 0);
    const char *at = told_out();
    assert_true(strncmp(at, "name,rows,cols,side,k,epsilon,changed,intruders,energy,", 55) == 0);
    size_t lines = 0, fields = 0;
    for (const char *c = at; *c; c++) {
        lines += *c == '\n';
        fields += *c == ',' || *c == '\n';
    }
    assert_int_equal(lines, 1 + 2 * 4);
    assert_int_equal(fields, 22 * lines);
    assert_non_null(strstr(at, "\ntransformer.h.0.mlp.c_fc.weight,96,24,v,3,0.5,1,"));
    char *first = strdup(at);
    assert_int_equal(told("diff {gpt2} {tuned} --csv -k 3"), 0);
    assert_string_equal(told_out(), first);
    free(first);
}

/* Two tuned checkpoints of one base are two runs of one experiment; again changes nothing. */
static void a_database_gathers(void **state)
{
    (void)state;
    static const char *const lines[] = {"intruders {gpt2} {tuned} --json --db {all.db}",
                                        "intruders {gpt2} {part} --json --db {all.db} -k 4",
                                        "diff {gpt2} {tuned} --db {all.db}"};
    double intruders = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(told(lines[i]), 0);
        assert_string_equal(told_err(), "");
        if (i > 0) continue;
        wane_error err;
        wane_json *answer = NULL;
        CHECK_OK(wane_json_parse(&answer, told_out(), strlen(told_out()), "out", &err));
        intruders = json_number(answer, "total");
        wane_json_free(answer);
    }
    assert_true(query_integer_at(scratch_path("all.db"), "SELECT count(*) FROM experiment") == 1);
    assert_true(query_integer_at(scratch_path("all.db"),
                                 "SELECT count(*) FROM run WHERE status = 'done'") == 2);
    assert_true(query_integer_at(scratch_path("all.db"),
                                 "SELECT count(*) FROM stage WHERE status = 'done'") == 3);
    assert_true(query_integer_at(scratch_path("all.db"), "SELECT count(*) FROM matrix") == 4);
    assert_true(query_integer_at(scratch_path("all.db"), "SELECT count(*) FROM spectrum") == 5);
    assert_true(query_integer_at(scratch_path("all.db"), "SELECT count(*) FROM direction") ==
                5 * 2 * WIDTH);
    assert_true(
        query_integer_at(scratch_path("all.db"),
                         "SELECT intruders FROM intruders WHERE run LIKE '%/tuned/given/s0'") ==
        intruders);
    assert_true(query_integer_at(scratch_path("all.db"),
                                 "SELECT count(*) FROM matrix WHERE layer = 0 AND module = 'c_fc' "
                                 "AND rows = 96 AND cols = 24") == 1);
    wane_error err;
    wane_results *db = open_results(scratch_path("all.db"), WANE_RESULTS_WRITE);
    CHECK_OK(wane_results_check(db, &err));
    wane_results_close(db);
}

/* GPT-2's adapters say fan_in_fan_out; their factors are outputs x inputs all the same. */
static void adapters_of_other_models(void **state)
{
    (void)state;
    enum { RANK = 2 };
    static float a[RANK * WIDTH], b[3 * WIDTH * RANK], head[5 * WIDTH];
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 2, "
                                 "\"fan_in_fan_out\": true, \"modules_to_save\": [\"score\"]}";
    wane_error err;
    wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(a, RANK * WIDTH, 1, &where);
    where.tensor = 1;
    wane_random_normal_fill(b, 3 * WIDTH * RANK, 1, &where);
    CHECK_OK(wane_folder_make(scratch_path("adapter"), &err));
    const wane_tensor_source list[] = {
        {"base_model.model.transformer.h.0.attn.c_attn.lora_A.weight", a, 2, {RANK, WIDTH}},
        {"base_model.model.transformer.h.0.attn.c_attn.lora_B.weight", b, 2, {3 * WIDTH, RANK}},
        {"base_model.model.score.weight", head, 2, {5, WIDTH}}};
    CHECK_OK(wane_tensors_write(scratch_path("adapter/adapter_model.safetensors"), list, 3, NULL, 0,
                                &err));
    write_file(scratch_path("adapter/adapter_config.json"), config, sizeof config - 1);
    const wane_json *answer = told_json("intruders {gpt2} {adapter} --json");
    const wane_json *m = matrix_of(answer, "transformer.h.0.attn.c_attn.weight");
    double square = 0;
    for (size_t i = 0; i < 3 * WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++)
            square += pow(
                (double)b[2 * i] * (double)a[j] + (double)b[2 * i + 1] * (double)a[WIDTH + j], 2);
    CHECK_NEAR(json_number(m, "delta_frobenius"), sqrt(square), 0, 1e-6);
    assert_true(json_number(m, "rows") == 3 * WIDTH && json_number(m, "rounding_floor") == 0);
    assert_int_equal(wane_json_size(wane_json_get(answer, "only_tuned")), 1); /* the head */
    assert_int_equal(wane_json_size(wane_json_get(answer, "only_base")), 0);
    assert_int_equal(told("diff {gpt2} {adapter}"), 0);
    assert_non_null(
        strstr(told_out(), "PEFT adapter, rank 2, alpha 2, on 1 matrix, 1 tensor whole"));
    assert_int_equal(told("intruders {gpt2} {adapter} --conv1d no"), 2);
    assert_non_null(
        strstr(told_err(), "its part on transformer.h.0.attn.c_attn.weight is 72 x 24"));
    /* merging it into a model that runs is another matter */
    assert_int_equal(told("perplexity {gpt2} {gpt2/config.json} --adapter {adapter}"), 2);
}

/* Peft keeps a copy of the head beside LoRA on it; a base that ties it has it as its embedding. */
static void a_copy_of_a_tied_head_is_held_against_the_embedding(void **state)
{
    (void)state;
    enum { ROWS = 32 };
    static float a[WIDTH], b[ROWS];
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, "
                                 "\"target_modules\": [\"lm_head\"]}";
    wane_error err;
    wane_tensors *files = NULL;
    CHECK_OK(wane_tensors_open(&files, scratch_path("gpt2"), &err));
    const wane_tensor *wte = wane_tensors_find(files, "transformer.wte.weight");
    assert_non_null(wte);
    float *copy = wane_alloc(wte->elements, sizeof *copy);
    CHECK_OK(wane_tensors_read(files, wte, copy, &err));
    wane_tensors_close(files);
    CHECK_OK(wane_folder_make(scratch_path("on-head"), &err));
    write_file(scratch_path("on-head/adapter_config.json"), config, sizeof config - 1);
    a[0] = b[0] = 1;
    for (int other = 0; other < 2; other++) {
        copy[3] += (float)other;
        const wane_tensor_source list[] = {
            {"base_model.model.lm_head.base_layer.weight", copy, 2, {ROWS, WIDTH}},
            {"base_model.model.lm_head.lora_A.weight", a, 2, {1, WIDTH}},
            {"base_model.model.lm_head.lora_B.weight", b, 2, {ROWS, 1}}};
        CHECK_OK(wane_tensors_write(scratch_path("on-head/adapter_model.safetensors"), list, 3,
                                    NULL, 0, &err));
        assert_int_equal(told("diff {gpt2} {on-head}"), other ? 2 : 0);
        const char *said =
            strstr(told_err(), "base_layer.weight: is not the base's transformer.wte.w");
        assert_true(other ? said != NULL : said == NULL);
        assert_null(strstr(told_err(), "to hold it against"));
    }
    wane_free(copy);
}

/* What a family of the list has turned, its entry says. */
static void families_say_what_they_turn(void **state)
{
    (void)state;
#define GPT2 "reference/architectures/gpt2"
    assert_int_equal(told("intruders " GPT2 " " GPT2 "/adapter --no-null --json"), 0);
    assert_non_null(strstr(told_out(), "\"transformer.h.0.attn.c_attn.weight\", \"rows\": 72, "
                                       "\"cols\": 24"));
    assert_non_null(strstr(told_out(), "\"transformer.h.2.mlp.c_proj.weight\", \"rows\": 24, "
                                       "\"cols\": 40"));
    /* whole weights: no factors say how they lie */
    assert_int_equal(told("intruders " GPT2 " " GPT2 " --no-null --json"), 0);
    assert_non_null(strstr(told_out(), "\"transformer.h.0.attn.c_attn.weight\", \"rows\": 72, "
                                       "\"cols\": 24"));
#undef GPT2
}

static void archives_and_torch_files(void **state)
{
    (void)state;
    pack_folder(scratch_path("packed.tar.gz"), scratch_path("gpt2"), "gpt2/");
    pack(scratch_path("shards.zip"),
         (packed_file[]){{"a/config.json", scratch_path("gpt2/config.json")},
                         {"a/weights.safetensors", scratch_path("tuned")}},
         2);
    assert_int_equal(told("intruders {gpt2} {tuned} --json"), 0);
    char *expected = strdup(told_out());
    assert_int_equal(told("intruders {packed.tar.gz} {shards.zip} --json"), 0);
    assert_string_equal(told_out(), expected);
    free(expected);
}

static void bad_calls(void **state)
{
    (void)state;
    static const told_refusal calls[] = {
        {"intruders {gpt2} {odd}", "no tensor in common with"},
        {"intruders {gpt2} {odd} --strip even.", "no tensor in common with"},
        {"intruders {gpt2} {tuned} --match none", "no matrix in common matches \"none\""},
        {"intruders {gpt2} {tuned} --match [", "compare: --match: pattern: "},
        {"intruders {gpt2} {tuned} --conv1d maybe", "--conv1d is yes, no or auto"},
        {"intruders {gpt2} {tuned} --csv --json", "--csv or --json, not both"},
        {"intruders {llama} {linear}", "tensor transformer.h.0.attn.c_attn.weight is 72 x 24, in "},
        {"intruders {gpt2} {unmerged}", "a model with an adapter inside it"},
        {"intruders {gpt2} {gpt2/config.json}", "config.json"},
        {"intruders {gpt2} {tuned} --db {gpt2/config.json}", "config.json"},
        {"diff {gpt2} {tuned} --csv --corpus {tuned}", "--csv holds the matrices alone"},
        {"diff {gpt2} {tuned} --corpus {tuned}", "gpt2"},
    };
    wane_error err;
    const wane_tensor_source lora = {"h.0.attn.c_attn.lora_A.weight", base[0], 2, {2, WIDTH}};
    CHECK_OK(wane_tensors_write(scratch_path("unmerged"), &lora, 1, NULL, 0, &err));
    told_refused(calls, sizeof calls / sizeof *calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_orientation_change_nothing),
        cmocka_unit_test(what_is_missing_is_listed),
        cmocka_unit_test(patterns_choose_matrices),
        cmocka_unit_test(tables_as_csv),
        cmocka_unit_test(a_database_gathers),
        cmocka_unit_test(adapters_of_other_models),
        cmocka_unit_test(a_copy_of_a_tied_head_is_held_against_the_embedding),
        cmocka_unit_test(families_say_what_they_turn),
        cmocka_unit_test(archives_and_torch_files),
        cmocka_unit_test(bad_calls),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
