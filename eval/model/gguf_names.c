/* SPDX-License-Identifier: Apache-2.0
 * The tensors of a GGUF file by their place in a model, and how they are brought into the form that
 * transformers' files have: names, rows of queries and keys, norms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/gguf_model.h"
#include "eval/model/layout.h"

static const char in_layer[] = "blk.";

/* gguf-py's names; behind blk.N. where the place is one of layers. */
static const char *const names[WANE_PLACES] = {
    [WANE_SLOT_Q] = "attn_q",
    [WANE_SLOT_K] = "attn_k",
    [WANE_SLOT_V] = "attn_v",
    [WANE_SLOT_O] = "attn_output",
    [WANE_SLOT_GATE] = "ffn_gate",
    [WANE_SLOT_UP] = "ffn_up",
    [WANE_SLOT_DOWN] = "ffn_down",
    [WANE_SLOT_QKV] = "attn_qkv",
    [WANE_SLOT_GATE_UP] = "ffn_up",
    [WANE_NORM_ATTENTION] = "attn_norm",
    [WANE_NORM_Q] = "attn_q_norm",
    [WANE_NORM_K] = "attn_k_norm",
    [WANE_NORM_ATTENTION_OUT] = "post_attention_norm",
    [WANE_NORM_MLP] = "ffn_norm",
    [WANE_NORM_MLP_OUT] = "post_ffw_norm",
    [WANE_EMBEDDING] = "token_embd",
    [WANE_POSITIONS] = "position_embd",
    [WANE_NORM_FINAL] = "output_norm",
    [WANE_HEAD] = "output",
};

const wane_tensor *wane_gguf_tensor_at(const wane_tensors *tensors, wane_place place, bool bias)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s.%s", place < WANE_EMBEDDING ? "blk.0." : "",
                   names[place], bias ? "bias" : "weight");
    return wane_tensors_find(tensors, name);
}

/* A tensor's name taken apart. */
typedef struct parts {
    size_t layer;
    bool of_layer, bias;
    char name[64];
} parts;

static bool take_apart(parts *out, const char *name)
{
    *out = (parts){0};
    out->of_layer = strncmp(name, in_layer, sizeof in_layer - 1) == 0;
    if (out->of_layer) {
        const char *number = name + sizeof in_layer - 1;
        size_t digits = strspn(number, "0123456789");
        if (digits == 0 || digits > 6 || number[digits] != '.') return false;
        out->layer = strtoul(number, NULL, 10);
        name = number + digits + 1;
    }
    const char *dot = strrchr(name, '.');
    if (!dot || (size_t)(dot - name) >= sizeof out->name) return false;
    out->bias = strcmp(dot, ".bias") == 0;
    (void)snprintf(out->name, sizeof out->name, "%.*s", (int)(dot - name), name);
    return out->bias || strcmp(dot, ".weight") == 0;
}

/* The architecture's row of that name in GGUF; NULL. */
static const wane_tensor_row *row_of(const wane_architecture *a, const parts *of)
{
    for (size_t r = 0; r < a->row_count; r++) {
        const wane_tensor_row *row = &a->rows[r];
        bool of_layer = row->place < WANE_EMBEDDING;
        if (of_layer == of->of_layer && row->bias == of->bias && names[row->place] &&
            strcmp(names[row->place], of->name) == 0)
            return row;
    }
    return NULL;
}

typedef struct forming {
    const wane_architecture *architecture;
    size_t heads, head_width;
    char name[96];
} forming;

static wane_status form(void *context, wane_tensor_form *out, const wane_tensor *tensor,
                        wane_error *err)
{
    (void)err;
    forming *f = context;
    const wane_architecture *a = f->architecture;
    parts of;
    const wane_tensor_row *row = take_apart(&of, tensor->name) ? row_of(a, &of) : NULL;
    if (!row) return WANE_OK;
    wane_row_name(f->name, row, of.layer);
    out->name = f->name;
    bool norm = row->place >= WANE_NORM_ATTENTION && row->place <= WANE_NORM_MLP_OUT;
    norm = norm || row->place == WANE_NORM_FINAL;
    if (norm && !row->bias && a->block.norm == WANE_NORM_RMS_PLUS_ONE) out->add = -1;
    if (a->gguf.pairs && (row->place == WANE_SLOT_Q || row->place == WANE_SLOT_K)) {
        out->swap[0] = 2;
        out->swap[1] = f->head_width / 2;
        out->inner = 1;
    }
    if (a->block.qkv_by_head && row->place == WANE_SLOT_QKV) {
        out->swap[0] = f->heads;
        out->swap[1] = 3;
        out->inner = f->head_width;
    }
    return WANE_OK;
}

wane_status wane_gguf_form_tensors(wane_tensors *tensors, const wane_architecture *a,
                                   wane_error *err)
{
    const wane_gguf *gguf = wane_tensors_gguf(tensors);
    forming f = {.architecture = a,
                 .heads = wane_gguf_size_of(gguf, "attention.head_count"),
                 .head_width = wane_gguf_head_width(gguf, a)};
    if (f.heads == 0 || f.head_width < 2)
        return wane_fail(
            err, WANE_EFORMAT,
            "model configuration: %s: attention.head_count and embedding_length do not "
            "give the width of a head",
            wane_gguf_path(gguf));
    return wane_tensors_form(tensors, form, &f, err);
}
