/* SPDX-License-Identifier: Apache-2.0
 * Archives for tests.
 */
#ifndef TESTS_SUPPORT_PACK_H
#define TESTS_SUPPORT_PACK_H

#include <stddef.h>

typedef struct packed_file {
    const char *name; /* in the archive */
    const char *path; /* its bytes */
} packed_file;

/* Writes an archive; its kind from the end of `path`: .tar, .tar.gz, .tar.zst, .zip (deflated). */
void pack(const char *path, const packed_file *files, size_t count);

/* All files of a folder (not of its subfolders) as `prefix` and their names. */
void pack_folder(const char *path, const char *folder, const char *prefix);

/* Writes what an archive of any kind holds into a folder that exists. */
void unpack(const char *path, const char *folder);

#endif
