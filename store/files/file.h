/* SPDX-License-Identifier: Apache-2.0
 * Plain files: whole reads, read-only maps, atomic writes, folders, locks. In enclosed folders
 * (enclosed.h) none of them follows a link.
 */
#ifndef STORE_FILES_FILE_H
#define STORE_FILES_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/files/limits.h"

/* WANE_EFORMAT, with the remedy, when what should be a file's content is a Git LFS pointer: a text
 * of a few lines that stands for the file in a clone made without Git LFS. `head` is its beginning,
 * `bytes` the size of the whole, `path` what messages call it. Whoever reads content by other means
 * than the functions of this header asks it. */
WANE_MUST_CHECK wane_status wane_file_refuse_lfs_pointer(const void *head, size_t head_bytes,
                                                         size_t bytes, const char *path,
                                                         wane_error *err);

/* Opens an input for reading: a regular file (of any size), or, with `folder` not NULL, a folder,
 * which *folder then says. A FIFO, a device or a socket is WANE_EFORMAT at once: none is opened and
 * waited for. Every reader of a path opens it by this. The descriptor is the caller's. */
WANE_MUST_CHECK wane_status wane_input_open(int *fd, uint64_t *bytes, bool *folder,
                                            const char *path, wane_error *err);

/* The whole file, NUL-terminated after *bytes bytes. At most `limit` bytes (0 = 1 GiB), else
 * WANE_EFORMAT. Owned by the caller, free with wane_free. */
WANE_MUST_CHECK wane_status wane_file_read(char **out, size_t *bytes, const char *path,
                                           size_t limit, wane_error *err);
/* The same with the limit of its kind. */
WANE_MUST_CHECK wane_status wane_file_read_kind(char **out, size_t *bytes, const char *path,
                                                wane_limit kind, wane_error *err);

/* At most the first `most` bytes, to see what it is; a Git LFS pointer is refused. */
WANE_MUST_CHECK wane_status wane_file_head(char *out, size_t *bytes, size_t most, const char *path,
                                           wane_error *err);

/* A read-only map of a regular file. */
typedef struct wane_map {
    const unsigned char *data; /* borrowed until wane_map_close */
    size_t bytes;
} wane_map;

WANE_MUST_CHECK wane_status wane_map_open(wane_map *out, const char *path, wane_error *err);
void wane_map_close(wane_map *map); /* {0} allowed */
/* The memory that these bytes have come to is given back, but for pages that others share: they are
 * read from the file again when somebody looks. */
void wane_map_let_go(const wane_map *map, size_t offset, size_t bytes);

/* A file that appears whole or not at all: written beside its place as a temporary (.NAME.0.tmp),
 * then synced, renamed, and its folder synced. What a killed writer left as a temporary is taken
 * over by the next writer of that name. A link is written through; anything else that is no regular
 * file, and a database, is refused. Owned by the caller until commit or abort. */
typedef struct wane_atomic wane_atomic;

WANE_MUST_CHECK wane_status wane_atomic_open(wane_atomic **out, const char *path, wane_error *err);
WANE_MUST_CHECK wane_status wane_atomic_write(wane_atomic *file, const void *bytes, size_t count,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_atomic_commit(wane_atomic *file, wane_error *err); /* frees it */
void wane_atomic_abort(wane_atomic *file); /* removes the temporary; NULL allowed */

/* Whether wane_atomic_open would find a place for the file, as far as can be told without making
 * anything: its own refusals, a folder that is not there or not to be written to. */
WANE_MUST_CHECK wane_status wane_file_writable(const char *path, wane_error *err);

/* For tests: after `n` successful operations every write, sync and rename of the functions of this
 * header finds the disk full (ENOSPC; a write puts a part of its bytes first); n < 0 switches this
 * off. Counts over all threads. */
void wane_file_fail_after(long n);

/* open + write + commit. */
WANE_MUST_CHECK wane_status wane_file_write(const char *path, const void *bytes, size_t count,
                                            wane_error *err);

bool wane_file_exists(const char *path); /* anything but a folder */
/* Whether it is a database of SQLite: the functions of this header never replace one. */
bool wane_file_is_database(const char *path);
bool wane_folder_exists(const char *path);
/* Makes `path` and its parents (0777 & ~umask); existing folders are fine. */
WANE_MUST_CHECK wane_status wane_folder_make(const char *path, wane_error *err);
/* Whether it could be made, or is there and can be written into; nothing is made. */
WANE_MUST_CHECK wane_status wane_folder_writable(const char *path, wane_error *err);
/* Removes a file or a link; what is not there is fine, a folder is an error. */
WANE_MUST_CHECK wane_status wane_remove(const char *path, wane_error *err);
/* Removes those files in a folder whose names `made` knows, with what killed writers of them left
 * as temporaries, and then the folder. It is not walked into: what else is there stays, and the
 * folder with it. What is not there is fine; a file of that name is removed. */
WANE_MUST_CHECK wane_status wane_folder_remove(const char *path, bool (*made)(const char *name),
                                               wane_error *err);
/* Names in a folder but . and .., sorted by byte value. Free with wane_names_free. */
WANE_MUST_CHECK wane_status wane_folder_list(char ***out, size_t *count, const char *path,
                                             wane_error *err);
/* Relative names of the regular files, and links to such, in a folder and its subfolders, sorted by
 * byte value. WANE_EFORMAT for links to folders, for devices and the like, for over `limit` names,
 * and for over 64 levels. Free with wane_names_free. */
WANE_MUST_CHECK wane_status wane_folder_walk(char ***out, size_t *count, const char *path,
                                             size_t limit, wane_error *err);
void wane_names_free(char **names, size_t count);

/* Whether the relative `name`, or a folder on its way, is hidden: begins with a full stop, or is
 * __MACOSX, where macOS puts what it knows of the files of an archive. */
bool wane_name_hidden(const char *name);

/* Hidden files that were passed over. Free `first` with wane_free. */
typedef struct wane_hidden_files {
    size_t count;
    char *first; /* relative name of the first; NULL when there is none */
} wane_hidden_files;
/* Notes one of them; false when memory is out. */
bool wane_hidden_add(wane_hidden_files *hidden, const char *name);

/* "skipped 3 hidden files (the first: NAME)" in `out`, which it returns: one line of UTF-8 whatever
 * the name is. */
char *wane_hidden_say(char *out, size_t size, const wane_hidden_files *hidden);

/* wane_folder_walk without what is hidden: those files are counted, whatever they are. */
WANE_MUST_CHECK wane_status wane_folder_walk_visible(char ***out, size_t *count,
                                                     wane_hidden_files *hidden, const char *path,
                                                     size_t limit, wane_error *err);

/* What follows its last slash; all of it where there is none. */
const char *wane_path_base(const char *path);
/* "folder/name", or `name` alone when it is absolute or folder is NULL or empty. Owned by the
 * caller, free with wane_free; NULL when memory is out. */
char *wane_path_join(const char *folder, const char *name);

/* SHA-256 of a file's bytes. */
WANE_MUST_CHECK wane_status wane_file_sha256(char out[WANE_SHA256_HEX], const char *path,
                                             wane_error *err);

/* An exclusive lock on a file (flock, and for wane_lock_held an open file description lock beside
 * it), released by wane_lock_release or by the death of the process. `wait` false gives WANE_EBUSY
 * at once when another process holds it. */
typedef struct wane_lock wane_lock;
WANE_MUST_CHECK wane_status wane_lock_take(wane_lock **out, const char *path, bool wait,
                                           wane_error *err);
/* Whether anybody holds the lock on `path`, asked without taking or making anything: nobody waits
 * or is turned away for the question. A file that is not there is held by nobody. */
WANE_MUST_CHECK wane_status wane_lock_held(bool *out, const char *path, wane_error *err);
void wane_lock_release(wane_lock *lock); /* NULL allowed */

#endif
