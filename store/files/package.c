/* SPDX-License-Identifier: Apache-2.0
 * Two passes over an archive: the first keeps its JSON, the files of a tokenizer and the heads
 * of its tensor files, and settles in which folder the model lies, the second streams the values
 * that are asked for.
 */
#include "store/files/package.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "store/files/gguf_internal.h"
#include "store/files/hub.h"

enum { PIECE = 1 << 20 };

/* One file of an archive. */
typedef struct member {
    char *name;          /* in the archive */
    const char *inside;  /* in the package: what follows `root/`; NULL outside it */
    unsigned char *kept; /* a JSON or tokenizer's file, or the head of a tensor file */
    size_t kept_bytes, kept_room, bytes;
    size_t wanted; /* of a GGUF file, whose header is looked at when so much is kept */
    bool whole;    /* the header of a GGUF file is kept */
} member;

struct wane_package {
    char *path;
    bool archived, gguf;
    char *folder; /* where the files lie, when not at `path`: of GGUF files, of the hub's cache */
    char *remedy; /* wane_package_remedy, or NULL */
    char **names; /* of a folder, or of a set of GGUF */
    size_t name_count;
    member *members; /* of an archive; those inside first, by name */
    size_t member_count, room, inside;
    uint64_t kept;
};

static const wane_entries_limits limits = {.entry_bytes = WANE_PACKAGE_ENTRY_BYTES,
                                           .total_bytes = WANE_PACKAGE_TOTAL_BYTES};

/* --------------------------------------------------------------------------------- the first pass
 */

static wane_status no_memory(const wane_package *p, wane_error *err)
{
    return wane_fail_memory(err, "read", p->path);
}

/* Room for `count` more bytes of what is kept of m. */
static wane_status grow_kept(wane_package *p, member *m, size_t count, wane_error *err)
{
    if (count > WANE_PACKAGE_KEPT_BYTES - p->kept)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: its JSON files and headers take more than %" PRIu64
                         " bytes",
                         p->path, m->name, WANE_PACKAGE_KEPT_BYTES);
    if (!WANE_GROW(m->kept, m->kept_room, m->kept_bytes + count + 1)) return no_memory(p, err);
    p->kept += count;
    return WANE_OK;
}

/* Whether a file of an archive is kept whole: JSON, and what else a tokenizer is read from. */
static bool kept_whole(const char *name)
{
    return wane_ends_with(name, ".json") || wane_limit_of_name(name) == WANE_LIMIT_TOKENIZER;
}

/* The header of a GGUF file does not say how long it is: twice as much as there is, until it is all
 * there. */
static size_t wanted_of_gguf(member *m)
{
    enum { FIRST = 1 << 16 };
    if (m->whole) return m->kept_bytes;
    if (m->wanted < FIRST) m->wanted = FIRST;
    if (m->kept_bytes < m->wanted) return m->wanted;
    m->whole = wane_gguf_head_is_whole(m->kept, m->kept_bytes);
    if (m->whole || m->wanted > SIZE_MAX / 2) return m->kept_bytes;
    return m->wanted *= 2;
}

/* How much of the file's beginning is kept, knowing what is kept so far. */
static size_t wanted(member *m)
{
    enum { LENGTH = 8, POINTER = 1024 };
    uint64_t claimed = 0;
    if (kept_whole(m->name)) return (size_t)wane_limit_bytes(wane_limit_of_name(m->name));
    if (m->kept_bytes >= LENGTH && memcmp(m->kept, "version ", LENGTH) == 0)
        return POINTER; /* of Git LFS, perhaps */
    if (wane_ends_with(m->name, ".gguf")) return wanted_of_gguf(m);
    if (!wane_ends_with(m->name, ".safetensors") || m->kept_bytes < LENGTH) return LENGTH;
    memcpy(&claimed, m->kept, LENGTH);
    return claimed > WANE_PACKAGE_KEPT_BYTES ? LENGTH : LENGTH + (size_t)claimed;
}

static wane_status keep(wane_package *p, member *m, const unsigned char *bytes, size_t count,
                        wane_error *err)
{
    for (size_t want = wanted(m); count && m->kept_bytes < want; want = wanted(m)) {
        size_t part = want - m->kept_bytes < count ? want - m->kept_bytes : count;
        wane_status st = grow_kept(p, m, part, err);
        if (st != WANE_OK) return st;
        memcpy(m->kept + m->kept_bytes, bytes, part);
        m->kept_bytes += part;
        m->kept[m->kept_bytes] = '\0';
        bytes += part;
        count -= part;
    }
    return WANE_OK;
}

static wane_status add_member(wane_package *p, wane_entries *entries, const char *name,
                              unsigned char *piece, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t got = 0;
    if (!WANE_GROW(p->members, p->room, p->member_count + 1)) return no_memory(p, err);
    member *m = &p->members[p->member_count];
    *m = (member){.name = wane_strdup(name)};
    if (!m->name) return no_memory(p, err);
    p->member_count++;
    do {
        if ((st = wane_entries_read(entries, piece, PIECE, &got, err)) != WANE_OK) return st;
        if ((st = keep(p, m, piece, got, err)) != WANE_OK) return st;
        m->bytes += got;
    } while (got);
    return WANE_OK;
}

static wane_status scan(wane_package *p, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_entries *entries = NULL;
    const char *name = NULL;
    unsigned char *piece = wane_alloc(PIECE, 1);
    if (!piece) WANE_TRY(no_memory(p, err));
    WANE_TRY(wane_entries_open(&entries, p->path, &limits, err));
    while ((st = wane_entries_next(entries, &name, err)) == WANE_OK)
        if (kept_whole(name) || wane_package_tensor_name(name))
            WANE_TRY(add_member(p, entries, name, piece, err));
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_entries_close(entries);
    wane_free(piece);
    return st;
}

/* ------------------------------------------------------------------------------------------- root
 */

static size_t folder_length(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

static size_t depth_of(const char *name)
{
    size_t depth = 0;
    for (; (name = strchr(name, '/')) != NULL; name++) depth++;
    return depth;
}

static bool same_folder(const char *a, const char *b)
{
    size_t length = folder_length(a);
    return length == folder_length(b) && memcmp(a, b, length) == 0;
}

static bool marks_root(const member *m, bool configured)
{
    const char *base = wane_path_base(m->name);
    if (!configured) return wane_package_tensor_name(m->name);
    return strcmp(base, "config.json") == 0 || strcmp(base, "adapter_config.json") == 0;
}

/* The member in whose folder the model lies; NULL when no member marks one. */
static wane_status find_root(const member **out, const wane_package *p, bool configured,
                             wane_error *err)
{
    const member *best = NULL, *other = NULL;
    for (size_t i = 0; i < p->member_count; i++) {
        const member *m = &p->members[i];
        if (!marks_root(m, configured)) continue;
        if (!best || depth_of(m->name) < depth_of(best->name)) {
            best = m;
            other = NULL;
        } else if (depth_of(m->name) == depth_of(best->name) && !same_folder(m->name, best->name)) {
            other = m;
        }
    }
    if (other)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: more than one model: %.200s and %.200s; pack one folder",
                         p->path, best->name, other->name);
    *out = best;
    return WANE_OK;
}

static int inside_first(const void *left, const void *right)
{
    const member *a = left, *b = right;
    if (!a->inside != !b->inside) return a->inside ? -1 : 1;
    return strcmp(a->inside ? a->inside : a->name, b->inside ? b->inside : b->name);
}

static wane_status settle(wane_package *p, wane_error *err)
{
    const member *root = NULL;
    wane_status st = find_root(&root, p, true, err);
    if (st == WANE_OK && !root) st = find_root(&root, p, false, err);
    if (st != WANE_OK) return st;
    if (!root)
        return wane_fail(err, WANE_ENOTFOUND,
                         "read: %s: no model in it (no config.json, no tensors)", p->path);
    size_t length = folder_length(root->name);
    for (size_t i = 0; i < p->member_count; i++) {
        member *m = &p->members[i];
        if (!same_folder(m->name, root->name)) continue;
        m->inside = m->name + length + (length > 0);
        p->inside++;
    }
    qsort(p->members, p->member_count, sizeof *p->members, inside_first);
    return WANE_OK;
}

/* ----------------------------------------------------------------------------------- open, close
 */

/* Of a snapshot: a link to a blob that is gone. */
static wane_status blob_missing(const wane_package *p, const char *name, wane_error *err)
{
    return wane_fail(err, WANE_ENOTFOUND, "read: %s: %s is a link to what is not there%s", p->path,
                     name, wane_package_remedy(p));
}

static wane_status list_folder(wane_package *p, wane_error *err)
{
    size_t kept = 0;
    wane_status st =
        wane_folder_list(&p->names, &p->name_count, p->folder ? p->folder : p->path, err);
    for (size_t i = 0; st == WANE_OK && i < p->name_count; i++) {
        char *file = wane_package_file(p, p->names[i]);
        if (!file) return no_memory(p, err);
        char *name = p->names[i];
        if (wane_file_exists(file)) {
            p->names[i] = p->names[kept];
            p->names[kept++] = name;
        } else if (p->remedy && !wane_folder_exists(file) &&
                   (kept_whole(name) || wane_package_tensor_name(name))) {
            st = blob_missing(p, name, err);
        }
        wane_free(file);
    }
    if (st != WANE_OK) return st;
    for (size_t i = kept; i < p->name_count; i++) {
        wane_free(p->names[i]);
        p->names[i] = NULL;
    }
    p->name_count = kept;
    return WANE_OK;
}

static bool is_gguf(const char *path)
{
    char head[4];
    size_t bytes = 0;
    if (wane_folder_exists(path) || !wane_file_exists(path)) return false;
    if (wane_ends_with(path, ".gguf")) return true;
    return wane_file_head(head, &bytes, sizeof head, path, NULL) == WANE_OK &&
           wane_gguf_begins(head, bytes);
}

bool wane_package_is(const char *path)
{
    return wane_folder_exists(path) || wane_entries_is_archive(path) || is_gguf(path) ||
           wane_hub_is(path);
}

/* The file itself, or all of its set, which must be there. */
static wane_status list_gguf(wane_package *p, wane_error *err)
{
    size_t number = 1, count = 1;
    const char *base = wane_path_base(p->path);
    bool set = wane_gguf_shard(base, &number, &count);
    p->gguf = true;
    p->folder = wane_strdup(p->path);
    p->names = wane_alloc(count, sizeof *p->names);
    if (!p->folder || !p->names) return no_memory(p, err);
    p->folder[base - p->path] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!(p->names[i] = wane_strdup(base))) return no_memory(p, err);
        p->name_count++;
        if (set) wane_gguf_shard_set(p->names[i], i + 1);
        char *file = wane_package_file(p, p->names[i]);
        bool there = file && wane_file_exists(file);
        wane_free(file);
        if (!file) return no_memory(p, err);
        if (!there)
            return wane_fail(err, WANE_ENOTFOUND, "read: %s: one of %zu files; %s is not beside it",
                             p->path, count, p->names[i]);
    }
    return WANE_OK;
}

/* The folder and the remedy of a name on the hub. */
static wane_status find_in_hub(wane_package *p, wane_error *err)
{
    char fetch[900];
    wane_text text = {0};
    wane_status st = wane_hub_folder(&p->folder, p->path, err);
    if (st != WANE_OK || !p->folder) return st;
    wane_text_printf(&text, ": not downloaded whole? to fetch it: %s",
                     wane_hub_fetch(fetch, sizeof fetch, p->path));
    st = wane_text_check(&text, "read", p->path, err);
    p->remedy = text.data;
    return st;
}

wane_status wane_package_open(wane_package **out, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_package *p = wane_alloc(1, sizeof *p);
    if (!p) return wane_fail_memory(err, "read", path);
    p->path = wane_strdup(path);
    if (!p->path) WANE_TRY(no_memory(p, err));
    bool gguf = is_gguf(path);
    WANE_TRY(find_in_hub(p, err));
    p->archived = !gguf && !p->folder && !wane_folder_exists(path);
    if (p->archived && wane_file_exists(path) && !wane_entries_is_archive(path))
        WANE_TRY(wane_fail(err, WANE_EFORMAT,
                           "read: %s: neither a folder nor an archive nor a GGUF file", path));
    if (gguf) {
        WANE_TRY(list_gguf(p, err));
    } else if (p->archived) {
        WANE_TRY(scan(p, err));
        WANE_TRY(settle(p, err));
    } else {
        WANE_TRY(list_folder(p, err));
    }
    *out = p;
    p = NULL;
done:
    wane_package_close(p);
    return st;
}

void wane_package_close(wane_package *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->member_count; i++) {
        wane_free(p->members[i].name);
        wane_free(p->members[i].kept);
    }
    wane_free(p->members);
    wane_names_free(p->names, p->name_count);
    wane_free(p->folder);
    wane_free(p->remedy);
    wane_free(p->path);
    wane_free(p);
}

const char *wane_package_path(const wane_package *package)
{
    return package->path;
}

bool wane_package_archived(const wane_package *package)
{
    return package->archived;
}

bool wane_package_is_gguf(const wane_package *package)
{
    return package->gguf;
}

const char *wane_package_remedy(const wane_package *package)
{
    return package->remedy ? package->remedy : "";
}

static int by_inside(const void *key, const void *element)
{
    const member *m = element;
    return strcmp(key, m->inside);
}

static const member *find(const wane_package *p, const char *name)
{
    return p->inside ? bsearch(name, p->members, p->inside, sizeof *p->members, by_inside) : NULL;
}

char *wane_package_file(const wane_package *package, const char *name)
{
    return wane_path_join(package->folder ? package->folder : package->path, name);
}

static int by_text(const void *key, const void *element)
{
    return strcmp(key, *(char *const *)element);
}

bool wane_package_has(const wane_package *package, const char *name)
{
    if (package->archived) return find(package, name) != NULL;
    return package->name_count &&
           bsearch(name, package->names, package->name_count, sizeof *package->names, by_text);
}

size_t wane_package_count(const wane_package *package)
{
    return package->archived ? package->inside : package->name_count;
}

const char *wane_package_name(const wane_package *package, size_t index)
{
    return package->archived ? package->members[index].inside : package->names[index];
}

bool wane_package_holds_both(const wane_package *package)
{
    bool model = false;
    for (size_t i = 0; i < wane_package_count(package); i++) {
        const char *name = wane_package_name(package, i);
        model = model || (wane_package_tensor_name(name) && strncmp(name, "adapter_", 8) != 0);
    }
    return model && wane_package_has(package, "adapter_config.json");
}

/* ---------------------------------------------------------------------------------------- reading
 */

wane_status wane_package_read(char **out, size_t *bytes, const wane_package *package,
                              const char *name, wane_error *err)
{
    wane_status st = WANE_OK;
    char *file = wane_package_file(package, name);
    if (!file) return no_memory(package, err);
    if (!package->archived) {
        st = wane_file_read_kind(out, bytes, file, wane_limit_of_name(name), err);
        wane_free(file);
        return st;
    }
    const member *m = find(package, name);
    if (m && m->kept_bytes != m->bytes && kept_whole(m->name))
        st = wane_limit_exceeded(err, file, wane_limit_of_name(name));
    else if (!m || m->kept_bytes != m->bytes)
        st = wane_fail(err, WANE_ENOTFOUND, "read: %s: not in the archive", file);
    else st = wane_file_refuse_lfs_pointer(m->kept, m->kept_bytes, m->bytes, file, err);
    wane_free(file);
    if (st != WANE_OK) return st;
    char *copy = wane_alloc(m->bytes + 1, 1);
    if (!copy) return no_memory(package, err);
    if (m->bytes) memcpy(copy, m->kept, m->bytes);
    *out = copy;
    *bytes = m->bytes;
    return WANE_OK;
}

wane_status wane_package_json(wane_json **out, const wane_package *package, const char *name,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    char *text = NULL, *file = wane_package_file(package, name);
    size_t bytes = 0;
    if (!file) return no_memory(package, err);
    WANE_TRY(wane_package_read(&text, &bytes, package, name, err));
    WANE_TRY(wane_json_parse(out, text, bytes, file, err));
done:
    wane_free(text);
    wane_free(file);
    return st;
}

bool wane_package_head(const wane_package *package, const char *name, const unsigned char **head,
                       size_t *head_bytes, size_t *bytes)
{
    const member *m = package->archived ? find(package, name) : NULL;
    if (!m) return false;
    *head = m->kept;
    *head_bytes = m->kept_bytes;
    *bytes = m->bytes;
    return true;
}

/* ------------------------------------------------------------------------------- the second pass
 */

static wane_status changed(const wane_package *p, const char *name, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: the archive was changed while it was read",
                     p->path, name);
}

/* The current file of `entries`, which is m and names[file]. */
static wane_status hand_over(const wane_package *p, wane_entries *entries, const member *m,
                             size_t file, wane_package_sink sink, void *context,
                             unsigned char *piece, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t got = 0, offset = 0;
    do {
        if ((st = wane_entries_read(entries, piece, PIECE, &got, err)) != WANE_OK) return st;
        if (got > m->bytes - offset) return changed(p, m->name, err);
        size_t same = offset < m->kept_bytes ? m->kept_bytes - offset : 0;
        if (same > got) same = got;
        if (same && memcmp(m->kept + offset, piece, same) != 0) return changed(p, m->name, err);
        if (got) st = sink(context, file, offset, piece, got, err);
        if (st != WANE_OK) return st;
        offset += got;
    } while (got);
    return offset == m->bytes ? WANE_OK : changed(p, m->name, err);
}

wane_status wane_package_stream(const wane_package *package, const char *const *names, size_t count,
                                wane_package_sink sink, void *context, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_entries *entries = NULL;
    const char *name = NULL;
    size_t left = count;
    unsigned char *piece = wane_alloc(PIECE, 1);
    if (!piece) WANE_TRY(no_memory(package, err));
    for (size_t i = 0; i < count; i++)
        if (!package->archived || !find(package, names[i]))
            WANE_TRY(wane_fail(err, WANE_ENOTFOUND, "read: %s: %s: not in the archive",
                               package->path, names[i]));
    WANE_TRY(wane_entries_open(&entries, package->path, &limits, err));
    while (left && (st = wane_entries_next(entries, &name, err)) == WANE_OK)
        for (size_t i = 0; i < count; i++) {
            const member *m = find(package, names[i]);
            if (strcmp(m->name, name) != 0) continue;
            WANE_TRY(hand_over(package, entries, m, i, sink, context, piece, err));
            left--;
            break;
        }
    if (left && st == WANE_DONE) st = changed(package, "a file", err);
done:
    wane_entries_close(entries);
    wane_free(piece);
    return st;
}
