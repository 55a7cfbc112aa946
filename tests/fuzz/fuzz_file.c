/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_file.h"

#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static char path[256];

static void remove_file(void)
{
    (void)unlink(path);
}

static void make_file(void)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(path, sizeof path, "%s/wane-fuzz-XXXXXX", parent ? parent : "/tmp");
    int fd = mkstemp(path);
    FUZZ_CHECK(fd >= 0 && close(fd) == 0);
    (void)atexit(remove_file);
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    if (!path[0]) make_file();
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    return path;
}
