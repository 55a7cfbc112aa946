/* SPDX-License-Identifier: Apache-2.0
 * `wane intruders` and `diff` on fused models: each part has, to the last digit, what the same rows
 * have as a matrix of a model that keeps them apart, whole or under an adapter; totals do not move.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model.h"
#include "store/base/text.h"
#include "store/files/update.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

enum { LAYERS = 2, HEADS = 4, HEAD = 8, WIDTH = HEADS * HEAD, RANK = 2 };

/* A family whose attention is one matrix, and in which order of heads its rows are. */
static const struct {
    const wane_architecture *architecture;
    const char *name, *module[2];
    size_t key_heads;
    bool by_head;
} families[] = {
    {&wane_architecture_gpt2, "gpt2", {"transformer.h.", ".attn.c_attn.weight"}, HEADS, false},
    {&wane_architecture_gpt_neox,
     "neox",
     {"gpt_neox.layers.", ".attention.query_key_value.weight"},
     HEADS,
     true},
    {&wane_architecture_phi3, "phi3", {"model.layers.", ".self_attn.qkv_proj.weight"}, 2, false}};
enum { FAMILIES = sizeof families / sizeof *families };

static wane_error err;

static wane_model *random_model(const wane_architecture *architecture, size_t key_heads,
                                uint64_t seed)
{
    wane_model *model = NULL;
    const wane_config config = {.architecture = architecture,
                                .vocabulary = 32,
                                .width = WIDTH,
                                .layers = LAYERS,
                                .heads = HEADS,
                                .kv_heads = key_heads,
                                .head_width = HEAD,
                                .hidden = 48,
                                .context = 16,
                                .norm_epsilon = 1e-5,
                                .rope = {.theta = 10000, .width = HEAD},
                                .tied = true,
                                .initializer_range = 0.1,
                                .bos = -1,
                                .eos = -1,
                                .pad = -1,
                                .block = architecture->block};
    CHECK_OK(wane_model_random(&model, &config, seed, &err));
    return model;
}

/* The row of the fused matrix that row `row` of q (0), k (1) or v (2) is, spelt out. */
static size_t row_of(size_t family, size_t part, size_t row)
{
    size_t keys = families[family].key_heads, head = row / HEAD, in_head = row % HEAD;
    if (families[family].by_head) return (3 * head + part) * HEAD + in_head;
    size_t before = part == 0 ? 0 : part == 1 ? HEADS : HEADS + keys;
    return (before + head) * HEAD + in_head;
}

/* module: what stands before and behind the layer's number. */
static const char *name_of(char out[128], size_t layer, const char *const module[2])
{
    (void)snprintf(out, 128, "%s%zu%s", module[0], layer, module[1]);
    return out;
}

static const char *const apart[][2] = {{"model.layers.", ".self_attn.q_proj.weight"},
                                       {"model.layers.", ".self_attn.k_proj.weight"},
                                       {"model.layers.", ".self_attn.v_proj.weight"}};

static const wane_parameter *find(const wane_model *model, const char *name)
{
    long at = wane_parameters_find(&model->parameters, name);
    assert_true(at >= 0);
    return &model->parameters.parameter[at];
}

/* Llama's q, k and v become the rows of the fused matrices. */
static void take_rows(size_t family, const wane_model *fused, wane_model *llama)
{
    char name[128];
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t part = 0; part < 3; part++) {
            const wane_parameter *from = find(fused, name_of(name, l, families[family].module));
            const wane_parameter *to = find(llama, name_of(name, l, apart[part]));
            for (size_t r = 0; r < to->rows; r++)
                memcpy(llama->weights + to->offset + r * WIDTH,
                       fused->weights + from->offset + row_of(family, part, r) * WIDTH,
                       WIDTH * sizeof(float));
        }
}

/* A direction of its own in each matrix but the second layer's fused one. */
static void turn(size_t family, wane_model *model)
{
    char name[128];
    const wane_parameter *none = find(model, name_of(name, 1, families[family].module));
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        if (!p->linear || p == none) continue;
        float *v = normal_floats(p->rows + p->cols, 1, i);
        for (size_t r = 0; r < p->rows; r++)
            for (size_t c = 0; c < p->cols; c++)
                model->weights[p->offset + r * p->cols + c] += 0.1F * v[r] * v[p->rows + c];
        free(v);
    }
}

/* An adapter on the first layer's attention: of the fused matrix, and of q, k and v with its rows
 * of B. */
static void save_adapters(size_t family, const char *fused_path, const char *apart_path)
{
    char names[4][128];
    const size_t heads[] = {HEADS, families[family].key_heads, families[family].key_heads};
    size_t rows = (heads[0] + heads[1] + heads[2]) * HEAD;
    float *a = normal_floats(RANK * WIDTH, 1, 71), *b = normal_floats(rows * RANK, 1, 72);
    float *own = calloc(rows * RANK, sizeof *own), *next = own;
    wane_update one = {0}, three = {0};
    CHECK_OK(wane_update_new(&one, 1, true, &err));
    CHECK_OK(wane_update_new(&three, 3, true, &err));
    one.tensors[0] = (wane_update_tensor){.name = name_of(names[3], 0, families[family].module),
                                          .rows = rows,
                                          .cols = WIDTH,
                                          .term = {.a = a, .b = b, .rank = RANK, .scale = 0.5F}};
    for (size_t part = 0; part < 3; part++) {
        for (size_t r = 0; r < heads[part] * HEAD; r++)
            memcpy(next + r * RANK, b + row_of(family, part, r) * RANK, RANK * sizeof *b);
        three.tensors[part] =
            (wane_update_tensor){.name = name_of(names[part], 0, apart[part]),
                                 .rows = heads[part] * HEAD,
                                 .cols = WIDTH,
                                 .term = {.a = a, .b = next, .rank = RANK, .scale = 0.5F}};
        next += heads[part] * HEAD * RANK;
    }
    one.facts = three.facts = (wane_adapter_facts){.alpha = 0.5 * RANK, .rank = RANK};
    CHECK_OK(wane_update_save(&one, scratch_path(fused_path), &err));
    CHECK_OK(wane_update_save(&three, scratch_path(apart_path), &err));
    wane_update_free(&one);
    wane_update_free(&three);
    free(a);
    free(b);
    free(own);
}

/* The first layer's attention alone, in BF16: of the fused model, or q, k and v. */
static void save_rounded(const char *path, const wane_model *model, const char *const module[][2],
                         size_t count)
{
    wane_text header = {0}, values = {0}, file = {0};
    for (size_t i = 0; i < count; i++) {
        char name[128];
        const wane_parameter *p = find(model, name_of(name, 0, module[i]));
        size_t numbers = p->rows * p->cols, first = values.length;
        for (size_t j = 0; j < numbers; j++) {
            uint32_t bits = 0;
            memcpy(&bits, &model->weights[p->offset + j], sizeof bits);
            uint16_t half = (uint16_t)(bits >> 16);
            wane_text_append(&values, (const char *)&half, sizeof half);
        }
        wane_text_printf(
            &header, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%zu,%zu],\"data_offsets\":[%zu,%zu]}",
            i ? "," : "{", name, p->rows, p->cols, first, values.length);
    }
    wane_text_string(&header, "}");
    uint64_t length = header.length;
    wane_text_append(&file, (const char *)&length, sizeof length);
    wane_text_append(&file, header.data, header.length);
    wane_text_append(&file, values.data, values.length);
    write_file(scratch_path(path), file.data, file.length);
    wane_text_free(&header);
    wane_text_free(&values);
    wane_text_free(&file);
}

static const char *at(char out[128], size_t family, const char *what)
{
    (void)snprintf(out, 128, "%s-%s", families[family].name, what);
    return out;
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    for (size_t f = 0; f < FAMILIES; f++) {
        char name[2][128];
        wane_model *fused = random_model(families[f].architecture, families[f].key_heads, f);
        wane_model *llama = random_model(&wane_architecture_llama, families[f].key_heads, 9);
        take_rows(f, fused, llama);
        CHECK_OK(wane_model_save(fused, scratch_path(at(name[0], f, "fused")), &err));
        CHECK_OK(wane_model_save(llama, scratch_path(at(name[0], f, "apart")), &err));
        turn(f, fused);
        take_rows(f, fused, llama);
        CHECK_OK(wane_model_save(fused, scratch_path(at(name[0], f, "fused-tuned")), &err));
        CHECK_OK(wane_model_save(llama, scratch_path(at(name[0], f, "apart-tuned")), &err));
        save_rounded(at(name[0], f, "fused-rounded"), fused, &families[f].module, 1);
        save_rounded(at(name[0], f, "apart-rounded"), llama, apart, 3);
        save_adapters(f, at(name[0], f, "fused-adapter"), at(name[1], f, "apart-adapter"));
        wane_model_free(fused);
        wane_model_free(llama);
    }
    return 0;
}

static char *told(const char *command, const char *const *options, const char *base,
                  const char *tuned)
{
    char paths[2][512];
    (void)snprintf(paths[0], sizeof paths[0], "%s", scratch_path(base));
    (void)snprintf(paths[1], sizeof paths[1], "%s", scratch_path(tuned));
    const char *arguments[12] = {command, paths[0], paths[1]};
    for (size_t i = 0; options[i]; i++) arguments[3 + i] = options[i];
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    assert_int_equal(code, 0);
    return read_file(scratch_path("out"), NULL);
}

/* From behind the name of a line of CSV that begins with it and is of that side to its last comma;
 * NULL where there is none. */
static char *numbers_of(const char *csv, const char *name, char side)
{
    size_t length = strlen(name);
    for (const char *line = csv; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *end = strchr(line, '\n'), *field = line + length;
        if (strncmp(line, name, length) != 0 || *field != ',') continue;
        const char *last = end, *third = strchr(strchr(field + 1, ',') + 1, ',') + 1;
        while (*last != ',') last--;
        if (*third == side) return strndup(field, (size_t)(last - field));
    }
    return NULL;
}

/* The rounding floor of a part is that of its rows: of Phi-3, whose parts lie together, to the last
 * digit. */
static void floors_are_those_of_the_rows(void **state)
{
    (void)state;
    static const char *const options[] = {"--csv", "--no-null", NULL};
    static const char parts[] = "qkv";
    const size_t phi3 = FAMILIES - 1;
    char *fused = told("intruders", options, "phi3-fused", "phi3-fused-rounded");
    char *own = told("intruders", options, "phi3-apart", "phi3-apart-rounded");
    for (size_t i = 0; i < 3; i++) {
        char name[140], module[128];
        (void)snprintf(name, sizeof name, "%s[%c]", name_of(module, 0, families[phi3].module),
                       parts[i]);
        char *here = numbers_of(fused, name, 'u');
        char *there = numbers_of(own, name_of(module, 0, apart[i]), 'u');
        assert_non_null(here);
        assert_non_null(there);
        assert_string_equal(here, there);
        free(here);
        free(there);
    }
    free(fused);
    free(own);
}

static void parts_are_what_separate_matrices_are(void **state)
{
    (void)state;
    static const char *const options[] = {"--csv", "--side", "both", "--no-null", NULL};
    static const char *const tuned[] = {"tuned", "adapter"};
    static const char parts[] = "qkv";
    size_t changed = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t t = 0; t < 2; t++) {
            char base[128], with[128], what[100], name[140], module[128];
            (void)snprintf(what, sizeof what, "fused-%s", tuned[t]);
            char *fused = told("intruders", options, at(base, f, "fused"), at(with, f, what));
            (void)snprintf(what, sizeof what, "apart-%s", tuned[t]);
            char *own = told("intruders", options, at(base, f, "apart"), at(with, f, what));
            for (size_t l = 0; l < LAYERS; l++)
                for (size_t i = 0; i < 6; i++) {
                    (void)snprintf(name, sizeof name, "%s[%c]",
                                   name_of(module, l, families[f].module), parts[i % 3]);
                    char *here = numbers_of(fused, name, i < 3 ? 'u' : 'v');
                    char *there =
                        numbers_of(own, name_of(module, l, apart[i % 3]), i < 3 ? 'u' : 'v');
                    assert_non_null(here);
                    assert_non_null(there);
                    assert_string_equal(here, there);
                    changed += strstr(here, ",1,1,") != NULL; /* changed, an intruder */
                    free(here);
                    free(there);
                }
            free(fused);
            free(own);
        }
    assert_true(changed >= 12);
}

/* The whole and its sums are what they are of the same tensors without a config.json, which have no
 * parts. */
static void totals_do_not_know_of_them(void **state)
{
    (void)state;
    static const char *const options[] = {"--no-null", NULL};
    static const char *const folders[] = {"phi3-fused", "phi3-fused-tuned"};
    char bare[2][64], file[128];
    char *with = told("intruders", options, folders[0], folders[1]);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(bare[i], sizeof bare[i], "%s.safetensors", folders[i]);
        (void)snprintf(file, sizeof file, "%s/model.safetensors", folders[i]);
        copy_file(scratch_path(file), scratch_path(bare[i]));
    }
    char *without = told("intruders", options, bare[0], bare[1]);
    const char *table = strstr(with, "\nmatrix "), *same = strstr(without, "\nmatrix ");
    assert_non_null(table);
    assert_non_null(same);
    assert_int_equal(strncmp(table, same, strlen(same)), 0);
    assert_non_null(strstr(table + strlen(same), "part, in no total"));
    assert_non_null(strstr(table, "model.layers.0.mlp.gate_up_proj.weight[gate]"));
    assert_null(strstr(without, "[gate]"));
    free(with);
    free(without);
}

static void diff_sums_them_by_kind(void **state)
{
    (void)state;
    static const char *const options[] = {"--no-null", NULL}, *const json[] = {"--json", NULL};
    char *page = told("diff", options, "neox-fused", "neox-fused-tuned");
    const char *table = strstr(page, "parts of fused weights, in no total");
    assert_non_null(table);
    assert_non_null(strstr(table, "\nq "));
    assert_non_null(strstr(table, "1 of 2"));
    assert_null(strstr(table, "\ngate "));
    free(page);
    page = told("diff", json, "neox-fused", "neox-fused-tuned");
    assert_non_null(strstr(page, "query_key_value.weight[v]\", \"part_of\": "
                                 "\"gpt_neox.layers.0.attention.query_key_value.weight\""));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_what_separate_matrices_are),
        cmocka_unit_test(floors_are_those_of_the_rows),
        cmocka_unit_test(totals_do_not_know_of_them),
        cmocka_unit_test(diff_sums_them_by_kind),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
