/* SPDX-License-Identifier: Apache-2.0
 * A value of a GGUF file's metadata as it lies in the file. For this room alone.
 */
#ifndef STORE_FILES_GGUF_VALUE_H
#define STORE_FILES_GGUF_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "store/files/gguf.h"

/* Types by their number in files. */
enum {
    WANE_GGUF_TYPE_BOOL = 7,
    WANE_GGUF_TYPE_STRING = 8,
    WANE_GGUF_TYPE_ARRAY = 9,
};

struct wane_gguf_value {
    uint32_t type, element;     /* element: of an array */
    size_t count;               /* bytes of a string, elements of an array, else 1 */
    const unsigned char *bytes; /* in the file; NULL of an array of strings or arrays */
    const unsigned char **at;   /* of an array of strings: each with its length before it */
};

/* Bytes of a value of that type; of a string or array the least it takes. 0: there is none such. */
unsigned wane_gguf_width(uint32_t type);

#endif
