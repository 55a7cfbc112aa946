/* SPDX-License-Identifier: Apache-2.0
 * A reference file of tests/reference/make_model_fixtures.py: a batch and what transformers made of
 * it.
 */
#ifndef TESTS_NUMERIC_MODEL_REFERENCE_CASE_H
#define TESTS_NUMERIC_MODEL_REFERENCE_CASE_H

#include "eval/model/pass.h"
#include "store/files/safetensors.h"

typedef struct reference_case {
    wane_tensors *file;
    wane_batch batch;
    size_t starts[16], positions[64];
    int32_t ids[64], targets[64];
} reference_case;

/* Reads ids, lengths and, where given, positions and targets. Fails the test on error. */
void reference_open(reference_case *out, const char *path);
void reference_close(reference_case *c);
/* A tensor's values, to be freed with wane_free; *count (may be NULL) = how many. NULL if absent.
 */
float *reference_values(const reference_case *c, const char *name, size_t *count);

/* max |a - b| / max |b|. */
double relative_difference(const float *a, const float *b, size_t count);

#endif
