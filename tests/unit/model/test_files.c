/* SPDX-License-Identifier: Apache-2.0
 * Model folders: written and read, and what is wrong with the bad ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/model/architecture.h"
#include "eval/model/model.h"
#include "eval/model/rope_kinds.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "tests/support/support.h"

static const wane_config tiny = {.architecture = &wane_architecture_llama,
                                 .vocabulary = 11,
                                 .width = 8,
                                 .layers = 2,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_width = 6,
                                 .hidden = 12,
                                 .context = 32,
                                 .norm_epsilon = 1e-5,
                                 .rope = {.theta = 123.5,
                                          .kind = &wane_rope_llama3,
                                          .factor = 8,
                                          .low_frequency_factor = 1,
                                          .high_frequency_factor = 4,
                                          .original_context = 16},
                                 .tied = true,
                                 .attention_bias = true,
                                 .initializer_range = 0.02,
                                 .bos = -1,
                                 .eos = 3};

enum { MOST = 64 };

/* A file's tensors as a list that a test can spoil. */
typedef struct listing {
    wane_tensor_source tensor[MOST];
    size_t count;
} listing;

static wane_model *make(bool tied)
{
    wane_error err;
    wane_config config = tiny;
    wane_model *model = NULL;
    config.tied = tied;
    CHECK_OK(wane_model_random(&model, &config, 3, &err));
    return model;
}

static listing list(const wane_model *model)
{
    listing out = {.count = model->parameters.count};
    assert_true(out.count < MOST);
    for (size_t i = 0; i < out.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        bool vector = p->role == WANE_ROLE_NORM || p->role == WANE_ROLE_BIAS;
        out.tensor[i] = (wane_tensor_source){.name = p->name,
                                             .data = model->weights + p->offset,
                                             .dimensions = vector ? 1 : 2,
                                             .shape = {p->rows, p->cols}};
    }
    return out;
}

/* Writes the model's folder, its tensors replaced by `tensors`. */
static const char *write_folder(const wane_model *model, const listing *tensors)
{
    wane_error err;
    const char *folder = scratch_path("model");
    remove_tree(folder);
    CHECK_OK(wane_model_save(model, folder, &err));
    CHECK_OK(wane_tensors_write(scratch_path("model/model.safetensors"), tensors->tensor,
                                tensors->count, NULL, 0, &err));
    return folder;
}

static void check_equal(const wane_model *a, const wane_model *b)
{
    wane_error err;
    char first[WANE_SHA256_HEX], second[WANE_SHA256_HEX];
    CHECK_OK(wane_model_sha256(first, a, &err));
    CHECK_OK(wane_model_sha256(second, b, &err));
    assert_string_equal(first, second);
}

static void saved_models_load_to_the_same_bits(void **state)
{
    (void)state;
    wane_error err;
    for (int tied = 0; tied < 2; tied++) {
        wane_model *model = make(tied), *again = NULL;
        const char *folder = scratch_path(tied ? "tied" : "untied");
        CHECK_OK(wane_model_save(model, folder, &err));
        CHECK_OK(wane_model_load(&again, folder, &err));
        check_equal(model, again);
        assert_true(again->config.initializer_range == model->config.initializer_range);
        assert_int_equal(again->config.bos, -1);
        wane_model_free(again);
        wane_model_free(model);
    }
}

/* As lm_head.weight alone, as both and equal, without the prefix. */
static void the_tie_is_read_in_either_direction(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    listing l = list(model);
    l.tensor[0].name = "lm_head.weight";
    CHECK_OK(wane_model_load(&again, write_folder(model, &l), &err));
    check_equal(model, again);
    wane_model_free(again);
    l.tensor[l.count] = l.tensor[0];
    l.tensor[l.count++].name = "model.embed_tokens.weight";
    CHECK_OK(wane_model_load(&again, write_folder(model, &l), &err));
    check_equal(model, again);
    wane_model_free(again);
    l = list(model);
    for (size_t i = 0; i < l.count; i++) l.tensor[i].name += strlen("model.");
    CHECK_OK(wane_model_load(&again, write_folder(model, &l), &err));
    check_equal(model, again);
    wane_model_free(again);
    wane_model_free(model);
}

static void a_false_tie_is_an_error(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    float other[88] = {1};
    listing l = list(model);
    l.tensor[l.count++] = (wane_tensor_source){
        .name = "lm_head.weight", .data = other, .dimensions = 2, .shape = {11, 8}};
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &l), &err), WANE_EFORMAT,
                "lm_head.weight");
    wane_model_free(model);
    model = make(false);
    l = list(model);
    l.count--; /* the head is last */
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &l), &err), WANE_EFORMAT,
                "lm_head.weight");
    assert_null(again);
    wane_model_free(model);
}

static void bad_tensors_are_named(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    float extra[4] = {0};
    listing l = list(model);
    l.tensor[l.count++] =
        (wane_tensor_source){.name = "model.layers.0.self_attn.rotary_emb.inv_freq",
                             .data = extra,
                             .dimensions = 1,
                             .shape = {3}};
    CHECK_OK(wane_model_load(&again, write_folder(model, &l), &err)); /* a buffer */
    wane_model_free(again);
    again = NULL;
    l.tensor[l.count - 1].name = "model.layers.2.mlp.up_proj.weight";
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &l), &err), WANE_EFORMAT,
                "model.layers.2.mlp.up_proj.weight has no place in this model (llama reads "
                "model.embed_tokens, model.layers.N: input_layernorm, self_attn.q_proj, ");
    assert_non_null(strstr(err.message, "mlp.down_proj; model.norm)")); /* the head is tied */
    l = list(model);
    size_t down =
        (size_t)wane_parameters_find(&model->parameters, "model.layers.1.mlp.down_proj.weight");
    listing without = l;
    without.tensor[down] = without.tensor[--without.count];
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &without), &err), WANE_EFORMAT,
                "down_proj.weight is missing");
    l.tensor[down].shape[0] = 12;
    l.tensor[down].shape[1] = 8;
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &l), &err), WANE_EFORMAT, "12 x 8");
    l.tensor[down].dimensions = 1;
    l.tensor[down].shape[0] = 96;
    CHECK_FAILS(wane_model_load(&again, write_folder(model, &l), &err), WANE_EFORMAT,
                "down_proj.weight");
    assert_null(again);
    wane_model_free(model);
}

/* A safetensors file that holds the model's tensors and one more of another type. */
static const char *write_with(const wane_model *model, const char *name, const char *type,
                              size_t bytes)
{
    listing l = list(model);
    size_t size = 0;
    const char *folder = write_folder(model, &l), *file = scratch_path("model/model.safetensors");
    char *whole = read_file(file, &size), header[128];
    uint64_t length = 0, added = 0;
    memcpy(&length, whole, 8);
    size_t values = size - 8 - length;
    int head = snprintf(header, sizeof header,
                        ",\"%s\":{\"dtype\":\"%s\",\"shape\":[2],"
                        "\"data_offsets\":[%zu,%zu]}}",
                        name, type, values, values + bytes);
    size_t end = 8 + length; /* of the header, which blanks may follow */
    while (whole[end - 1] != '}') end--;
    added = end - 1 - 8 + (size_t)head;
    char *out = calloc(1, size + sizeof header + bytes);
    assert_non_null(out);
    memcpy(out, &added, 8);
    memcpy(out + 8, whole + 8, end - 1 - 8);
    memcpy(out + 8 + end - 9, header, (size_t)head);
    memcpy(out + 8 + added, whole + 8 + length, values);
    write_file(file, out, 8 + added + values + bytes);
    free(out);
    free(whole);
    return folder;
}

static void buffers_are_passed_over(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    const struct {
        const char *name, *type;
        size_t bytes;
        bool passed;
    } cases[] = {
        {"model.rotary_emb.inv_freq", "F32", 8, true},
        {"rotary_emb.inv_freq", "F16", 4, true},
        {"model.layers.1.self_attn.rotary_emb.cos_cached", "F32", 8, true},
        {"model.embeddings.position_ids", "I64", 16, true},
        {"model.layers.0.self_attn.mask", "BOOL", 2, true},
        {"model.layers.0.attn.bias", "U8", 2, true},
        {"model.layers.0.attn.bias", "F32", 8, false},
        {"model.layers.0.mlp.up_proj.weight_scale", "F32", 8, false},
        {"model.layers.7.mlp.up_proj.weight", "I8", 2, false},
        {"model.inv_freq", "F32", 8, true},
        {"model.my_inv_freq", "F32", 8, false},
        {"model.layers.0.mlp.scale", "F8_E4M3", 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folder = write_with(model, cases[i].name, cases[i].type, cases[i].bytes);
        wane_status st = wane_model_load(&again, folder, &err);
        if (st != WANE_OK) assert_non_null(strstr(err.message, cases[i].name));
        assert_int_equal(st, cases[i].passed ? WANE_OK : WANE_EFORMAT);
        if (st == WANE_OK) check_equal(model, again);
        wane_model_free(again);
        again = NULL;
    }
    wane_model_free(model);
}

static void broken_folders_fail_with_one_line(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    listing l = list(model);
    CHECK_FAILS(wane_model_load(&again, scratch_path("nowhere"), &err), WANE_ENOTFOUND, "nowhere");
    const char *folder = write_folder(model, &l), *file = scratch_path("model/model.safetensors");
    size_t bytes = 0;
    char *whole = read_file(file, &bytes);
    for (size_t cut = 0; cut < bytes; cut = cut * 2 + 1) {
        write_file(file, whole, cut);
        assert_int_not_equal(wane_model_load(&again, folder, &err), WANE_OK);
        assert_null(strchr(err.message, '\n'));
    }
    free(whole);
    assert_int_equal(unlink(scratch_path("model/config.json")), 0);
    CHECK_FAILS(wane_model_load(&again, folder, &err), WANE_ENOTFOUND, "config.json");
    assert_null(again);
    wane_model_free(model);
}

/* Values of bfloat16 and half precision files, widened: written by hand, byte by byte. */
static void short_floats_are_widened(void **state)
{
    (void)state;
    wane_error err;
    const char config[] = "{\"model_type\":\"llama\",\"vocab_size\":2,\"hidden_size\":2,"
                          "\"intermediate_size\":1,\"num_hidden_layers\":1,"
                          "\"num_attention_heads\":1,\"tie_word_embeddings\":true}";
    const char *names[] = {"input_layernorm",  "self_attn.q_proj", "self_attn.k_proj",
                           "self_attn.v_proj", "self_attn.o_proj", "post_attention_layernorm",
                           "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    const char *shapes[] = {"2", "2,2", "2,2", "2,2", "2,2", "2", "1,2", "1,2", "2,1"};
    const int elements[] = {2, 4, 4, 4, 4, 2, 2, 2, 2};
    const struct {
        const char *dtype;
        uint16_t bits;
        float value;
    } kinds[] = {{"BF16", 0xbfc0, -1.5f}, {"F16", 0xbe00, -1.5f}};
    for (int kind = 0; kind < 2; kind++) {
        char header[4096];
        uint16_t data[64];
        int used = snprintf(header, sizeof header,
                            "{\"model.embed_tokens.weight\":{\"dtype\":\"%s\",\"shape\":[2,2],"
                            "\"data_offsets\":[0,8]},\"model.norm.weight\":{\"dtype\":\"%s\","
                            "\"shape\":[2],\"data_offsets\":[8,12]}",
                            kinds[kind].dtype, kinds[kind].dtype),
            at = 12;
        for (int i = 0; i < 9; i++) {
            used += snprintf(header + used, sizeof header - (size_t)used,
                             ",\"model.layers.0.%s.weight\":{\"dtype\":\"%s\",\"shape\":[%s],"
                             "\"data_offsets\":[%d,%d]}",
                             names[i], kinds[kind].dtype, shapes[i], at, at + 2 * elements[i]);
            at += 2 * elements[i];
        }
        used += snprintf(header + used, sizeof header - (size_t)used, "}");
        for (int i = 0; i < at / 2; i++) data[i] = kinds[kind].bits;
        char bytes[8192];
        uint64_t length = (uint64_t)used;
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, header, (size_t)used);
        memcpy(bytes + 8 + used, data, (size_t)at);
        CHECK_OK(wane_folder_make(scratch_path("short"), &err));
        write_file(scratch_path("short/config.json"), config, strlen(config));
        write_file(scratch_path("short/model.safetensors"), bytes, (size_t)(8 + used + at));
        wane_model *model = NULL;
        CHECK_OK(wane_model_load(&model, scratch_path("short"), &err));
        for (size_t i = 0; i < model->parameters.count; i++)
            assert_true(wane_model_weight(model, i)[1] == kinds[kind].value);
        wane_model_free(model);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = make(true), *again = NULL;
    const char *folder = scratch_path("memory");
    CHECK_OK(wane_model_save(model, folder, &err));
    wane_status st = WANE_ENOMEM;
    for (long n = 0; st != WANE_OK; n++) {
        assert_true(n < 10000);
        wane_memory_fail_after(n);
        st = wane_model_load(&again, folder, &err);
        wane_memory_fail_after(-1);
        if (st != WANE_OK) assert_int_equal(st, WANE_ENOMEM);
    }
    check_equal(model, again);
    wane_model_free(again);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_models_load_to_the_same_bits),
        cmocka_unit_test(the_tie_is_read_in_either_direction),
        cmocka_unit_test(a_false_tie_is_an_error),
        cmocka_unit_test(bad_tensors_are_named),
        cmocka_unit_test(buffers_are_passed_over),
        cmocka_unit_test(broken_folders_fail_with_one_line),
        cmocka_unit_test(short_floats_are_widened),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
