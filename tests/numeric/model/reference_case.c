/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/model/reference_case.h"

#include <math.h>

#include "store/base/memory.h"
#include "tests/support/support.h"

float *reference_values(const reference_case *c, const char *name, size_t *count)
{
    wane_error err;
    const wane_tensor *tensor = wane_tensors_find(c->file, name);
    if (!tensor) return NULL;
    float *values = wane_alloc(tensor->elements, sizeof *values);
    assert_non_null(values);
    CHECK_OK(wane_tensors_read(c->file, tensor, values, &err));
    if (count) *count = tensor->elements;
    return values;
}

void reference_open(reference_case *out, const char *path)
{
    wane_error err;
    *out = (reference_case){0};
    CHECK_OK(wane_tensors_open(&out->file, path, &err));
    size_t tokens = 0, sequences = 0, targets = 0;
    float *ids = reference_values(out, "ids", &tokens);
    float *lengths = reference_values(out, "lengths", &sequences);
    float *positions = reference_values(out, "positions", &targets);
    float *target = reference_values(out, "targets", NULL);
    assert_non_null(ids);
    assert_non_null(lengths);
    assert_true(tokens <= 64 && sequences < 16 && targets <= 64);
    for (size_t i = 0; i < tokens; i++) out->ids[i] = (int32_t)ids[i];
    for (size_t i = 0; i < sequences; i++) out->starts[i + 1] = out->starts[i] + (size_t)lengths[i];
    for (size_t i = 0; i < targets; i++) {
        out->positions[i] = (size_t)positions[i];
        out->targets[i] = (int32_t)target[i];
    }
    wane_free(ids);
    wane_free(lengths);
    wane_free(positions);
    wane_free(target);
    out->batch = (wane_batch){.tokens = tokens,
                              .sequences = sequences,
                              .ids = out->ids,
                              .starts = out->starts,
                              .targets = targets,
                              .position = out->positions,
                              .target = out->targets};
}

void reference_close(reference_case *c)
{
    wane_tensors_close(c->file);
}

double relative_difference(const float *a, const float *b, size_t count)
{
    double most = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - b[i]);
        if (!(difference <= most)) most = difference; /* a NaN stays */
        if (fabs(b[i]) > largest) largest = fabs(b[i]);
    }
    return largest > 0 ? most / largest : most;
}
