/* SPDX-License-Identifier: Apache-2.0
 * To be preloaded into a program: the n-th call of one kind, by whichever library, fails.
 *   WANE_FAULT_CALL   malloc, write, fsync, rename, open, read, mmap or thread
 *   WANE_FAULT_AT     n, from 1; 0 = none
 *   WANE_FAULT_ERRNO  what the failing call leaves in errno
 *   WANE_FAULT_LASTS  1: every later call of the kind fails too
 *   WANE_FAULT_COUNT  a file; at the end it holds how many calls of the kind there were
 * Counted from the end of the libraries' own start on. What libc does inside (its messages to
 * stderr among it) does not come by here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NONE, MALLOC, WRITE, FSYNC, RENAME, OPEN, READ, MMAP, THREAD, KINDS };
static const char *const names[KINDS] = {"none", "malloc", "write", "fsync", "rename",
                                         "open", "read",   "mmap",  "thread"};

static enum kind failing;
static long at;
static int error;
static bool lasts;
static atomic_long calls;

static bool fails(enum kind kind)
{
    if (kind != failing) return false;
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (at == 0 || n < at || (n > at && !lasts)) return false;
    errno = error;
    return true;
}

static long number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("WANE_FAULT_CALL");
    at = number("WANE_FAULT_AT");
    error = (int)number("WANE_FAULT_ERRNO");
    lasts = number("WANE_FAULT_LASTS") != 0;
    for (int k = 1; call && k < KINDS; k++)
        if (strcmp(call, names[k]) == 0) failing = (enum kind)k;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("WANE_FAULT_COUNT");
    char text[32];
    if (!path) return;
    failing = NONE;
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)!syscall(SYS_write, file, text, (size_t)length);
    (void)syscall(SYS_close, file);
}

/* ------------------------------------------------------------------------------------ memory */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    return fails(MALLOC) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return fails(MALLOC) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return fails(MALLOC) ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(MALLOC) ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (fails(MALLOC)) return ENOMEM;
    void *block = __libc_memalign(alignment, bytes);
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

void *mmap(void *where, size_t bytes, int protection, int flags, int file, off_t offset)
{
    if (fails(MMAP)) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, where, bytes, protection, flags, file, offset);
}

void *mmap64(void *where, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mmap(where, bytes, protection, flags, file, offset);
}

int pthread_create(pthread_t *out, const pthread_attr_t *how, void *(*work)(void *), void *context)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (fails(THREAD)) return error;
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    create *next = NULL;
    memcpy(&next, &found, sizeof next);
    return next(out, how, work, context);
}

/* ------------------------------------------------------------------------------------- files */

ssize_t write(int file, const void *bytes, size_t count)
{
    return fails(WRITE) ? -1 : syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    return fails(WRITE) ? -1 : syscall(SYS_pwrite64, file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset)
{
    return pwrite(file, bytes, count, offset);
}

ssize_t read(int file, void *bytes, size_t count)
{
    return fails(READ) ? -1 : syscall(SYS_read, file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset)
{
    return fails(READ) ? -1 : syscall(SYS_pread64, file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off_t offset)
{
    return pread(file, bytes, count, offset);
}

/* Nothing here outlives the system, so nothing need reach the disk: that takes most of the time. */
int fsync(int file)
{
    (void)file;
    return fails(FSYNC) ? -1 : 0;
}

int fdatasync(int file)
{
    return fsync(file);
}

int rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails(RENAME) ? -1 : (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return fails(RENAME) ? -1
                         : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

/* The mode stands there only where a file may be made. */
#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                    \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            (mode) = va_arg(rest, unsigned);                                                       \
            va_end(rest);                                                                          \
        }                                                                                          \
    } while (0)

static int open_it(int folder, const char *path, int flags, unsigned mode)
{
    return fails(OPEN) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    unsigned mode = 0;
    MODE_OF(flags, mode);
    return open_it(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    unsigned mode = 0;
    MODE_OF(flags, mode);
    return open_it(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    unsigned mode = 0;
    MODE_OF(flags, mode);
    return open_it(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    unsigned mode = 0;
    MODE_OF(flags, mode);
    return open_it(folder, path, flags, mode);
}

static FILE *open_stream(const char *name, const char *path, const char *how)
{
    typedef FILE *opens(const char *, const char *);
    if (fails(OPEN)) return NULL;
    void *found = dlsym(RTLD_NEXT, name);
    opens *next = NULL;
    memcpy(&next, &found, sizeof next);
    return next(path, how);
}

FILE *fopen(const char *path, const char *how)
{
    return open_stream("fopen", path, how);
}

FILE *fopen64(const char *path, const char *how)
{
    return open_stream("fopen64", path, how);
}
