/* SPDX-License-Identifier: Apache-2.0
 * Drives libarchive over an archive or one compressed file and walks folders itself, charging every
 * byte that comes out against the limits and the ratio of decompression.
 */
#include "store/files/entries.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/files/entry_names.h"
#include "store/files/file.h"

enum { BLOCK = 1 << 16, FILTERS = 5 };

static const int filter_codes[FILTERS] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD,
                                          ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_BZIP2,
                                          ARCHIVE_FILTER_LZ4};

/* What the end of a name says: an archive, or one compressed file. */
typedef struct ending {
    const char *text;
    bool archive;
    int filter;
    const char *format;
} ending;

static const ending endings[] = {
    {".tar", true, 0, NULL},
    {".tar.gz", true, 0, NULL},
    {".tgz", true, 0, NULL},
    {".tar.zst", true, 0, NULL},
    {".tzst", true, 0, NULL},
    {".tar.xz", true, 0, NULL},
    {".txz", true, 0, NULL},
    {".tar.bz2", true, 0, NULL},
    {".tbz2", true, 0, NULL},
    {".tbz", true, 0, NULL},
    {".tar.lz4", true, 0, NULL},
    {".zip", true, 0, NULL},
    {".gz", false, ARCHIVE_FILTER_GZIP, "gzip"},
    {".zst", false, ARCHIVE_FILTER_ZSTD, "zstd"},
    {".xz", false, ARCHIVE_FILTER_XZ, "xz"},
    {".bz2", false, ARCHIVE_FILTER_BZIP2, "bzip2"},
    {".lz4", false, ARCHIVE_FILTER_LZ4, "lz4"},
};

struct wane_entries {
    char *path;
    wane_entries_limits limits;
    locale_t locale;
    bool failed, ended;
    size_t count;
    uint64_t total, delivered; /* bytes so far; those of the current file */

    wane_hidden_files hidden;

    char **names; /* of the files of a folder */
    size_t name_count, next_name;
    struct archive *outer; /* of an archive */
    unsigned char *raw;    /* what `outer` is fed from */
    int unread;            /* errno of a read that failed; 0 = none did */

    bool open;             /* there is a current file */
    int fd;                /* of a folder's or the single file, or of the archive; -1 = none */
    char *name;            /* of the current file */
    struct archive *inner; /* decompresses the current file */
    bool hollow;           /* there is nothing in what `inner` decompresses */
    unsigned char *block;  /* what `inner` is fed from */
    size_t fed;            /* bytes of its first block */
    uint64_t stored;       /* bytes `inner` was fed with */
    uint64_t began;        /* of an archive: where the current file begins in it */
    wane_name_set seen;    /* names so far */
};

static const ending *ending_of(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i].text);
        if (length > tail && !strcasecmp(name + length - tail, endings[i].text)) return &endings[i];
    }
    return NULL;
}

static wane_status out_of_memory(const wane_entries *e, wane_error *err)
{
    return wane_fail_memory(err, "read", e->path);
}

static wane_status refuse(const wane_entries *e, const char *name, const char *cause,
                          wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: %s", e->path, name, cause);
}

/* What libarchive has to say about its last call; a warning is a failure too. */
static wane_status archive_failure(const wane_entries *e, struct archive *a, wane_error *err)
{
    const char *cause = archive_error_string(a);
    int number = archive_errno(a);
    if (number == ENOMEM) return out_of_memory(e, err);
    if (e->unread) {
        errno = e->unread;
        return wane_fail_errno(err, "read", e->path);
    }
    return wane_fail(err, number == EIO ? WANE_EIO : WANE_EFORMAT, "read: %s: %s%s%s", e->path,
                     e->open ? e->name : "", e->open ? ": " : "", cause ? cause : "damaged");
}

/* libarchive reads names by the locale of the thread; every call that may is between these. */
static locale_t enter(const wane_entries *e)
{
    return uselocale(e->locale);
}

static void leave(locale_t before)
{
    (void)uselocale(before);
}

static wane_status charge(wane_entries *e, uint64_t bytes, wane_error *err)
{
    if (bytes > e->limits.total_bytes || e->total > e->limits.total_bytes - bytes)
        return wane_fail(err, WANE_EFORMAT, "read: %s: more than %llu bytes in all", e->path,
                         (unsigned long long)e->limits.total_bytes);
    e->total += bytes;
    return WANE_OK;
}

static wane_status too_large(const wane_entries *e, const char *name, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: larger than %llu bytes", e->path, name,
                     (unsigned long long)e->limits.entry_bytes);
}

/* A reader for archives (tar and zip under any of the filters), or, given a code, for one file
 * under that filter. */
static struct archive *reader_new(int only_filter)
{
    struct archive *a = archive_read_new();
    bool good = a != NULL;
    for (int i = 0; good && i < FILTERS; i++) /* a warning would mean an external program */
        if (!only_filter || filter_codes[i] == only_filter)
            good = archive_read_support_filter_by_code(a, filter_codes[i]) == ARCHIVE_OK;
    if (only_filter)
        good = good && archive_read_support_format_raw(a) == ARCHIVE_OK &&
               archive_read_support_format_empty(a) == ARCHIVE_OK;
    else /* zip by its directory alone, so that a cut file is no zip */
        good = good && archive_read_support_format_tar(a) == ARCHIVE_OK &&
               archive_read_support_format_zip_seekable(a) == ARCHIVE_OK;
    if (good) return a;
    if (a) (void)archive_read_free(a);
    return NULL;
}

/* The bytes of an archive. libarchive calls data cut short that could not be read, so what the
 * system said is kept in `unread`. */
static la_ssize_t feed_outer(struct archive *a, void *context, const void **buffer)
{
    wane_entries *e = context;
    ssize_t count;
    do count = read(e->fd, e->raw, BLOCK);
    while (count < 0 && errno == EINTR);
    *buffer = e->raw;
    if (count >= 0) return count;
    e->unread = errno;
    archive_set_error(a, errno, "could not be read");
    return ARCHIVE_FATAL;
}

static la_int64_t seek_outer(struct archive *a, void *context, la_int64_t offset, int whence)
{
    (void)a;
    const wane_entries *e = context;
    off_t at = lseek(e->fd, offset, whence);
    return at < 0 ? ARCHIVE_FATAL : at;
}

static la_int64_t skip_outer(struct archive *a, void *context, la_int64_t bytes)
{
    (void)a;
    const wane_entries *e = context;
    return lseek(e->fd, bytes, SEEK_CUR) < 0 ? 0 : bytes; /* 0: it reads them then */
}

static wane_status open_archive(wane_entries *e, size_t bytes, wane_error *err)
{
    char head[64];
    ssize_t got = pread(e->fd, head, sizeof head, 0);
    wane_status st =
        wane_file_refuse_lfs_pointer(head, got > 0 ? (size_t)got : 0, bytes, e->path, err);
    if (st != WANE_OK) return st;
    e->outer = reader_new(0);
    e->raw = wane_alloc(BLOCK, 1);
    if (!e->outer || !e->raw) return out_of_memory(e, err);
    int result = archive_read_set_callback_data(e->outer, e);
    if (result == ARCHIVE_OK) result = archive_read_set_read_callback(e->outer, feed_outer);
    if (result == ARCHIVE_OK) result = archive_read_set_seek_callback(e->outer, seek_outer);
    if (result == ARCHIVE_OK) result = archive_read_set_skip_callback(e->outer, skip_outer);
    if (result == ARCHIVE_OK) result = archive_read_open1(e->outer);
    if (result != ARCHIVE_OK) return archive_failure(e, e->outer, err);
    return WANE_OK;
}

wane_status wane_entries_open(wane_entries **out, const char *path,
                              const wane_entries_limits *limits, wane_error *err)
{
    wane_status st = WANE_OK;
    uint64_t bytes = 0;
    bool folder = false;
    wane_entries *e = wane_alloc(1, sizeof *e);
    if (!e) return wane_fail_memory(err, "read", path);
    e->fd = -1;
    if (limits) e->limits = *limits;
    if (!e->limits.entry_bytes) e->limits.entry_bytes = UINT64_C(4) << 30;
    if (!e->limits.total_bytes) e->limits.total_bytes = UINT64_C(64) << 30;
    if (!e->limits.entries) e->limits.entries = 10000;
    e->path = wane_strdup(path);
    e->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!e->path || !e->locale) {
        st = wane_fail_memory(err, "read", path);
        goto done;
    }
    WANE_TRY(wane_input_open(&e->fd, &bytes, &folder, path, err));
    const ending *end = ending_of(wane_path_base(path));
    if (folder) {
        (void)close(e->fd);
        e->fd = -1;
        WANE_TRY(wane_folder_walk_visible(&e->names, &e->name_count,
                                          e->limits.visible ? &e->hidden : NULL, path,
                                          e->limits.entries, err));
    } else if (end && end->archive) {
        locale_t before = enter(e);
        st = open_archive(e, (size_t)bytes, err);
        leave(before);
        if (st != WANE_OK) goto done;
    }
    *out = e;
    e = NULL;
done:
    wane_entries_close(e);
    return st;
}

static void close_current(wane_entries *e)
{
    if (e->inner) (void)archive_read_free(e->inner);
    e->inner = NULL;
    wane_free(e->name);
    e->name = NULL;
    e->open = e->hollow = false;
    e->delivered = 0;
    if (!e->outer && e->fd >= 0) {
        (void)close(e->fd);
        e->fd = -1;
    }
}

void wane_entries_close(wane_entries *e)
{
    if (!e) return;
    close_current(e);
    if (e->outer) (void)archive_read_free(e->outer);
    if (e->fd >= 0) (void)close(e->fd);
    wane_names_free(e->names, e->name_count);
    wane_name_set_free(&e->seen);
    if (e->locale) freelocale(e->locale);
    wane_free(e->hidden.first);
    wane_free(e->raw);
    wane_free(e->block);
    wane_free(e->path);
    wane_free(e);
}

const wane_hidden_files *wane_entries_hidden(const wane_entries *e)
{
    return &e->hidden;
}

/* Up to `capacity` bytes of the current file as they are stored. */
static wane_status read_stored(wane_entries *e, void *buffer, size_t capacity, size_t *got,
                               wane_error *err)
{
    if (e->outer) {
        la_ssize_t count = archive_read_data(e->outer, buffer, capacity);
        if (count < 0) return archive_failure(e, e->outer, err);
        *got = (size_t)count;
        return WANE_OK;
    }
    ssize_t count;
    do count = read(e->fd, buffer, capacity);
    while (count < 0 && errno == EINTR);
    if (count < 0) {
        e->unread = errno;
        return wane_fail_errno(err, "read", e->path);
    }
    *got = (size_t)count;
    return WANE_OK;
}

static la_ssize_t feed(struct archive *a, void *context, const void **buffer)
{
    wane_entries *e = context;
    wane_error err;
    size_t got = 0;
    if (read_stored(e, e->block, BLOCK, &got, &err) != WANE_OK) {
        archive_set_error(a, EIO, "%s", err.message);
        return -1;
    }
    if (!e->fed) e->fed = got;
    e->stored += got;
    *buffer = e->block;
    return (la_ssize_t)got;
}

/* Of the current file, whose content is `bytes` or begins with them. */
static wane_status refuse_lfs_pointer(const wane_entries *e, const void *bytes, size_t count,
                                      wane_error *err)
{
    wane_status st = wane_file_refuse_lfs_pointer(bytes, count, count, e->name, NULL);
    if (st == WANE_OK) return st;
    bool inside = e->outer || e->names;
    char *path = inside ? wane_path_join(e->path, e->name) : wane_strdup(e->path);
    if (!path) return out_of_memory(e, err);
    st = wane_file_refuse_lfs_pointer(bytes, count, count, path, err);
    wane_free(path);
    return st;
}

/* Sets the current file up to be decompressed. */
static wane_status open_compressed(wane_entries *e, const ending *end, wane_error *err)
{
    struct archive_entry *entry = NULL;
    if (!e->block && !(e->block = wane_alloc(BLOCK, 1))) return out_of_memory(e, err);
    e->inner = reader_new(end->filter);
    if (!e->inner) return out_of_memory(e, err);
    e->fed = 0;
    e->stored = 0;
    int result = archive_read_open(e->inner, e, NULL, feed, NULL);
    bool known = archive_filter_code(e->inner, 0) == end->filter;
    if (result == ARCHIVE_OK && known) result = archive_read_next_header(e->inner, &entry);
    if (e->unread) return archive_failure(e, e->inner, err);
    wane_status st = known ? WANE_OK : refuse_lfs_pointer(e, e->block, e->fed, err);
    if (st != WANE_OK) return st;
    if (!known)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: not %s data", e->path, e->name,
                         end->format);
    if (archive_filter_count(e->inner) != 2)
        return refuse(e, e->name, "compressed more than once", err);
    e->hollow = result == ARCHIVE_EOF;
    return result == ARCHIVE_OK || e->hollow ? WANE_OK : archive_failure(e, e->inner, err);
}

/* Makes the file with the name `raw` the current one. */
static wane_status begin(wane_entries *e, const char *raw, wane_error *err)
{
    wane_status st = wane_entry_name(&e->name, e->path, raw, err);
    if (st != WANE_OK) return st;
    if (!e->name[0]) return refuse(e, raw, "a file without a name", err);
    e->open = true;
    e->began = e->outer ? (uint64_t)archive_filter_bytes(e->outer, -1) : 0;
    const ending *end = ending_of(wane_path_base(e->name));
    if (end && !end->archive) {
        locale_t before = enter(e);
        st = open_compressed(e, end, err);
        leave(before);
        if (st != WANE_OK) return st;
        e->name[strlen(e->name) - strlen(end->text)] = '\0';
    }
    return wane_name_set_add(&e->seen, e->path, e->name, err);
}

static wane_status next_in_folder(wane_entries *e, wane_error *err)
{
    uint64_t bytes = 0;
    if (e->next_name == e->name_count) return WANE_DONE;
    const char *name = e->names[e->next_name++];
    char *path = wane_path_join(e->path, name);
    if (!path) return out_of_memory(e, err);
    wane_status st = WANE_OK;
    st = wane_input_open(&e->fd, &bytes, NULL, path, err);
    wane_free(path);
    return st == WANE_OK ? begin(e, name, err) : st;
}

/* Checks one header; *file tells whether it is a file's (a folder's is passed over). */
static wane_status check_header(wane_entries *e, struct archive_entry *entry, bool *file,
                                wane_error *err)
{
    const char *raw = archive_entry_pathname_utf8(entry);
    char *name = NULL;
    if (!raw) return refuse(e, "a name", "must be UTF-8", err);
    wane_status st = wane_entry_name(&name, e->path, raw, err);
    if (st != WANE_OK) return st;
    bool hidden = e->limits.visible && wane_name_hidden(name);
    if (hidden && archive_entry_filetype(entry) != AE_IFDIR && !wane_hidden_add(&e->hidden, name))
        st = out_of_memory(e, err);
    wane_free(name);
    if (hidden || st != WANE_OK) return st;
    if (archive_entry_hardlink_utf8(entry) || archive_entry_hardlink(entry))
        return refuse(e, raw, "a hard link", err);
    if (archive_entry_filetype(entry) == AE_IFLNK || archive_entry_symlink_utf8(entry))
        return refuse(e, raw, "a symbolic link", err);
    if (archive_entry_is_encrypted(entry)) return refuse(e, raw, "encrypted", err);
    *file = archive_entry_filetype(entry) == AE_IFREG;
    if (!*file && archive_entry_filetype(entry) != AE_IFDIR)
        return refuse(e, raw, "not a regular file", err);
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (size < 0 || (uint64_t)size > e->limits.entry_bytes) return too_large(e, raw, err);
    return charge(e, (uint64_t)size, err);
}

/* LZMA and PPMd in a zip ask for as much memory as the file cares to name, gigabytes of it. The
 * method shows only in the name of the format: "ZIP 2.0 (deflation)". */
static bool known_method(struct archive *a)
{
    if ((archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_ZIP) return true;
    const char *name = archive_format_name(a);
    return name && (strstr(name, "(uncompressed)") || strstr(name, "(deflation)"));
}

static wane_status next_in_archive(wane_entries *e, wane_error *err)
{
    struct archive_entry *entry = NULL;
    for (bool file = false; !file;) {
        if (e->count && archive_read_data_skip(e->outer) != ARCHIVE_OK)
            return archive_failure(e, e->outer, err);
        int64_t before = archive_filter_bytes(e->outer, 0);
        int result = archive_read_next_header(e->outer, &entry);
        if (result == ARCHIVE_EOF) {
            /* A tar ends in a block of zeros; without it, who knows what is missing. */
            bool tar = (archive_format(e->outer) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
            if (tar && archive_filter_bytes(e->outer, 0) < before + 512)
                return wane_fail(err, WANE_EFORMAT, "read: %s: ends without its end mark", e->path);
            return WANE_DONE;
        }
        if (result != ARCHIVE_OK) return archive_failure(e, e->outer, err);
        if (e->count == 0 && archive_filter_count(e->outer) > 2)
            return wane_fail(err, WANE_EFORMAT, "read: %s: compressed more than once", e->path);
        if (++e->count > e->limits.entries)
            return wane_fail(err, WANE_EFORMAT, "read: %s: more than %zu entries", e->path,
                             e->limits.entries);
        wane_status st = check_header(e, entry, &file, err);
        if (st != WANE_OK) return st;
        if (file && !known_method(e->outer))
            return refuse(e, archive_entry_pathname_utf8(entry), "neither stored nor deflated",
                          err);
    }
    return begin(e, archive_entry_pathname_utf8(entry), err);
}

static wane_status next_file(wane_entries *e, wane_error *err)
{
    if (e->outer) {
        locale_t before = enter(e);
        wane_status st = next_in_archive(e, err);
        leave(before);
        return st;
    }
    if (e->names) return next_in_folder(e, err);
    return e->count++ ? WANE_DONE : begin(e, wane_path_base(e->path), err);
}

wane_status wane_entries_next(wane_entries *e, const char **name, wane_error *err)
{
    if (e->failed) return wane_fail(err, WANE_EFORMAT, "read: %s: an earlier read failed", e->path);
    if (e->ended) return WANE_DONE;
    if (e->open) close_current(e);
    wane_status st = next_file(e, err);
    if (st == WANE_DONE) e->ended = true;
    if (st == WANE_OK) *name = e->name;
    else if (st != WANE_DONE) e->failed = true;
    return st;
}

/* `bytes` of the current file have come out. What lies decompressed ahead of the reader would make
 * a file look better than it is, so the last word is at its end. */
static wane_status check_ratio(const wane_entries *e, uint64_t bytes, bool end, wane_error *err)
{
    uint64_t stored = e->stored;
    if (bytes <= WANE_RATIO_FLOOR || (!e->inner && !e->outer)) return WANE_OK;
    if (!e->inner) stored = (uint64_t)archive_filter_bytes(e->outer, -1) - e->began;
    if (!end) stored += e->inner ? 0 : BLOCK; /* what was read ahead of its beginning */
    if (bytes / WANE_LARGEST_RATIO <= stored) return WANE_OK;
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: %s: over %d times as large as its compressed form", e->path,
                     e->name, WANE_LARGEST_RATIO);
}

wane_status wane_entries_read(wane_entries *e, void *buffer, size_t capacity, size_t *got,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = 0;
    if (e->failed || !e->open)
        return wane_fail(err, WANE_EINVAL, "read: %s: no file is open in it", e->path);
    locale_t before = enter(e);
    if (e->inner) {
        la_ssize_t result = e->hollow ? 0 : archive_read_data(e->inner, buffer, capacity);
        if (result < 0) st = archive_failure(e, e->inner, err);
        count = result < 0 ? 0 : (size_t)result;
    } else {
        st = read_stored(e, buffer, capacity, &count, err);
    }
    leave(before);
    if (st == WANE_OK && count > e->limits.entry_bytes - e->delivered)
        st = too_large(e, e->name, err);
    if (st == WANE_OK && (e->inner || !e->outer)) st = charge(e, count, err);
    if (st == WANE_OK) st = check_ratio(e, e->delivered + count, count == 0, err);
    if (st != WANE_OK) {
        e->failed = true;
        return st;
    }
    e->delivered += count;
    *got = count;
    return WANE_OK;
}

static wane_status whole_exceeded(const wane_entries *e, wane_error *err)
{
    bool inside = e->outer || e->names;
    char *path = inside ? wane_path_join(e->path, e->name) : wane_strdup(e->path);
    if (!path) return out_of_memory(e, err);
    wane_status st = wane_limit_exceeded(err, path, *e->limits.whole);
    wane_free(path);
    return st;
}

wane_status wane_entries_read_all(wane_entries *e, char **out, size_t *bytes, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t capacity = BLOCK, length = 0, got = 0;
    char *data = wane_alloc(capacity, 1);
    if (!data) return out_of_memory(e, err);
    do {
        if (length == capacity - 1 && !WANE_GROW(data, capacity, capacity + 1))
            WANE_TRY(out_of_memory(e, err));
        WANE_TRY(wane_entries_read(e, data + length, capacity - 1 - length, &got, err));
        length += got;
        if (e->limits.whole && length > wane_limit_bytes(*e->limits.whole))
            WANE_TRY(whole_exceeded(e, err));
    } while (got);
    WANE_TRY(refuse_lfs_pointer(e, data, length, err));
    data[length] = '\0';
    *out = data;
    *bytes = length;
    data = NULL;
done:
    wane_free(data);
    return st;
}

bool wane_entries_is_archive(const char *path)
{
    const ending *end = ending_of(wane_path_base(path));
    return end && end->archive;
}

const char *wane_entries_libarchive(void)
{
    return archive_version_details();
}
