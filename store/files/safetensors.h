/* SPDX-License-Identifier: Apache-2.0
 * Named tensors in safetensors files: one file, a folder with model.safetensors, or the shards
 * named by model.safetensors.index.json.
 *
 * The header is checked whole before any tensor is read: its size against the file, JSON without
 * duplicates, known dtypes, shapes without overflow, offsets that tile the data area without gap or
 * overlap. Of shards: every tensor lies in the shard the index names, and no shard holds another.
 */
#ifndef STORE_FILES_SAFETENSORS_H
#define STORE_FILES_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"

enum { WANE_TENSOR_DIMENSIONS = 8 };

typedef enum wane_dtype { WANE_F32, WANE_F16, WANE_BF16, WANE_F64, WANE_OTHER } wane_dtype;

const char *wane_dtype_name(wane_dtype dtype); /* "F32", ... */

typedef struct wane_tensor {
    const char *name;
    wane_dtype dtype;
    size_t dimensions, shape[WANE_TENSOR_DIMENSIONS], elements;
} wane_tensor;

typedef struct wane_tensors wane_tensors;

/* Maps the files and checks the headers. Owned by the caller, free with wane_tensors_close (NULL
 * allowed). */
WANE_MUST_CHECK wane_status wane_tensors_open(wane_tensors **out, const char *path,
                                              wane_error *err);
void wane_tensors_close(wane_tensors *tensors);

size_t wane_tensors_count(const wane_tensors *tensors);
/* Tensor i in order of name; borrowed until close. find: NULL if absent. */
const wane_tensor *wane_tensors_at(const wane_tensors *tensors, size_t index);
const wane_tensor *wane_tensors_find(const wane_tensors *tensors, const char *name);
/* A value of __metadata__ (of the first file that has it), or NULL. */
const char *wane_tensors_metadata(const wane_tensors *tensors, const char *key);

/* All elements of `tensor`, widened to fp32 (F32, F16, BF16; F64 is rounded). WANE_EFORMAT for
 * other dtypes. out has room for tensor->elements. */
WANE_MUST_CHECK wane_status wane_tensors_read(const wane_tensors *tensors,
                                              const wane_tensor *tensor, float *out,
                                              wane_error *err);

/* The values themselves where they lie in the map, when `tensor` is F32 and aligned for it; else
 * NULL. Borrowed until close. */
const float *wane_tensors_floats(const wane_tensors *tensors, const wane_tensor *tensor);

/* One tensor to write, fp32, row-major without gaps. */
typedef struct wane_tensor_source {
    const char *name;
    const float *data;
    size_t dimensions, shape[WANE_TENSOR_DIMENSIONS];
} wane_tensor_source;

/* Writes one file atomically: tensors in the given order (names must differ), metadata as key,
 * value pairs (`metadata` holds 2 * pairs strings; {"format": "pt"} is what transformers wants).
 * The same input gives the same bytes. */
WANE_MUST_CHECK wane_status wane_tensors_write(const char *path, const wane_tensor_source *tensors,
                                               size_t count, const char *const *metadata,
                                               size_t pairs, wane_error *err);

#endif
