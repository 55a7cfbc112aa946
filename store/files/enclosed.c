/* SPDX-License-Identifier: Apache-2.0
 * The list of enclosed folders, and the calls on files (openat and its like) that walk down from an
 * enclosed folder's descriptor without following a link.
 */
#include "store/files/enclosed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/memory.h"

typedef struct enclosure {
    struct enclosure *next;
    char *folder;
    size_t length, claims;
} enclosure;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enclosure *all;

static enclosure *find(const char *folder)
{
    enclosure *e = all;
    while (e && strcmp(e->folder, folder) != 0) e = e->next;
    return e;
}

wane_status wane_enclose(const char *folder, wane_error *err)
{
    enclosure *more = wane_alloc(1, sizeof *more);
    if (more) more->folder = wane_strdup(folder);
    if (!more || !more->folder) {
        wane_free(more);
        return wane_fail_memory(err, "enclose", folder);
    }
    more->length = strlen(folder);
    more->claims = 1;
    (void)pthread_mutex_lock(&lock);
    enclosure *there = find(folder);
    if (there) {
        there->claims++;
    } else {
        more->next = all;
        all = more;
        more = NULL;
    }
    (void)pthread_mutex_unlock(&lock);
    if (more) wane_free(more->folder);
    wane_free(more);
    return WANE_OK;
}

void wane_enclose_end(const char *folder)
{
    enclosure *gone = NULL;
    if (!folder) return;
    (void)pthread_mutex_lock(&lock);
    enclosure *there = find(folder);
    if (there && --there->claims == 0) {
        enclosure **at = &all;
        while (*at != there) at = &(*at)->next;
        *at = there->next;
        gone = there;
    }
    (void)pthread_mutex_unlock(&lock);
    if (gone) wane_free(gone->folder);
    wane_free(gone);
}

/* The bytes of `path` that name the enclosed folder it lies in or is; 0: in none. */
static size_t enclosed_length(const char *path)
{
    size_t length = 0;
    (void)pthread_mutex_lock(&lock);
    for (const enclosure *e = all; e; e = e->next)
        if (e->length > length && strncmp(path, e->folder, e->length) == 0 &&
            (path[e->length] == '/' || !path[e->length]))
            length = e->length;
    (void)pthread_mutex_unlock(&lock);
    return length;
}

bool wane_enclosed(const char *path)
{
    return enclosed_length(path) > 0;
}

/* A name and the folder that it is looked up in. */
typedef struct place {
    int folder; /* AT_FDCWD, or a descriptor of its own */
    const char *name;
    bool enclosed;
} place;

/* One level further down: the descriptor of the folder that the first `length` bytes of `name` are
 * in `parent`, which is closed. */
static int descend(int parent, const char *name, size_t length)
{
    char part[NAME_MAX + 1];
    int fd = -1, cause = ENAMETOOLONG;
    if (length <= NAME_MAX) {
        struct stat info;
        memcpy(part, name, length);
        part[length] = '\0';
        fd = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        cause = errno;
        /* The kernel calls a link here no folder. */
        if (fd < 0 && fstatat(parent, part, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(info.st_mode))
            cause = ELOOP;
    }
    if (parent >= 0) (void)close(parent);
    errno = cause;
    return fd;
}

static bool plain(const char *part, size_t length)
{
    return length > 0 && !(part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.')));
}

static int open_top(const char *path, size_t length)
{
    char top[PATH_MAX];
    struct stat info;
    if (length >= sizeof top) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(top, path, length);
    top[length] = '\0';
    int fd = open(top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), cause = errno;
    if (fd < 0 && lstat(top, &info) == 0 && S_ISLNK(info.st_mode)) cause = ELOOP;
    errno = cause;
    return fd;
}

/* -1 and errno on failure. */
static int place_find(place *out, const char *path)
{
    size_t length = enclosed_length(path);
    *out = (place){AT_FDCWD, path, length > 0};
    if (!length || !path[length]) return 0;
    int fd = open_top(path, length);
    const char *part = path + length + 1;
    for (const char *slash; fd >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        if (!plain(part, (size_t)(slash - part))) break;
        fd = descend(fd, part, (size_t)(slash - part));
    }
    if (fd < 0) return -1;
    size_t last = strcspn(part, "/");
    if (part[last] || !plain(part, last)) {
        (void)close(fd);
        errno = EINVAL;
        return -1;
    }
    out->folder = fd;
    out->name = part;
    return 0;
}

static int place_leave(const place *p, int result)
{
    int cause = errno;
    if (p->folder != AT_FDCWD) (void)close(p->folder);
    errno = cause;
    return result;
}

int wane_at_open(const char *path, int flags, mode_t mode)
{
    place p;
    struct stat info;
    if (place_find(&p, path) != 0) return -1;
    int fd = openat(p.folder, p.name, flags | (p.enclosed ? O_NOFOLLOW : 0), mode);
    if (fd < 0 && p.enclosed && errno == ENOTDIR &&
        fstatat(p.folder, p.name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        errno = S_ISLNK(info.st_mode) ? ELOOP : ENOTDIR;
    return place_leave(&p, fd);
}

static int stat_place(const char *path, struct stat *info, bool link)
{
    place p;
    if (place_find(&p, path) != 0) return -1;
    int flags = link || p.enclosed ? AT_SYMLINK_NOFOLLOW : 0;
    return place_leave(&p, fstatat(p.folder, p.name, info, flags));
}

int wane_at_stat(const char *path, struct stat *info)
{
    return stat_place(path, info, false);
}

int wane_at_lstat(const char *path, struct stat *info)
{
    return stat_place(path, info, true);
}

int wane_at_mkdir(const char *path, mode_t mode)
{
    place p;
    if (place_find(&p, path) != 0) return -1;
    return place_leave(&p, mkdirat(p.folder, p.name, mode));
}

int wane_at_unlink(const char *path, bool folder)
{
    place p;
    if (place_find(&p, path) != 0) return -1;
    return place_leave(&p, unlinkat(p.folder, p.name, folder ? AT_REMOVEDIR : 0));
}

int wane_at_rename(const char *from, const char *to)
{
    place p;
    const char *slash = strrchr(to, '/');
    if (place_find(&p, from) != 0) return -1;
    bool inside = p.folder != AT_FDCWD;
    return place_leave(&p, renameat(p.folder, p.name, p.folder, inside && slash ? slash + 1 : to));
}

int wane_at_link(const char *from, const char *to)
{
    place p, q;
    if (place_find(&p, from) != 0) return -1;
    if (place_find(&q, to) != 0) return place_leave(&p, -1);
    return place_leave(&p, place_leave(&q, linkat(p.folder, p.name, q.folder, q.name, 0)));
}

wane_status wane_at_fail(wane_error *err, const char *operation, const char *path)
{
    if (wane_enclosed(path) && (errno == ELOOP || errno == EINVAL))
        return wane_fail(err, WANE_EINVAL, "%s: %s: %s, which is not followed among artifacts",
                         operation, path,
                         errno == ELOOP ? "a link is on its way" : "a part . or ..");
    return wane_fail_errno(err, operation, path);
}
