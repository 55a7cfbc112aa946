/* SPDX-License-Identifier: Apache-2.0
 * Writing safetensors files; reading them, as any checkpoint: tensors.h.
 */
#ifndef STORE_FILES_SAFETENSORS_H
#define STORE_FILES_SAFETENSORS_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/files/tensors.h"

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
