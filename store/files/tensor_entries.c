/* SPDX-License-Identifier: Apache-2.0
 * The list of a checkpoint's tensors: added in the order of its files, sorted by name, looked up;
 * and which of them are buffers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/tensors_internal.h"

typedef wane_tensor_entry entry;

wane_status wane_tensors_add(wane_tensors *tensors, const wane_tensor_entry *one, wane_error *err)
{
    if (!WANE_GROW(tensors->entries, tensors->room, tensors->count + 1))
        return wane_fail_memory(err, "read", tensors->path);
    tensors->entries[tensors->count++] = *one;
    return WANE_OK;
}

static int by_name(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return strcmp(a->tensor.name, b->tensor.name);
}

/* Numbers of 8 bits with a scale in a tensor beside them are no weights by themselves. */
static void find_scaled(wane_tensors *tensors)
{
    static const char *const endings[] = {"_scale", "_scale_inv"};
    char name[256];
    for (size_t i = 0; i < tensors->count; i++) {
        entry *e = &tensors->entries[i];
        bool e4m3 = e->tensor.dtype == WANE_F8_E4M3;
        if (!e4m3 && e->tensor.dtype != WANE_F8_E5M2) continue;
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
            (void)snprintf(name, sizeof name, "%.200s%s", e->tensor.name, endings[k]);
            if (!wane_tensors_find(tensors, name)) continue;
            e->tensor.dtype = WANE_OTHER;
            e->type = e4m3 ? "F8_E4M3 with a scale of its own" : "F8_E5M2 with a scale of its own";
        }
    }
}

wane_status wane_tensors_sort(wane_tensors *tensors, wane_error *err)
{
    if (tensors->count) qsort(tensors->entries, tensors->count, sizeof(entry), by_name);
    for (size_t i = 1; i < tensors->count; i++) {
        const entry *a = &tensors->entries[i - 1], *b = a + 1;
        if (by_name(a, b) == 0)
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: in %s and in %s", tensors->path,
                             a->tensor.name, tensors->shards[a->shard].name,
                             tensors->shards[b->shard].name);
    }
    find_scaled(tensors);
    return WANE_OK;
}

/* Names and forms as `former` gives them. */
static wane_status form_one(wane_tensors *tensors, entry *e, wane_tensor_former former,
                            void *context, wane_error *err)
{
    wane_tensor_form form = {0};
    size_t cell = 0, rows = e->tensor.dimensions ? e->tensor.shape[0] : 1;
    wane_status st = former(context, &form, &e->tensor, err);
    if (st != WANE_OK) return st;
    bool fits = wane_size_mul(&cell, form.swap[0], form.swap[1]) &&
                wane_size_mul(&cell, cell, form.inner) && (cell == 0 || rows % cell == 0);
    if (form.swap[0] && (!fits || e->strided))
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: %zu rows are not %zu x %zu x %zu, or a multiple of it",
                         tensors->path, e->tensor.name, rows, form.swap[0], form.swap[1],
                         form.inner);
    if (form.name) e->tensor.name = wane_arena_strdup(tensors->arena, form.name);
    e->form = form;
    return e->tensor.name ? WANE_OK : wane_fail_memory(err, "read", tensors->path);
}

wane_status wane_tensors_form(wane_tensors *tensors, wane_tensor_former former, void *context,
                              wane_error *err)
{
    for (size_t i = 0; i < tensors->count; i++) {
        wane_status st = form_one(tensors, &tensors->entries[i], former, context, err);
        if (st != WANE_OK) return st;
    }
    return wane_tensors_sort(tensors, err);
}

size_t wane_tensors_count(const wane_tensors *tensors)
{
    return tensors->count;
}

const wane_tensor *wane_tensors_at(const wane_tensors *tensors, size_t index)
{
    return &tensors->entries[index].tensor;
}

const wane_tensor *wane_tensors_find(const wane_tensors *tensors, const char *name)
{
    entry wanted = {.tensor.name = name};
    const entry *found =
        tensors->count ? bsearch(&wanted, tensors->entries, tensors->count, sizeof wanted, by_name)
                       : NULL;
    return found ? &found->tensor : NULL;
}

const char *wane_tensors_type(const wane_tensor *tensor)
{
    return ((const entry *)tensor)->type;
}

void wane_tensors_say_types(wane_text *out, const wane_tensors *tensors, bool rounded)
{
    enum { MOST = 32 };
    const char *name[MOST];
    size_t count[MOST] = {0}, kinds = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        size_t k = 0;
        wane_dtype dtype = tensors->entries[i].tensor.dtype;
        if (rounded && (dtype == WANE_OTHER || !wane_dtype_coarser(dtype, WANE_F32))) continue;
        while (k < kinds && strcmp(name[k], tensors->entries[i].type) != 0) k++;
        if (k == MOST) continue;
        if (k == kinds) name[kinds++] = tensors->entries[i].type;
        count[k]++;
    }
    for (size_t said = 0, most = 0; said < kinds; said++, most = 0) {
        for (size_t k = 1; k < kinds; k++)
            if (count[k] > count[most]) most = k;
        if (said) wane_text_string(out, ", ");
        if (!rounded) wane_text_printf(out, "%zu ", count[most]);
        wane_text_string(out, name[most]);
        count[most] = 0;
    }
}

bool wane_tensors_quantized(const wane_tensors *tensors)
{
    bool some = false;
    for (size_t i = 0; i < tensors->count; i++)
        some = some || tensors->entries[i].tensor.dtype == WANE_BLOCKS;
    return some;
}

bool wane_tensor_ends(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    bool whole = length == tail || (length > tail && name[length - tail - 1] == '.');
    return whole && strcmp(name + length - tail, ending) == 0;
}

bool wane_tensor_is_buffer(const wane_tensor *tensor)
{
    static const char *const endings[] = {"inv_freq",
                                          "original_inv_freq",
                                          "cos_cached",
                                          "sin_cached",
                                          "masked_bias",
                                          "position_ids",
                                          "rope_freqs.weight",
                                          "rope_factors_short.weight",
                                          "rope_factors_long.weight"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (wane_tensor_ends(tensor->name, endings[i])) return true;
    /* GPT-2 keeps its causal mask as `attn.bias`, GPT-NeoX as `attention.bias`, of four dimensions.
     */
    if (tensor->dimensions == 4 && (wane_tensor_ends(tensor->name, "attn.bias") ||
                                    wane_tensor_ends(tensor->name, "attention.bias")))
        return true;
    return tensor->dtype == WANE_OTHER && *wane_tensors_type(tensor) != 'F' &&
           !strstr(tensor->name, "weight");
}

const char *wane_tensors_note(const wane_tensors *tensors)
{
    return tensors->note;
}

const char *wane_tensors_metadata(const wane_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->pairs; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0) return tensors->metadata[i].value;
    return NULL;
}
