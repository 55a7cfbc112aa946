/* SPDX-License-Identifier: Apache-2.0
 * The input: a file, which goes by every name its first bytes suggest.
 */
#include <unistd.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/entries.h"
#include "tests/fuzz/fuzz.h"

enum { ENTRY_BYTES = 1 << 18, TOTAL_BYTES = 1 << 20, ENTRIES = 50 };

static char folder[256];

static void remove_folder(void)
{
    (void)rmdir(folder);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/wane-fuzz-XXXXXX", parent ? parent : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    (void)atexit(remove_folder);
}

static void check_name(const char *name)
{
    size_t length = strlen(name);
    FUZZ_CHECK(length > 0 && length <= 4096 && wane_utf8_valid(name, length, NULL));
    FUZZ_CHECK(name[0] != '/' && strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0);
    FUZZ_CHECK(!strstr(name, "/../") && !strstr(name, "//") && !strstr(name, "/./"));
    FUZZ_CHECK(length < 3 || strcmp(name + length - 3, "/..") != 0);
}

static void read_as(const char *ending, const uint8_t *data, size_t size)
{
    const wane_entries_limits limits = {.entry_bytes = ENTRY_BYTES,
                                        .total_bytes = TOTAL_BYTES,
                                        .entries = ENTRIES,
                                        .visible = size % 2};
    char path[300];
    (void)snprintf(path, sizeof path, "%s/input%s", folder, ending);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    wane_error err = {0};
    wane_entries *entries = NULL;
    const char *name = NULL;
    size_t files = 0, total = 0;
    wane_status st = wane_entries_open(&entries, path, &limits, &err);
    for (; st == WANE_OK && (st = wane_entries_next(entries, &name, &err)) == WANE_OK; files++) {
        char *bytes = NULL;
        size_t count = 0;
        check_name(name);
        FUZZ_CHECK(!limits.visible || !wane_name_hidden(name));
        if (files % 3 == 2) continue; /* some are passed over */
        st = wane_entries_read_all(entries, &bytes, &count, &err);
        if (st != WANE_OK) break;
        FUZZ_CHECK(count <= ENTRY_BYTES && bytes[count] == '\0');
        total += count;
        wane_free(bytes);
    }
    FUZZ_CHECK(st == WANE_DONE || st < 0);
    if (st < 0) fuzz_check_error(st, &err);
    FUZZ_CHECK(files <= ENTRIES && total <= TOTAL_BYTES);
    if (entries) FUZZ_CHECK(wane_entries_hidden(entries)->count <= ENTRIES);
    wane_entries_close(entries);
    (void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *endings[2];
    } kinds[] = {{"PK", 2, {".zip", ""}},
                 {"\x1f\x8b", 2, {".gz", ".tar.gz"}},
                 {"\x28\xb5\x2f\xfd", 4, {".zst", ".tzst"}},
                 {"\xfd"
                  "7zXZ",
                  5,
                  {".xz", ".tar.xz"}},
                 {"BZh", 3, {".bz2", ".tbz2"}},
                 {"\x04\x22\x4d\x18", 4, {".lz4", ".tar.lz4"}}};
    if (!folder[0]) make_folder();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (size < kinds[i].length || memcmp(data, kinds[i].magic, kinds[i].length) != 0) continue;
        read_as(kinds[i].endings[0], data, size);
        read_as(kinds[i].endings[1], data, size);
        return 0;
    }
    read_as(".tar", data, size);
    return 0;
}
