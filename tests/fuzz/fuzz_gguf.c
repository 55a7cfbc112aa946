/* SPDX-License-Identifier: Apache-2.0
 * The input: one GGUF file, read as tensors with its metadata, and as a model.
 */
#include "eval/model/model_files.h"
#include "store/base/memory.h"
#include "store/files/gguf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

/* Every element of every value by every getter; sums keep them from being left out. */
static size_t look(const wane_gguf *gguf)
{
    size_t sum = 0, bytes = 0;
    for (size_t i = 0; i < wane_gguf_count(gguf); i++) {
        const char *key = NULL;
        const wane_gguf_value *value = wane_gguf_at(gguf, i, &key);
        int64_t whole = 0;
        double number = 0;
        bool flag = false;
        FUZZ_CHECK(wane_gguf_find(gguf, key) == value);
        sum += wane_gguf_integer(&whole, value) + wane_gguf_number(&number, value) +
               wane_gguf_bool(&flag, value);
        const char *text = wane_gguf_string(value, &bytes);
        for (size_t b = 0; b < bytes; b++) sum += (unsigned char)text[b];
        for (size_t e = 0; e < wane_gguf_size(value); e++) {
            sum += wane_gguf_integer_at(&whole, value, e) + wane_gguf_number_at(&number, value, e) +
                   wane_gguf_bool_at(&flag, value, e);
            text = wane_gguf_string_at(value, e, &bytes);
            for (size_t b = 0; b < bytes; b++) sum += (unsigned char)text[b];
        }
    }
    return sum;
}

static void look_at_tensors(const wane_tensors *tensors, size_t size)
{
    wane_error err = {0};
    for (size_t i = 0; i < wane_tensors_count(tensors); i++) {
        const wane_tensor *t = wane_tensors_at(tensors, i);
        FUZZ_CHECK(wane_tensors_find(tensors, t->name) == t);
        FUZZ_CHECK(t->elements <= 8 * size);
        float *values = wane_alloc(t->elements, sizeof *values);
        wane_status st = wane_tensors_read(tensors, t, values, &err);
        FUZZ_CHECK((st == WANE_OK) == (t->dtype != WANE_OTHER));
        if (st != WANE_OK) fuzz_check_error(st, &err);
        else (void)wane_tensors_rounding(tensors, t, values, 0, t->elements);
        if (st == WANE_OK && t->elements > 1) {
            float part = 0;
            wane_tensors_read_part(tensors, t, t->elements - 1, 1, &part);
            FUZZ_CHECK(memcmp(&part, &values[t->elements - 1], sizeof part) == 0 || part != part);
        }
        wane_free(values);
    }
}

/* As a model, where its configuration is one that is computed. */
static void read_model(const wane_package *package, size_t size)
{
    wane_error err = {0};
    char *text = NULL, *name = NULL;
    size_t bytes = 0;
    wane_tensors *tensors = NULL;
    wane_config config;
    wane_parameters table = {0};
    wane_status st = wane_model_config_text(&text, &bytes, &name, package, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        return;
    }
    st = wane_config_parse(&config, text, bytes, name, &err);
    if (st == WANE_OK) st = wane_parameters_plan(&table, &config, &err);
    if (st != WANE_OK) fuzz_check_error(st, &err);
    /* What metadata claim beyond the file is no work for a fuzzer. */
    else if (table.numbers <= 8 * size) {
        wane_model *model = NULL;
        st = wane_model_load_package(&model, package, &err);
        if (st != WANE_OK) fuzz_check_error(st, &err);
        wane_model_free(model);
    }
    st = wane_model_tensors(&tensors, package, &err);
    if (st != WANE_OK) fuzz_check_error(st, &err);
    else look_at_tensors(tensors, size);
    wane_tensors_close(tensors);
    wane_parameters_free(&table);
    wane_free(text);
    wane_free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_gguf *gguf = NULL;
    wane_tensors *tensors = NULL;
    wane_package *package = NULL;
    if (size < 4 || memcmp(data, "GGUF", 4) != 0) return 0;
    const char *path = fuzz_file(data, size);
    wane_status st = wane_gguf_open(&gguf, path, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!gguf);
        FUZZ_CHECK(wane_tensors_open(&tensors, path, &err) != WANE_OK);
        return 0;
    }
    (void)look(gguf);
    wane_gguf_close(gguf);
    st = wane_tensors_open(&tensors, path, &err);
    if (st == WANE_OK) look_at_tensors(tensors, size);
    else fuzz_check_error(st, &err);
    wane_tensors_close(tensors);
    if (wane_package_open(&package, path, &err) == WANE_OK) read_model(package, size);
    wane_package_close(package);
    return 0;
}
