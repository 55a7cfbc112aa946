/* SPDX-License-Identifier: Apache-2.0
 * Writes the header, padded as the reference library pads it, and the values of fp32 tensors, whole
 * or not at all.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "store/files/safetensors.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static wane_status check_names(const wane_tensor_source *tensors, size_t count, const char *path,
                               wane_error *err)
{
    const char **names = wane_alloc(count, sizeof *names);
    wane_status st = WANE_OK;
    if (!names) return wane_fail_memory(err, "write", path);
    for (size_t i = 0; i < count; i++) {
        names[i] = tensors[i].name;
        if (!wane_utf8_valid(names[i], strlen(names[i]), NULL) ||
            strcmp(names[i], "__metadata__") == 0)
            WANE_TRY(
                wane_fail(err, WANE_EINVAL, "write: %s: tensor %zu has an unusable name", path, i));
    }
    if (count) qsort(names, count, sizeof *names, by_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            WANE_TRY(wane_fail(err, WANE_EINVAL, "write: %s: %s: given twice", path, names[i]));
done:
    wane_free(names);
    return st;
}

static bool bytes_of(size_t *out, const wane_tensor_source *tensor)
{
    size_t bytes = sizeof(float);
    if (tensor->dimensions > WANE_TENSOR_DIMENSIONS) return false;
    for (size_t i = 0; i < tensor->dimensions; i++)
        if (!wane_size_mul(&bytes, bytes, tensor->shape[i])) return false;
    if (bytes && !tensor->data) return false;
    *out = bytes;
    return true;
}

static wane_status build_header(wane_text *header, const wane_tensor_source *tensors, size_t count,
                                const char *const *metadata, size_t pairs, const char *path,
                                wane_error *err)
{
    size_t begin = 0;
    for (size_t i = 0; i < 2 * pairs; i++)
        if (!wane_utf8_valid(metadata[i], strlen(metadata[i]), NULL))
            return wane_fail(err, WANE_EINVAL, "write: %s: metadata is no UTF-8", path);
    wane_text_string(header, "{");
    if (pairs) wane_text_string(header, "\"__metadata__\":{");
    for (size_t i = 0; i < pairs; i++) {
        if (i) wane_text_string(header, ",");
        wane_json_write_string(header, metadata[2 * i]);
        wane_text_string(header, ":");
        wane_json_write_string(header, metadata[2 * i + 1]);
    }
    if (pairs) wane_text_string(header, count ? "}," : "}");
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0, end = 0;
        if (!bytes_of(&bytes, &tensors[i]) || !wane_size_add(&end, begin, bytes) || end > INT64_MAX)
            return wane_fail(err, WANE_EINVAL, "write: %s: %s: no usable shape", path,
                             tensors[i].name);
        if (i) wane_text_string(header, ",");
        wane_json_write_string(header, tensors[i].name);
        wane_text_string(header, ":{\"dtype\":\"F32\",\"shape\":[");
        for (size_t d = 0; d < tensors[i].dimensions; d++)
            wane_text_printf(header, d ? ",%zu" : "%zu", tensors[i].shape[d]);
        wane_text_printf(header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    wane_text_string(header, "}");
    /* The data stays aligned to 8 bytes, as the reference library writes it. */
    while (!header->failed && header->length % 8 != 0) wane_text_string(header, " ");
    return wane_text_check(header, "write", path, err);
}

wane_status wane_tensors_write(const char *path, const wane_tensor_source *tensors, size_t count,
                               const char *const *metadata, size_t pairs, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text header = {0};
    wane_atomic *file = NULL;
    WANE_TRY(check_names(tensors, count, path, err));
    WANE_TRY(build_header(&header, tensors, count, metadata, pairs, path, err));
    WANE_TRY(wane_atomic_open(&file, path, err));
    uint64_t length = header.length;
    WANE_TRY(wane_atomic_write(file, &length, sizeof length, err));
    WANE_TRY(wane_atomic_write(file, header.data, header.length, err));
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        if (bytes_of(&bytes, &tensors[i]) && bytes)
            WANE_TRY(wane_atomic_write(file, tensors[i].data, bytes, err));
    }
    wane_atomic *whole = file;
    file = NULL;
    WANE_TRY(wane_atomic_commit(whole, err));
done:
    wane_atomic_abort(file);
    wane_text_free(&header);
    return st;
}
