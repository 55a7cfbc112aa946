/* SPDX-License-Identifier: Apache-2.0
 * How an adapter's file names and lays out its tensors.
 */
#include <string.h>

#include "store/base/memory.h"
#include "store/files/peft.h"

static const char prefix[] = WANE_PEFT_PREFIX;

static const struct {
    const char *infix;
    wane_peft_part part;
    bool factor, leaf; /* of factors; whether "weight" or "bias" ends the name */
} parts[] = {
    {".lora_A.", WANE_PEFT_A, true, true},
    {".lora_B.", WANE_PEFT_B, true, true},
    {".lora_embedding_A", WANE_PEFT_EMBEDDING_A, true, false},
    {".lora_embedding_B", WANE_PEFT_EMBEDDING_B, true, false},
    {".modules_to_save.", WANE_PEFT_SAVED, false, true},
    {".base_layer.", WANE_PEFT_BASE, false, true},
    {".original_module.", WANE_PEFT_BASE, false, true},
};

static bool is_leaf(const char *text)
{
    return strcmp(text, "weight") == 0 || strcmp(text, "bias") == 0;
}

/* What follows the infix: [ADAPTER.]LEAF, or of an embedding's factors and of vectors [.ADAPTER].
 */
static bool read_rest(wane_peft_name *out, const char *rest, bool factor, bool leaf)
{
    const char *dot = strchr(rest, '.');
    if (!leaf) {
        if (!*rest) return true;
        if (dot != rest || !rest[1] || strchr(rest + 1, '.')) return false;
        out->adapter = rest + 1;
        out->adapter_length = strlen(rest + 1);
        return true;
    }
    if (dot == rest) return false;
    if (dot) {
        out->adapter = rest;
        out->adapter_length = (size_t)(dot - rest);
        rest = dot + 1;
    }
    if (!is_leaf(rest) || (factor && strcmp(rest, "weight") != 0)) return false;
    if (!factor) out->leaf = rest;
    return true;
}

/* MODULE.LEAF. */
static void read_plain(wane_peft_name *out)
{
    const char *dot = strrchr(out->module, '.');
    if (!dot || dot == out->module || !is_leaf(dot + 1) || strstr(out->module, "lora_")) return;
    out->part = WANE_PEFT_PLAIN;
    out->module_length = (size_t)(dot - out->module);
    out->leaf = dot + 1;
}

/* MODULE and the name of a form's vector. */
static bool read_vector(wane_peft_name *out)
{
    const wane_adapter_form *form = NULL;
    for (size_t i = 0; (form = wane_peft_form_at(i)); i++) {
        const char *found = form->vector ? strstr(out->module, form->vector) : NULL;
        if (!found || found < out->module + 2 || found[-1] != '.') continue;
        if (!read_rest(out, found + strlen(form->vector), false, false)) return false;
        out->part = WANE_PEFT_VECTOR;
        out->module_length = (size_t)(found - out->module) - 1;
        out->form = form;
        return true;
    }
    return false;
}

wane_peft_name wane_peft_name_read(const char *name)
{
    wane_peft_name out = {.part = WANE_PEFT_UNKNOWN};
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return out;
    out.module = name + sizeof prefix - 1;
    wane_peft_name vector = out;
    if (read_vector(&vector)) return vector;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *infix = strstr(out.module, parts[i].infix);
        if (!infix || infix == out.module) continue;
        wane_peft_name made = out;
        const char *rest = infix + strlen(parts[i].infix);
        if (!read_rest(&made, rest, parts[i].factor, parts[i].leaf)) return out;
        if (parts[i].part == WANE_PEFT_BASE && made.adapter) return out;
        made.part = parts[i].part;
        made.module_length = (size_t)(infix - out.module);
        made.letter = (size_t)(infix - name) + strlen(parts[i].infix) - 1 - parts[i].leaf;
        return made;
    }
    read_plain(&out);
    return out;
}

wane_status wane_peft_transpose(const float **out, const float *in, size_t rows, size_t cols,
                                wane_arena *arena, const char *operation, const char *path,
                                wane_error *err)
{
    float *turned = wane_arena_alloc(arena, rows * cols, sizeof *turned);
    if (!turned) return wane_fail_memory(err, operation, path);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) turned[j * rows + i] = in[i * cols + j];
    *out = turned;
    return WANE_OK;
}
