/* SPDX-License-Identifier: Apache-2.0
 * The writing half of file.h: atomic files, folders, locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"

static atomic_long operations_left = -1;

void wane_file_fail_after(long n)
{
    atomic_store(&operations_left, n < 0 ? -1 : n);
}

/* Whether a test wants this operation to find the disk full. */
static bool refuse(void)
{
    if (atomic_load_explicit(&operations_left, memory_order_relaxed) < 0) return false;
    long left = atomic_load(&operations_left);
    while (left > 0)
        if (atomic_compare_exchange_weak(&operations_left, &left, left - 1)) return false;
    if (left == 0) errno = ENOSPC;
    return left == 0;
}

/* The part of `path` before its last name, as a folder that open() takes. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return wane_strdup(".");
    if (slash == path) return wane_strdup("/");
    char *folder = wane_strdup(path);
    if (folder) folder[slash - path] = '\0';
    return folder;
}

/* Makes what happened to the names in `folder` last; -1 and errno on failure. */
static int sync_folder(const char *folder)
{
    if (refuse()) return -1;
    int fd = wane_at_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    int result = fsync(fd), cause = errno;
    (void)close(fd);
    errno = cause;
    return result != 0 && cause == EINVAL ? 0 : result; /* a file system without folder sync */
}

struct wane_atomic {
    char *path, *temporary, *folder;
    int fd;
    bool broken; /* a write failed: the content is not whole */
};

static void atomic_free(wane_atomic *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    wane_free(file->path);
    wane_free(file->temporary);
    wane_free(file->folder);
    wane_free(file);
}

void wane_atomic_abort(wane_atomic *file)
{
    if (!file) return;
    if (file->temporary) (void)wane_at_unlink(file->temporary, false);
    atomic_free(file);
}

/* Whether `fd`, locked, is still the file of that name and no link to another. */
static bool still_named(int fd, const char *name, bool single)
{
    struct stat by_fd, by_name;
    return fstat(fd, &by_fd) == 0 && wane_at_lstat(name, &by_name) == 0 && S_ISREG(by_fd.st_mode) &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino &&
           (!single || by_fd.st_nlink == 1);
}

/* The temporary has one of a few fixed names and is locked while its writer lives, so what a killed
 * writer left behind is taken over by the next instead of filling the disk. */
static wane_status claim_temporary(wane_atomic *file, wane_error *err)
{
    enum { NAMES = 64 };
    int cause = EBUSY;
    const char *name = wane_path_base(file->path);
    size_t capacity = strlen(file->folder) + strlen(name) + 16;
    char *temporary = wane_alloc(capacity, 1);
    if (!temporary) return wane_fail_memory(err, "write", file->path);
    for (int attempt = 0; attempt < 4 * NAMES; attempt++) {
        (void)snprintf(temporary, capacity, "%s/.%s.%d.tmp", file->folder, name, attempt / 4);
        int fd =
            wane_at_open(temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (fd < 0) {
            cause = errno;
            if (cause == EACCES || cause == ELOOP || cause == EISDIR || cause == ENXIO) continue;
            break;
        }
        int locked = flock(fd, LOCK_EX | LOCK_NB);
        if (locked == 0 && still_named(fd, temporary, true) && ftruncate(fd, 0) == 0) {
            file->fd = fd;
            file->temporary = temporary;
            return WANE_OK;
        }
        cause = locked != 0 && errno != EWOULDBLOCK ? errno : EBUSY;
        (void)close(fd);
        if (cause != EBUSY) break;
    }
    wane_free(temporary);
    errno = cause;
    return wane_at_fail(err, "write", file->path);
}

/* A link is written through; what is no regular file (a device, a folder) is never replaced. */
static wane_status resolve(char **out, const char *path, wane_error *err)
{
    struct stat info;
    size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/')
        return wane_fail(err, WANE_EINVAL, "write: %s: no file name", path);
    bool there = wane_at_stat(path, &info) == 0;
    if (there && S_ISLNK(info.st_mode)) {
        errno = ELOOP;
        return wane_at_fail(err, "write", path);
    }
    if (there && !S_ISREG(info.st_mode))
        return wane_fail(err, WANE_EEXIST, "write: %s: is there and is not a regular file", path);
    if (there && wane_file_is_database(path))
        return wane_fail(err, WANE_EEXIST, "write: %s: is there and is a database", path);
    if (wane_at_lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
        char *real = realpath(path, NULL);
        if (!real) return wane_fail_errno(err, "write", path);
        *out = wane_strdup(real);
        free(real);
    } else {
        *out = wane_strdup(path);
    }
    return *out ? WANE_OK : wane_fail_memory(err, "write", path);
}

/* eaccess, of what is not enclosed: outputs that a user named. */
static wane_status may_write_into(const char *folder, wane_error *err)
{
    struct stat info;
    if (stat(folder, &info) == 0) {
        if (!S_ISDIR(info.st_mode)) errno = ENOTDIR;
        else if (eaccess(folder, W_OK | X_OK) == 0) return WANE_OK;
    }
    return wane_fail_errno(err, "write", folder);
}

wane_status wane_file_writable(const char *path, wane_error *err)
{
    char *real = NULL, *folder = NULL;
    wane_status st = resolve(&real, path, err);
    if (st != WANE_OK) return st;
    folder = folder_of(real);
    st = folder ? may_write_into(folder, err) : wane_fail_memory(err, "write", path);
    wane_free(real);
    wane_free(folder);
    return st;
}

wane_status wane_atomic_open(wane_atomic **out, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_atomic *file = wane_alloc(1, sizeof *file);
    if (!file) return wane_fail_memory(err, "write", path);
    file->fd = -1;
    WANE_TRY(resolve(&file->path, path, err));
    file->folder = folder_of(file->path);
    if (!file->folder) {
        st = wane_fail_memory(err, "write", path);
        goto done;
    }
    WANE_TRY(claim_temporary(file, err));
    *out = file;
    file = NULL;
done:
    wane_atomic_abort(file);
    return st;
}

wane_status wane_atomic_write(wane_atomic *file, const void *bytes, size_t count, wane_error *err)
{
    const char *next = bytes;
    while (count) {
        enum { LARGEST = 1 << 30 }; /* Linux writes at most 2 GiB at once */
        size_t piece = count < LARGEST ? count : LARGEST;
        ssize_t put;
        if (refuse()) {
            (void)!write(file->fd, next, piece / 2); /* a full disk takes a part first */
            errno = ENOSPC;
            put = -1;
        } else {
            put = write(file->fd, next, piece);
        }
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            file->broken = true;
            return wane_fail_errno(err, "write", file->path);
        }
        next += put;
        count -= (size_t)put;
    }
    return WANE_OK;
}

wane_status wane_atomic_commit(wane_atomic *file, wane_error *err)
{
    wane_status st = WANE_OK;
    if (file->broken)
        st = wane_fail(err, WANE_EIO, "write: %s: an earlier write failed", file->path);
    else if (refuse() || fsync(file->fd) != 0) st = wane_fail_errno(err, "write", file->path);
    else if (refuse() || wane_at_rename(file->temporary, file->path) != 0)
        st = wane_fail_errno(err, "write", file->path);
    if (st != WANE_OK) {
        wane_atomic_abort(file);
        return st;
    }
    if (sync_folder(file->folder) != 0) st = wane_fail_errno(err, "write", file->path);
    atomic_free(file);
    return st;
}

wane_status wane_file_write(const char *path, const void *bytes, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_atomic *file = NULL;
    WANE_TRY(wane_atomic_open(&file, path, err));
    WANE_TRY(wane_atomic_write(file, bytes, count, err));
    st = wane_atomic_commit(file, err);
    file = NULL;
done:
    wane_atomic_abort(file);
    return st;
}

/* One level; its parent is there. */
static wane_status make_one(const char *path, wane_error *err)
{
    if (wane_at_mkdir(path, 0777) != 0) {
        int cause = errno;
        struct stat info;
        if (wane_folder_exists(path)) return WANE_OK;
        bool link = cause == EEXIST && wane_enclosed(path) && wane_at_lstat(path, &info) == 0 &&
                    S_ISLNK(info.st_mode);
        errno = link ? ELOOP : cause;
        return wane_at_fail(err, "make folder", path);
    }
    char *parent = folder_of(path);
    if (!parent) return wane_fail_memory(err, "make folder", path);
    wane_status st = WANE_OK;
    if (sync_folder(parent) != 0) st = wane_fail_errno(err, "make folder", path);
    wane_free(parent);
    return st;
}

wane_status wane_folder_make(const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    if (wane_folder_exists(path)) return WANE_OK;
    char *part = wane_strdup(path);
    if (!part) return wane_fail_memory(err, "make folder", path);
    size_t length = strlen(part);
    while (length > 1 && part[length - 1] == '/') part[--length] = '\0';
    for (char *slash = part + 1; length > 0 && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (!wane_folder_exists(part)) st = make_one(part, err);
        *slash = '/';
        if (st != WANE_OK) goto done;
    }
    st = make_one(part, err);
done:
    wane_free(part);
    return st;
}

wane_status wane_folder_writable(const char *path, wane_error *err)
{
    struct stat info;
    char *place = wane_strdup(*path ? path : ".");
    /* The nearest folder that is there is the one to write into. */
    while (place && stat(place, &info) != 0 && errno == ENOENT) {
        size_t length = strlen(place);
        while (length > 1 && place[length - 1] == '/') place[--length] = '\0';
        char *above = folder_of(place);
        wane_free(place);
        place = above;
    }
    wane_status st = place ? may_write_into(place, err) : wane_fail_memory(err, "write", path);
    wane_free(place);
    return st;
}

struct wane_lock {
    int fd;
};

/* flock excludes; it cannot be asked about but by taking it. So its holder puts a lock of the other
 * kind beside it, which can (F_OFD_GETLK). */
static bool mark_held(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

wane_status wane_lock_held(bool *out, const char *path, wane_error *err)
{
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = wane_at_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    *out = false;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return WANE_OK;
    wane_status st = WANE_OK;
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &asked) != 0) st = wane_fail_errno(err, "lock", path);
    else *out = asked.l_type != F_UNLCK;
    if (fd >= 0) (void)close(fd);
    return st;
}

wane_status wane_lock_take(wane_lock **out, const char *path, bool wait, wane_error *err)
{
    wane_lock *lock = wane_alloc(1, sizeof *lock);
    if (!lock) return wane_fail_memory(err, "lock", path);
    wane_status st = WANE_OK;
    for (;;) {
        lock->fd = wane_at_open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
        if (lock->fd < 0) {
            st = wane_at_fail(err, "lock", path);
            break;
        }
        int taken;
        do taken = flock(lock->fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
        while (taken != 0 && errno == EINTR);
        if (taken != 0) {
            st = errno == EWOULDBLOCK
                     ? wane_fail(err, WANE_EBUSY, "lock: %s: held by another process", path)
                     : wane_fail_errno(err, "lock", path);
            break;
        }
        struct stat by_fd, by_name;
        if (fstat(lock->fd, &by_fd) == 0 && wane_at_stat(path, &by_name) == 0 &&
            by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino) {
            if (!mark_held(lock->fd)) {
                st = wane_fail_errno(err, "lock", path);
                break;
            }
            *out = lock;
            return WANE_OK;
        }
        (void)close(lock->fd); /* removed by another while we waited: what we hold has no name */
    }
    if (lock->fd >= 0) (void)close(lock->fd);
    wane_free(lock);
    return st;
}

void wane_lock_release(wane_lock *lock)
{
    if (!lock) return;
    (void)close(lock->fd);
    wane_free(lock);
}
