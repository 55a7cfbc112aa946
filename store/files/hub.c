/* SPDX-License-Identifier: Apache-2.0
 * Takes a name apart, finds its commit among refs/ and snapshots/ of the cache, and says what is
 * there where it is not.
 */
#include "store/files/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"

enum { COMMIT = 40, SHORTEST = 4, SHOWN = 7, LISTED = 8, MOST_PART = 96, MOST_REFS = 10000 };

/* --------------------------------------------------------------------------------------- names */

typedef struct hub_name {
    const char *text, *part[2]; /* of one part: part[0] is NULL */
    size_t length[2], whole;    /* whole: of the text without @REVISION */
    const char *revision;       /* NULL without one */
} hub_name;

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* As huggingface_hub's validate_repo_id has it. */
static bool part_is_sound(const char *part, size_t length)
{
    if (length == 0 || length > MOST_PART || !is_word(part[0]) || !is_word(part[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_word(part[i]) && part[i] != '-' && part[i] != '.') return false;
        if (i && part[i] == part[i - 1] && (part[i] == '-' || part[i] == '.')) return false;
    }
    return true;
}

/* Folders and a name below refs/, none of which leads out of it. */
static bool revision_is_sound(const char *revision)
{
    for (const char *part = revision; part;) {
        size_t length = strcspn(part, "/");
        if (length == 0 || part[0] == '.' || length > 255) return false;
        for (size_t i = 0; i < length; i++)
            if ((unsigned char)part[i] <= ' ' || part[i] == 0x7f || part[i] == '\\') return false;
        part = part[length] ? part + length + 1 : NULL;
    }
    return true;
}

static bool take_apart(hub_name *out, const char *text)
{
    hub_name n = {.text = text, .whole = strcspn(text, "@")};
    const char *slash = memchr(text, '/', n.whole);
    n.part[1] = slash ? slash + 1 : text;
    n.length[1] = n.whole - (size_t)(n.part[1] - text);
    if (slash) {
        n.part[0] = text;
        n.length[0] = (size_t)(slash - text);
        if (!part_is_sound(n.part[0], n.length[0])) return false;
    }
    if (text[n.whole]) n.revision = text + n.whole + 1;
    *out = n;
    return part_is_sound(n.part[1], n.length[1]) &&
           (!n.revision || (strlen(n.revision) < 512 && revision_is_sound(n.revision)));
}

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") == length && !text[length];
}

/* --------------------------------------------------------------------------------------- cache */

/* "VARIABLE/below", a ~ in it resolved; false where it is not set. */
static bool from_variable(wane_text *out, const char *variable, const char *below)
{
    const char *value = getenv(variable), *home = getenv("HOME");
    if (!value || !value[0]) return false;
    bool tilde = value[0] == '~' && (value[1] == '/' || !value[1]) && home && home[0];
    wane_text_printf(out, "%s%s%s", tilde ? home : "", tilde ? value + 1 : value, below);
    return true;
}

wane_status wane_hub_cache(char **out, wane_error *err)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    wane_text text = {0};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!from_variable(&text, places[i].variable, places[i].below)) continue;
        wane_status st = wane_text_check(&text, "read", "the hub cache", err);
        if (st == WANE_OK) *out = text.data;
        else wane_text_free(&text);
        return st;
    }
    return wane_fail(err, WANE_ENOTFOUND,
                     "read: the hub cache: neither HF_HUB_CACHE, HF_HOME nor "
                     "HOME says where it is");
}

/* The folder of the repository, there or not. */
static wane_status repository(char **out, const hub_name *n, wane_error *err)
{
    char *cache = NULL, name[2 * MOST_PART + 16];
    wane_status st = wane_hub_cache(&cache, err);
    if (st != WANE_OK) return st;
    (void)snprintf(name, sizeof name, "models--%.*s%s%.*s", (int)n->length[0],
                   n->part[0] ? n->part[0] : "", n->part[0] ? "--" : "", (int)n->length[1],
                   n->part[1]);
    *out = wane_path_join(cache, name);
    wane_free(cache);
    return *out ? WANE_OK : wane_fail_memory(err, "read", n->text);
}

/* Whether the name is one of the cache, with nothing at `path`: of one part only where the cache
 * has it. */
static bool is_name(hub_name *n, const char *name, const char *path)
{
    char *folder = NULL;
    if (!take_apart(n, name) || wane_file_exists(path) || wane_folder_exists(path)) return false;
    if (n->part[0]) return true;
    bool there = repository(&folder, n, NULL) == WANE_OK && wane_folder_exists(folder);
    wane_free(folder);
    return there;
}

bool wane_hub_is(const char *path)
{
    hub_name n;
    return is_name(&n, path, path);
}

/* ------------------------------------------------------------------------------------- commits */

/* The commit that refs/NAME holds; *there = false when there is no such reference. */
static wane_status read_reference(char commit[COMMIT + 1], bool *there, const char *repository,
                                  const char *name, wane_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    wane_text path = {0};
    wane_text_printf(&path, "%s/refs/%s", repository, name);
    wane_status st = wane_text_check(&path, "read", repository, err);
    *there = st == WANE_OK && wane_file_exists(path.data);
    if (*there) st = wane_file_read(&text, &bytes, path.data, 4096, err);
    if (st == WANE_OK && *there) {
        while (bytes && strchr(" \t\r\n", text[bytes - 1])) text[--bytes] = '\0';
        if (bytes == COMMIT && is_hex(text, COMMIT)) memcpy(commit, text, COMMIT + 1);
        else st = wane_fail(err, WANE_EFORMAT, "read: %s: holds no commit", path.data);
    }
    wane_free(text);
    wane_text_free(&path);
    return st;
}

/* The commits that there are snapshots of; none where there is no such folder. */
static void list_snapshots(char ***out, size_t *count, const char *repository)
{
    char *folder = wane_path_join(repository, "snapshots");
    *out = NULL;
    *count = 0;
    if (folder && wane_folder_exists(folder) &&
        wane_folder_list(out, count, folder, NULL) != WANE_OK) {
        *out = NULL;
        *count = 0;
    }
    wane_free(folder);
}

/* The only snapshot whose commit begins so; *there = false for none. */
static wane_status find_short(char commit[COMMIT + 1], bool *there, const char *repository,
                              const hub_name *n, wane_error *err)
{
    wane_status st = WANE_OK;
    char **names = NULL;
    size_t count = 0, length = strlen(n->revision);
    *there = false;
    list_snapshots(&names, &count, repository);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        if (!is_hex(names[i], COMMIT) || strncmp(names[i], n->revision, length) != 0) continue;
        if (*there)
            st = wane_fail(err, WANE_EINVAL, "read: %s: %s and %s begin so: give more digits",
                           n->text, commit, names[i]);
        memcpy(commit, names[i], COMMIT + 1);
        *there = true;
    }
    wane_names_free(names, count);
    return st;
}

static void add_revision(wane_text *out, size_t *listed, const char *name, const char *commit)
{
    if (++*listed > LISTED) return;
    wane_text_string(out, *listed > 1 ? ", " : "");
    if (name) wane_text_printf(out, "%.100s (%.*s)", name, SHOWN, commit);
    else wane_text_printf(out, "%.*s", SHOWN, commit);
}

/* Every reference that has a snapshot, with its commit, and the snapshots that no reference names.
 */
static void list_revisions(wane_text *out, const char *repository)
{
    char **refs = NULL, **snapshots = NULL, *folder = wane_path_join(repository, "refs");
    size_t ref_count = 0, count = 0, listed = 0;
    char(*commit)[COMMIT + 1] = NULL;
    if (folder && wane_folder_exists(folder) &&
        wane_folder_walk(&refs, &ref_count, folder, MOST_REFS, NULL) != WANE_OK)
        ref_count = 0;
    list_snapshots(&snapshots, &count, repository);
    commit = wane_alloc(ref_count ? ref_count : 1, sizeof *commit);
    for (size_t r = 0; commit && r < ref_count; r++) {
        bool there = false;
        if (read_reference(commit[r], &there, repository, refs[r], NULL) != WANE_OK || !there)
            commit[r][0] = '\0';
        for (size_t i = 0; i < count; i++)
            if (strcmp(snapshots[i], commit[r]) == 0)
                add_revision(out, &listed, refs[r], commit[r]);
    }
    for (size_t i = 0; commit && i < count; i++) {
        bool named = !is_hex(snapshots[i], COMMIT);
        for (size_t r = 0; r < ref_count; r++)
            named = named || strcmp(snapshots[i], commit[r]) == 0;
        if (!named) add_revision(out, &listed, NULL, snapshots[i]);
    }
    if (listed > LISTED) wane_text_printf(out, " and %zu more", listed - LISTED);
    if (listed == 0) wane_text_string(out, "no revision");
    wane_free(commit);
    wane_free(folder);
    wane_names_free(refs, ref_count);
    wane_names_free(snapshots, count);
}

char *wane_hub_fetch(char *out, size_t size, const char *name)
{
    size_t whole = strcspn(name, "@");
    (void)snprintf(out, size, "hf download %.*s%s%.600s", (int)whole, name,
                   name[whole] ? " --revision " : "", name[whole] ? name + whole + 1 : "");
    return out;
}

static wane_status not_there(const hub_name *n, const char *repository, const char *path,
                             wane_error *err)
{
    char fetch[900], *cache = NULL;
    wane_text there = {0};
    wane_status st = wane_hub_cache(&cache, err);
    if (st == WANE_OK && wane_folder_exists(repository)) {
        list_revisions(&there, repository);
        st = wane_text_check(&there, "read", n->text, err);
        if (st == WANE_OK)
            st = wane_fail(err, WANE_ENOTFOUND,
                           "read: %s: the hub cache %s has %s of %.*s, not %s; to fetch it: %s",
                           n->text, cache, there.data, (int)n->whole, n->text,
                           n->revision ? n->revision : "main",
                           wane_hub_fetch(fetch, sizeof fetch, n->text));
    } else if (st == WANE_OK) {
        st =
            wane_fail(err, WANE_ENOTFOUND,
                      "read: %s: no such file or folder, nor a model of that name in the hub cache "
                      "%s; to fetch one: %s",
                      path, cache, wane_hub_fetch(fetch, sizeof fetch, n->text));
    }
    wane_text_free(&there);
    wane_free(cache);
    return st;
}

/* The snapshot's folder and its commit. */
static wane_status find(char **folder, char commit[COMMIT + 1], const hub_name *n, const char *path,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    char *repo = NULL;
    wane_text text = {0};
    bool there = n->revision && is_hex(n->revision, COMMIT);
    WANE_TRY(repository(&repo, n, err));
    if (there) memcpy(commit, n->revision, COMMIT + 1);
    else WANE_TRY(read_reference(commit, &there, repo, n->revision ? n->revision : "main", err));
    if (!there && n->revision && strlen(n->revision) >= SHORTEST &&
        is_hex(n->revision, strlen(n->revision)))
        WANE_TRY(find_short(commit, &there, repo, n, err));
    wane_text_printf(&text, "%s/snapshots/%s", repo, there ? commit : "");
    WANE_TRY(wane_text_check(&text, "read", n->text, err));
    if (!there || !wane_folder_exists(text.data)) WANE_TRY(not_there(n, repo, path, err));
    *folder = text.data;
    text = (wane_text){0};
done:
    wane_text_free(&text);
    wane_free(repo);
    return st;
}

wane_status wane_hub_pin(char **out, const char *name, const char *path, wane_error *err)
{
    hub_name n;
    char *folder = NULL, commit[COMMIT + 1];
    wane_text text = {0};
    if (!path) path = name;
    if (!is_name(&n, name, path)) {
        *out = wane_strdup(path);
        return *out ? WANE_OK : wane_fail_memory(err, "read", path);
    }
    wane_status st = find(&folder, commit, &n, path, err);
    wane_free(folder);
    if (st != WANE_OK) return st;
    wane_text_printf(&text, "%.*s@%s", (int)n.whole, name, commit);
    st = wane_text_check(&text, "read", name, err);
    if (st == WANE_OK) *out = text.data;
    else wane_text_free(&text);
    return st;
}

wane_status wane_hub_folder(char **out, const char *path, wane_error *err)
{
    hub_name n;
    char commit[COMMIT + 1];
    *out = NULL;
    return is_name(&n, path, path) ? find(out, commit, &n, path, err) : WANE_OK;
}

char *wane_hub_title(char *out, size_t size, const char *path)
{
    hub_name n;
    size_t end = strlen(path);
    if (take_apart(&n, path) && n.revision && is_hex(n.revision, COMMIT)) {
        (void)snprintf(out, size, "%.*s@%.*s", (int)n.length[1], n.part[1], SHOWN, n.revision);
        return out;
    }
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    (void)snprintf(out, size, "%.*s", (int)(end - start), path + start);
    return out;
}
