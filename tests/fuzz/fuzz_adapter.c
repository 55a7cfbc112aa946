/* SPDX-License-Identifier: Apache-2.0
 * The input: an adapter folder; adapter_config.json, a zero byte, adapter_model.safetensors.
 */
#include <math.h>
#include <unistd.h>

#include "store/files/update.h"
#include "tests/fuzz/fuzz.h"

static char folder[256], config[300], factors[300];

static volatile double sink; /* so that every factor is read */

static void remove_folder(void)
{
    (void)unlink(config);
    (void)unlink(factors);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/wane-fuzz-XXXXXX", parent ? parent : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(config, sizeof config, "%s/adapter_config.json", folder);
    (void)snprintf(factors, sizeof factors, "%s/adapter_model.safetensors", folder);
    (void)atexit(remove_folder);
}

static void put(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void warn(void *context, const char *line)
{
    FUZZ_CHECK(line[0] && !strchr(line, '\n'));
    ++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_update update = {0};
    size_t warnings = 0, length = 0;
    if (!folder[0]) make_folder();
    while (length < size && data[length]) length++;
    put(config, data, length);
    put(factors, data + length + (length < size), size - length - (length < size));
    wane_status st = wane_update_load(&update, folder, warn, &warnings, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!update.tensors && !update.memory);
        return 0;
    }
    FUZZ_CHECK(update.lowrank && update.count > 0);
    double sum = 0;
    for (size_t i = 0; i < update.count; i++) {
        const wane_update_tensor *t = &update.tensors[i];
        FUZZ_CHECK(t->rows > 0 && t->cols > 0 && isfinite(t->term.scale));
        FUZZ_CHECK((t->term.rank > 0) == !t->data);
        for (size_t k = 0; t->data && k < t->rows * t->cols; k++) sum += (double)t->data[k];
        for (size_t k = 0; k < t->term.rank * t->cols; k++) sum += (double)t->term.a[k];
        for (size_t k = 0; k < t->term.rank * t->rows; k++) sum += (double)t->term.b[k];
    }
    sink = sum;
    wane_update_free(&update);
    return 0;
}
