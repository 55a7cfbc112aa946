/* SPDX-License-Identifier: Apache-2.0
 * Reads an adapter folder: every tensor gets its place, every factor its other half, and what was
 * saved whole is told apart from copies of the base.
 */
#include "store/files/peft.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/update_memory.h"

static const char head_name[] = WANE_PEFT_HEAD;

/* An adapter being read. */
typedef struct reading {
    wane_update *update;
    wane_update_memory *memory;
    const wane_peft_config *config;
    const char *path, *adapter; /* the name of the adapter that the first tensor with one has */
    size_t adapter_length;
    bool loose;
    size_t pairs, untargeted;
    const char *first_untargeted; /* module */
    wane_error *err;
} reading;

static bool is_factor(wane_peft_part part)
{
    return part <= WANE_PEFT_EMBEDDING_B;
}

static bool is_a(wane_peft_part part)
{
    return part == WANE_PEFT_A || part == WANE_PEFT_EMBEDDING_A;
}

/* The other half of a pair, or NULL. */
static wane_status partner(const wane_tensor **out, const reading *r, const wane_tensor *t,
                           const wane_peft_name *name, char **spelled)
{
    char *other = wane_strdup(t->name);
    if (!other) return wane_fail_memory(r->err, "read", r->path);
    other[name->letter] = is_a(name->part) ? 'B' : 'A';
    *out = wane_tensors_find(r->memory->tensors, other);
    *spelled = other;
    return WANE_OK;
}

/* Every tensor must have a place, every factor its other half, and all be of one adapter. */
static wane_status check_name(reading *r, const wane_tensor *t)
{
    wane_peft_name name = wane_peft_name_read(t->name);
    const wane_tensor *other = NULL;
    char *spelled = NULL;
    if (name.part == WANE_PEFT_UNKNOWN && !name.module)
        return wane_fail(
            r->err, WANE_EFORMAT,
            "read: %s: names of tensors as peft saves them are expected, " WANE_PEFT_PREFIX
            "MODULE.lora_A.weight; found %s, which does not begin so",
            r->path, t->name);
    bool others =
        name.part == WANE_PEFT_VECTOR && name.form != wane_peft_config_facts(r->config)->form;
    if (name.part == WANE_PEFT_UNKNOWN || others)
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: %s: neither lora_A nor lora_B of a module; this version "
                         "cannot honour it",
                         r->path, t->name);
    if (name.adapter && !r->adapter) {
        r->adapter = name.adapter;
        r->adapter_length = name.adapter_length;
    }
    if (name.adapter && (name.adapter_length != r->adapter_length ||
                         memcmp(name.adapter, r->adapter, r->adapter_length) != 0))
        return wane_fail(r->err, WANE_EFORMAT, "read: %s: two adapters in it, %.*s and %.*s",
                         r->path, (int)r->adapter_length, r->adapter, (int)name.adapter_length,
                         name.adapter);
    if (!is_factor(name.part)) return WANE_OK;
    wane_status st = partner(&other, r, t, &name, &spelled);
    if (st == WANE_OK && !other)
        st = wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: %s is missing", r->path, t->name,
                       spelled);
    wane_free(spelled);
    return st;
}

/* "MODULE" and "MODULE.LEAF" in the arena. */
static wane_status write_names(char **module, char **tensor, const reading *r,
                               const wane_peft_name *name, const char *leaf)
{
    size_t length = name->module_length, tail = strlen(leaf);
    *module = wane_arena_strndup(r->memory->arena, name->module, length);
    *tensor = wane_arena_alloc(r->memory->arena, length + tail + 2, 1);
    if (!*module || !*tensor) return wane_fail_memory(r->err, "read", r->path);
    memcpy(*tensor, name->module, length);
    (*tensor)[length] = '.';
    memcpy(*tensor + length + 1, leaf, tail + 1);
    return WANE_OK;
}

/* The pair whose A is `a`: the weight's change is s B A, of an embedding's s (B A)^T. */
static wane_status read_pair(reading *r, const wane_tensor *a, const wane_peft_name *name)
{
    wane_status st = WANE_OK;
    const wane_tensor *b = NULL;
    char *spelled = NULL, *module = NULL, *weight = NULL;
    wane_peft_module said;
    bool embedding = name->part == WANE_PEFT_EMBEDDING_A;
    WANE_TRY(partner(&b, r, a, name, &spelled));
    WANE_TRY(write_names(&module, &weight, r, name, "weight"));
    WANE_TRY(wane_peft_config_module(&said, r->config, module, r->err));
    if (!said.targeted) {
        if (r->untargeted++ == 0) r->first_untargeted = module;
        goto done;
    }
    if (!b || a->dimensions != 2 || b->dimensions != 2 || a->shape[0] != b->shape[1])
        WANE_TRY(wane_fail(r->err, WANE_EFORMAT,
                           "read: %s: %s: lora_A and lora_B do not fit together", r->path, module));
    if (a->shape[0] != said.rank)
        WANE_TRY(wane_fail(r->err, WANE_EFORMAT,
                           "read: %s: %s: rank %zu, adapter_config.json says %zu", r->path, module,
                           a->shape[0], said.rank));
    if (a->shape[1] == 0 || a->shape[1] > INT_MAX || b->shape[0] == 0 || b->shape[0] > INT_MAX)
        WANE_TRY(wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: no usable shape", r->path, module));
    wane_lowrank_term term = {.rank = said.rank, .scale = said.scale};
    WANE_TRY(wane_update_memory_values(&term.a, r->memory, a, r->err));
    WANE_TRY(wane_update_memory_values(&term.b, r->memory, b, r->err));
    size_t rows = b->shape[0], cols = a->shape[1];
    if (embedding) {
        const float *first = term.a;
        wane_arena *arena = r->memory->arena;
        WANE_TRY(
            wane_peft_transpose(&term.a, term.b, rows, term.rank, arena, "read", r->path, r->err));
        WANE_TRY(
            wane_peft_transpose(&term.b, first, term.rank, cols, arena, "read", r->path, r->err));
    }
    r->update->tensors[r->update->count++] = (wane_update_tensor){.name = weight,
                                                                  .rows = embedding ? cols : rows,
                                                                  .cols = embedding ? rows : cols,
                                                                  .term = term,
                                                                  .embedding = embedding};
    r->pairs++;
done:
    wane_free(spelled);
    return st;
}

static wane_status check_whole(const reading *r, const wane_tensor *t)
{
    bool good = t->dtype != WANE_OTHER && t->elements > 0 && t->dimensions >= 1 &&
                t->dimensions <= 2 && t->shape[0] <= INT_MAX &&
                (t->dimensions == 1 || t->shape[1] <= INT_MAX);
    return good ? WANE_OK
                : wane_fail(r->err, WANE_EFORMAT,
                            "read: %s: %s: no matrix and no vector of numbers", r->path, t->name);
}

static wane_status read_head(reading *r, const wane_tensor *t)
{
    if (t->dimensions != 2)
        return wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: no matrix", r->path, t->name);
    r->update->head_rows = t->shape[0];
    r->update->head_cols = t->shape[1];
    return wane_update_memory_values(&r->update->head, r->memory, t, r->err);
}

/* What was saved whole: the head of a classifier, tuned values, or a copy of the base's. */
static wane_status read_whole(reading *r, const wane_tensor *t, const wane_peft_name *name)
{
    char *module = NULL, *tensor = NULL;
    const float *data = NULL;
    wane_status st = check_whole(r, t);
    if (st == WANE_OK) st = write_names(&module, &tensor, r, name, name->leaf);
    if (st != WANE_OK) return st;
    bool base = name->part == WANE_PEFT_BASE;
    if (!base && strcmp(tensor, head_name) == 0) {
        if ((st = read_head(r, t)) != WANE_OK || !r->loose) return st;
    }
    if ((st = wane_update_memory_values(&data, r->memory, t, r->err)) != WANE_OK) return st;
    size_t cols = t->dimensions == 2 ? t->shape[1] : 1;
    bool bias = strcmp(name->leaf, "bias") == 0 && wane_peft_config_biases(r->config);
    if (base && !bias) {
        double unit = t->dtype == WANE_BF16 ? 0x1p-8 : t->dtype == WANE_F16 ? 0x1p-11 : 0;
        r->update->claims[r->update->claim_count++] = (wane_update_claim){.name = tensor,
                                                                          .key = t->name,
                                                                          .rows = t->shape[0],
                                                                          .cols = cols,
                                                                          .data = data,
                                                                          .unit = unit};
        return WANE_OK;
    }
    bool saved = name->part == WANE_PEFT_SAVED || wane_peft_config_saves(r->config, module);
    r->update->tensors[r->update->count++] = (wane_update_tensor){
        .name = tensor, .rows = t->shape[0], .cols = cols, .data = data, .own = saved};
    return WANE_OK;
}

/* The vector beside the term on its module; of a module that has none it is left out as factors
 * are. The tensors are in order. */
static wane_status read_vector(reading *r, const wane_tensor *t, const wane_peft_name *name)
{
    char *module = NULL, *weight = NULL;
    wane_status st = write_names(&module, &weight, r, name, "weight");
    if (st != WANE_OK) return st;
    const wane_update_tensor wanted = {.name = weight};
    wane_update_tensor *term =
        bsearch(&wanted, r->update->tensors, r->update->count, sizeof wanted, wane_update_by_name);
    if (!term || term->data) return WANE_OK;
    if (t->dimensions != 1 || t->shape[0] != term->rows)
        return wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: no vector of %zu numbers", r->path,
                         t->name, term->rows);
    return wane_update_memory_values(&term->vector, r->memory, t, r->err);
}

/* A form that has a vector has one beside every term. */
static wane_status read_vectors(reading *r)
{
    const wane_adapter_form *form = wane_peft_config_facts(r->config)->form;
    wane_status st = WANE_OK;
    if (!form->vector) return WANE_OK;
    for (size_t i = 0; i < wane_tensors_count(r->memory->tensors) && st == WANE_OK; i++) {
        const wane_tensor *t = wane_tensors_at(r->memory->tensors, i);
        wane_peft_name name = wane_peft_name_read(t->name);
        if (name.part == WANE_PEFT_VECTOR) st = read_vector(r, t, &name);
    }
    for (size_t i = 0; i < r->update->count && st == WANE_OK; i++)
        if (!r->update->tensors[i].data && !r->update->tensors[i].vector)
            st = wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: its %s is missing", r->path,
                           r->update->tensors[i].name, form->vector);
    return st;
}

static wane_status check_unique(const reading *r)
{
    for (size_t i = 1; i < r->update->count; i++)
        if (strcmp(r->update->tensors[i - 1].name, r->update->tensors[i].name) == 0)
            return wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: more than one tensor for it",
                             r->path, r->update->tensors[i].name);
    return WANE_OK;
}

static wane_status read_parts(reading *r)
{
    const wane_tensors *tensors = r->memory->tensors;
    size_t count = wane_tensors_count(tensors), factors = 0;
    wane_status st = WANE_OK;
    if (count == 0) return wane_fail(r->err, WANE_EFORMAT, "read: %s: no tensors", r->path);
    for (size_t i = 0; i < count; i++) {
        if ((st = check_name(r, wane_tensors_at(tensors, i))) != WANE_OK) return st;
        factors += is_factor(wane_peft_name_read(wane_tensors_at(tensors, i)->name).part);
    }
    if (factors == 0)
        return wane_fail(r->err, WANE_EFORMAT, "read: %s: no lora_A and lora_B", r->path);
    r->update->tensors = wane_arena_alloc(r->memory->arena, count, sizeof *r->update->tensors);
    r->update->claims = wane_arena_alloc(r->memory->arena, count, sizeof *r->update->claims);
    if (!r->update->tensors || !r->update->claims) return wane_fail_memory(r->err, "read", r->path);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        const wane_tensor *t = wane_tensors_at(tensors, i);
        wane_peft_name name = wane_peft_name_read(t->name);
        if (is_a(name.part)) st = read_pair(r, t, &name);
        else if (!is_factor(name.part) && name.part != WANE_PEFT_VECTOR)
            st = read_whole(r, t, &name);
    }
    if (st != WANE_OK) return st;
    if (r->pairs == 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: no factors of a module that target_modules names (it has "
                         "those of %s)",
                         r->path, r->first_untargeted);
    qsort(r->update->tensors, r->update->count, sizeof *r->update->tensors, wane_update_by_name);
    st = check_unique(r);
    return st == WANE_OK ? read_vectors(r) : st;
}

/* peft loads no factors of a module that the configuration does not put any on. */
static void warn_of_untargeted(const reading *r, void (*warning)(void *context, const char *line),
                               void *context)
{
    wane_error line;
    if (!warning || r->untargeted == 0) return;
    (void)wane_fail(&line, WANE_EFORMAT,
                    "read: %s: %s: target_modules does not name it: its factors are left out, as "
                    "peft does (%zu %s in all)",
                    r->path, r->first_untargeted, r->untargeted,
                    r->untargeted == 1 ? "module" : "modules");
    warning(context, line.message);
}

/* sha256: of the bytes that are understood. */
static wane_status load_config(wane_peft_config **out, char sha256[WANE_SHA256_HEX],
                               const wane_package *package,
                               void (*warning)(void *context, const char *line), void *context,
                               wane_error *err)
{
    static const char name[] = "adapter_config.json";
    wane_status st = WANE_OK;
    wane_json *root = NULL;
    size_t count = 0;
    char *bytes = NULL, *path = wane_package_file(package, name);
    if (!path) return wane_fail_memory(err, "read", wane_package_path(package));
    WANE_TRY(wane_package_read(&bytes, &count, package, name, err));
    WANE_TRY(wane_sha256_bytes(sha256, bytes, count, err));
    WANE_TRY(wane_json_parse(&root, bytes, count, path, err));
    WANE_TRY(wane_peft_config_read(out, root, path, warning, context, err));
done:
    wane_json_free(root);
    wane_free(bytes);
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
    WANE_TRY(load_config(&config, update.config_sha256, package, warning, context, err));
    WANE_TRY(wane_update_memory_new(&memory, err));
    WANE_TRY(wane_tensors_open_copy(&memory->tensors, update.weights_sha256, package,
                                    names[pickled], err));
    reading r = {.update = &update,
                 .memory = memory,
                 .config = config,
                 .path = path,
                 .loose = loose,
                 .err = err};
    WANE_TRY(read_parts(&r));
    warn_of_untargeted(&r, warning, context);
    update.facts = *wane_peft_config_facts(config);
    update.facts.base_model = wane_arena_strdup(memory->arena, update.facts.base_model);
    if (!update.facts.base_model) WANE_TRY(wane_fail_memory(err, "read", folder));
    memory->targets = wane_peft_config_take_targets(config);
    update.memory = memory;
    memory = NULL;
    *out = update;
done:
    wane_update_memory_free(memory);
    wane_peft_config_free(config);
    wane_free(path);
    return st;
}
