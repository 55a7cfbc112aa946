/* SPDX-License-Identifier: Apache-2.0
 * The reading half of file.h: whole files, maps, what stands at a path, lists and walks of folders,
 * what is hidden; the writing half is atomic.c.
 */
#include "store/files/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/enclosed.h"

static ssize_t read_some(int fd, void *buffer, size_t count)
{
    ssize_t got;
    do got = read(fd, buffer, count);
    while (got < 0 && errno == EINTR);
    return got;
}

wane_status wane_file_refuse_lfs_pointer(const void *head, size_t head_bytes, size_t bytes,
                                         const char *path, wane_error *err)
{
    static const char version[] = "version https://git-lfs.github.com/spec/v";
    enum { LARGEST_POINTER = 1024, BEGINNING = sizeof version - 1 };
    if (bytes > LARGEST_POINTER || head_bytes < BEGINNING || memcmp(head, version, BEGINNING) != 0)
        return WANE_OK;
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: a Git LFS pointer in place of the file (run git lfs pull)", path);
}

/* What stands at the path, when it is no input. */
static wane_status refuse_special(mode_t mode, bool folder, const char *path, wane_error *err)
{
    if (S_ISREG(mode) || (folder && S_ISDIR(mode))) return WANE_OK;
    if (S_ISDIR(mode)) {
        errno = EISDIR;
        return wane_fail_errno(err, "read", path);
    }
    const char *what = S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s, not a regular file", path, what);
}

wane_status wane_input_open(int *fd, uint64_t *bytes, bool *folder, const char *path,
                            wane_error *err)
{
    struct stat info;
    wane_status st = WANE_OK;
    /* Asked before it is opened, since opening a device may do something, and again of what was
     * opened, which may be another. */
    if (wane_at_stat(path, &info) == 0 && !S_ISLNK(info.st_mode))
        st = refuse_special(info.st_mode, folder != NULL, path, err);
    if (st != WANE_OK) return st;
    int opened = wane_at_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (opened < 0) return wane_at_fail(err, "read", path);
    if (fstat(opened, &info) != 0) st = wane_fail_errno(err, "read", path);
    else st = refuse_special(info.st_mode, folder != NULL, path, err);
    if (st != WANE_OK) {
        (void)close(opened);
        return st;
    }
    *fd = opened;
    *bytes = (uint64_t)info.st_size;
    if (folder) *folder = S_ISDIR(info.st_mode);
    return WANE_OK;
}

static wane_status too_large(const char *path, size_t limit, const wane_limit *kind,
                             wane_error *err)
{
    if (kind) return wane_limit_exceeded(err, path, *kind);
    return wane_fail(err, WANE_EFORMAT, "read: %s: larger than %zu bytes", path, limit);
}

/* Reads to the end, whatever size the file claims: it may grow meanwhile. */
static wane_status read_to_end(char **out, size_t *bytes, int fd, size_t guess, size_t limit,
                               const wane_limit *kind, const char *path, wane_error *err)
{
    size_t capacity = guess + 2, length = 0;
    char *data = wane_alloc(capacity, 1);
    if (!data) return wane_fail_memory(err, "read", path);
    for (;;) {
        ssize_t got = read_some(fd, data + length, capacity - 1 - length);
        if (got < 0) {
            wane_status st = wane_fail_errno(err, "read", path);
            wane_free(data);
            return st;
        }
        if (got == 0) break;
        length += (size_t)got;
        if (length > limit) {
            wane_free(data);
            return too_large(path, limit, kind, err);
        }
        if (!WANE_GROW(data, capacity, length + 2)) {
            wane_free(data);
            return wane_fail_memory(err, "read", path);
        }
    }
    data[length] = '\0';
    *out = data;
    *bytes = length;
    return WANE_OK;
}

static wane_status read_whole(char **out, size_t *bytes, const char *path, size_t limit,
                              const wane_limit *kind, wane_error *err)
{
    int fd = -1;
    uint64_t size = 0;
    wane_status st = wane_input_open(&fd, &size, NULL, path, err);
    if (st != WANE_OK) return st;
    if (size > limit) st = too_large(path, limit, kind, err);
    else st = read_to_end(out, bytes, fd, size ? (size_t)size : 4096, limit, kind, path, err);
    (void)close(fd);
    if (st != WANE_OK) return st;
    st = wane_file_refuse_lfs_pointer(*out, *bytes, *bytes, path, err);
    if (st == WANE_OK) return st;
    wane_free(*out);
    *out = NULL;
    return st;
}

wane_status wane_file_read(char **out, size_t *bytes, const char *path, size_t limit,
                           wane_error *err)
{
    return read_whole(out, bytes, path, limit ? limit : (size_t)1 << 30, NULL, err);
}

wane_status wane_file_read_kind(char **out, size_t *bytes, const char *path, wane_limit kind,
                                wane_error *err)
{
    return read_whole(out, bytes, path, (size_t)wane_limit_bytes(kind), &kind, err);
}

wane_status wane_map_open(wane_map *out, const char *path, wane_error *err)
{
    static const unsigned char nothing[1] = {0};
    wane_status st = WANE_OK;
    int fd = -1;
    uint64_t size = 0;
    st = wane_input_open(&fd, &size, NULL, path, err);
    if (st != WANE_OK) return st;
    if (size == 0) {
        *out = (wane_map){nothing, 0};
    } else {
        void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) st = wane_fail_errno(err, "read", path);
        else *out = (wane_map){data, (size_t)size};
    }
    (void)close(fd);
    if (st == WANE_OK)
        st = wane_file_refuse_lfs_pointer(out->data, out->bytes, out->bytes, path, err);
    if (st != WANE_OK) wane_map_close(out);
    return st;
}

void wane_map_close(wane_map *map)
{
    if (map->bytes) (void)munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (wane_map){0};
}

void wane_map_let_go(const wane_map *map, size_t offset, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t first = (offset + page - 1) / page * page, end = (offset + bytes) / page * page;
    if (first < end)
        (void)madvise((void *)(uintptr_t)(map->data + first), end - first, MADV_DONTNEED);
}

bool wane_file_exists(const char *path)
{
    struct stat info;
    return wane_at_stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

wane_status wane_file_head(char *out, size_t *bytes, size_t most, const char *path, wane_error *err)
{
    uint64_t size = 0;
    int fd = -1;
    wane_status st = wane_input_open(&fd, &size, NULL, path, err);
    if (st != WANE_OK) return st;
    ssize_t got = read_some(fd, out, most);
    if (got < 0) st = wane_fail_errno(err, "read", path);
    else *bytes = (size_t)got;
    (void)close(fd);
    return st == WANE_OK ? wane_file_refuse_lfs_pointer(out, *bytes, size, path, err) : st;
}

bool wane_file_is_database(const char *path)
{
    static const char magic[] = "SQLite format 3"; /* and its NUL */
    char head[sizeof magic];
    size_t got = 0;
    return wane_file_head(head, &got, sizeof head, path, NULL) == WANE_OK && got == sizeof head &&
           memcmp(head, magic, sizeof head) == 0;
}

bool wane_folder_exists(const char *path)
{
    struct stat info;
    return wane_at_stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

wane_status wane_remove(const char *path, wane_error *err)
{
    if (wane_at_unlink(path, false) == 0 || errno == ENOENT || errno == ENOTDIR) return WANE_OK;
    return wane_at_fail(err, "remove", path);
}

/* The name that `name` is the temporary of, ".NAME.0.tmp" (wane_atomic_open), else `name` itself.
 */
static void of_temporary(char out[NAME_MAX + 1], const char *name)
{
    char *end = out + snprintf(out, NAME_MAX + 1, "%s", name + (name[0] == '.'));
    size_t length = (size_t)(end - out);
    if (name[0] != '.' || length < 7 || strcmp(end - 4, ".tmp") != 0) {
        (void)snprintf(out, NAME_MAX + 1, "%s", name);
        return;
    }
    for (end -= 5; end > out && isdigit((unsigned char)*end); end--) continue;
    *end = '\0';
}

wane_status wane_folder_remove(const char *path, bool (*made)(const char *name), wane_error *err)
{
    char **names = NULL, own[NAME_MAX + 1];
    size_t count = 0;
    if (!wane_folder_exists(path)) return wane_remove(path, err);
    wane_status st = wane_folder_list(&names, &count, path, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        of_temporary(own, names[i]);
        if (!made(own)) continue;
        char *file = wane_path_join(path, names[i]);
        st = file ? wane_remove(file, err) : wane_fail_memory(err, "remove", path);
        wane_free(file);
    }
    wane_names_free(names, count);
    if (st != WANE_OK || wane_at_unlink(path, true) == 0) return st;
    if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return WANE_OK;
    return wane_at_fail(err, "remove", path);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void wane_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) wane_free(names[i]);
    wane_free(names);
}

/* Names that grow. */
typedef struct name_list {
    char **names;
    size_t count, capacity;
} name_list;

/* Takes `name` over (NULL = memory was out); false when memory is out. */
static bool names_add(name_list *list, char *name)
{
    if (!name) return false;
    if (!WANE_GROW(list->names, list->capacity, list->count + 1)) {
        wane_free(name);
        return false;
    }
    list->names[list->count++] = name;
    return true;
}

/* Sorts and hands the names over on success, frees them on failure. */
static wane_status names_finish(name_list *list, wane_status st, char ***out, size_t *count,
                                const char *path, wane_error *err)
{
    if (st == WANE_OK && !list->names && !(list->names = wane_alloc(1, sizeof *list->names)))
        st = wane_fail_memory(err, "list", path);
    if (st != WANE_OK) {
        wane_names_free(list->names, list->count);
        return st;
    }
    qsort(list->names, list->count, sizeof *list->names, by_bytes);
    *out = list->names;
    *count = list->count;
    return WANE_OK;
}

wane_status wane_folder_list(char ***out, size_t *count, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    name_list list = {0};
    int fd = wane_at_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return wane_at_fail(err, "list", path);
    DIR *folder = fdopendir(fd);
    if (!folder) {
        st = wane_fail_errno(err, "list", path);
        (void)close(fd);
        return st;
    }
    while (st == WANE_OK) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            if (errno) st = wane_fail_errno(err, "list", path);
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (!names_add(&list, wane_strdup(entry->d_name))) st = wane_fail_memory(err, "list", path);
    }
    (void)closedir(folder);
    return names_finish(&list, st, out, count, path, err);
}

/* ------------------------------------------------------------------------------------ walking */

enum { DEEPEST = 64 };

typedef struct walking {
    name_list list;
    const char *root;
    size_t limit;
    wane_hidden_files *hidden; /* NULL: hidden files are files like others */
} walking;

bool wane_name_hidden(const char *name)
{
    static const char macos[] = "__MACOSX";
    for (const char *part = name; *part;) {
        size_t bytes = strcspn(part, "/");
        if (*part == '.' || (bytes == sizeof macos - 1 && memcmp(part, macos, bytes) == 0))
            return true;
        part += bytes + (part[bytes] == '/');
    }
    return false;
}

bool wane_hidden_add(wane_hidden_files *hidden, const char *name)
{
    if (!hidden->first && !(hidden->first = wane_strdup(name))) return false;
    hidden->count++;
    return true;
}

char *wane_hidden_say(char *out, size_t size, const wane_hidden_files *hidden)
{
    bool one = hidden->count == 1;
    (void)snprintf(out, size, "skipped %zu hidden file%s (%s%.200s)", hidden->count, one ? "" : "s",
                   one ? "" : "the first: ", hidden->first ? hidden->first : "");
    /* A name may hold anything, and may have been cut. */
    bool valid = wane_utf8_valid(out, strlen(out), NULL);
    for (char *c = out; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f || (!valid && byte >= 0x80)) *c = '?';
    }
    return out;
}

/* Counts the files at and below `relative`; what cannot be looked at is one. */
static wane_status count_hidden(walking *w, const char *relative, int depth, wane_error *err)
{
    wane_status st = WANE_OK;
    struct stat info;
    char **names = NULL;
    size_t count = 0;
    char *path = wane_path_join(w->root, relative);
    if (!path) return wane_fail_memory(err, "list", w->root);
    bool folder = wane_at_lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && depth < DEEPEST;
    if (folder) st = wane_folder_list(&names, &count, path, err);
    if (st != WANE_OK && st != WANE_ENOMEM) {
        folder = false;
        st = WANE_OK;
    }
    for (size_t i = 0; st == WANE_OK && i < count; i++) {
        char *inner = wane_path_join(relative, names[i]);
        st =
            inner ? count_hidden(w, inner, depth + 1, err) : wane_fail_memory(err, "list", w->root);
        wane_free(inner);
    }
    if (!folder && !wane_hidden_add(w->hidden, relative))
        st = wane_fail_memory(err, "list", w->root);
    wane_names_free(names, count);
    wane_free(path);
    return st;
}

static wane_status walk(walking *w, const char *relative, int depth, wane_error *err);

/* `relative` is taken over. */
static wane_status walk_one(walking *w, char *relative, int depth, wane_error *err)
{
    wane_status st = WANE_OK;
    struct stat info;
    char *path = relative ? wane_path_join(w->root, relative) : NULL;
    if (!path) {
        st = wane_fail_memory(err, "list", w->root);
    } else if (w->hidden && wane_name_hidden(relative)) {
        st = count_hidden(w, relative, depth, err);
    } else if (wane_at_lstat(path, &info) != 0) {
        st = wane_fail_errno(err, "list", path);
    } else if (S_ISDIR(info.st_mode)) {
        st = walk(w, relative, depth + 1, err);
    } else if (S_ISLNK(info.st_mode) && wane_at_stat(path, &info) != 0) {
        st = wane_fail_errno(err, "list", path);
    } else if (!S_ISREG(info.st_mode)) {
        st = wane_fail(err, WANE_EFORMAT, "list: %s: %s", path,
                       S_ISDIR(info.st_mode) ? "a link to a folder" : "not a regular file");
    } else if (w->list.count == w->limit) {
        st = wane_fail(err, WANE_EFORMAT, "list: %s: more than %zu files", w->root, w->limit);
    } else {
        if (!names_add(&w->list, relative)) st = wane_fail_memory(err, "list", w->root);
        relative = NULL;
    }
    wane_free(path);
    wane_free(relative);
    return st;
}

static wane_status walk(walking *w, const char *relative, int depth, wane_error *err)
{
    char **names = NULL;
    size_t count = 0;
    if (depth > DEEPEST)
        return wane_fail(err, WANE_EFORMAT, "list: %s: more than %d folders deep", w->root,
                         DEEPEST);
    char *path = relative ? wane_path_join(w->root, relative) : wane_strdup(w->root);
    if (!path) return wane_fail_memory(err, "list", w->root);
    wane_status st = wane_folder_list(&names, &count, path, err);
    for (size_t i = 0; st == WANE_OK && i < count; i++)
        st = walk_one(w, wane_path_join(relative, names[i]), depth, err);
    wane_names_free(names, count);
    wane_free(path);
    return st;
}

wane_status wane_folder_walk_visible(char ***out, size_t *count, wane_hidden_files *hidden,
                                     const char *path, size_t limit, wane_error *err)
{
    walking w = {.root = path, .limit = limit, .hidden = hidden};
    wane_status st = walk(&w, NULL, 0, err);
    return names_finish(&w.list, st, out, count, path, err);
}

wane_status wane_folder_walk(char ***out, size_t *count, const char *path, size_t limit,
                             wane_error *err)
{
    return wane_folder_walk_visible(out, count, NULL, path, limit, err);
}

wane_status wane_file_sha256(char out[WANE_SHA256_HEX], const char *path, wane_error *err)
{
    enum { PIECE = 1 << 16 };
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    unsigned char *piece = NULL;
    int fd = -1;
    uint64_t size = 0;
    if ((st = wane_input_open(&fd, &size, NULL, path, err)) != WANE_OK) return st;
    WANE_TRY(wane_sha256_begin(&hash, err));
    piece = wane_alloc(PIECE, 1);
    if (!piece) {
        st = wane_fail_memory(err, "read", path);
        goto done;
    }
    for (;;) {
        ssize_t got = read_some(fd, piece, PIECE);
        if (got < 0) {
            st = wane_fail_errno(err, "read", path);
            goto done;
        }
        if (got == 0) break;
        wane_sha256_add(hash, piece, (size_t)got);
    }
    st = wane_sha256_end(out, hash, err);
    hash = NULL;
done:
    wane_sha256_free(hash);
    wane_free(piece);
    (void)close(fd);
    return st;
}
