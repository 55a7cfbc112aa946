/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files/peft.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "store/files/update_memory.h"

static const char prefix[] = "base_model.model.";
static const char a_suffix[] = ".lora_A.weight", b_suffix[] = ".lora_B.weight";

/* The head of transformers' sequence classifiers, saved whole (modules_to_save). */
static const char head_name[] = "score.weight", whole_head_name[] = "base_model.model.score.weight";

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

wane_status wane_peft_module_length(size_t *out, const char *weight, const char *path,
                                    wane_error *err)
{
    if (!ends_with(weight, ".weight"))
        return wane_fail(err, WANE_EINVAL, "write: %s: %s: no module's weight", path, weight);
    *out = strlen(weight) - strlen(".weight");
    return WANE_OK;
}

/* What a tensor of the file is. */
typedef enum part_kind {
    PART_A,
    PART_B,
    PART_HEAD,
    PART_WHOLE,
    PART_EMBEDDING,
    PART_UNKNOWN
} part_kind;

static part_kind kind_of(const char *name)
{
    size_t length = strlen(name), head = sizeof prefix - 1;
    if (strncmp(name, prefix, head) != 0) return PART_UNKNOWN;
    if (ends_with(name, a_suffix) && length > head + sizeof a_suffix - 1) return PART_A;
    if (ends_with(name, b_suffix) && length > head + sizeof b_suffix - 1) return PART_B;
    if (strcmp(name + head, head_name) == 0) return PART_HEAD;
    if (strstr(name, ".lora_embedding_")) return PART_EMBEDDING;
    bool plain = ends_with(name, ".weight") || ends_with(name, ".bias");
    return plain && !strstr(name, "lora_") ? PART_WHOLE : PART_UNKNOWN;
}

/* Every tensor of the file must be one half of a pair this version understands, or (loose) a tensor
 * saved whole. */
static wane_status check_name(const wane_tensors *tensors, const char *name, bool loose,
                              const char *path, wane_error *err)
{
    part_kind kind = kind_of(name);
    if (kind == PART_HEAD) return WANE_OK;
    if (loose && (kind == PART_WHOLE || kind == PART_EMBEDDING)) return WANE_OK;
    if (kind != PART_A && kind != PART_B)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: neither lora_A nor lora_B of a module; this version "
                         "cannot honour it",
                         path, name);
    wane_text other = {0};
    wane_text_append(&other, name, strlen(name) - strlen(a_suffix));
    wane_text_string(&other, kind == PART_A ? b_suffix : a_suffix);
    wane_status st = wane_text_check(&other, "read", path, err);
    if (st == WANE_OK && !wane_tensors_find(tensors, other.data))
        st = wane_fail(err, WANE_EFORMAT, "read: %s: %s: %s is missing", path, name, other.data);
    wane_text_free(&other);
    return st;
}

/* The pair whose lora_A is `a`. */
static wane_status read_pair(wane_update_tensor *out, wane_update_memory *memory,
                             const wane_tensor *a, const wane_peft_config *config, const char *path,
                             wane_error *err)
{
    size_t head = sizeof prefix - 1, length = strlen(a->name) - head - (sizeof a_suffix - 1);
    char *module = wane_arena_strndup(memory->arena, a->name + head, length);
    char *name = wane_arena_alloc(memory->arena, length + sizeof ".weight", 1);
    wane_text partner = {0};
    wane_text_append(&partner, a->name, strlen(a->name) - (sizeof a_suffix - 1));
    wane_text_string(&partner, b_suffix);
    wane_status st = WANE_OK;
    if (!module || !name) WANE_TRY(wane_fail_memory(err, "read", path));
    WANE_TRY(wane_text_check(&partner, "read", path, err));
    memcpy(name, module, length);
    memcpy(name + length, ".weight", sizeof ".weight");
    const wane_tensor *b = wane_tensors_find(memory->tensors, partner.data);
    if (!b || a->dimensions != 2 || b->dimensions != 2 || a->shape[0] != b->shape[1])
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: %s: lora_A and lora_B do not fit together",
                           path, module));
    size_t rank = wane_peft_config_rank(config, module);
    if (a->shape[0] != rank)
        WANE_TRY(wane_fail(err, WANE_EFORMAT,
                           "read: %s: %s: rank %zu, adapter_config.json says %zu", path, module,
                           a->shape[0], rank));
    if (a->shape[1] == 0 || a->shape[1] > INT_MAX || b->shape[0] == 0 || b->shape[0] > INT_MAX)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: %s: no usable shape", path, module));
    wane_lowrank_term term = {.rank = rank, .scale = wane_peft_config_scale(config, module)};
    WANE_TRY(wane_update_memory_values(&term.a, memory, a, err));
    WANE_TRY(wane_update_memory_values(&term.b, memory, b, err));
    *out =
        (wane_update_tensor){.name = name, .rows = b->shape[0], .cols = a->shape[1], .term = term};
done:
    wane_text_free(&partner);
    return st;
}

static wane_status read_head(wane_update *out, wane_update_memory *memory, const wane_tensor *t,
                             const char *path, wane_error *err)
{
    if (t->dimensions != 2 || t->elements == 0 || t->shape[0] > INT_MAX || t->shape[1] > INT_MAX)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: no matrix", path, t->name);
    out->head_rows = t->shape[0];
    out->head_cols = t->shape[1];
    return wane_update_memory_values(&out->head, memory, t, err);
}

/* A tensor saved whole beside the factors, if it is a matrix or a vector. */
static wane_status read_whole(wane_update *out, wane_update_memory *memory, const wane_tensor *t,
                              wane_error *err)
{
    if (t->dtype == WANE_OTHER || t->elements == 0 || t->dimensions < 1 || t->dimensions > 2)
        return WANE_OK;
    wane_update_tensor *whole = &out->tensors[out->count];
    *whole = (wane_update_tensor){.name = t->name + sizeof prefix - 1,
                                  .rows = t->shape[0],
                                  .cols = t->dimensions == 2 ? t->shape[1] : 1};
    wane_status st = wane_update_memory_values(&whole->data, memory, t, err);
    if (st == WANE_OK) out->count++;
    return st;
}

static wane_status read_parts(wane_update *out, wane_update_memory *memory,
                              const wane_peft_config *config, bool loose, const char *path,
                              wane_error *err)
{
    size_t count = wane_tensors_count(memory->tensors), pairs = 0;
    if (count == 0) return wane_fail(err, WANE_EFORMAT, "read: %s: no tensors", path);
    for (size_t i = 0; i < count; i++) {
        const char *name = wane_tensors_at(memory->tensors, i)->name;
        wane_status st = check_name(memory->tensors, name, loose, path, err);
        if (st != WANE_OK) return st;
        pairs += kind_of(name) == PART_A;
    }
    if (pairs == 0) return wane_fail(err, WANE_EFORMAT, "read: %s: no lora_A and lora_B", path);
    out->tensors = wane_arena_alloc(memory->arena, count, sizeof *out->tensors);
    if (!out->tensors) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < count; i++) {
        const wane_tensor *t = wane_tensors_at(memory->tensors, i);
        part_kind kind = kind_of(t->name);
        wane_status st = WANE_OK;
        if (kind == PART_A)
            st = read_pair(&out->tensors[out->count++], memory, t, config, path, err);
        else if (kind == PART_HEAD && !loose) st = read_head(out, memory, t, path, err);
        else if (kind == PART_WHOLE || kind == PART_HEAD) st = read_whole(out, memory, t, err);
        if (st != WANE_OK) return st;
    }
    qsort(out->tensors, out->count, sizeof *out->tensors, wane_update_by_name);
    return WANE_OK;
}

/* Factors of an embedding are of inputs x outputs and change no linear weight. */
static void warn_of_embeddings(const wane_tensors *tensors, const char *path,
                               void (*warning)(void *context, const char *line), void *context)
{
    wane_error line;
    for (size_t i = 0; warning && i < wane_tensors_count(tensors); i++)
        if (kind_of(wane_tensors_at(tensors, i)->name) == PART_EMBEDDING) {
            (void)wane_fail(&line, WANE_EFORMAT,
                            "read: %s: the factors of its embeddings are left out", path);
            warning(context, line.message);
            return;
        }
}

static wane_status load_config(wane_peft_config **out, const wane_package *package, bool loose,
                               void (*warning)(void *context, const char *line), void *context,
                               wane_error *err)
{
    static const char name[] = "adapter_config.json";
    wane_status st = WANE_OK;
    wane_json *root = NULL;
    char *path = wane_package_file(package, name);
    if (!path) return wane_fail_memory(err, "read", wane_package_path(package));
    WANE_TRY(wane_package_json(&root, package, name, err));
    WANE_TRY(wane_peft_config_read(out, root, path, loose, warning, context, err));
done:
    wane_json_free(root);
    wane_free(path);
    return st;
}

wane_status wane_peft_load(wane_update *out, const wane_package *package, bool loose,
                           void (*warning)(void *context, const char *line), void *context,
                           wane_error *err)
{
    static const char *const names[] = {"adapter_model.safetensors", "adapter_model.bin"};
    const char *folder = wane_package_path(package);
    wane_status st = WANE_OK;
    wane_peft_config *config = NULL;
    wane_update_memory *memory = NULL;
    wane_update update = {.lowrank = true};
    bool pickled = !wane_package_has(package, names[0]) && wane_package_has(package, names[1]);
    char *path = wane_package_file(package, names[pickled]);
    if (!path) WANE_TRY(wane_fail_memory(err, "read", folder));
    WANE_TRY(load_config(&config, package, loose, warning, context, err));
    WANE_TRY(wane_update_memory_new(&memory, err));
    WANE_TRY(wane_tensors_open_member(&memory->tensors, package, names[pickled], err));
    WANE_TRY(wane_tensors_hold(memory->tensors, err));
    WANE_TRY(read_parts(&update, memory, config, loose, path, err));
    warn_of_embeddings(memory->tensors, path, warning, context);
    update.facts = *wane_peft_config_facts(config);
    update.facts.base_model = wane_arena_strdup(memory->arena, update.facts.base_model);
    if (!update.facts.base_model) WANE_TRY(wane_fail_memory(err, "read", folder));
    update.memory = memory;
    memory = NULL;
    *out = update;
done:
    wane_update_memory_free(memory);
    wane_peft_config_free(config);
    wane_free(path);
    return st;
}

static wane_status write_factors(const wane_update *update, const char *path, wane_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    wane_status st = WANE_OK;
    wane_arena *arena = wane_arena_new();
    wane_tensor_source *sources =
        arena ? wane_arena_alloc(arena, 2 * update->count + 1, sizeof *sources) : NULL;
    size_t count = 2 * update->count;
    if (!sources) WANE_TRY(wane_fail_memory(err, "write", path));
    if (update->head)
        sources[count++] = (wane_tensor_source){.name = whole_head_name,
                                                .data = update->head,
                                                .dimensions = 2,
                                                .shape = {update->head_rows, update->head_cols}};
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *t = &update->tensors[i];
        size_t length = 0;
        WANE_TRY(wane_peft_module_length(&length, t->name, path, err));
        for (size_t half = 0; half < 2; half++) {
            const char *suffix = half ? b_suffix : a_suffix;
            char *name = wane_arena_alloc(arena, sizeof prefix + length + strlen(suffix), 1);
            if (!name) WANE_TRY(wane_fail_memory(err, "write", path));
            memcpy(name, prefix, sizeof prefix - 1);
            memcpy(name + sizeof prefix - 1, t->name, length);
            memcpy(name + sizeof prefix - 1 + length, suffix, strlen(suffix) + 1);
            sources[2 * i + half] = (wane_tensor_source){
                .name = name,
                .data = half ? t->term.b : t->term.a,
                .dimensions = 2,
                .shape = {half ? t->rows : t->term.rank, half ? t->term.rank : t->cols}};
        }
    }
    WANE_TRY(wane_tensors_write(path, sources, count, metadata, 1, err));
done:
    wane_arena_free(arena);
    return st;
}

wane_status wane_peft_save(const wane_update *update, const char *folder, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text config = {0};
    char *config_path = wane_path_join(folder, "adapter_config.json");
    char *path = wane_path_join(folder, "adapter_model.safetensors");
    if (!config_path || !path) WANE_TRY(wane_fail_memory(err, "write", folder));
    WANE_TRY(wane_peft_config_write(&config, update, config_path, err));
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
