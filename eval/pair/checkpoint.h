/* SPDX-License-Identifier: Apache-2.0
 * Two checkpoints side by side, whatever model they are of: only names and shapes count.
 *
 * A checkpoint is anything tensors.h reads (a folder, an archive, one file) or, as the tuned one, a
 * PEFT adapter. Weights come outputs x inputs: those of GPT-2's Conv1D are transposed on reading.
 */
#ifndef EVAL_PAIR_CHECKPOINT_H
#define EVAL_PAIR_CHECKPOINT_H

#include "eval/pair/checkpoint_names.h"
#include "eval/pair/config_compared.h"
#include "store/base/log.h"
#include "store/base/text.h"
#include "store/files/package.h"
#include "store/files/tensors.h"
#include "store/files/update.h"

typedef struct wane_checkpoint {
    const char *path;      /* borrowed */
    wane_package *package; /* of a folder or archive, else NULL */
    wane_tensors *tensors; /* NULL for an adapter */
    wane_update update;    /* of an adapter */
    bool adapter;
    char model_type[64]; /* of its config.json; "" without */
    /* "F32", "BF16", "mixed": of its tensors of real numbers; of GGUF "210 Q4_K, 61 F32", how many
     * are of each; `rounded` what of that rounds what was kept in fp32, "" for nothing. Constants,
     * or in the comparison's arena. */
    const char *type, *rounded;
    bool quantized;   /* some numbers are kept by blocks: compared dequantized */
    bool tied;        /* its config.json ties the head to the embedding */
    int conv1d;       /* 1: weights of Conv1D modules are inputs x outputs; 0: not; -1: open */
    wane_names names; /* of its tensors, or of the update's */
} wane_checkpoint;

/* One tensor that is compared. */
typedef struct wane_compared {
    const char *name;
    size_t rows, cols; /* outputs x inputs; a vector: cols = 1; of more dimensions: the first and
                          the product of the rest. Of a vocabulary that was resized: the rows that
                          both sides have */
    size_t extra[2];   /* rows that base and tuned have beyond those */
    const wane_tensor *base, *tuned;  /* tuned: NULL for an adapter */
    const wane_update_tensor *update; /* of an adapter: its part on the tensor; NULL: unchanged */
    bool base_turned, tuned_turned;   /* transposed on reading */
    bool chosen;                      /* a matrix whose spectrum is looked at */
    wane_tensor_kind kind;
    long layer;
    char module[64];
} wane_compared;

typedef enum wane_conv1d { WANE_CONV1D_AUTO, WANE_CONV1D_YES, WANE_CONV1D_NO } wane_conv1d;

typedef struct wane_comparison_options {
    const char *const *strip; /* prefixes to take off both sides' names; none: by themselves */
    size_t strip_count;
    const char *match; /* PCRE2, searched in a name: which matrices are chosen. NULL: every one of
                          two dimensions but embeddings, heads, norms and biases */
    wane_conv1d
        conv1d; /* AUTO: model_type gpt2 (or another that has Conv1D) in config.json; without
                   a config.json: c_attn, c_proj and c_fc are all there, and c_attn and c_fc
                   have more columns than rows. What stays open follows the other side */
} wane_comparison_options;

/* In the order of names (numbers count as numbers). */
typedef struct wane_comparison {
    wane_checkpoint base, tuned;
    size_t count, chosen;
    wane_compared *list;
    /* Names of one side alone, in order. Of an adapter's base none: what it does not touch is
     * compared, and unchanged. */
    const char **only[2];
    size_t only_count[2];
    size_t skipped;  /* tensors of both that are of no real type (quantized weights, ...) */
    size_t extra[2]; /* rows of resized vocabularies that one side alone has */
    const char *tie; /* what a tie made one tensor, for a page; NULL for nothing */
    wane_compared_settings settings; /* what differs between the two config.json */
    wane_arena *arena;
} wane_comparison;

/* Opens both and matches their names; a matrix that either config.json ties is one tensor under
 * whichever of its two names a side keeps it. Shapes that differ are WANE_EINVAL, naming the
 * tensor, unless they are rows of a vocabulary or of positions: those in common are compared. So
 * are checkpoints without a matrix in common. What modules compute anew (rotary tables, masks) is
 * passed over. Prefixes left out, and what files hold besides, are told
 * to `log`. Free with wane_comparison_close ({0} allowed). */
WANE_MUST_CHECK wane_status wane_comparison_open(wane_comparison *out, const char *base,
                                                 const char *tuned,
                                                 const wane_comparison_options *options,
                                                 const wane_log *log, wane_error *err);
void wane_comparison_close(wane_comparison *comparison);

/* The low-rank term that is all of the change of an adapter, or NULL. */
const wane_lowrank_term *wane_compared_term(const wane_compared *compared);
/* Tensor i of either side in fp32, outputs x inputs; out has room for rows * cols. Of an adapter's
 * tuned side: what has no such term, saved whole or merged. Any thread may call. */
WANE_MUST_CHECK wane_status wane_comparison_read(float *out, const wane_comparison *comparison,
                                                 size_t index, bool tuned, wane_error *err);
/* The same where it lies in memory so, else NULL. */
const float *wane_comparison_floats(const wane_comparison *comparison, size_t index, bool tuned);
/* Whether read_part can read it: as it lies in its file, neither transposed nor merged. */
bool wane_comparison_in_parts(const wane_comparison *comparison, size_t index, bool tuned);
/* Elements [first, first + count) of such a one. Any thread may call. */
void wane_comparison_read_part(float *out, const wane_comparison *comparison, size_t index,
                               bool tuned, size_t first, size_t count);
/* Both sides are done with: what mapped files have brought to memory for them is given back. What
 * wane_comparison_floats gave stays valid. */
void wane_comparison_let_go(const wane_comparison *comparison, size_t index);

/* "PEFT adapter, rank 4, alpha 8, on 14 matrices"; "model gpt2, BF16"; "tensors, F32"; "model
 * llama, 210 Q4_K, 61 F32, 1 Q6_K: compared dequantized". */
void wane_checkpoint_describe(wane_text *out, const wane_checkpoint *checkpoint);

/* The rounding floor of a comparison: the norm that rounding alone would give to the change.
 * sqrt(E ||round(W) - W||_F^2) of the tuned weight where its file keeps numbers of 16 bits or fewer
 * (the base is then what was tuned, exactly); and where the base's file keeps fewer bits than the
 * tuned one, that of the base too, for it may be a rounded copy of what was tuned. 0 for adapters,
 * whose change is known by its factors. `base` and `tuned` are the weights. */
double wane_comparison_floor(const wane_comparison *comparison, const wane_compared *compared,
                             const float *base, const float *tuned);
/* The part of its square that numbers [first, first + count) of both sides have. */
double wane_comparison_floor_square(const wane_comparison *comparison,
                                    const wane_compared *compared, const float *base,
                                    const float *tuned, size_t first, size_t count);

/* What a page calls the type those floors are of: the tuned side's, else the base's. */
const char *wane_comparison_rounding(const wane_comparison *comparison);

#endif
