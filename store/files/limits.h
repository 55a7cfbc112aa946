/* SPDX-License-Identifier: Apache-2.0
 * How large an input may be, by its kind: files may come from anybody. One table; tensors have no
 * line in it, since what their header says decides.
 */
#ifndef STORE_FILES_LIMITS_H
#define STORE_FILES_LIMITS_H

#include <stdint.h>

#include "store/base/status.h"

typedef enum wane_limit {
    WANE_LIMIT_CONFIG,    /* config.json, adapter_config.json */
    WANE_LIMIT_TOKENIZER, /* tokenizer.json and what stands beside it */
    WANE_LIMIT_INDEX,     /* which tensor is in which file of a model */
    WANE_LIMIT_TABLE,     /* one split of a task; held in memory as a whole */
    WANE_LIMIT_TEXT,      /* one file of a corpus; likewise */
} wane_limit;

/* Bytes, decompressed. */
uint64_t wane_limit_bytes(wane_limit kind);
/* The kind of a file beside a model, JSON or of a tokenizer, by its name, which may hold folders.
 */
wane_limit wane_limit_of_name(const char *name);
/* WANE_EFORMAT: "read: PATH: larger than 8 MiB, the limit of a configuration". */
wane_status wane_limit_exceeded(wane_error *err, const char *path, wane_limit kind);

/* No entry of an archive and no compressed file may be this many times as large as its compressed
 * form (DEFLATE cannot go beyond 1,032): real data do not come near, what is made to fill a memory
 * does. Below the floor, in decompressed bytes, nothing is asked. */
enum { WANE_LARGEST_RATIO = 1000, WANE_RATIO_FLOOR = 1 << 20 };

#endif
