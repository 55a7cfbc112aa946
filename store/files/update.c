/* SPDX-License-Identifier: Apache-2.0
 * Loads an update of either form, saves it, hashes its values and applies it to a weight; the
 * adapter's form on disk is read in peft.c.
 */
#include "store/files/update.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "store/files/hub.h"
#include "store/files/peft.h"
#include "store/files/safetensors.h"
#include "store/files/update_memory.h"

wane_status wane_update_new(wane_update *out, size_t count, bool lowrank, wane_error *err)
{
    wane_update_memory *memory = NULL;
    wane_status st = wane_update_memory_new(&memory, err);
    if (st != WANE_OK) return st;
    wane_update_tensor *list = wane_arena_alloc(memory->arena, count, sizeof *list);
    if (!list) {
        wane_update_memory_free(memory);
        return wane_fail_memory(err, "update", "tensors");
    }
    *out = (wane_update){.count = count,
                         .tensors = list,
                         .lowrank = lowrank,
                         .facts.base_model = "",
                         .memory = memory};
    return WANE_OK;
}

float *wane_update_room(wane_update *update, size_t count)
{
    const wane_update_memory *memory = update->memory;
    return wane_arena_alloc(memory->arena, count, sizeof(float));
}

static wane_status read_tensors(wane_update *out, wane_update_memory *memory, const char *path,
                                wane_error *err)
{
    size_t count = wane_tensors_count(memory->tensors);
    if (count == 0) return wane_fail(err, WANE_EFORMAT, "read: %s: no tensors", path);
    wane_update_tensor *list = wane_arena_alloc(memory->arena, count, sizeof *list);
    if (!list) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < count; i++) {
        const wane_tensor *t = wane_tensors_at(memory->tensors, i);
        if (t->dimensions < 1 || t->dimensions > 2 || t->elements == 0 || t->shape[0] > INT_MAX ||
            (t->dimensions == 2 && t->shape[1] > INT_MAX))
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: neither a matrix nor a vector", path,
                             t->name);
        list[i] = (wane_update_tensor){
            .name = t->name, .rows = t->shape[0], .cols = t->dimensions == 2 ? t->shape[1] : 1};
        wane_status st = wane_update_memory_values(&list[i].data, memory, t, err);
        if (st != WANE_OK) return st;
    }
    out->tensors = list;
    out->count = count;
    return WANE_OK;
}

/* What `memory` has open, as tuned tensors; memory is taken over. sha256: of its file, or NULL. */
static wane_status load_tensors(wane_update *out, wane_update_memory *memory, const char *path,
                                const char *sha256, wane_error *err)
{
    wane_update update = {.facts.base_model = ""};
    if (sha256) memcpy(update.weights_sha256, sha256, sizeof update.weights_sha256);
    wane_status st = wane_tensors_hold(memory->tensors, err);
    if (st == WANE_OK) st = read_tensors(&update, memory, path, err);
    update.memory = memory;
    if (st == WANE_OK) *out = update;
    else wane_update_memory_free(memory);
    return st;
}

wane_status wane_update_load_package(wane_update *out, const wane_package *package, bool loose,
                                     void (*warning)(void *context, const char *line),
                                     void *context, wane_error *err)
{
    wane_update_memory *memory = NULL;
    if (wane_package_has(package, "adapter_config.json"))
        return wane_peft_load(out, package, loose, warning, context, err);
    wane_status st = wane_update_memory_new(&memory, err);
    if (st == WANE_OK) st = wane_tensors_open_package(&memory->tensors, package, err);
    if (st == WANE_OK) return load_tensors(out, memory, wane_package_path(package), NULL, err);
    wane_update_memory_free(memory);
    return st;
}

wane_status wane_update_load(wane_update *out, const char *path,
                             void (*warning)(void *context, const char *line), void *context,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_update_memory *memory = NULL;
    if (wane_folder_exists(path) || wane_entries_is_archive(path) || wane_hub_is(path)) {
        wane_package *package = NULL;
        if ((st = wane_package_open(&package, path, err)) != WANE_OK) return st;
        st = wane_update_load_package(out, package, false, warning, context, err);
        wane_package_close(package);
        return st;
    }
    char sha256[WANE_SHA256_HEX];
    st = wane_update_memory_new(&memory, err);
    if (st == WANE_OK) st = wane_tensors_open_copy(&memory->tensors, sha256, NULL, path, err);
    if (st == WANE_OK) return load_tensors(out, memory, path, sha256, err);
    wane_update_memory_free(memory);
    return st;
}

wane_status wane_update_sha256(char out[WANE_SHA256_HEX], const wane_update *update,
                               wane_error *err)
{
    wane_sha256 *hash = NULL;
    if (!update->lowrank) {
        memcpy(out, update->weights_sha256, sizeof update->weights_sha256);
        return WANE_OK;
    }
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "adapter_config.json");
    wane_sha256_text(hash, update->config_sha256);
    wane_sha256_text(hash, "adapter_model");
    wane_sha256_text(hash, update->weights_sha256);
    return wane_sha256_end(out, hash, err);
}

void wane_update_free(wane_update *update)
{
    wane_update_memory_free(update->memory);
    *update = (wane_update){0};
}

static wane_status save_tensors(const wane_update *update, const char *path, wane_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    wane_tensor_source *sources = wane_alloc(update->count, sizeof *sources);
    if (!sources) return wane_fail_memory(err, "write", path);
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *t = &update->tensors[i];
        sources[i] = (wane_tensor_source){.name = t->name,
                                          .data = t->data,
                                          .dimensions = t->cols == 1 ? 1 : 2,
                                          .shape = {t->rows, t->cols}};
    }
    wane_status st = wane_tensors_write(path, sources, update->count, metadata, 1, err);
    wane_free(sources);
    return st;
}

wane_status wane_update_save(const wane_update *update, const char *path, wane_error *err)
{
    if (update->count == 0)
        return wane_fail(err, WANE_EINVAL, "write: %s: the update holds no tensors", path);
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *t = &update->tensors[i];
        bool factors = update->lowrank && t->term.a && t->term.b && t->term.rank > 0;
        bool vector = update->facts.form && update->facts.form->vector;
        if ((!factors && !t->data) || (t->vector != NULL) != (factors && !t->data && vector))
            return wane_fail(err, WANE_EINVAL, "write: %s: %s: does not fit the update's form",
                             path, t->name);
    }
    return update->lowrank ? wane_peft_save(update, path, err) : save_tensors(update, path, err);
}

/* The weight's module, where the file has nothing for it. */
static bool module_without(char module[256], const wane_update *update, const char *weight)
{
    const wane_update_memory *memory = update->memory;
    size_t length = strlen(weight), tail = strlen(".weight");
    if (!memory || !memory->targets || length < tail || length - tail >= 256 ||
        strcmp(weight + length - tail, ".weight") != 0)
        return false;
    memcpy(module, weight, length - tail);
    module[length - tail] = '\0';
    for (size_t i = 0; i < update->count; i++)
        if (strcmp(update->tensors[i].name, weight) == 0) return false;
    return true;
}

wane_status wane_update_lacks(bool *out, const wane_update *update, const char *weight,
                              wane_error *err)
{
    const wane_update_memory *memory = update->memory;
    char module[256];
    *out = false;
    if (!module_without(module, update, weight)) return WANE_OK;
    return wane_peft_targets_hold(out, memory->targets, module, err);
}

bool wane_update_lacks_whole(const wane_update *update, const char *weight)
{
    const wane_update_memory *memory = update->memory;
    char module[256];
    return module_without(module, update, weight) &&
           wane_peft_targets_save(memory->targets, module);
}

wane_status wane_update_rename(wane_update *update,
                               const char *(*own)(void *context, const char *name), void *context,
                               wane_error *err)
{
    const wane_update_memory *memory = update->memory;
    for (size_t i = 0; i < update->count + update->claim_count; i++) {
        const char **name =
            i < update->count ? &update->tensors[i].name : &update->claims[i - update->count].name;
        const char *now = own(context, *name);
        if (now == *name) continue;
        *name = wane_arena_strdup(memory->arena, now);
        if (!*name) return wane_fail_memory(err, "update", "names");
    }
    qsort(update->tensors, update->count, sizeof *update->tensors, wane_update_by_name);
    for (size_t i = 1; i < update->count; i++)
        if (strcmp(update->tensors[i - 1].name, update->tensors[i].name) == 0)
            return wane_fail(err, WANE_EFORMAT, "update: %s: is there twice, under two names",
                             update->tensors[i].name);
    return WANE_OK;
}

bool wane_update_claim_holds(const wane_update_claim *claim, const float *weight)
{
    size_t count = claim->rows * claim->cols;
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)weight[i]));
    for (size_t i = 0; i < count; i++) {
        double w = (double)weight[i], difference = fabs((double)claim->data[i] - w);
        if (!(difference <= claim->unit * fabs(w) + 1e-6 * largest)) return false;
    }
    return true;
}

bool wane_update_is_term(const wane_update_tensor *tensor)
{
    return !tensor->data && !tensor->vector;
}

void wane_update_apply(wane_pool *pool, const wane_update_tensor *tensor, float *weight)
{
    size_t rows = tensor->rows, cols = tensor->cols, rank = tensor->term.rank;
    if (tensor->data) memcpy(weight, tensor->data, rows * cols * sizeof *weight);
    else
        wane_sgemm(pool, false, false, rows, cols, rank, tensor->term.scale, tensor->term.b, rank,
                   tensor->term.a, cols, 1.0F, weight, cols);
}
