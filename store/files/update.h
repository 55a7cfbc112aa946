/* SPDX-License-Identifier: Apache-2.0
 * An update: how one stage changes the weights it started from; and its two forms on disk.
 *
 * Tensors and their names are those of the model's files: a weight that files keep as inputs x
 * outputs (GPT-2's Conv1D) is kept so in either form; factors are of outputs x inputs always.
 *
 * `adapter`: low-rank terms, kept as a PEFT adapter folder (adapter_config.json and
 * adapter_model.safetensors, keys base_model.model.<module>.lora_A.weight / lora_B.weight).
 * `tensors`: the tuned tensors themselves in fp32, kept as one safetensors file (a difference would
 * lose bits). Applying the updates of a chain of stages from left to right, with the functions
 * below, gives back the very bits of the tuned weights.
 */
#ifndef STORE_FILES_UPDATE_H
#define STORE_FILES_UPDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/blas.h"
#include "store/base/hash.h"
#include "store/base/matrix.h"
#include "store/base/status.h"
#include "store/files/package.h"

/* One tensor of an update: either a low-rank term (data NULL) or the tuned values (term.rank 0). */
typedef struct wane_update_tensor {
    const char *name; /* full tensor name of the model, "model.layers.0.self_attn.q_proj.weight" */
    size_t rows,
        cols; /* of a term outputs x inputs; of values as in the file, cols = 1 for a vector */
    wane_lowrank_term term; /* term.scale: alpha / r, or alpha / sqrt(r) under rsLoRA */
    const float *vector;    /* beside a term, `rows` numbers, of forms that have one; or NULL */
    const float *data;      /* rows * cols */
    bool embedding; /* a term kept as peft's lora_embedding_A and _B, which are transposed */
    bool own; /* of an adapter's values: the module keeps them to itself (modules_to_save) when
                 it shares its weight with another; false: the base's weight becomes them */
} wane_update_tensor;

/* What an adapter's file says that the base has (peft keeps a copy of an embedding or a head that
 * has factors). */
typedef struct wane_update_claim {
    const char *name, *key; /* the tensor of the model; its name in the file */
    size_t rows, cols;
    const float *data;
    double unit; /* largest relative error that the type it is kept in makes; 0 for F32 and F64 */
} wane_update_claim;

/* A form of adapters: what tells it from others in peft's files, and what it keeps beside factors.
 * A line of a table (peft_config.c). Its name is that of the method that trains it. */
typedef struct wane_adapter_form {
    const char *name;
    const char *flag; /* key of adapter_config.json that is `set` in this form alone */
    bool set;
    const char
        *vector; /* what stands behind the module and its dot in the name of the vector that
                    is kept for each weight, a number for each output; NULL: factors are all */
} wane_adapter_form;
/* NULL: there is none of that name. "lora": factors alone. */
const wane_adapter_form *wane_adapter_form_named(const char *name);

/* What an adapter's file says beside its factors. */
typedef struct wane_adapter_facts {
    const wane_adapter_form *form; /* a constant; NULL: factors alone */
    double alpha;
    double dropout;
    bool rslora;
    bool fan_in_fan_out;    /* made on weights that files keep as inputs x outputs (GPT-2's Conv1D);
                               the    factors are of outputs x inputs all the same */
    size_t rank;            /* the same for all of wane's own; r of the file otherwise */
    const char *base_model; /* base_model_name_or_path; may be "" */
} wane_adapter_facts;

typedef struct wane_update {
    size_t count;
    wane_update_tensor *tensors; /* by name, no name twice; of an adapter terms (with vectors), and
                                    the values of what was saved whole (modules_to_save, biases) */
    bool lowrank;                /* an adapter */
    wane_update_claim *claims;   /* of an adapter */
    size_t claim_count;
    wane_adapter_facts facts;    /* of an adapter */
    const float *head;           /* of an adapter: the linear head saved with it (peft's
                                    modules_to_save: score.weight, no bias), or NULL; no part of
                                    what is applied to a model */
    size_t head_rows, head_cols; /* labels x width */
    void *memory;                /* owns what the tensors point to */
    /* SHA-256 of the very bytes it was read from: of the file of tensors ("" where there are
     * several), and of an adapter's adapter_config.json ("" of tensors). */
    char weights_sha256[WANE_SHA256_HEX], config_sha256[WANE_SHA256_HEX];
} wane_update;

/* An update of `count` empty tensors, to be filled by a caller who lends it names and values. Free
 * with wane_update_free. */
WANE_MUST_CHECK wane_status wane_update_new(wane_update *out, size_t count, bool lowrank,
                                            wane_error *err);

/* Reads either form: a folder or archive with adapter_config.json (factors in
 * adapter_model.safetensors or adapter_model.bin), or tuned tensors of any form tensors.h knows.
 * An adapter is read as peft reads it: rank_pattern, alpha_pattern, target_modules (a module that
 * it does not name is passed over, with a warning), exclude_modules, layers_to_transform,
 * use_rslora, modules_to_save and bias are honoured, factors of embeddings too; what this version
 * cannot honour exactly (layer_replication, target_parameters, ...) is refused by name.
 * Unknown keys and what else is worth a word are reported through `warning` (may be NULL; borrowed
 * by the callee for the call). Factors may be F32, F16, BF16 or F64. Shapes and claims are not
 * checked against a model here. Free with wane_update_free. */
WANE_MUST_CHECK wane_status wane_update_load(wane_update *out, const char *path,
                                             void (*warning)(void *context, const char *line),
                                             void *context, wane_error *err);
/* The same from an open package, borrowed for the call. `loose`, for comparing and not for merging:
 * a head comes as a tensor too. */
WANE_MUST_CHECK wane_status wane_update_load_package(
    wane_update *out, const wane_package *package, bool loose,
    void (*warning)(void *context, const char *line), void *context, wane_error *err);
void wane_update_free(wane_update *update); /* {0} allowed */

/* Gives the tensors and claims of a loaded update the names that `own` returns for theirs (theirs,
 * or one that lasts for the call), and sorts anew. WANE_EFORMAT for two of a name. */
WANE_MUST_CHECK wane_status wane_update_rename(wane_update *update,
                                               const char *(*own)(void *context, const char *name),
                                               void *context, wane_error *err);

/* `count` floats that live as long as the update; NULL when memory is out. */
float *wane_update_room(wane_update *update, size_t count);

/* What an adapter's B A is multiplied by: alpha / rank, or alpha / sqrt(rank) under rsLoRA. */
double wane_lora_scale(double alpha, size_t rank, bool rslora);

/* The seal of an update as it was read: that of its file of tensors; of an adapter, over both its
 * files, for both decide what it computes. */
WANE_MUST_CHECK wane_status wane_update_sha256(char out[WANE_SHA256_HEX], const wane_update *update,
                                               wane_error *err);

/* Writes `update` to `path`: an adapter as a folder peft loads (target_modules lists the full
 * module names; lora_dropout and base_model_name_or_path from facts), tensors as one safetensors
 * file. Each file is atomic; the folder's config is written last. Equal updates give equal bytes.
 */
WANE_MUST_CHECK wane_status wane_update_save(const wane_update *update, const char *path,
                                             wane_error *err);

/* *out: whether the configuration of an adapter that was read puts factors on the module of the
 * weight ("model.layers.0.mlp.up_proj.weight"), and the file has none for it. */
WANE_MUST_CHECK wane_status wane_update_lacks(bool *out, const wane_update *update,
                                              const char *weight, wane_error *err);
/* Whether that configuration says the weight's module is saved whole (modules_to_save), and the
 * file does not have it. */
bool wane_update_lacks_whole(const wane_update *update, const char *weight);

/* Whether `weight` (rows x cols of the claim) is what the claim says: equal but for the rounding of
 * the claim's type and 1e-6 of the largest weight, which merging in another order makes. */
bool wane_update_claim_holds(const wane_update_claim *claim, const float *weight);

/* Whether the change that the tensor makes is its term, no more: neither saved whole nor of a form
 * that has a vector beside it. */
bool wane_update_is_term(const wane_update_tensor *tensor);

/* weight (rows x cols, in place) becomes weight + scale * B A, or the tuned values. This one
 * function is how wane merges, whenever it merges: same bits for any number of threads. What a
 * vector does on top is its method's (wane_model_apply). */
void wane_update_apply(wane_pool *pool, const wane_update_tensor *tensor, float *weight);

/* One adapter that does what `count` adapters added to the same weights do: factors side by side,
 * ranks summed, nothing rounded; the head is the last one's, borrowed from it. They must be of
 * factors alone, on the same weights with the same scales (WANE_EINVAL otherwise). Free with
 * wane_update_free. */
WANE_MUST_CHECK wane_status wane_update_stack(wane_update *out, const wane_update *list,
                                              size_t count, wane_error *err);

#endif
