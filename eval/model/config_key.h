/* SPDX-License-Identifier: Apache-2.0
 * A key of config.json: an entry of an architecture's table. Reading, writing, comparing and
 * hashing a configuration are loops over the table.
 */
#ifndef EVAL_MODEL_CONFIG_KEY_H
#define EVAL_MODEL_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/model/model.h"
#include "store/base/text.h"
#include "store/files/json.h"

typedef struct wane_config_key wane_config_key;

/* The object being read and what messages call it. */
typedef struct wane_config_source {
    const wane_json *root;
    const char *name;
    wane_error *err;
} wane_config_source;

/* For whom a value is printed: config.json, a person (JSON too), or a hash. */
typedef enum wane_config_form { WANE_FORM_FILE, WANE_FORM_SAID, WANE_FORM_HASHED } wane_config_form;

/* What kind of value a key has. An architecture with a kind of its own defines it in its file. */
typedef struct wane_config_type {
    /* Sets the member from the object, where the key may be absent. NULL: another key's reading
     * sets it. */
    wane_status (*read)(wane_config *out, const wane_config_key *key, const wane_config_source *s);
    /* Nothing where config.json is to lack the key. */
    void (*print)(wane_text *out, const wane_config *config, const wane_config_key *key,
                  wane_config_form form);
    bool (*equal)(const wane_config *a, const wane_config *b, const wane_config_key *key);
    /* Whether the value is that of an absent key. */
    bool (*at_default)(const wane_config *config, const wane_config_key *key);
} wane_config_type;

/* For kinds that another key is written, compared and hashed with. */
void wane_config_print_nothing(wane_text *out, const wane_config *config,
                               const wane_config_key *key, wane_config_form form);
bool wane_config_always_equal(const wane_config *a, const wane_config *b,
                              const wane_config_key *key);
bool wane_config_always_at_default(const wane_config *config, const wane_config_key *key);

extern const wane_config_type wane_config_size; /* size_t: a whole number >= 1, at most `most` */
extern const wane_config_type
    wane_config_number; /* double: positive; of an optional one 0 is null */
/* double: 1 / root of a whole number >= 1, which config.json has. */
extern const wane_config_type wane_config_inverse_root;
extern const wane_config_type wane_config_flag;  /* bool; null is false */
extern const wane_config_type wane_config_token; /* int32_t: a token's id, the first of a list of
                                                    them, or -1 for null: none */
extern const wane_config_type
    wane_config_activation; /* wane_activation_kind, by transformers' name */
/* rope.theta, or local_rope.theta of the layers with a window: all of that wane_rope is read here,
 * but for the part. */
extern const wane_config_type wane_config_rope_theta;
extern const wane_config_type wane_config_rope_scaling; /* rope: all but theta is written here */
/* rope.original_context, of families whose files have it beside the rotary parameters; `absent` is
 * then before what stands among them. */
extern const wane_config_type wane_config_original_context;
/* rope.width by the share of a head that is turned. Behind the sizes. */
extern const wane_config_type wane_config_rope_part;
/* wane_layer_set block.windowed by a name for each layer, "sliding_attention" or "full_attention";
 * empty where the key is absent. Behind the number of layers. */
extern const wane_config_type wane_config_layer_types;
/* Of families whose windows are off unless a flag says otherwise (config_window.c); no member. The
 * flag: behind the window, which it takes away. */
extern const wane_config_type wane_config_use_window;
/* The first layer with a window: behind the flag and the names of layers, and only without names.
 */
extern const wane_config_type wane_config_window_from;

/* No member: a flag or number that changes what is computed, and is refused at any value but
 * `absent` (null is as good). */
extern const wane_config_type wane_config_fixed;

/* No member: a dropout of training that none is applied for here, whatever it is; not written. */
extern const wane_config_type wane_config_not_applied;

/* What a key decides. */
typedef enum wane_config_decides {
    WANE_DECIDES_SHAPE,   /* the table of parameters */
    WANE_DECIDES_NUMBERS, /* what equal weights give */
    WANE_DECIDES_USE,     /* how long a text may be, which tokens begin and end it */
    WANE_DECIDES_NOTHING  /* of a trained model */
} wane_config_decides;

struct wane_config_key {
    const char *name;
    const wane_config_type *type;
    size_t offset; /* of the member of wane_config */
    wane_config_decides decides;
    double absent; /* the value where the key is absent: transformers' default. Of a size 0: what
                      follows from the others (kv heads: heads; a head's width: width / heads) */
    bool optional; /* null says what absence says */
    bool null_is_zero; /* of a size or number: null is 0 (none, or what follows from the others),
                          whatever absence is */
    size_t most;       /* of a size */
    /* NULL: hashed under its own name where it is not at its default, so that models keep their
     * hash when a key is added. Llama's first keys have the names they have always been hashed
     * under; "" is the value alone, where it is not at its default. */
    const char *hashed;
};

/* Offset and type of a member, for an entry. */
#define WANE_CONFIG_MEMBER(member, kind)                                                           \
    .offset = offsetof(wane_config, member), .type = &wane_config_##kind

/* WANE_EFORMAT "model configuration: NAME: key: cause". */
wane_status wane_config_refuse(const wane_config_source *source, const char *key,
                               const char *cause);
/* A whole number >= 1; a positive number. `value` is what config.json has at `key`. */
wane_status wane_config_take_size(const wane_config_source *source, const wane_json *value,
                                  const char *key, size_t *out);
wane_status wane_config_take_positive(const wane_config_source *source, const wane_json *value,
                                      const char *key, double *out);
/* Windows as they are left by the keys: refused where a layer is named that has none, none where no
 * layer has it. For `settle`. */
wane_status wane_config_settle_windows(wane_config *config, const wane_config_source *source);
/* The names of `names` up to its NULL as "a, b and c", in `out`. */
const char *wane_config_say_list(char out[256], const char *const *names);
/* Whether a value is there and not null. */
bool wane_config_given(const wane_json *value);

/* For settle: where layer_types is not given, every layer has a window but each `period`-th. */
wane_status wane_config_window_layers(wane_config *config, const wane_config_source *source,
                                      size_t period);

/* The entry of that name, or of the member at that offset, in the architecture's table; NULL
 * without one. */
const wane_config_key *wane_config_key_named(const wane_architecture *architecture,
                                             const char *name);
/* What config.json calls the member at that offset; `fallback` where it has no key. */
const char *wane_config_key_of(const wane_config *config, size_t offset, const char *fallback);
/* The value of a size or flag. */
size_t wane_config_key_size(const wane_config *config, const wane_config_key *key);

/* A number as it is written in that form. */
void wane_config_print_number(wane_text *out, double number, wane_config_form form);
/* What decides what a model computes, its weights apart: the architecture and the keys with a name
 * to be hashed under, and those that are not at their default. */
void wane_config_hashed(wane_text *first, wane_text *later, const wane_config *config);

#endif
