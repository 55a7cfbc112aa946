/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/file.h"
#include "tests/support/support.h"

void pack(const char *path, const packed_file *files, size_t count)
{
    struct archive *a = archive_write_new();
    size_t length = strlen(path);
    bool zip = length > 4 && strcmp(path + length - 4, ".zip") == 0;
    if (zip) assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
    else assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0)
        assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    if (length > 4 && strcmp(path + length - 4, ".zst") == 0)
        assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        char *data = read_file(files[i].path, &bytes);
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, files[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)bytes);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, data, bytes), (la_ssize_t)bytes);
        archive_entry_free(entry);
        free(data);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

void pack_folder(const char *path, const char *folder, const char *prefix)
{
    enum { MOST = 32 };
    static char name[MOST][300], from[MOST][600];
    packed_file files[MOST];
    wane_error err;
    char **names = NULL;
    size_t count = 0, kept = 0;
    CHECK_OK(wane_folder_list(&names, &count, folder, &err));
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(from[kept], sizeof from[kept], "%s/%s", folder, names[i]);
        (void)snprintf(name[kept], sizeof name[kept], "%s%s", prefix, names[i]);
        if (!wane_file_exists(from[kept])) continue;
        files[kept] = (packed_file){name[kept], from[kept]};
        assert_true(++kept < MOST);
    }
    wane_names_free(names, count);
    pack(path, files, kept);
}

void unpack(const char *path, const char *folder)
{
    enum { BLOCK = 1 << 16 };
    struct archive *a = archive_read_new();
    struct archive_entry *entry = NULL;
    char target[600];
    assert_int_equal(archive_read_support_filter_all(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_all(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_filename(a, path, BLOCK), ARCHIVE_OK);
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        (void)snprintf(target, sizeof target, "%s/%s", folder, archive_entry_pathname(entry));
        archive_entry_set_pathname(entry, target);
        assert_int_equal(archive_read_extract(a, entry, 0), ARCHIVE_OK);
    }
    assert_int_equal(archive_read_free(a), ARCHIVE_OK);
}
