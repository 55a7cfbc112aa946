/* SPDX-License-Identifier: Apache-2.0
 * The files of a model or adapter: a folder, or an archive of one.
 *
 * An archive (.tar, .tar.gz, .tar.zst, ..., .zip; entries.h says what is refused) is passed through
 * once when it is opened: its JSON files and those of a tokenizer are kept in memory, of its tensor
 * files the size, and of safetensors the header. Values are had by passing through it again. Its
 * files lie in one folder of it, or at its top: the least deep place of a config.json or
 * adapter_config.json, else of a tensor file; what lies elsewhere does not exist for a package.
 */
#ifndef STORE_FILES_PACKAGE_H
#define STORE_FILES_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/files/json.h"

/* Limits of an archive of a model, decompressed: one file, all files, what is kept of them. */
#define WANE_PACKAGE_ENTRY_BYTES (UINT64_C(256) << 30)
#define WANE_PACKAGE_TOTAL_BYTES (UINT64_C(1) << 40)
#define WANE_PACKAGE_KEPT_BYTES (UINT64_C(1) << 30)

typedef struct wane_package wane_package;

/* WANE_ENOTFOUND when nothing is there; WANE_EFORMAT for a file that is no archive. Owned by the
 * caller, free with wane_package_close (NULL allowed). */
WANE_MUST_CHECK wane_status wane_package_open(wane_package **out, const char *path,
                                              wane_error *err);
void wane_package_close(wane_package *package);

const char *wane_package_path(const wane_package *package); /* as given; borrowed */
bool wane_package_archived(const wane_package *package);
bool wane_package_has(const wane_package *package, const char *name);
/* Names of its files (not those in folders of it), sorted by byte value; borrowed. */
size_t wane_package_count(const wane_package *package);
const char *wane_package_name(const wane_package *package, size_t index);
/* "PATH/NAME": what messages call the file and, of a folder, where it is. Owned by the caller, free
 * with wane_free; NULL when memory is out. */
char *wane_package_file(const wane_package *package, const char *name);

/* A whole file, NUL-terminated; from an archive only *.json and a tokenizer's (limits.h).
 * WANE_ENOTFOUND. Owned by the caller,
 * free with wane_free. */
WANE_MUST_CHECK wane_status wane_package_read(char **out, size_t *bytes,
                                              const wane_package *package, const char *name,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_package_json(wane_json **out, const wane_package *package,
                                              const char *name, wane_error *err);

/* Of a tensor file in an archive: its size, and its first bytes (a safetensors file: header and all
 * before it, as far as the file goes). Borrowed. False when it is not there. */
bool wane_package_head(const wane_package *package, const char *name, const unsigned char **head,
                       size_t *head_bytes, size_t *bytes);

/* Passes through the archive again and hands over the bytes of the files names[0..count), piece by
 * piece from the first on. What `sink` returns but OK ends the pass. A file that is gone or has
 * another size than when the package was opened: WANE_EFORMAT. */
typedef wane_status (*wane_package_sink)(void *context, size_t file, size_t offset,
                                         const unsigned char *bytes, size_t count, wane_error *err);
WANE_MUST_CHECK wane_status wane_package_stream(const wane_package *package,
                                                const char *const *names, size_t count,
                                                wane_package_sink sink, void *context,
                                                wane_error *err);

/* Whether it holds a model and an adapter: adapter_config.json, and tensors besides the adapter's.
 */
bool wane_package_holds_both(const wane_package *package);

/* Whether a file's name ends as one of tensors (.safetensors, .bin, .pt, .pth, .ckpt) and is not
 * one of a trainer's own (training_args.bin, optimizer.pt, scheduler.pt, rng_state*.pth, ...). */
bool wane_package_tensor_name(const char *name);

#endif
