/* SPDX-License-Identifier: Apache-2.0
 * Collects the documents of a text, table or JSON file, folder or archive, without those that are
 * empty, and fingerprints them; cutting them into windows is windows.c.
 */
#include "tasks/data/corpus.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "tasks/data/files.h"
#include "tasks/data/source.h"
#include "tasks/data/words.h"

/* What wane_corpus.memory points to. */
typedef struct holder {
    wane_arena *arena;
    wane_document *documents;
} holder;

typedef struct collection {
    const wane_corpus_spec *spec;
    const char *field;
    wane_arena *arena;
    wane_document *documents;
    size_t count, capacity, filtered_out;
    wane_hidden_files hidden; /* `first` in the arena */
} collection;

static void holder_free(holder *h)
{
    if (!h) return;
    wane_arena_free(h->arena);
    wane_free(h->documents);
    wane_free(h);
}

void wane_corpus_free(wane_corpus *corpus)
{
    if (!corpus) return;
    holder_free(corpus->memory);
    *corpus = (wane_corpus){0};
}

static wane_status fingerprint(wane_corpus *corpus, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < corpus->count; i++)
        wane_sha256_field(hash, corpus->documents[i].text, corpus->documents[i].bytes);
    return wane_sha256_end(corpus->sha256, hash, err);
}

static bool is_ascii(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] >= 0x80) return false;
    return true;
}

static wane_status take(collection *c, const char *text, size_t bytes, wane_error *err)
{
    size_t words = wane_count_words(text, bytes);
    if (words == 0) return WANE_OK;
    if (c->spec->filter && !is_ascii(text, bytes)) {
        c->filtered_out++;
        return WANE_OK;
    }
    if (!WANE_GROW(c->documents, c->capacity, c->count + 1))
        return wane_fail_memory(err, "open corpus", c->spec->path);
    const char *copy = wane_arena_strndup(c->arena, text, bytes);
    if (!copy) return wane_fail_memory(err, "open corpus", c->spec->path);
    c->documents[c->count++] = (wane_document){.text = copy, .bytes = bytes, .words = words};
    return WANE_OK;
}

/* A document's last line end is not its own. */
static size_t without_line_end(const char *text, size_t bytes)
{
    if (bytes && text[bytes - 1] == '\n') bytes--;
    if (bytes && text[bytes - 1] == '\r') bytes--;
    return bytes;
}

static wane_status take_plain(collection *c, const char *bytes, size_t count, const char *name,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(wane_source_check_text(bytes, count, name, err));
    size_t at = count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (c->spec->documents && strcmp(c->spec->documents, "whole") == 0)
        return take(c, bytes + at, without_line_end(bytes + at, count - at), err);
    size_t start = at;
    /* Only where there is no other is CR the end of a line: texts of old Macs. */
    const char line_end = count && !memchr(bytes, '\n', count) ? '\r' : '\n';
    while (at < count) {
        const char *end = memchr(bytes + at, line_end, count - at);
        size_t next = end ? (size_t)(end - bytes) + 1 : count;
        bool blank = wane_count_words(bytes + at, next - at) == 0;
        if (blank) {
            WANE_TRY(take(c, bytes + start, without_line_end(bytes + start, at - start), err));
            start = next;
        }
        at = next;
    }
    WANE_TRY(take(c, bytes + start, without_line_end(bytes + start, count - start), err));
done:
    return st;
}

/* Syntax of a table must not be measured as language, so there is no falling back to plain text. */
static wane_status no_field(const collection *c, const wane_source *source, wane_format format,
                            wane_error *err)
{
    bool table = format == WANE_FORMAT_CSV || format == WANE_FORMAT_TSV;
    return wane_source_fail_missing(
        source, c->field, err,
        table ? "; name the column of the text (--field NAME, or 'field' "
                "of the corpus), name the file .txt to measure it as plain "
                "text, or leave it out"
              : "; name the key of the text (--field NAME, or 'field' of "
                "the corpus), or leave the file out");
}

static wane_status take_rows(collection *c, const char *bytes, size_t count, const char *name,
                             wane_format format, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = NULL;
    wane_text text = {0};
    WANE_TRY(wane_source_open(&source, bytes, count, name, format, true, err));
    while ((st = wane_source_next(source, err)) == WANE_OK) {
        bool bare = wane_source_is_bare(source);
        if (!bare && !wane_source_has(source, c->field)) WANE_TRY(no_field(c, source, format, err));
        wane_text_clear(&text);
        WANE_TRY(wane_source_value(source, bare ? "" : c->field, &text, err));
        WANE_TRY(wane_text_check(&text, "open corpus", name, err));
        WANE_TRY(take(c, text.data, text.length, err));
    }
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_text_free(&text);
    wane_source_free(source);
    return st;
}

static bool is_text_name(const char *name)
{
    static const char *const endings[] = {".txt", ".text", ".raw", ".tokens"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0) return true;
    }
    return false;
}

/* Whether the path is that one file itself (maybe compressed), not a folder or an archive. */
static bool is_lone(const char *path, const char *entry)
{
    size_t bytes = 0, length = strlen(entry);
    const char *last = wane_path_name(path, false, &bytes);
    return !wane_folder_exists(path) && wane_name_uncompressed(last, bytes) == length &&
           memcmp(last, entry, length) == 0;
}

static wane_status take_entry(collection *c, wane_entries *entries, const char *name,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_format format = WANE_FORMAT_JSON;
    char *bytes = NULL, *kept_name = NULL;
    size_t count = 0;
    bool rows = wane_format_of(&format, name);
    if (!rows && !is_text_name(name) && !is_lone(c->spec->path, name)) return WANE_OK;
    kept_name = wane_strdup(name);
    if (!kept_name) return wane_fail_memory(err, "open corpus", c->spec->path);
    WANE_TRY(wane_entries_read_all(entries, &bytes, &count, err));
    st = rows ? take_rows(c, bytes, count, kept_name, format, err)
              : take_plain(c, bytes, count, kept_name, err);
done:
    wane_free(bytes);
    wane_free(kept_name);
    return st;
}

static wane_status check_spec(const wane_corpus_spec *spec, wane_error *err)
{
    if (!spec->path || !*spec->path)
        return wane_fail(err, WANE_EINVAL, "open corpus: %s: no path",
                         spec->name ? spec->name : "(unnamed)");
    if (spec->documents && strcmp(spec->documents, "blank") != 0 &&
        strcmp(spec->documents, "whole") != 0)
        return wane_fail(err, WANE_EINVAL,
                         "open corpus: %s: documents: \"%.60s\" is neither blank nor whole",
                         spec->path, spec->documents);
    if (spec->filter && strcmp(spec->filter, "ascii") != 0)
        return wane_fail(err, WANE_EINVAL, "open corpus: %s: filter: \"%.60s\" is not ascii",
                         spec->path, spec->filter);
    return WANE_OK;
}

/* Nothing to measure, and what it is that was left out. */
static wane_status fail_empty(const collection *c, wane_error *err)
{
    char left_out[128] = "";
    size_t filtered = c->filtered_out, hidden = c->hidden.count;
    if (filtered)
        (void)snprintf(left_out, sizeof left_out, "%zu %s not ASCII%s", filtered,
                       filtered == 1 ? "is" : "are", hidden ? ", " : "");
    if (hidden)
        (void)snprintf(left_out + strlen(left_out), sizeof left_out - strlen(left_out),
                       "%zu hidden file%s passed over", hidden, hidden == 1 ? " is" : "s are");
    return wane_fail(err, WANE_EFORMAT, "open corpus: %s: no document is in it%s%s%s",
                     c->spec->path, *left_out ? " (" : "", left_out, *left_out ? ")" : "");
}

/* Makes the corpus of what was collected and takes it over; on failure all of it is freed too. */
static wane_status finish(wane_corpus *out, collection *c, wane_status st, wane_error *err)
{
    wane_corpus corpus = {0};
    holder *h = wane_alloc(1, sizeof *h);
    if (st == WANE_OK && !h) st = wane_fail_memory(err, "open corpus", c->spec->path);
    if (st == WANE_OK && c->count == 0) st = fail_empty(c, err);
    if (st == WANE_OK) {
        size_t bytes = 0;
        const char *last = wane_path_name(c->spec->path, true, &bytes);
        corpus = (wane_corpus){
            .name = c->spec->name ? wane_arena_strdup(c->arena, c->spec->name)
                                  : wane_arena_strndup(c->arena, last, bytes),
            .count = c->count,
            .documents = c->documents,
            .filtered_out = c->filtered_out,
            .hidden = c->hidden,
            .memory = h,
        };
        st = corpus.name ? fingerprint(&corpus, err)
                         : wane_fail_memory(err, "open corpus", c->spec->path);
    }
    if (st == WANE_OK && h) {
        *h = (holder){c->arena, c->documents};
        *out = corpus;
        return WANE_OK;
    }
    wane_free(h);
    wane_arena_free(c->arena);
    wane_free(c->documents);
    return st;
}

wane_status wane_corpus_make(wane_corpus *out, const char *name, const char *const *texts,
                             const size_t *bytes, size_t count, wane_error *err)
{
    const wane_corpus_spec spec = {.name = name, .path = name};
    collection c = {.spec = &spec, .arena = wane_arena_new()};
    wane_status st = c.arena ? WANE_OK : wane_fail_memory(err, "make corpus", name);
    for (size_t i = 0; st == WANE_OK && i < count; i++) st = take(&c, texts[i], bytes[i], err);
    return finish(out, &c, st, err);
}

wane_status wane_corpus_open(wane_corpus *out, const wane_corpus_spec *spec, wane_error *err)
{
    wane_entries *entries = NULL;
    collection c = {.spec = spec, .field = spec->field ? spec->field : "text"};
    wane_status st = check_spec(spec, err);
    if (st != WANE_OK) return st;
    c.arena = wane_arena_new();
    if (!c.arena) return wane_fail_memory(err, "open corpus", spec->path);
    static const wane_limit text = WANE_LIMIT_TEXT;
    const wane_entries_limits limits = {.visible = true, .whole = &text};
    st = wane_entries_open(&entries, spec->path, &limits, err);
    while (st == WANE_OK) {
        const char *name = NULL;
        st = wane_entries_next(entries, &name, err);
        if (st == WANE_OK) st = take_entry(&c, entries, name, err);
    }
    if (st == WANE_DONE) st = wane_hidden_keep(&c.hidden, entries, c.arena, err);
    wane_entries_close(entries);
    return finish(out, &c, st, err);
}
