/* SPDX-License-Identifier: Apache-2.0
 * The files inside a folder, an archive or a compressed file, one after the other, streamed and
 * never unpacked to disk (entries.c is the only file that includes libarchive).
 *
 * A folder gives its regular files and links to such by sorted relative name (subfolders
 * included); a .tar, .tar.gz (.tgz), .tar.zst, .tar.xz, .tar.bz2, .tar.lz4 or .zip its regular
 * files in the archive's order; any other path that file itself. A file that ends in .gz, .zst,
 * .xz, .bz2 or .lz4, wherever it lies, is decompressed and goes by its name without that ending.
 *
 * Refused with WANE_EFORMAT: absolute names, "..", names that are not UTF-8 or over 4096 bytes,
 * links and devices, encrypted entries, duplicate names, an entry over `entry_bytes`, more than
 * `entries` entries (folders count), a whole over `total_bytes`, compression of what is compressed,
 * what is over 1,000 times as large as its compressed form (limits.h), a tar without its end mark,
 * a zip entry neither stored nor deflated, anything libarchive warns about, a Git LFS pointer in
 * place of an archive, of what is compressed, or of what wane_entries_read_all is asked for. After
 * a failure only wane_entries_close is of use. The checksums of zip, xz, bzip2, lz4 and zstd are
 * verified where given, that of gzip is not (libarchive 3.6 passes over it). Names from pax headers
 * come in Unicode's NFC.
 */
#ifndef STORE_FILES_ENTRIES_H
#define STORE_FILES_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/files/file.h"

typedef struct wane_entries_limits {
    /* Decompressed; 0 = 4 GiB and 64 GiB. A compressed file inside an archive counts in both forms
     * towards the total. */
    uint64_t entry_bytes, total_bytes;
    const wane_limit *whole; /* of what wane_entries_read_all reads; NULL = entry_bytes. Borrowed */
    size_t entries;          /* 0 = 10,000 */
    bool visible; /* pass over what is hidden in a folder or an archive (wane_name_hidden), whatever
                     it is; a path that is one file is read even so */
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

/* What `visible` has passed over so far. Borrowed. */
const wane_hidden_files *wane_entries_hidden(const wane_entries *entries);

/* Up to `capacity` bytes of the current file; *got = 0 at its end. */
WANE_MUST_CHECK wane_status wane_entries_read(wane_entries *entries, void *buffer, size_t capacity,
                                              size_t *got, wane_error *err);

/* All that is left of the current file, NUL-terminated. Owned by the caller, free with wane_free.
 */
WANE_MUST_CHECK wane_status wane_entries_read_all(wane_entries *entries, char **out, size_t *bytes,
                                                  wane_error *err);

/* Whether the name ends as an archive's. */
bool wane_entries_is_archive(const char *path);

/* The version of libarchive in use, with its filters; a constant. */
const char *wane_entries_libarchive(void);

#endif
