/* SPDX-License-Identifier: Apache-2.0
 * An architecture: an entry of a list, in a file of its own (architecture_*.c), that says which
 * tensors a family of models has, what its layers compute with them, and how its config.json is
 * read and written. Nothing outside an entry asks which architecture it is.
 */
#ifndef EVAL_MODEL_ARCHITECTURE_H
#define EVAL_MODEL_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/model/config_key.h"
#include "eval/model/model.h"

/* Where in the computation a tensor stands. That decides its shape, its role, and when it is used
 * (parameters.c has the table). */
typedef enum wane_place {
    /* The linear weights of a layer, the slots. */
    WANE_SLOT_Q,
    WANE_SLOT_K,
    WANE_SLOT_V,
    WANE_SLOT_O, /* attention's output, back into the residual stream */
    WANE_SLOT_GATE,
    WANE_SLOT_UP,
    WANE_SLOT_DOWN,    /* the MLP's output */
    WANE_SLOT_QKV,     /* instead of the first three: one matrix, in the order wane_block says */
    WANE_SLOT_GATE_UP, /* instead of gate and up: one matrix, gate first */
    WANE_SLOTS,
    /* Norms of a layer: places without a row are passed by. */
    WANE_NORM_ATTENTION = WANE_SLOTS, /* of what attention reads */
    WANE_NORM_Q,                      /* of queries, before they are turned */
    WANE_NORM_K,                      /* of keys */
    WANE_NORM_ATTENTION_OUT,          /* of what attention gives, before it is added */
    WANE_NORM_MLP,                    /* of what the MLP reads */
    WANE_NORM_MLP_OUT,                /* of what the MLP gives, before it is added */
    /* Outside the layers. */
    WANE_EMBEDDING,
    WANE_POSITIONS,  /* learned: added to the embedding */
    WANE_NORM_FINAL, /* of what the head reads */
    WANE_HEAD,       /* absent where the embedding is the head */
    WANE_PLACES
} wane_place;
typedef wane_place wane_slot; /* one below WANE_SLOTS */

/* One row: a tensor of the model, or, with %zu in its name, one of every layer. */
typedef struct wane_tensor_row {
    const char
        *module; /* the name in files without ".weight" or ".bias"; %zu: the layer's number */
    wane_place place;
    bool bias;   /* MODULE.bias beside MODULE.weight */
    bool turned; /* files have the matrix as inputs x outputs (Conv1D) */
    bool (*present)(const wane_config *config); /* NULL: always */
} wane_tensor_row;

/* A rope_type of config.json and the kind that it is (NULL: no scaling). */
typedef struct wane_rope_type {
    const char *name;
    const wane_rope_kind *kind;
} wane_rope_type;

/* A model of more than text (of images too) whose text model is of a family: its config.json has
 * the family's keys under text_config. That model alone is read. */
typedef struct wane_composite {
    const char *name;           /* config.json's model_type */
    const char *const *classes; /* as an architecture's */
    const char *const *others; /* what names of its other parts' tensors begin with: passed over and
                                  counted (wane_model); NULL at the end */
} wane_composite;

/* How GGUF files have the family. Norms that are 1 + w are kept as that, matrices of queries, keys
 * and values all of one kind after the other, no matrix is turned: that follows from the rest. */
typedef struct wane_gguf_family {
    const char *name; /* general.architecture; NULL: none is read. Of two of a name the second is
                         for files that have a window */
    bool pairs;       /* rows of queries and keys: the two numbers of a rotary pair side by side,
                         else the two halves of a head */
    /* Where config.json has the number that scores are scaled by the root of, GGUF has not: it is a
     * head's width, in models of that many layers width / heads. */
    size_t wide_layers;
} wane_gguf_family;

/* An entry needs name, classes, prefixes, keys and rows; the rest may be left out. A block that is
 * all zero is Llama's. */
struct wane_architecture {
    const char *name; /* config.json's model_type; in results and in the hash of every model: for
                         ever */
    const char *const *classes; /* config.json's `architectures`: the first is written, others are
                                   read; NULL at the end */
    /* What names of tensors begin with: ours, and what a file may have in its place ("": nothing);
     * NULL at the end. */
    const char *const *prefixes;
    /* Other beginnings of theirs, each with ours, (ours, theirs); {NULL} at the end; or NULL. */
    const char *const (*renamed)[2];
    const wane_composite *within; /* NULL: no model of more than text */
    const wane_config_key *keys;  /* of config.json; key_count of them */
    size_t key_count;
    /* In the order of the table, for ever: hashes of models and random numbers go by it. Those of
     * layers together, weights that read the same input side by side (one product serves them); the
     * head is the last. row_count of them. */
    const wane_tensor_row *rows;
    size_t row_count;
    /* Names of tensors that files have and nobody needs (masks), by their last parts as
     * wane_tensor_ends takes them; NULL at the end; or NULL. */
    const char *const *ignored;
    /* The rope_types that files of the family may have, a NULL behind the last; or NULL: all kinds
     * by their names. */
    const wane_rope_type *rope_types;
    wane_block block; /* as it is before the keys are read */
    wane_gguf_family gguf;
    /* What follows from the keys once they are read, or is refused; NULL: nothing. */
    wane_status (*settle)(wane_config *config, const wane_config_source *source);
};

/* The entries of the list, by place from 0; NULL behind the last. */
const wane_architecture *wane_architecture_at(size_t place);
/* NULL when there is none of that name; within: as wane_composite has it. */
const wane_architecture *wane_architecture_named(const char *name);
const wane_architecture *wane_architecture_within(const char *name);

/* The i-th way in which files may name a tensor of ours otherwise: its name there in `out`, ""
 * where that way does not concern it; false behind the last way. wane_name_of_ours: the other way
 * round. */
bool wane_name_of_files(char out[WANE_TENSOR_NAME], const wane_architecture *architecture, size_t i,
                        const char *ours);
bool wane_name_of_ours(char out[WANE_TENSOR_NAME], const wane_architecture *architecture, size_t i,
                       const char *files);

/* Predicates for rows. */
bool wane_config_untied(const wane_config *config);
bool wane_config_attention_bias(const wane_config *config);
bool wane_config_mlp_bias(const wane_config *config);

/* The entries, a line each: ENTRY(x) is wane_architecture_x. */
#define WANE_ARCHITECTURES(ENTRY)                                                                  \
    ENTRY(llama)                                                                                   \
    ENTRY(gpt2)                                                                                    \
    ENTRY(qwen2)                                                                                   \
    ENTRY(qwen3)                                                                                   \
    ENTRY(mistral)                                                                                 \
    ENTRY(smollm3)                                                                                 \
    ENTRY(granite)                                                                                 \
    ENTRY(gemma2)                                                                                  \
    ENTRY(gemma3_text)                                                                             \
    ENTRY(olmo2)                                                                                   \
    ENTRY(gpt_neox)                                                                                \
    ENTRY(phi3)
#define WANE_DECLARE(name) extern const wane_architecture wane_architecture_##name;
WANE_ARCHITECTURES(WANE_DECLARE)
#undef WANE_DECLARE

#endif
