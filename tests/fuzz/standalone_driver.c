/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target over files and folders of inputs without libFuzzer: each input whole, then cut
 * at up to 24 places and with 24 bytes changed one by one, always the same ones.
 */
#include <stdbool.h>

#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "tests/fuzz/fuzz.h"

enum { VARIANTS = 24 };

static void run(const unsigned char *bytes, size_t count)
{
    unsigned char *copy = malloc(count ? count : 1); /* of its own, so that overreading shows */
    if (!copy) abort();
    if (count) memcpy(copy, bytes, count);
    (void)LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

/* Not by wane_file_read, which refuses some files that are good inputs (Git LFS pointers). */
static unsigned char *read_input(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    unsigned char *bytes = end >= 0 ? malloc((size_t)end + 1) : NULL;
    *count = end >= 0 ? (size_t)end : 0;
    if (bytes && (fseek(file, 0, SEEK_SET) != 0 || fread(bytes, 1, *count, file) != *count)) {
        free(bytes);
        bytes = NULL;
    }
    if (file) (void)fclose(file);
    return bytes;
}

static bool run_file(const char *path)
{
    size_t count = 0;
    unsigned char *bytes = read_input(path, &count);
    if (!bytes) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return false;
    }
    run(bytes, count);
    size_t cuts = count < VARIANTS ? count : VARIANTS;
    for (size_t i = 0; i < cuts; i++) run(bytes, count * i / cuts);
    const wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    for (uint64_t i = 0; count && i < VARIANTS; i++) {
        size_t place = (size_t)wane_random_below(&where, 2 * i, count);
        unsigned char before = bytes[place];
        bytes[place] = (unsigned char)wane_random_below(&where, 2 * i + 1, 256);
        run(bytes, count);
        bytes[place] = before;
    }
    free(bytes);
    return true;
}

int main(int argc, char **argv)
{
    size_t inputs = 0;
    for (int i = 1; i < argc; i++) {
        wane_error err;
        char **names = NULL;
        size_t count = 0;
        if (!wane_folder_exists(argv[i])) {
            if (!run_file(argv[i])) return 1;
            inputs++;
            continue;
        }
        if (wane_folder_walk(&names, &count, argv[i], 100000, &err) != WANE_OK) {
            (void)fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        for (size_t k = 0; k < count; k++, inputs++) {
            char *path = wane_path_join(argv[i], names[k]);
            if (!path || !run_file(path)) return 1;
            wane_free(path);
        }
        wane_names_free(names, count);
    }
    (void)printf("%zu inputs\n", inputs);
    return inputs ? 0 : 1; /* an empty corpus proves nothing */
}
