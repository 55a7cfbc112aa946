/* SPDX-License-Identifier: Apache-2.0
 * What a GGUF header says of tensors, and the types they have. For this room alone.
 */
#ifndef STORE_FILES_GGUF_INTERNAL_H
#define STORE_FILES_GGUF_INTERNAL_H

#include "store/files/gguf.h"
#include "store/files/tensors.h"

enum { WANE_GGUF_DIMENSIONS = 4, WANE_GGUF_GROUP = 16 };

/* A type that a tensor's values have in a file: blocks of `values` numbers in `bytes` bytes. */
typedef struct wane_gguf_type {
    const char *name; /* as ggml has it, "Q4_K" */
    unsigned number;  /* in files */
    unsigned values, bytes;
    wane_dtype dtype;
    /* WANE_BLOCKS: one block to fp32, as gguf-py has it to the last bit. `step` (NULL: not asked
     * for) has a number for every WANE_GGUF_GROUP of the block's: what neighbours of the grid that
     * those were rounded to are apart, with either sign; on average, where the grid is uneven. */
    void (*widen)(const unsigned char *block, float *out, float *step);
} wane_gguf_type;

/* gguf_blocks.c; NULL for a number that stands for nothing. */
const wane_gguf_type *wane_gguf_type_of(unsigned number);
/* The names of those whose values are read, as "F32, F16, ...", in `out`. */
enum { WANE_GGUF_TYPES = 256 };
const char *wane_gguf_say_types(char out[WANE_GGUF_TYPES]);
/* Numbers [first, first + count) of the blocks that begin at `raw`. */
void wane_gguf_widen(const wane_gguf_type *type, const unsigned char *raw, size_t first,
                     size_t count, float *out);
/* The sum of their steps' squares over 12: wane_dtype_rounding of them. */
double wane_gguf_rounding(const wane_gguf_type *type, const unsigned char *raw, size_t first,
                          size_t count);

/* One tensor as the header has it. */
typedef struct wane_gguf_tensor {
    const char *name; /* in the header's arena */
    const wane_gguf_type *type;
    size_t dimensions,
        shape[WANE_GGUF_DIMENSIONS]; /* rows before columns: the file's turned round */
    size_t elements, bytes;
    size_t offset; /* in the file */
} wane_gguf_tensor;

/* The header of a file of `bytes` bytes, of which the first `head_bytes` are at hand and stay so
 * until close. */
WANE_MUST_CHECK wane_status wane_gguf_parse(wane_gguf **out, const unsigned char *head,
                                            size_t head_bytes, size_t bytes, const char *path,
                                            wane_error *err);

/* Whether these first bytes of a file hold its whole header, or are damaged so that more of them
 * would not help. */
bool wane_gguf_head_is_whole(const unsigned char *head, size_t head_bytes);

/* In the order of the header. */
const wane_gguf_tensor *wane_gguf_tensors(const wane_gguf *gguf, size_t *count);

#endif
