/* SPDX-License-Identifier: Apache-2.0
 * A pretrained transformer: configuration, the parameter table, the weights.
 *
 * The table is the only list of tensors: loading, allocation, optimiser, checkpoints, adapters and
 * analysis are all driven by it. It is made of the rows of the model's architecture
 * (architecture.h).
 */
#ifndef EVAL_MODEL_MODEL_H
#define EVAL_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/compute/kernels.h"
#include "store/base/hash.h"
#include "store/base/matrix.h"
#include "store/base/status.h"
#include "store/files/package.h"

typedef struct wane_rope_kind wane_rope_kind;

/* A factor for each pair of a head. */
enum { WANE_ROPE_PAIRS = 128 };
typedef struct wane_rope_factors {
    size_t count;
    double value[WANE_ROPE_PAIRS];
} wane_rope_factors;

/* Rotary positions: how the first `width` numbers of a head are turned, and how their frequencies
 * are scaled. What the kind of scaling has no key for (rope_kinds.c) is 0. */
typedef struct wane_rope {
    double theta;               /* 0: no rotary positions */
    size_t width;               /* of an odd number one more is turned; 0: the whole head */
    const wane_rope_kind *kind; /* an entry of the list: a constant; NULL: no scaling */
    double factor, low_frequency_factor, high_frequency_factor, beta_fast, beta_slow;
    double attention_factor; /* of cosines and sines; 0: 1 */
    bool truncated;          /* bounds in whole pairs */
    size_t original_context; /* before scaling */
    wane_rope_factors short_factor, long_factor;
} wane_rope;

/* Layers by their number. */
enum { WANE_LAYER_SET = 512 };
typedef struct wane_layer_set {
    uint64_t bits[WANE_LAYER_SET / 64];
} wane_layer_set;
bool wane_layer_in(const wane_layer_set *set, size_t layer);
void wane_layer_add(wane_layer_set *set, size_t layer); /* layer < WANE_LAYER_SET */

/* What is computed with the tensors that an architecture's rows name: which norms there are,
 * whether the MLP has a gate, whether positions are learned follows from the rows. All zero is
 * Llama's. A scale of 0 is none, and so is a cap. */
typedef struct wane_block {
    wane_norm_kind norm; /* of every norm */
    wane_activation_kind
        activation;     /* of the MLP: act(gate) * up where it has a gate, else act(up) */
    bool qkv_by_head;   /* a weight of queries, keys and values in one has, for each key head, its
                           query heads, its key, its value; else all queries, all keys, all values */
    bool qk_norm_whole; /* norms of queries and keys run over all heads at once, else over each */
    size_t position_offset; /* learned positions: position p has row p + that of the table */
    bool parallel; /* the MLP reads what attention reads, the stream before either is added */
    bool full;     /* a token sees all tokens of its sequence, else those before it and itself */
    size_t
        window; /* of the layers in `windowed`: a token sees that many, itself included; 0: all */
    wane_layer_set windowed;
    wane_layer_set unturned; /* layers without rotary positions */
    double attention_scale;  /* of scores; 0: 1 / sqrt(head_width) */
    double attention_cap;    /* scores become cap tanh(scores / cap) */
    double embedding_scale;  /* of the embedding's rows, not of positions */
    double residual_scale;   /* of a branch before it is added */
    double logit_divisor;    /* the vocabulary's logits are divided by it */
    double logit_cap;        /* then cap tanh(logits / cap) */
} wane_block;

/* How one layer differs from the others. */
typedef struct wane_layer_shape {
    size_t window;         /* 0: none */
    const wane_rope *rope; /* NULL: none */
} wane_layer_shape;

typedef struct wane_architecture wane_architecture;

/* A model's sizes and settings; which of them config.json has, and under which names, is said by
 * its architecture. */
typedef struct wane_config {
    const wane_architecture *architecture; /* an entry of the list: a constant */
    size_t vocabulary, width, layers, heads, kv_heads, head_width, hidden, context;
    double norm_epsilon;
    wane_rope rope;
    wane_rope local_rope; /* of the layers with a window, where its theta is not 0 */
    bool tied;            /* the head is the embedding matrix */
    bool attention_bias, mlp_bias;
    double initializer_range;
    int32_t bos, eos; /* -1: none */
    int32_t pad;      /* as wane_config_pad has it */
    wane_block block;
} wane_config;

/* Reads a Hugging Face config.json of an architecture of the list; what this engine does not
 * compute is refused by name rather than computed as something else. A key that is absent has the
 * default of transformers; rope_theta is found wherever transformers 4 and 5 write it. `name` is
 * what messages call the file. */
WANE_MUST_CHECK wane_status wane_config_parse(wane_config *out, const char *bytes, size_t count,
                                              const char *name, wane_error *err);

wane_layer_shape wane_config_layer(const wane_config *config, size_t layer);
/* The token whose row of the embedding is not trained by what reads it (torch's padding_idx; by a
 * tied head it is), in families whose configuration has one; -1: none. */
int32_t wane_config_pad(const wane_config *config);

/* Tokens of the longest sequence: the context, or more where rotary positions stretch with the
 * sequence (rope_type "dynamic": factor times the context). */
size_t wane_config_reach(const wane_config *config);
/* Whether a sequence of `whole` tokens turns its first ones as they are turned alone, so that those
 * may be computed once for several that begin alike. Of scalings that go by a sequence's length
 * they may differ. */
bool wane_config_prefix_shared(const wane_config *config, size_t prefix, size_t whole);

/* One setting of config.json in which a model differs from another, as JSON. */
enum { WANE_CONFIG_SETTINGS = 48, WANE_SETTING_BYTES = 240 };
typedef struct wane_config_difference {
    const char *setting; /* config.json's name for it; a constant */
    char base[WANE_SETTING_BYTES], value[WANE_SETTING_BYTES];
} wane_config_difference;

/* Fills `out` with what differs, by the settings as they are understood (a default and the same
 * value written out are alike); returns how many. Of two architectures model_type alone. */
size_t wane_config_differences(wane_config_difference out[WANE_CONFIG_SETTINGS],
                               const wane_config *base, const wane_config *other);
/* The first setting that decides the table of parameters in which they differ, as `out` (out may be
 * NULL); false when both have the same table. */
bool wane_config_shape_differs(wane_config_difference *out, const wane_config *base,
                               const wane_config *other);
/* Of two configurations with the same parameters: whether equal weights give equal logits. */
bool wane_config_computes_alike(const wane_config *a, const wane_config *b);

typedef enum wane_role {
    WANE_ROLE_EMBEDDING,
    WANE_ROLE_POSITIONS,
    WANE_ROLE_QKV, /* queries, keys and values in one */
    WANE_ROLE_Q,
    WANE_ROLE_K,
    WANE_ROLE_V,
    WANE_ROLE_O,
    WANE_ROLE_GATE_UP, /* gate, then up */
    WANE_ROLE_GATE,
    WANE_ROLE_UP,
    WANE_ROLE_DOWN,
    WANE_ROLE_NORM,
    WANE_ROLE_BIAS,
    WANE_ROLE_HEAD
} wane_role;

typedef struct wane_parameter {
    char name[96];      /* Hugging Face's, "model.layers.0.self_attn.q_proj.weight" */
    const char *module; /* last part of the module's name, "q_proj"; more of them where another of
                           its layer ends alike ("attn.c_proj", "mlp.c_proj"); a constant */
    wane_role role;
    int layer;         /* -1 outside the layers */
    size_t rows, cols; /* outputs x inputs; a vector has cols = 1 */
    size_t offset;     /* of its first float in a block of the table's layout; 64-byte aligned */
    size_t step;       /* when a pass uses it: a number that rises through the pass; 0: before the
                          layers */
    bool turned;       /* files have it as inputs x outputs (GPT-2's Conv1D); it is outputs x inputs
                          here, and so are an adapter's factors everywhere */
    bool decays;       /* weight decay applies (matrices, not norms or biases) */
    bool linear;       /* a weight matrix inside a layer: what `full-matrices` tunes, `all-linear`
                          adapts and the spectra analyse */
} wane_parameter;

typedef struct wane_places wane_places;

typedef struct wane_parameters {
    size_t count;
    wane_parameter *parameter;
    wane_places *places; /* where in the computation they stand: for eval/model alone */
    size_t floats;       /* of a block of this layout, alignment included */
    size_t numbers;      /* of parameters, alignment excluded; a tied head counts once */
} wane_parameters;

/* A pure function of the configuration; WANE_EINVAL when sizes do not fit together or overflow. */
WANE_MUST_CHECK wane_status wane_parameters_plan(wane_parameters *out, const wane_config *config,
                                                 wane_error *err);
void wane_parameters_free(wane_parameters *parameters);
/* Index of the parameter with that full name, or -1. */
long wane_parameters_find(const wane_parameters *parameters, const char *name);
/* The full names of the embedding and of the head; the head's is there for a tied model too, whose
 * table has none. Borrowed from the table. */
const char *wane_parameters_embedding_name(const wane_parameters *parameters);
const char *wane_parameters_head_name(const wane_parameters *parameters);

enum { WANE_TENSOR_NAME = 192 };
/* The table's name (a tied model's head has one too) of a tensor that files may name otherwise, in
 * `out` or borrowed; `name` itself where it has none. */
const char *wane_parameters_own_name(char out[WANE_TENSOR_NAME], const wane_parameters *parameters,
                                     const char *name);

typedef struct wane_model {
    wane_config config;
    wane_parameters parameters;
    float *weights; /* one block of parameters.floats */
    size_t others;  /* of one that was loaded: tensors of its files that are of other parts of a
                       model  of more than text, and were passed over */
} wane_model;

/* Reads a Hugging Face folder, or an archive of one: config.json, and tensors in any form and type
 * that tensors.h reads. From an archive they go straight to the model's block. The tie is accepted
 * in either direction; names may begin as the architecture allows. Missing, unknown or misshapen
 * tensors are errors that name the tensor (buffers are passed over: tables of the rotary positions,
 * and tensors of whole numbers, as position ids and masks). Owned by the caller, free with
 * wane_model_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_model_load(wane_model **out, const char *path, wane_error *err);
/* The same from an open package, borrowed for the call. */
WANE_MUST_CHECK wane_status wane_model_load_package(wane_model **out, const wane_package *package,
                                                    wane_error *err);
/* Normal(0, initializer_range) matrices (positions too), norms that leave lengths as they are,
 * biases 0, from the seed (INIT, tensor = index).
 */
WANE_MUST_CHECK wane_status wane_model_random(wane_model **out, const wane_config *config,
                                              uint64_t seed, wane_error *err);
WANE_MUST_CHECK wane_status wane_model_copy(wane_model **out, const wane_model *model,
                                            wane_error *err);
void wane_model_free(wane_model *model);
/* A tied model gets a head of its own, equal to the embedding (its table one more parameter, behind
 * the others, which stay where they are); tie takes it off again. Nothing where it is so already.
 */
WANE_MUST_CHECK wane_status wane_model_untie(wane_model *model, wane_error *err);
void wane_model_tie(wane_model *model);

/* Writes config.json, generation-neutral, and model.safetensors (fp32, format "pt") into the folder
 * `path` (made if missing), loadable by transformers. */
WANE_MUST_CHECK wane_status wane_model_save(const wane_model *model, const char *path,
                                            wane_error *err);

/* SHA-256 of configuration, names, shapes and fp32 values: the key of the base model. */
WANE_MUST_CHECK wane_status wane_model_sha256(char out[WANE_SHA256_HEX], const wane_model *model,
                                              wane_error *err);

/* The first parameter with a value that is NaN or infinite, in the order of the table, and the
 * place of the value in it, row by row from 0 (element may be NULL); NULL when every weight is
 * finite. Borrowed. */
const wane_parameter *wane_model_not_finite(const wane_model *model, size_t *element);
/* The same in words, "value 5 of model.norm.weight is NaN", in `out`, which it returns; or NULL. */
char *wane_model_say_not_finite(char *out, size_t size, const wane_model *model);

/* A weight from the form that files have it in, and back: turned, where they keep it so, else a
 * copy. Both have rows * cols numbers and do not overlap. */
void wane_parameter_from_file(const wane_parameter *parameter, const float *file, float *weight);
void wane_parameter_to_file(const wane_parameter *parameter, const float *weight, float *file);
/* Its shape in files: rows, cols; a vector has cols 1. */
size_t wane_parameter_file_rows(const wane_parameter *parameter);
size_t wane_parameter_file_cols(const wane_parameter *parameter);

float *wane_model_weight(wane_model *model, size_t parameter);
wane_matrix wane_model_matrix(const wane_model *model, size_t parameter); /* borrowed view */

#endif
