/* SPDX-License-Identifier: Apache-2.0
 * The input: one safetensors file.
 */
#include "store/base/memory.h"
#include "store/files/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_tensors *tensors = NULL;
    size_t elements = 0;
    wane_status st = wane_tensors_open(&tensors, fuzz_file(data, size), &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!tensors);
        return 0;
    }
    for (size_t i = 0; i < wane_tensors_count(tensors); i++) {
        const wane_tensor *t = wane_tensors_at(tensors, i);
        FUZZ_CHECK(wane_tensors_find(tensors, t->name) == t);
        FUZZ_CHECK(i == 0 || strcmp(wane_tensors_at(tensors, i - 1)->name, t->name) < 0);
        FUZZ_CHECK(t->dtype == WANE_OTHER || t->elements <= size / 2);
        float *values = t->dtype == WANE_OTHER ? NULL : wane_alloc(t->elements, sizeof *values);
        st = wane_tensors_read(tensors, t, values, &err);
        FUZZ_CHECK((st == WANE_OK) == (t->dtype != WANE_OTHER));
        if (st != WANE_OK) fuzz_check_error(st, &err);
        const float *mapped = wane_tensors_floats(tensors, t);
        FUZZ_CHECK(!mapped || memcmp(mapped, values, t->elements * sizeof *values) == 0);
        if (t->dtype != WANE_OTHER) elements += t->elements;
        wane_free(values);
    }
    FUZZ_CHECK(elements <= size / 2);
    wane_tensors_close(tensors);
    return 0;
}
