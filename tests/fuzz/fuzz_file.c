/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_file.h"

#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static char path[256], folder[256], named[300];

static void remove_file(void)
{
    if (path[0]) (void)unlink(path);
}

static void remove_folder(void)
{
    (void)unlink(named);
    (void)rmdir(folder);
}

static void scratch(char out[256])
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(out, 256, "%s/wane-fuzz-XXXXXX", parent ? parent : "/tmp");
}

static void make_file(void)
{
    scratch(path);
    int fd = mkstemp(path);
    FUZZ_CHECK(fd >= 0 && close(fd) == 0);
    (void)atexit(remove_file);
}

static void put(const char *to, const uint8_t *data, size_t size)
{
    FILE *file = fopen(to, "wb");
    FUZZ_CHECK(file && (size == 0 || fwrite(data, 1, size, file) == size) && fclose(file) == 0);
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    if (!path[0]) make_file();
    put(path, data, size);
    return path;
}

const char *fuzz_named_file(const char *name, const uint8_t *data, size_t size)
{
    if (!folder[0]) {
        scratch(folder);
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        (void)atexit(remove_folder);
    }
    (void)unlink(named);
    (void)snprintf(named, sizeof named, "%s/%s", folder, name);
    put(named, data, size);
    return named;
}
