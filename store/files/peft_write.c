/* SPDX-License-Identifier: Apache-2.0
 * Updates written as PEFT's adapter folders.
 */
#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/peft.h"
#include "store/files/safetensors.h"

static const char prefix[] = WANE_PEFT_PREFIX, head_name[] = WANE_PEFT_HEAD;

/* The part of a weight's name before ".weight"; WANE_EINVAL for other names. */
static wane_status module_length(size_t *out, const char *weight, const char *path, wane_error *err)
{
    if (!wane_ends_with(weight, ".weight"))
        return wane_fail(err, WANE_EINVAL, "write: %s: %s: no module's weight", path, weight);
    *out = strlen(weight) - strlen(".weight");
    return WANE_OK;
}

/* ----------------------------------------------------------------------- adapter_config.json */

static void write_key(wane_text *out, const char *weight, size_t length, bool first)
{
    wane_text module = {0};
    wane_text_append(&module, weight, length);
    wane_text_string(out, first ? "\n    " : ",\n    ");
    if (module.failed) out->failed = true;
    else wane_json_write_string(out, module.data);
    wane_text_free(&module);
}

/* alpha_pattern and rank_pattern hold the modules that differ from r and lora_alpha. */
static wane_status write_pattern(wane_text *out, const wane_update *update, bool ranks,
                                 const char *path, wane_error *err)
{
    bool first = true, rslora = update->facts.rslora;
    wane_text_string(out, ranks ? "  \"rank_pattern\": {" : "  \"alpha_pattern\": {");
    for (size_t i = 0; i < update->count; i++) {
        const wane_lowrank_term *term = &update->tensors[i].term;
        size_t length = 0;
        if (update->tensors[i].data) continue;
        wane_status st = module_length(&length, update->tensors[i].name, path, err);
        if (st != WANE_OK) return st;
        double value = (double)term->rank;
        if (ranks && term->rank == update->facts.rank) continue;
        if (!ranks) {
            if ((float)wane_lora_scale(update->facts.alpha, term->rank, rslora) == term->scale)
                continue;
            value = term->scale * (rslora ? sqrt(value) : value);
            if ((float)wane_lora_scale(value, term->rank, rslora) != term->scale)
                return wane_fail(err, WANE_EINVAL, "write: %s: %s: no alpha gives its scale", path,
                                 update->tensors[i].name);
        }
        write_key(out, update->tensors[i].name, length, first);
        wane_text_string(out, ": ");
        /* 20 as a number may read 2e+01, which peft takes for a float: a rank is an int. */
        if (ranks) wane_text_printf(out, "%zu", term->rank);
        else wane_json_write_number(out, value);
        first = false;
    }
    wane_text_string(out, first ? "},\n" : "\n  },\n");
    return WANE_OK;
}

/* The module of a tensor that was saved whole as its module's own. */
static size_t saved_length(const wane_update_tensor *t)
{
    return t->data && t->own ? (size_t)(strrchr(t->name, '.') - t->name) : 0;
}

/* modules_to_save: each module once; null for none. */
static void write_saved(wane_text *out, const wane_update *update)
{
    bool first = true;
    const char *before = "";
    size_t before_length = 0;
    for (size_t i = 0; i < update->count; i++) {
        const char *name = update->tensors[i].name;
        size_t length = saved_length(&update->tensors[i]);
        bool again = length == before_length && strncmp(name, before, length) == 0;
        if (length == 0 || again || strncmp(name, "score.", length + 1) == 0) continue;
        if (first) wane_text_string(out, "[");
        write_key(out, name, length, first);
        before = name;
        before_length = length;
        first = false;
    }
    if (update->head) wane_text_string(out, first ? "[\n    \"score\"" : ",\n    \"score\"");
    wane_text_string(out, first && !update->head ? "null" : "\n  ]");
}

static bool has_biases(const wane_update *update)
{
    for (size_t i = 0; i < update->count; i++)
        if (!update->tensors[i].own && wane_ends_with(update->tensors[i].name, ".bias"))
            return true;
    return false;
}

static wane_status write_targets(wane_text *out, const wane_update *update, const char *path,
                                 wane_error *err)
{
    bool first = true;
    wane_text_string(out, "  \"target_modules\": [");
    for (size_t i = 0; i < update->count; i++) {
        size_t length = 0;
        if (update->tensors[i].data) continue;
        wane_status st = module_length(&length, update->tensors[i].name, path, err);
        if (st != WANE_OK) return st;
        write_key(out, update->tensors[i].name, length, first);
        first = false;
    }
    return WANE_OK;
}

/* Appends the text of an adapter_config.json that describes `update`. */
static wane_status write_config(wane_text *out, const wane_update *update, const char *path,
                                wane_error *err)
{
    const wane_adapter_facts *facts = &update->facts;
    wane_text_string(out, "{\n");
    wane_status st = write_pattern(out, update, false, path, err);
    if (st != WANE_OK) return st;
    wane_text_string(out, "  \"base_model_name_or_path\": ");
    if (facts->base_model && facts->base_model[0]) wane_json_write_string(out, facts->base_model);
    else wane_text_string(out, "null");
    wane_text_printf(out,
                     ",\n  \"bias\": \"%s\",\n  \"fan_in_fan_out\": %s,\n"
                     "  \"inference_mode\": true,\n  \"init_lora_weights\": true,\n"
                     "  \"lora_alpha\": ",
                     has_biases(update) ? "all" : "none", facts->fan_in_fan_out ? "true" : "false");
    wane_json_write_number(out, facts->alpha);
    wane_text_string(out, ",\n  \"lora_dropout\": ");
    wane_json_write_number(out, facts->dropout);
    wane_text_string(out, ",\n  \"modules_to_save\": ");
    write_saved(out, update);
    wane_text_printf(out, ",\n  \"peft_type\": \"LORA\",\n  \"r\": %zu,\n", facts->rank);
    const wane_adapter_form *form = facts->form ? facts->form : wane_peft_form_at(0);
    st = write_pattern(out, update, true, path, err);
    if (st != WANE_OK) return st;
    if ((st = write_targets(out, update, path, err)) != WANE_OK) return st;
    wane_text_printf(out,
                     "\n  ],\n  \"task_type\": \"%s\",\n  \"%s\": %s,\n"
                     "  \"use_rslora\": %s\n}\n",
                     update->head ? "SEQ_CLS" : "CAUSAL_LM", form->flag,
                     form->set ? "true" : "false", facts->rslora ? "true" : "false");
    return wane_text_check(out, "write", path, err);
}

/* ------------------------------------------------------------------ adapter_model.safetensors */

/* What is to be written, and where its names and turned factors live. */
typedef struct writing {
    wane_arena *arena;
    wane_tensor_source *sources;
    size_t count;
    const char *path;
    wane_error *err;
} writing;

/* prefix, `length` bytes of name, suffix. */
static wane_status add(writing *w, const char *name, size_t length, const char *suffix,
                       const float *data, size_t rows, size_t cols)
{
    char *whole = wane_arena_alloc(w->arena, sizeof prefix + length + strlen(suffix), 1);
    if (!whole) return wane_fail_memory(w->err, "write", w->path);
    memcpy(whole, prefix, sizeof prefix - 1);
    memcpy(whole + sizeof prefix - 1, name, length);
    memcpy(whole + sizeof prefix - 1 + length, suffix, strlen(suffix) + 1);
    w->sources[w->count++] = (wane_tensor_source){
        .name = whole, .data = data, .dimensions = cols ? 2 : 1, .shape = {rows, cols}};
    return WANE_OK;
}

/* MODULE.VECTOR of the form. */
static wane_status add_vector(writing *w, const wane_update_tensor *t, const char *vector)
{
    size_t length = 0;
    wane_status st = module_length(&length, t->name, w->path, w->err);
    if (st != WANE_OK) return st;
    char *suffix = wane_arena_alloc(w->arena, strlen(vector) + 2, 1);
    if (!suffix) return wane_fail_memory(w->err, "write", w->path);
    suffix[0] = '.';
    (void)strcpy(suffix + 1, vector);
    return add(w, t->name, length, suffix, t->vector, t->rows, 0);
}

static wane_status add_factors(writing *w, const wane_update_tensor *t)
{
    size_t length = 0, rank = t->term.rank;
    const float *a = NULL, *b = NULL;
    wane_status st = module_length(&length, t->name, w->path, w->err);
    if (st != WANE_OK) return st;
    if (!t->embedding) {
        st = add(w, t->name, length, ".lora_A.weight", t->term.a, rank, t->cols);
        if (st != WANE_OK) return st;
        return add(w, t->name, length, ".lora_B.weight", t->term.b, t->rows, rank);
    }
    WANE_TRY(wane_peft_transpose(&a, t->term.b, t->rows, rank, w->arena, "write", w->path, w->err));
    WANE_TRY(wane_peft_transpose(&b, t->term.a, rank, t->cols, w->arena, "write", w->path, w->err));
    WANE_TRY(add(w, t->name, length, ".lora_embedding_A", a, rank, t->rows));
    WANE_TRY(add(w, t->name, length, ".lora_embedding_B", b, t->cols, rank));
done:
    return st;
}

static bool has_factors(const wane_update *update, const char *name, size_t length)
{
    for (size_t i = 0; i < update->count; i++)
        if (!update->tensors[i].data && strncmp(update->tensors[i].name, name, length) == 0 &&
            strcmp(update->tensors[i].name + length, ".weight") == 0)
            return true;
    return false;
}

/* A vector has one column; so may a matrix have, which no module of a model does. */
static wane_status add_whole(writing *w, const wane_update *update, const wane_update_tensor *t)
{
    const char *leaf = strrchr(t->name, '.');
    size_t length = leaf ? (size_t)(leaf - t->name) : 0, cols = t->cols == 1 ? 0 : t->cols;
    if (!leaf || strcmp(t->name, head_name) == 0)
        return leaf ? WANE_OK
                    : wane_fail(w->err, WANE_EINVAL, "write: %s: %s: no module's tensor", w->path,
                                t->name);
    bool below = strcmp(leaf, ".bias") == 0 && has_factors(update, t->name, length);
    return add(w, t->name, length, below ? ".base_layer.bias" : leaf, t->data, t->rows, cols);
}

static wane_status write_factors(const wane_update *update, const char *path, wane_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    wane_status st = WANE_OK;
    writing w = {.arena = wane_arena_new(), .path = path, .err = err};
    if (w.arena) w.sources = wane_arena_alloc(w.arena, 3 * update->count + 1, sizeof *w.sources);
    if (!w.sources) WANE_TRY(wane_fail_memory(err, "write", path));
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *t = &update->tensors[i];
        WANE_TRY(t->data ? add_whole(&w, update, t) : add_factors(&w, t));
        if (t->vector) WANE_TRY(add_vector(&w, t, update->facts.form->vector));
    }
    if (update->head)
        w.sources[w.count++] =
            (wane_tensor_source){.name = WANE_PEFT_PREFIX WANE_PEFT_HEAD,
                                 .data = update->head,
                                 .dimensions = 2,
                                 .shape = {update->head_rows, update->head_cols}};
    WANE_TRY(wane_tensors_write(path, w.sources, w.count, metadata, 1, err));
done:
    wane_arena_free(w.arena);
    return st;
}

wane_status wane_peft_save(const wane_update *update, const char *folder, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text config = {0};
    char *config_path = wane_path_join(folder, "adapter_config.json");
    char *path = wane_path_join(folder, "adapter_model.safetensors");
    if (!config_path || !path) WANE_TRY(wane_fail_memory(err, "write", folder));
    WANE_TRY(write_config(&config, update, config_path, err));
    WANE_TRY(wane_folder_make(folder, err));
    /* An older configuration must never stand beside newer factors. */
    WANE_TRY(wane_remove(config_path, err));
    WANE_TRY(write_factors(update, path, err));
    WANE_TRY(wane_file_write(config_path, config.data, config.length, err));
done:
    wane_text_free(&config);
    wane_free(config_path);
    wane_free(path);
    return st;
}
