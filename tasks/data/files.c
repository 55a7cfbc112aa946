/* SPDX-License-Identifier: Apache-2.0
 * Tells splits by the names of files, and collects their bytes from a folder, an archive or one
 * file.
 */
#include "tasks/data/files.h"

#include <string.h>
#include <strings.h>

#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"

bool wane_split_named(enum wane_file_split *out, const char *name, size_t bytes)
{
    static const struct {
        const char *word;
        enum wane_file_split split;
    } known[] = {{"train", WANE_FILE_TRAIN},      {"validation", WANE_FILE_VALIDATION},
                 {"valid", WANE_FILE_VALIDATION}, {"dev", WANE_FILE_VALIDATION},
                 {"eval", WANE_FILE_VALIDATION},  {"test", WANE_FILE_TEST}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].word) != bytes || memcmp(known[i].word, name, bytes) != 0) continue;
        *out = known[i].split;
        return true;
    }
    return false;
}

static bool ends_in(const char *name, size_t bytes, const char *ending)
{
    size_t length = strlen(ending);
    return bytes > length && strncasecmp(name + bytes - length, ending, length) == 0;
}

size_t wane_name_uncompressed(const char *name, size_t bytes)
{
    static const char *const endings[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_in(name, bytes, endings[i])) return bytes - strlen(endings[i]);
    return bytes;
}

const char *wane_path_name(const char *path, bool plain, size_t *bytes)
{
    static const char *const endings[] = {".tar",  ".tgz", ".zip", ".jsonl", ".ndjson",
                                          ".json", ".csv", ".tsv", ".txt"};
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    *bytes = end - start;
    if (!plain) return path + start;
    *bytes = wane_name_uncompressed(path + start, *bytes);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (!ends_in(path + start, *bytes, endings[i])) continue;
        *bytes -= strlen(endings[i]);
        break;
    }
    return path + start;
}

void wane_task_files_free(wane_task_files *files)
{
    if (!files) return;
    for (int s = 0; s <= WANE_FILE_SPLITS; s++) {
        wane_split_file *file = s < WANE_FILE_SPLITS ? &files->split[s] : &files->manifest;
        wane_free(file->name);
        wane_free(file->bytes);
        *file = (wane_split_file){0};
    }
}

/* Names seen that are no split, for the message when there is no train split. */
typedef struct seen {
    wane_text names;
    size_t count;
    bool parquet;
} seen;

typedef struct collector {
    const char *path;
    bool folder;
    wane_task_files files;
    seen seen;
} collector;

static wane_status keep(const collector *c, wane_split_file *file, const char *name,
                        wane_entries *entries, wane_error *err)
{
    if (file->name)
        return wane_fail(err, WANE_EEXIST, "open task: two files for one split: %s and %s in %s",
                         file->name, name, c->path);
    /* With the folder or archive: messages must say which of many. */
    bool lone = !c->folder && strcmp(wane_path_name(c->path, false, &(size_t){0}), name) == 0;
    char *kept_name = lone ? wane_strdup(c->path) : wane_path_join(c->path, name);
    if (!kept_name) return wane_fail_memory(err, "open task", c->path);
    wane_status st = wane_entries_read_all(entries, &file->bytes, &file->count, err);
    if (st == WANE_OK) file->name = kept_name;
    else wane_free(kept_name);
    return st;
}

static wane_status take_entry(collector *c, wane_entries *entries, const char *name,
                              wane_error *err)
{
    size_t bytes = 0, path_bytes = 0;
    const char *base = wane_path_name(name, false, &bytes);
    const char *last = wane_path_name(c->path, false, &path_bytes);
    wane_format format = WANE_FORMAT_JSONL;
    enum wane_file_split split = WANE_FILE_TRAIN;
    bool known = wane_format_of(&format, base);
    bool is_lone = !c->folder && base == name &&
                   wane_name_uncompressed(last, path_bytes) == bytes &&
                   memcmp(last, base, bytes) == 0;
    size_t stem = strcspn(base, ".");
    bool is_split = known && !strchr(base + stem + 1, '.') && /* not train.old.csv */
                    wane_split_named(&split, base, stem);
    if (known && (is_lone || is_split)) {
        wane_split_file *file = &c->files.split[is_lone ? WANE_FILE_TRAIN : split];
        file->format = format;
        return keep(c, file, name, entries, err);
    }
    if (strcmp(base, "task.yaml") == 0) return keep(c, &c->files.manifest, name, entries, err);
    c->seen.parquet = c->seen.parquet || ends_in(base, bytes, ".parquet");
    if (c->seen.count++ < 6)
        wane_text_printf(&c->seen.names, "%s%.80s", c->seen.count > 1 ? ", " : "", name);
    return WANE_OK;
}

static wane_status no_train(const collector *c, wane_error *err)
{
    if (c->seen.parquet)
        return wane_fail(err, WANE_ENOTFOUND,
                         "open task: %s: Parquet is not read; convert each split: python3 -c "
                         "\"import pandas; pandas.read_parquet('train.parquet').to_json("
                         "'train.jsonl', orient='records', lines=True)\"",
                         c->path);
    if (c->files.split[WANE_FILE_VALIDATION].name || c->files.split[WANE_FILE_TEST].name)
        return wane_fail(err, WANE_ENOTFOUND, "open task: %s: there is no train split", c->path);
    return wane_fail(err, WANE_ENOTFOUND,
                     "open task: %s: there is no train.{jsonl,json,csv,tsv} in it (it holds: %s%s)",
                     c->path, c->seen.names.data ? c->seen.names.data : "nothing",
                     c->seen.count > 6 ? ", ..." : "");
}

wane_status wane_hidden_keep(wane_hidden_files *out, const wane_entries *entries, wane_arena *arena,
                             wane_error *err)
{
    const wane_hidden_files *hidden = wane_entries_hidden(entries);
    char *first = hidden->count ? wane_arena_strdup(arena, hidden->first) : NULL;
    if (hidden->count && !first) return wane_fail_memory(err, "read", "hidden files");
    *out = (wane_hidden_files){hidden->count, first};
    return WANE_OK;
}

wane_status wane_task_files_read(wane_task_files *out, const char *path, wane_arena *arena,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    wane_entries *entries = NULL;
    collector c = {.path = path, .folder = wane_folder_exists(path)};
    static const wane_limit table = WANE_LIMIT_TABLE;
    const wane_entries_limits limits = {.visible = true, .whole = &table};
    WANE_TRY(wane_entries_open(&entries, path, &limits, err));
    for (;;) {
        const char *name = NULL;
        st = wane_entries_next(entries, &name, err);
        if (st == WANE_DONE) break;
        if (st != WANE_OK) goto done;
        WANE_TRY(take_entry(&c, entries, name, err));
    }
    WANE_TRY(wane_hidden_keep(&c.files.hidden, entries, arena, err));
    if (!c.files.split[WANE_FILE_TRAIN].name) WANE_TRY(no_train(&c, err));
    *out = c.files;
    c.files = (wane_task_files){0};
done:
    wane_entries_close(entries);
    wane_task_files_free(&c.files);
    wane_text_free(&c.seen.names);
    return st;
}
