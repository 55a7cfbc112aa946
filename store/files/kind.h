/* SPDX-License-Identifier: Apache-2.0
 * What a file is, by its first bytes: to say it where another kind was wanted.
 */
#ifndef STORE_FILES_KIND_H
#define STORE_FILES_KIND_H

#include <stddef.h>

typedef enum wane_kind {
    WANE_KIND_OTHER,
    WANE_KIND_PARQUET,
    WANE_KIND_ARROW,
    WANE_KIND_ZIP,
    WANE_KIND_GZIP,
    WANE_KIND_ZSTANDARD,
    WANE_KIND_BZIP2,
    WANE_KIND_XZ,
    WANE_KIND_PDF,
    WANE_KIND_UTF16,
    WANE_KIND_HTML,
    WANE_KINDS
} wane_kind;

/* Of a file that begins with `count` bytes; a text may begin as some of them do ("PAR1"), so it is
 * asked of what is known to be none. */
wane_kind wane_kind_of_bytes(const char *bytes, size_t count);

/* "gzip", "a zip archive"; NULL of WANE_KIND_OTHER. */
const char *wane_kind_name(wane_kind kind);

#endif
