/* SPDX-License-Identifier: Apache-2.0
 * Files that name a model's tensors otherwise, and those of models that see as well: what is read
 * of them, passed over and told.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "store/files/update.h"
#include "tests/support/support.h"
#include "tests/unit/model/config_case.h"

#define GEMMA                                                                                      \
    "\"vocab_size\": 11, \"hidden_size\": 8, \"intermediate_size\": 12, \"num_hidden_layers\": "   \
    "2, "                                                                                          \
    "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 6, "                    \
    "\"sliding_window\": 3, "
#define TEXT "{\"model_type\": \"gemma3_text\", " GEMMA "\"max_position_embeddings\": 32}"
#define SEEING "{\"model_type\": \"gemma3\", \"text_config\": " TEXT "}"
#define NEOX                                                                                       \
    "{\"model_type\": \"gpt_neox\", \"vocab_size\": 11, \"hidden_size\": 8, "                      \
    "\"intermediate_size\": 12, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, "            \
    "\"rotary_pct\": 0.5, \"max_position_embeddings\": 32}"

enum { MOST = 64 };

/* The tensors of a model, and others, as they are to be named in a file. */
typedef struct listing {
    wane_tensor_source tensor[MOST];
    char name[MOST][128];
    size_t count;
} listing;

static wane_model *make(const char *text)
{
    wane_error err;
    wane_model *model = NULL;
    wane_config config = config_read(text);
    CHECK_OK(wane_model_random(&model, &config, 3, &err));
    return model;
}

/* Names that begin with `ours` begin with `theirs`. */
static listing list(const wane_model *model, const char *ours, const char *theirs)
{
    listing out = {.count = model->parameters.count};
    for (size_t i = 0; i < out.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        bool begins = strncmp(p->name, ours, strlen(ours)) == 0;
        bool vector = p->role == WANE_ROLE_NORM || p->role == WANE_ROLE_BIAS;
        (void)snprintf(out.name[i], sizeof out.name[i], "%s%s", begins ? theirs : "",
                       begins ? p->name + strlen(ours) : p->name);
        out.tensor[i] = (wane_tensor_source){.data = model->weights + p->offset,
                                             .dimensions = vector ? 1 : 2,
                                             .shape = {p->rows, p->cols}};
    }
    return out;
}

static void append(listing *to, const char *name, size_t dimensions)
{
    static const float values[16];
    (void)snprintf(to->name[to->count], sizeof *to->name, "%s", name);
    to->tensor[to->count++] =
        (wane_tensor_source){.data = values, .dimensions = dimensions, .shape = {1, 1, 4, 4}};
}

static const char *write_folder(listing *tensors, const char *config)
{
    wane_error err;
    const char *folder = scratch_path("model");
    remove_tree(folder);
    CHECK_OK(wane_folder_make(folder, &err));
    CHECK_OK(wane_file_write(scratch_path("model/config.json"), config, strlen(config), &err));
    for (size_t i = 0; i < tensors->count; i++) tensors->tensor[i].name = tensors->name[i];
    CHECK_OK(wane_tensors_write(scratch_path("model/model.safetensors"), tensors->tensor,
                                tensors->count, NULL, 0, &err));
    return scratch_path("model");
}

/* The file is the model, but for as many tensors of other parts. */
static void check_loads(const wane_model *model, listing *tensors, const char *config,
                        size_t others)
{
    wane_error err;
    wane_model *read = NULL;
    char first[WANE_SHA256_HEX], second[WANE_SHA256_HEX];
    CHECK_OK(wane_model_load(&read, write_folder(tensors, config), &err));
    CHECK_OK(wane_model_sha256(first, model, &err));
    CHECK_OK(wane_model_sha256(second, read, &err));
    assert_string_equal(first, second);
    assert_int_equal(read->others, others);
    wane_model_free(read);
}

static void the_text_model_of_one_that_sees_is_read(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"model.", "", "language_model.model.",
                                             "model.language_model."};
    wane_error err;
    wane_model *model = make(TEXT), *read = NULL;
    for (size_t i = 0; i < 4; i++) {
        listing tensors = list(model, "model.", beginnings[i]);
        check_loads(model, &tensors, TEXT, 0);
        append(&tensors, "vision_tower.embeddings.patch_embedding.weight", 4);
        append(&tensors, "model.multi_modal_projector.mm_soft_emb_norm.weight", 1);
        check_loads(model, &tensors, SEEING, 2);
        append(&tensors, "audio_tower.embedding.weight", 2);
        CHECK_FAILS(wane_model_load(&read, write_folder(&tensors, SEEING), &err), WANE_EFORMAT,
                    "audio_tower");
    }
    wane_model_free(model);
}

static void heads_of_their_own_are_found(void **state)
{
    (void)state;
    static const char untied[] = "{\"model_type\": \"gemma3\", \"tie_word_embeddings\": false, "
                                 "\"text_config\": {" GEMMA "\"tie_word_embeddings\": false, "
                                 "\"max_position_embeddings\": 32}}";
    wane_model *model = make(untied);
    listing tensors = list(model, "lm_head.", "language_model.lm_head.");
    check_loads(model, &tensors, untied, 0);
    wane_model_free(model);
}

static void configurations_of_more_than_text_are_held_together(void **state)
{
    (void)state;
    wane_config text = config_read(TEXT), seeing = config_read(SEEING);
    assert_memory_equal(&text, &seeing, sizeof text);
    config_check_round(&seeing);
    config_refused("{\"model_type\": \"gemma3\"}", "text_config");
    config_refused("{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma2\"}}",
                   "text_config");
    config_refused("{\"model_type\": \"gemma3\", \"tie_word_embeddings\": false, "
                   "\"text_config\": " TEXT "}",
                   "tie_word_embeddings");
    config_refused("{\"model_type\": \"gemma3\", \"text_config\": "
                   "{\"tie_word_embeddings\": false}}",
                   "tie_word_embeddings");
    config_refused("{\"model_type\": \"gemma3\", \"quantization_config\": {}, "
                   "\"text_config\": " TEXT "}",
                   "quantization_config");
    config_refused("{\"model_type\": \"gemma3\", \"architectures\": "
                   "[\"Gemma3ForSequenceClassification\"], \"text_config\": " TEXT "}",
                   "Gemma3ForSequenceClassification");
    config_refused("{\"model_type\": \"gemma3\", \"text_config\": "
                   "{\"use_bidirectional_attention\": true}}",
                   "use_bidirectional_attention");
    config_refused("{\"model_type\": \"gemma4\"}", "gemma3_text, gemma3,");
}

/* Pythia's files: masks and tables among the tensors. */
static void old_files_of_gpt_neox_are_read(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"embed_out.", "lm_head."};
    wane_model *model = make(NEOX);
    for (size_t i = 0; i < 2; i++) {
        listing tensors = list(model, "embed_out.", beginnings[i]);
        append(&tensors, "gpt_neox.layers.0.attention.bias", 4);
        append(&tensors, "gpt_neox.layers.0.attention.masked_bias", 1);
        append(&tensors, "gpt_neox.layers.1.attention.rotary_emb.inv_freq", 1);
        check_loads(model, &tensors, NEOX, 0);
    }
    listing bare = list(model, "gpt_neox.", "");
    check_loads(model, &bare, NEOX, 0);
    wane_model_free(model);
}

static void names_of_files_have_one_of_ours(void **state)
{
    (void)state;
    static const char q[] = "model.layers.1.self_attn.q_proj.weight";
    wane_model *gemma = make(TEXT), *neox = make(NEOX);
    const wane_parameters *p = &gemma->parameters;
    char out[WANE_TENSOR_NAME];
    assert_string_equal(wane_parameters_own_name(out, p, q), q);
    assert_string_equal(wane_parameters_own_name(out, p, q + 6), q);
    assert_string_equal(
        wane_parameters_own_name(out, p, "model.language_model.layers.1.self_attn.q_proj.weight"),
        q);
    assert_string_equal(
        wane_parameters_own_name(out, p, "language_model.model.layers.1.self_attn.q_proj.weight"),
        q);
    assert_string_equal(wane_parameters_own_name(out, p, "language_model.lm_head.weight"),
                        "lm_head.weight");
    assert_string_equal(wane_parameters_own_name(out, p, "layers.9.x"), "layers.9.x");
    assert_string_equal(wane_parameters_own_name(out, &neox->parameters, "lm_head.weight"),
                        "embed_out.weight");
    wane_model_free(gemma);
    wane_model_free(neox);
}

/* The first tensor's name goes to the end, or is that of the last; others stay as they are. */
typedef struct renaming {
    const char *first, *to;
} renaming;

static const char *renamed(void *context, const char *name)
{
    const renaming *r = context;
    return strcmp(name, r->first) == 0 ? r->to : name;
}

static void updates_are_renamed(void **state)
{
    (void)state;
    static const char folder[] = "reference/architectures/gpt_neox/adapter";
    wane_error err;
    wane_update update = {0};
    CHECK_OK(wane_update_load(&update, folder, NULL, NULL, &err));
    size_t last = update.count - 1;
    wane_lowrank_term term = update.tensors[0].term;
    renaming r = {update.tensors[0].name, "lm_head.weight"};
    CHECK_OK(wane_update_rename(&update, renamed, &r, &err));
    assert_string_equal(update.tensors[last].name, r.to);
    assert_ptr_equal(update.tensors[last].term.a, term.a);
    for (size_t i = 1; i <= last; i++)
        assert_true(strcmp(update.tensors[i - 1].name, update.tensors[i].name) < 0);
    r = (renaming){update.tensors[0].name, update.tensors[last].name};
    CHECK_FAILS(wane_update_rename(&update, renamed, &r, &err), WANE_EFORMAT, "lm_head.weight");
    wane_update_free(&update);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_model_of_one_that_sees_is_read),
        cmocka_unit_test(heads_of_their_own_are_found),
        cmocka_unit_test(configurations_of_more_than_text_are_held_together),
        cmocka_unit_test(old_files_of_gpt_neox_are_read),
        cmocka_unit_test(names_of_files_have_one_of_ours),
        cmocka_unit_test(updates_are_renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
