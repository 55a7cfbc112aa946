/* SPDX-License-Identifier: Apache-2.0
 * The files of a task: which entry of a folder or an archive is which split.
 *
 * A split file is train, validation (also valid, dev, eval) or test, with the ending .jsonl,
 * .ndjson, .json, .csv or .tsv, maybe compressed on top of that (train.jsonl.gz). The folder it
 * lies in does not matter, but a split may be there only once. Everything else but task.yaml is
 * left alone, and what is hidden is passed over and counted. A path that is itself one such file,
 * whatever its name, is the train split. Endings are the same in capitals.
 */
#ifndef TASKS_DATA_FILES_H
#define TASKS_DATA_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/files/entries.h"
#include "tasks/data/source.h"

enum wane_file_split { WANE_FILE_TRAIN, WANE_FILE_VALIDATION, WANE_FILE_TEST, WANE_FILE_SPLITS };

typedef struct wane_split_file {
    char *name; /* "NAME/train.jsonl"; NULL: not there */
    char *bytes;
    size_t count;
    wane_format format;
} wane_split_file;

typedef struct wane_task_files {
    wane_split_file split[WANE_FILE_SPLITS];
    wane_split_file manifest; /* task.yaml; its format means nothing */
    wane_hidden_files hidden; /* `first` in the arena */
} wane_task_files;

/* Reads them in one pass over `path`. WANE_ENOTFOUND when there is no train split. Free with
 * wane_task_files_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_task_files_read(wane_task_files *out, const char *path,
                                                 wane_arena *arena, wane_error *err);
void wane_task_files_free(wane_task_files *files);

/* What `entries` has passed over, kept in `arena`. */
WANE_MUST_CHECK wane_status wane_hidden_keep(wane_hidden_files *out, const wane_entries *entries,
                                             wane_arena *arena, wane_error *err);

/* The split a name means (aliases included); false for another word. */
bool wane_split_named(enum wane_file_split *out, const char *name, size_t bytes);

/* The last part of a path; without a known ending (.gz, .tar, .jsonl, ...) when `plain`. Points
 * into `path`; *bytes is its length. */
const char *wane_path_name(const char *path, bool plain, size_t *bytes);

/* The length of `name` less one ending of compression (.gz, .zst, .xz, .bz2, .lz4), if any. */
size_t wane_name_uncompressed(const char *name, size_t bytes);

#endif
