/* SPDX-License-Identifier: Apache-2.0
 * Kinds of rotary scaling (config.json's rope_type), an entry each: which keys it has, and which
 * frequencies it makes of theta. Reading, writing, comparing, hashing and computing go by the
 * entry. Formulas: transformers' modeling_rope_utils.py, in its precision. For this room alone.
 */
#ifndef EVAL_MODEL_ROPE_KINDS_H
#define EVAL_MODEL_ROPE_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/model/config_key.h"
#include "eval/model/model.h"

typedef enum wane_rope_value {
    WANE_ROPE_NUMBER,  /* double: positive */
    WANE_ROPE_CONTEXT, /* size_t: the context before scaling, from wherever it stands */
    WANE_ROPE_FLAG,    /* bool: as Python takes it; true where it is absent */
    WANE_ROPE_FACTORS  /* wane_rope_factors: positive numbers */
} wane_rope_value;

/* A key among the rotary parameters. */
typedef struct wane_rope_key {
    const char *name;   /* config.json's */
    const char *hashed; /* as the model's hash has it: for ever */
    wane_rope_value value;
    size_t offset; /* of the member of wane_rope */
    bool optional; /* of a number: null or absent is `absent`, and so is 0 where `absent` is not */
    double absent;
} wane_rope_key;

/* Where the rotary parameters of one kind of layer are read from. */
typedef struct wane_rope_source {
    const wane_config_source *file;
    const wane_json *object; /* they themselves */
    const wane_json *around; /* config.json's value: `object`, or what holds one for each kind of
                                layer */
    size_t context;          /* max_position_embeddings */
} wane_rope_source;

struct wane_rope_kind {
    const char *name; /* in results and in the hash of models: for ever */
    const wane_rope_key *keys;
    size_t key_count;
    /* What follows from the keys once they are read, or is refused; NULL: nothing. */
    wane_status (*settle)(wane_rope *rope, const wane_rope_source *source);
    /* Whether it can turn `width` numbers of a head: a cause, or NULL. NULL: it can. */
    const char *(*unfit)(const wane_rope *rope, size_t width);
    /* Of pair i of width / 2, in a sequence of that many tokens. */
    float (*frequency)(const wane_rope *rope, size_t width, size_t pair, size_t length);
    /* What of a sequence's length decides its frequencies: they are equal where this is. NULL: the
     * length does not. */
    size_t (*decisive)(const wane_rope *rope, size_t length);
    /* The longest sequence, where that is not the context; NULL: it is. */
    size_t (*reach)(const wane_rope *rope, size_t context);
};

/* The entries of the list, by place from 0; NULL behind the last. */
const wane_rope_kind *wane_rope_kind_at(size_t place);

/* Of no scaling: theta ^ (-2 pair / width). */
float wane_rope_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length);
/* What of the length decides, of any rope; 0 where nothing does. */
size_t wane_rope_decisive(const wane_rope *rope, size_t length);
/* The numbers of a head that are turned. */
size_t wane_rope_width(const wane_config *config, const wane_rope *rope);
/* Whether the scalings of a configuration can be computed; behind all of its sizes. */
wane_status wane_rope_check(const wane_config *config, const wane_config_source *source);

/* The entries, a line each: ENTRY(x) is wane_rope_x. Of no scaling ("default") wane_rope.kind is
 * NULL. */
#define WANE_ROPE_KINDS(ENTRY)                                                                     \
    ENTRY(linear) ENTRY(dynamic) ENTRY(llama3) ENTRY(yarn) ENTRY(longrope)
#define WANE_DECLARE(name) extern const wane_rope_kind wane_rope_##name;
WANE_ROPE_KINDS(WANE_DECLARE)
#undef WANE_DECLARE

#endif
