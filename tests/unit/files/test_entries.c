/* SPDX-License-Identifier: Apache-2.0
 * The archives are made here: tar headers by hand, so that they can lie; compression and zip by
 * libarchive.
 */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/entries.h"
#include "tests/support/support.h"

/* Appends one tar member; `kind` is the type flag ('0' file, '1' hard link, '2' symbolic link,
 * '5' folder, 'x' pax header, ...). */
static void tar_member(wane_text *tar, const char *name, char kind, const char *link,
                       const void *data, size_t count)
{
    unsigned char header[512] = {0};
    char *text = (char *)header;
    size_t length = strlen(name);
    memcpy(text, name, length < 100 ? length : 100);
    (void)snprintf(text + 100, 8, "%07o", 0644U);
    (void)snprintf(text + 108, 8, "%07o", 0U);
    (void)snprintf(text + 116, 8, "%07o", 0U);
    (void)snprintf(text + 124, 12, "%011zo", count);
    (void)snprintf(text + 136, 12, "%011o", 0U);
    header[156] = (unsigned char)kind;
    if (link) memcpy(text + 157, link, strlen(link));
    memcpy(text + 257,
           "ustar\0"
           "00",
           8);
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++) sum += header[i];
    (void)snprintf(text + 148, 8, "%06o", sum);
    wane_text_append(tar, text, sizeof header);
    static const char zeros[512] = {0};
    if (count) wane_text_append(tar, data, count);
    if (count % 512) wane_text_append(tar, zeros, 512 - count % 512);
}

static void tar_file(wane_text *tar, const char *name, const char *content)
{
    tar_member(tar, name, '0', NULL, content, strlen(content));
}

static void tar_end(wane_text *tar)
{
    static const char zeros[1024] = {0};
    wane_text_append(tar, zeros, sizeof zeros);
    assert_false(tar->failed);
}

/* What a file is compressed with, by the end of its name. */
static const struct {
    const char *ending;
    int filter;
} compressions[] = {{".gz", ARCHIVE_FILTER_GZIP},
                    {".zst", ARCHIVE_FILTER_ZSTD},
                    {".xz", ARCHIVE_FILTER_XZ},
                    {".bz2", ARCHIVE_FILTER_BZIP2},
                    {".lz4", ARCHIVE_FILTER_LZ4}};
enum { COMPRESSIONS = sizeof compressions / sizeof *compressions };

/* Writes `bytes` through a filter of libarchive; returns the path. */
static const char *write_filtered(const char *name, int filter, const void *bytes, size_t count)
{
    const char *path = scratch_path(name);
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes, count), (la_ssize_t)count);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(a);
    return path;
}

/* The same as `stem` with the ending of compression `kind`. */
static const char *write_compressed(const char *stem, size_t kind, const void *bytes, size_t count)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", stem, compressions[kind].ending);
    return write_filtered(name, compressions[kind].filter, bytes, count);
}

/* A zip of name, content pairs; a content NULL makes a symbolic link. */
static const char *write_zip(const char *name, const char *const (*files)[2], size_t count)
{
    const char *path = scratch_path(name);
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, files[i][0]);
        archive_entry_set_filetype(entry, files[i][1] ? AE_IFREG : AE_IFLNK);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, files[i][1] ? (int64_t)strlen(files[i][1]) : 0);
        if (!files[i][1]) archive_entry_set_symlink(entry, "/etc/passwd");
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        if (files[i][1]) {
            size_t bytes = strlen(files[i][1]);
            assert_int_equal(archive_write_data(a, files[i][1], bytes), (la_ssize_t)bytes);
        }
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    return path;
}

/* All names and contents as "name=content;". */
static wane_status listing(char *out, size_t capacity, const char *path,
                           const wane_entries_limits *limits, wane_error *err)
{
    wane_entries *entries = NULL;
    const char *name = NULL;
    size_t used = 0;
    out[0] = '\0';
    wane_status st = wane_entries_open(&entries, path, limits, err);
    while (st == WANE_OK && (st = wane_entries_next(entries, &name, err)) == WANE_OK) {
        char *bytes = NULL;
        size_t count = 0;
        used += (size_t)snprintf(out + used, capacity - used, "%s=", name);
        st = wane_entries_read_all(entries, &bytes, &count, err);
        if (st == WANE_OK) used += (size_t)snprintf(out + used, capacity - used, "%.40s;", bytes);
        assert_true(used < capacity);
        wane_free(bytes);
    }
    wane_entries_close(entries);
    return st == WANE_DONE ? WANE_OK : st;
}

static void expect_listing(const char *path, const char *wanted)
{
    char text[1024];
    wane_error err;
    CHECK_OK(listing(text, sizeof text, path, NULL, &err));
    assert_string_equal(text, wanted);
}

static void expect_refusal(const char *path, wane_status code, const char *cause)
{
    char text[1024];
    wane_error err = {0};
    CHECK_FAILS(listing(text, sizeof text, path, NULL, &err), code, cause);
    if (!strstr(err.message, path)) fail_msg("%s: does not name %s", err.message, path);
}

static wane_text sample(void)
{
    wane_text tar = {0};
    tar_member(&tar, "./", '5', NULL, NULL, 0);
    tar_file(&tar, "./b.txt", "second");
    tar_member(&tar, "sub/", '5', NULL, NULL, 0);
    tar_file(&tar, "sub//.//a.txt", "first");
    tar_file(&tar, "empty", "");
    tar_file(&tar, "caf\xc3\xa9", "accent");
    tar_end(&tar);
    return tar;
}

static void archives_are_streamed(void **state)
{
    (void)state;
    static const char listed[] = "b.txt=second;sub/a.txt=first;empty=;caf\xc3\xa9=accent;";
    wane_text tar = sample();
    assert_string_equal(setlocale(LC_CTYPE, NULL), "C"); /* names are UTF-8 all the same */
    expect_listing(write_filtered("a.tar", ARCHIVE_FILTER_NONE, tar.data, tar.length), listed);
    expect_listing(write_filtered("a.TGZ", ARCHIVE_FILTER_GZIP, tar.data, tar.length), listed);
    for (size_t i = 0; i < COMPRESSIONS; i++)
        expect_listing(write_compressed("a.tar", i, tar.data, tar.length), listed);
    assert_string_equal(setlocale(LC_CTYPE, NULL), "C");
    wane_text_free(&tar);
    static const char *const files[][2] = {{"b.txt", "second"}, {"sub/a.txt", "first"}};
    expect_listing(write_zip("a.zip", files, 2), "b.txt=second;sub/a.txt=first;");
}

static void pax_names_are_read(void **state)
{
    (void)state;
    wane_text tar = {0};
    const char *pax = "23 path=e\xcc\x81/\xe6\xbc\xa2\xe5\xad\x97.csv\n";
    tar_member(&tar, "PaxHeader/x", 'x', NULL, pax, strlen(pax));
    tar_file(&tar, "short", "x");
    tar_end(&tar);
    write_file(scratch_path("pax.tar"), tar.data, tar.length);
    expect_listing(scratch_path("pax.tar"), "\xc3\xa9/\xe6\xbc\xa2\xe5\xad\x97.csv=x;");
    wane_text_free(&tar);
}

static void compressed_files_lose_their_ending(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMPRESSIONS; i++)
        expect_listing(write_compressed("t.csv", i, "a,b\n", 4), "t.csv=a,b\n;");
    expect_listing(write_filtered("empty.gz", ARCHIVE_FILTER_GZIP, "", 0), "empty=;");
    write_file(scratch_path("plain.csv"), "a,b\n", 4);
    expect_listing(scratch_path("plain.csv"), "plain.csv=a,b\n;");
    wane_text tar = sample(); /* an archive without an archive's ending is a file like any other */
    write_file(scratch_path("no-ending"), tar.data, tar.length);
    expect_listing(scratch_path("no-ending"), "no-ending=./;");
    wane_text_free(&tar);
}

/* The bytes of a file of the scratch folder as a member of a tar. */
static void tar_copy(wane_text *tar, const char *name, const char *path)
{
    size_t count = 0;
    char *bytes = read_file(path, &count);
    tar_member(tar, name, '0', NULL, bytes, count);
    free(bytes);
}

static void folders_are_read_in_order(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
    assert_int_equal(mkdir(scratch_path("folder/a"), 0700), 0);
    write_file(scratch_path("folder/a/x"), "1", 1);
    write_file(scratch_path("folder/a-b"), "2", 1);
    write_file(scratch_path("folder/B"), "3", 1);
    (void)write_filtered("folder/c.txt.gz", ARCHIVE_FILTER_GZIP, "4", 1);
    assert_int_equal(symlink("a/x", scratch_path("folder/link")), 0);
    expect_listing(scratch_path("folder"), "B=3;a-b=2;a/x=1;c.txt=4;link=1;");
    write_file(scratch_path("folder/c.txt"), "5", 1);
    expect_refusal(scratch_path("folder"), WANE_EFORMAT, "c.txt: is in there twice");
    assert_int_equal(unlink(scratch_path("folder/c.txt")), 0);
    assert_int_equal(symlink("..", scratch_path("folder/up")), 0);
    expect_refusal(scratch_path("folder"), WANE_EFORMAT, "folder/up: a link to a folder");
    assert_int_equal(unlink(scratch_path("folder/up")), 0);
    assert_int_equal(mkfifo(scratch_path("folder/fifo"), 0600), 0);
    expect_refusal(scratch_path("folder"), WANE_EFORMAT, "folder/fifo: not a regular file");
    assert_int_equal(unlink(scratch_path("folder/fifo")), 0);
    write_file(scratch_path("folder/\xff"), "", 0);
    expect_refusal(scratch_path("folder"), WANE_EFORMAT, "a name must be UTF-8");
    assert_int_equal(mkdir(scratch_path("nothing"), 0700), 0);
    expect_listing(scratch_path("nothing"), "");
}

static void nested_compression_is_opened(void **state)
{
    (void)state;
    wane_text tar = {0};
    tar_copy(&tar, "train.csv.gz", write_filtered("n.gz", ARCHIVE_FILTER_GZIP, "x,y\n", 4));
    tar_copy(&tar, "test.csv.zst", write_filtered("n.zst", ARCHIVE_FILTER_ZSTD, "z\n", 2));
    tar_copy(&tar, "inner.tar.gz", write_filtered("m.gz", ARCHIVE_FILTER_GZIP, "", 0));
    tar_end(&tar);
    const char *path = write_filtered("nested.tar.xz", ARCHIVE_FILTER_XZ, tar.data, tar.length);
    wane_entries *entries = NULL;
    wane_error err;
    const char *name = NULL;
    char buffer[8];
    size_t got = 0;
    CHECK_OK(wane_entries_open(&entries, path, NULL, &err));
    CHECK_FAILS(wane_entries_read(entries, buffer, 8, &got, &err), WANE_EINVAL, "no file is open");
    CHECK_OK(wane_entries_next(entries, &name, &err));
    assert_string_equal(name, "train.csv");
    CHECK_OK(wane_entries_read(entries, buffer, 2, &got, &err));
    assert_int_equal(got, 2);
    assert_memory_equal(buffer, "x,", 2);
    CHECK_OK(wane_entries_next(entries, &name, &err)); /* skips the rest */
    assert_string_equal(name, "test.csv");
    CHECK_OK(wane_entries_read(entries, buffer, 8, &got, &err));
    assert_memory_equal(buffer, "z\n", 2);
    CHECK_OK(wane_entries_read(entries, buffer, 8, &got, &err));
    assert_int_equal(got, 0);
    CHECK_OK(wane_entries_next(entries, &name, &err));
    assert_string_equal(name, "inner.tar.gz"); /* an archive in an archive stays as it is */
    assert_int_equal(wane_entries_next(entries, &name, &err), WANE_DONE);
    assert_int_equal(wane_entries_next(entries, &name, &err), WANE_DONE);
    wane_entries_close(entries);
    wane_entries_close(NULL);
    wane_text_free(&tar);
}

static void hostile_members_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        char kind;
        const char *link, *cause;
    } cases[] = {
        {"../x", '0', NULL, "../x: a name must not contain \"..\""},
        {"a/../../x", '0', NULL, "must not contain \"..\""},
        {"a/..", '5', NULL, "must not contain \"..\""},
        {"/etc/passwd", '0', NULL, "/etc/passwd: an absolute name"},
        {"//x", '5', NULL, "an absolute name"},
        {"link", '2', "/etc/passwd", "link: a symbolic link"},
        {"hard", '1', "fine", "hard: a hard link"},
        {"device", '3', NULL, "device: not a regular file"},
        {"block", '4', NULL, "block: not a regular file"},
        {"fifo", '6', NULL, "fifo: not a regular file"},
        {"fine", '0', NULL, "fine: is in there twice"},
        {"./fine", '0', NULL, "fine: is in there twice"},
        {"bad\xff", '0', NULL, "UTF-8"},
        {"over\xc0\xaf", '0', NULL, "UTF-8"},
        {".gz", '0', NULL, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_text tar = {0};
        tar_file(&tar, "fine", "content");
        tar_member(&tar, cases[i].name, cases[i].kind, cases[i].link, NULL, 0);
        tar_end(&tar);
        const char *path =
            write_filtered("hostile.tar.gz", ARCHIVE_FILTER_GZIP, tar.data, tar.length);
        if (cases[i].cause[0]) expect_refusal(path, WANE_EFORMAT, cases[i].cause);
        else expect_listing(path, "fine=content;.gz=;");
        wane_text_free(&tar);
    }
    static const char *const up[][2] = {{"../x", "1"}}, *const top[][2] = {{"/x", "1"}},
                             *const twice[][2] = {{"x", "1"}, {"x", "2"}},
                             *const link[][2] = {{"x", NULL}};
    expect_refusal(write_zip("up.zip", up, 1), WANE_EFORMAT, "must not contain \"..\"");
    expect_refusal(write_zip("top.zip", top, 1), WANE_EFORMAT, "an absolute name");
    expect_refusal(write_zip("twice.zip", twice, 2), WANE_EFORMAT, "x: is in there twice");
    expect_refusal(write_zip("link.zip", link, 1), WANE_EFORMAT, "x: a symbolic link");
}

/* Python made one; a fuzzer made the other ask for a dictionary of 4 GB. */
static void lzma_in_a_zip_is_refused(void **state)
{
    (void)state;
    expect_refusal("fuzz/corpus/entries/lzma.zip", WANE_EFORMAT, "a: neither stored nor deflated");
    expect_refusal("fuzz/corpus/entries/crash-lzma-dictionary.zip", WANE_EFORMAT,
                   "a: neither stored nor deflated");
    expect_listing("fuzz/corpus/entries/stored.zip", "a=stored;caf\xc3\xa9=x;");
}

static void long_names_are_refused(void **state)
{
    (void)state;
    wane_text tar = {0};
    char record[6000];
    char name[5001];
    memset(name, 'n', 5000);
    name[5000] = '\0';
    int length = snprintf(record, sizeof record, "5011 path=%s\n", name);
    assert_int_equal(length, 5011);
    tar_member(&tar, "x", 'x', NULL, record, (size_t)length);
    tar_file(&tar, "short", "x");
    tar_end(&tar);
    write_file(scratch_path("long.tar"), tar.data, tar.length);
    expect_refusal(scratch_path("long.tar"), WANE_EFORMAT, "longer than 4096 bytes");
    wane_text_free(&tar);
}

static void limits_stop_bombs(void **state)
{
    (void)state;
    enum { BOMB = 4 << 20 };
    char text[1024];
    wane_error err;
    char *zeros = calloc(BOMB, 1);
    assert_non_null(zeros);
    for (size_t i = 0; i < BOMB; i += 256) zeros[i] = (char)(i >> 8); /* below the largest ratio */
    const wane_entries_limits entry = {.entry_bytes = 100000}, total = {.total_bytes = 100000},
                              number = {.entries = 2},
                              enough = {.entry_bytes = BOMB, .total_bytes = 2 * BOMB};
    const char *path = write_filtered("bomb.gz", ARCHIVE_FILTER_GZIP, zeros, BOMB);
    CHECK_FAILS(listing(text, sizeof text, path, &entry, &err), WANE_EFORMAT,
                "bomb.gz: bomb: larger than 100000 bytes");
    CHECK_FAILS(listing(text, sizeof text, path, &total, &err), WANE_EFORMAT,
                "more than 100000 bytes in all");
    CHECK_OK(listing(text, sizeof text, path, &enough, &err));
    wane_text tar = {0};
    tar_member(&tar, "big", '0', NULL, zeros, BOMB);
    tar_member(&tar, "big2", '0', NULL, zeros, BOMB / 2);
    tar_file(&tar, "third", "");
    tar_end(&tar);
    path = write_filtered("bomb.tar.gz", ARCHIVE_FILTER_GZIP, tar.data, tar.length);
    CHECK_FAILS(listing(text, sizeof text, path, &entry, &err), WANE_EFORMAT,
                "big: larger than 100000 bytes");
    CHECK_FAILS(listing(text, sizeof text, path, &total, &err), WANE_EFORMAT,
                "more than 100000 bytes in all");
    CHECK_FAILS(listing(text, sizeof text, path, &number, &err), WANE_EFORMAT,
                "more than 2 entries");
    CHECK_OK(listing(text, sizeof text, path, &enough, &err));
    wane_text_clear(&tar);
    tar_copy(&tar, "inner.gz", scratch_path("bomb.gz"));
    tar_end(&tar);
    write_file(scratch_path("nested.tar"), tar.data, tar.length);
    CHECK_FAILS(listing(text, sizeof text, scratch_path("nested.tar"), &entry, &err), WANE_EFORMAT,
                "inner: larger than 100000 bytes");
    wane_text_free(&tar);
    free(zeros);
}

/* What is over 1,000 times as large as its compressed form is refused before its end, in every
 * format; small files and what compresses well are not. */
static void ratios_stop_bombs(void **state)
{
    (void)state;
    static const char cause[] = "over 1000 times as large as its compressed form";
    enum { BOMB = 8 << 20, SMALL = 1 << 20 };
    char text[1024];
    wane_error err;
    char *zeros = malloc(BOMB + 1);
    assert_non_null(zeros);
    memset(zeros, '0', BOMB);
    zeros[BOMB] = '\0';
    wane_text tar = {0};
    tar_member(&tar, "zeros", '0', NULL, zeros, BOMB);
    tar_end(&tar);
    for (size_t i = 0; i < COMPRESSIONS; i++) {
        if (compressions[i].filter == ARCHIVE_FILTER_LZ4) continue; /* 255 times is its most */
        expect_refusal(write_compressed("ratio", i, zeros, BOMB), WANE_EFORMAT, cause);
        CHECK_OK(
            listing(text, sizeof text, write_compressed("ratio", i, zeros, SMALL), NULL, &err));
        expect_refusal(write_compressed("ratio.tar", i, tar.data, tar.length), WANE_EFORMAT, cause);
    }
    const char *const zipped[][2] = {{"zeros", zeros}};
    expect_refusal(write_zip("ratio.zip", zipped, 1), WANE_EFORMAT, cause);
    for (size_t i = 0; i < BOMB; i += 512) zeros[i] = (char)('a' + i / 512 % 23);
    CHECK_OK(listing(text, sizeof text, write_filtered("fine.gz", ARCHIVE_FILTER_GZIP, zeros, BOMB),
                     NULL, &err));
    wane_text_free(&tar);
    free(zeros);
}

/* How many of the cuts of a file are read, which must all give `whole`; the others are refused. */
static size_t accepted_cuts(const char *path, const char *whole)
{
    size_t count = 0, accepted = 0;
    char *bytes = read_file(path, &count), text[1024];
    for (size_t cut = 0; cut<count; cut += count> 1000 ? 37 : 1) {
        wane_error err = {0};
        write_file(path, bytes, cut);
        wane_status st = listing(text, sizeof text, path, NULL, &err);
        accepted += st == WANE_OK;
        if (st == WANE_OK) assert_string_equal(text, whole);
        else assert_int_equal(st, WANE_EFORMAT);
    }
    free(bytes);
    return accepted;
}

/* Every cut that loses anything must be seen, wherever it is: of an archive that may be the tail of
 * the compression, after the end mark. */
static void cut_archives_are_refused(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"b.txt", "second"}, {"sub/a.txt", "first"}};
    static const char whole[] = "a=one;b=two;";
    wane_text tar = {0};
    tar_file(&tar, "a", "one");
    tar_file(&tar, "b", "two");
    tar_end(&tar);
    const char *path = write_filtered("c.tar", ARCHIVE_FILTER_NONE, tar.data, tar.length);
    assert_true(accepted_cuts(path, whole) <= 32);
    for (size_t i = 0; i < COMPRESSIONS; i++) {
        path = write_compressed("c.tar", i, tar.data, tar.length);
        assert_true(accepted_cuts(path, whole) <= 32);
    }
    assert_int_equal(accepted_cuts(write_zip("c.zip", files, 2), ""), 0);
    wane_text_free(&tar);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMPRESSIONS; i++)
        assert_int_equal(accepted_cuts(write_compressed("d", i, "some text", 9), ""), 0);
}

static void damage_is_refused(void **state)
{
    (void)state;
    char text[1024];
    wane_error err;
    size_t count = 0;
    const char *path = write_filtered("f.bz2", ARCHIVE_FILTER_BZIP2, "some text", 9);
    char *bytes = read_file(path, &count);
    bytes[10] = (char)(bytes[10] ^ 1); /* the checksum */
    write_file(path, bytes, count);
    free(bytes);
    CHECK_FAILS(listing(text, sizeof text, path, NULL, &err), WANE_EFORMAT, "f.bz2: ");
    static const char *const files[][2] = {{"b.txt", "second"}};
    path = write_zip("f.zip", files, 1);
    bytes = read_file(path, &count);
    for (size_t i = 0; i + 6 < count; i++)
        if (!memcmp(bytes + i, "PK\1\2", 4)) bytes[i + 16] = (char)(bytes[i + 16] ^ 1);
    write_file(path, bytes, count);
    free(bytes);
    CHECK_FAILS(listing(text, sizeof text, path, NULL, &err), WANE_EFORMAT, "f.zip: b.txt: ");
    (void)write_filtered("x.zst", ARCHIVE_FILTER_GZIP, "a", 1);
    expect_refusal(scratch_path("x.zst"), WANE_EFORMAT, "x.zst: not zstd data");
    (void)write_filtered("once", ARCHIVE_FILTER_GZIP, "a", 1);
    bytes = read_file(scratch_path("once"), &count);
    (void)write_filtered("twice.gz", ARCHIVE_FILTER_GZIP, bytes, count);
    free(bytes);
    expect_refusal(scratch_path("twice.gz"), WANE_EFORMAT, "compressed more than once");
    wane_text tar = sample();
    path = write_filtered("once.tar.gz", ARCHIVE_FILTER_GZIP, tar.data, tar.length);
    wane_text_free(&tar);
    bytes = read_file(path, &count);
    path = write_filtered("twice.tar.gz", ARCHIVE_FILTER_GZIP, bytes, count);
    free(bytes);
    expect_refusal(path, WANE_EFORMAT, "compressed more than once");
    static const char *const no_archives[][3] = {
        {"x.gz", "plain", "x.gz: not gzip data"},
        {"x.gz", "", "x.gz: not gzip data"},
        {"x.tar", "text", "x.tar: Unrecognized archive format"},
        {"x.tar", "", "x.tar: "},
        {"x.zip", "PK\3\4", "x.zip: "},
    };
    for (size_t i = 0; i < sizeof no_archives / sizeof *no_archives; i++) {
        path = scratch_path(no_archives[i][0]);
        write_file(path, no_archives[i][1], strlen(no_archives[i][1]));
        expect_refusal(path, WANE_EFORMAT, no_archives[i][2]);
    }
    expect_refusal(scratch_path("none.tar"), WANE_ENOTFOUND, "No such file or directory");
}

static void a_failure_is_final(void **state)
{
    (void)state;
    wane_entries *entries = NULL;
    wane_error err;
    const char *name = NULL;
    char byte;
    size_t got = 0;
    wane_text tar = {0};
    tar_file(&tar, "/x", "1");
    tar_file(&tar, "y", "1");
    tar_end(&tar);
    write_file(scratch_path("final.tar"), tar.data, tar.length);
    CHECK_OK(wane_entries_open(&entries, scratch_path("final.tar"), NULL, &err));
    CHECK_FAILS(wane_entries_next(entries, &name, &err), WANE_EFORMAT, "an absolute name");
    CHECK_FAILS(wane_entries_next(entries, &name, &err), WANE_EFORMAT, "an earlier read failed");
    CHECK_FAILS(wane_entries_read(entries, &byte, 1, &got, &err), WANE_EINVAL, "no file is open");
    assert_null(name);
    wane_entries_close(entries);
    wane_text_free(&tar);
}

static void hidden_files_are_passed_over(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"__MACOSX/._a.txt", "x"},
                                           {"./b/.DS_Store", "y"},
                                           {"b/a.txt", "kept"},
                                           {".git/link", NULL},
                                           {"b/.git/x.gz", "no gzip"}};
    const wane_entries_limits visible = {.visible = true};
    wane_entries *entries = NULL;
    const char *name = NULL;
    wane_error err;
    char out[200];
    const char *path = write_zip("hidden.zip", files, 5);
    CHECK_OK(listing(out, sizeof out, path, &visible, &err));
    assert_string_equal(out, "b/a.txt=kept;");
    CHECK_OK(wane_entries_open(&entries, path, &visible, &err));
    while (wane_entries_next(entries, &name, &err) == WANE_OK) assert_string_equal(name, "b/a.txt");
    assert_int_equal(wane_entries_hidden(entries)->count, 4);
    assert_string_equal(wane_entries_hidden(entries)->first, "__MACOSX/._a.txt");
    wane_entries_close(entries);
    write_file(scratch_path(".named.txt"), "read", 4);
    CHECK_OK(listing(out, sizeof out, scratch_path(".named.txt"), &visible, &err));
    assert_string_equal(out, ".named.txt=read;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_are_streamed),
        cmocka_unit_test(pax_names_are_read),
        cmocka_unit_test(compressed_files_lose_their_ending),
        cmocka_unit_test(folders_are_read_in_order),
        cmocka_unit_test(nested_compression_is_opened),
        cmocka_unit_test(hostile_members_are_refused),
        cmocka_unit_test(lzma_in_a_zip_is_refused),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(limits_stop_bombs),
        cmocka_unit_test(ratios_stop_bombs),
        cmocka_unit_test(cut_archives_are_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(a_failure_is_final),
        cmocka_unit_test(hidden_files_are_passed_over),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
