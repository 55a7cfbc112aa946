/* SPDX-License-Identifier: Apache-2.0
 * The files inside a folder, an archive or a compressed file, one after the other, streamed and
 * never unpacked to disk (entries.c is the only file that includes libarchive).
 *
 * A folder gives its regular files by sorted relative name (subfolders included); an archive (tar,
 * tar.gz, tar.zst, tar.xz, zip, ...) its regular files in the archive's order; any other file
 * itself, decompressed when it is .gz, .zst, .xz, .bz2 or .lz4, under its name without that ending.
 * Refused with WANE_EFORMAT: absolute names, "..", links and devices, duplicate names, an entry
 * over `entry_bytes`, more than `entries` entries, a whole over `total_bytes`, anything libarchive
 * warns about.
 */
#ifndef STORE_FILES_ENTRIES_H
#define STORE_FILES_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

typedef struct wane_entries_limits {
    uint64_t entry_bytes, total_bytes; /* decompressed; 0 = 4 GiB and 64 GiB */
    size_t entries;                    /* 0 = 10,000 */
} wane_entries_limits;

typedef struct wane_entries wane_entries;

/* `limits` NULL = the defaults. Owned by the caller, free with wane_entries_close. */
WANE_MUST_CHECK wane_status wane_entries_open(wane_entries **out, const char *path,
                                              const wane_entries_limits *limits, wane_error *err);
void wane_entries_close(wane_entries *entries); /* NULL allowed */

/* The next file; what is left of the current one is skipped. *name (relative, UTF-8, "/" between
 * parts) is borrowed until the next call. WANE_DONE after the last. */
WANE_MUST_CHECK wane_status wane_entries_next(wane_entries *entries, const char **name,
                                              wane_error *err);

/* Up to `capacity` bytes of the current file; *got = 0 at its end. */
WANE_MUST_CHECK wane_status wane_entries_read(wane_entries *entries, void *buffer, size_t capacity,
                                              size_t *got, wane_error *err);

/* All that is left of the current file, NUL-terminated. Owned by the caller, free with wane_free.
 */
WANE_MUST_CHECK wane_status wane_entries_read_all(wane_entries *entries, char **out, size_t *bytes,
                                                  wane_error *err);

#endif
