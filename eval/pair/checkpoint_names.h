/* SPDX-License-Identifier: Apache-2.0
 * Names of tensors: what wrappers and trainers put before them, and what they say of a weight.
 */
#ifndef EVAL_PAIR_CHECKPOINT_NAMES_H
#define EVAL_PAIR_CHECKPOINT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/memory.h"
#include "store/base/status.h"

/* Names as they are compared: names[i] of the file is name[i] here. */
typedef struct wane_names {
    const char **name;
    size_t count;
    const char *stripped; /* the prefix that was left out; "" for none */
    bool unwrapped;       /* parts that wrappers put into names were left out */
} wane_names;

/* Left out by themselves: anywhere, the parts _orig_mod (torch.compile), _fsdp_wrapped_module and
 * _checkpoint_wrapped_module; at the beginning, of either side, such a sequence of module., model.,
 * base_model.model., transformer., bert. and the like under which most names agree, the shortest of
 * those. A prefix is taken off where a name begins with it, other names stay as they are; one that
 * would make two names alike is not taken. Both sides' lists come from `arena`. */
WANE_MUST_CHECK wane_status wane_names_agree(wane_names *left, wane_names *right,
                                             const char *const *left_names, size_t left_count,
                                             const char *const *right_names, size_t right_count,
                                             wane_arena *arena, wane_error *err);

/* By the user: every prefix of the list is taken off, one after the other, where a name begins with
 * it. `path` is what messages call the checkpoint. WANE_EINVAL when two names become alike. */
WANE_MUST_CHECK wane_status wane_names_strip(wane_names *out, const char *const *names,
                                             size_t count, const char *const *prefixes,
                                             size_t prefix_count, const char *path,
                                             wane_arena *arena, wane_error *err);

/* Numbers in names count as numbers: layers.2 before layers.10. For qsort-like use. */
int wane_names_order(const char *left, const char *right);

typedef enum wane_tensor_kind {
    WANE_TENSOR_KIND_EMBEDDING,
    WANE_TENSOR_KIND_ATTENTION,
    WANE_TENSOR_KIND_MLP,
    WANE_TENSOR_KIND_NORM,
    WANE_TENSOR_KIND_BIAS,
    WANE_TENSOR_KIND_HEAD,
    WANE_TENSOR_KIND_OTHER
} wane_tensor_kind;
enum { WANE_TENSOR_KINDS = WANE_TENSOR_KIND_OTHER + 1 };
const char *wane_tensor_kind_name(wane_tensor_kind kind); /* "embedding", ...; constants */

/* What a tensor is, by its name alone.
 *   embedding  a part with "embed" in it, or that is wte, wpe, shared, relative_attention_bias
 *   head       a part that is lm_head, head, heads, classifier, classification_head, score,
 *              qa_outputs, embed_out, v_head, cls; the name "output.weight"
 *   norm       a part with "norm" in it, or that is or begins with ln
 *   bias       the last part is bias
 *   attention  a part with "attn" or "attention" in it
 *   mlp        a part with "mlp", "ffn", "feed_forward", "intermediate", "expert" in it, or that is
 *              fc1, fc2, lin1, lin2, DenseReluDense; "output.dense" outside attention
 * The first that fits in the order embedding, head, norm, bias, attention, mlp. */
wane_tensor_kind wane_tensor_kind_of(const char *name);

/* "model.layers.3.self_attn.q_proj.weight": layer 3, module "q_proj"; where the last part before
 * "weight" is "dense", the two before it belong to the module's name, and where it is "c_proj" (of
 * which GPT-2 has two in a layer) the one before it. layer -1: none. */
void wane_name_place(long *layer, char module[64], const char *name);

/* GPT-2's Conv1D modules: c_attn, c_proj, c_fc and q_attn, whose weights are inputs x outputs. */
bool wane_name_is_conv1d(const char *name);

#endif
