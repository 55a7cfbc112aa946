/* SPDX-License-Identifier: Apache-2.0
 * read_tensors FILE OUT: the values of every tensor of a checkpoint in the order of names, as fp32,
 * one behind the other.
 */
#include <stdio.h>

#include "store/base/memory.h"
#include "store/files/tensors.h"

static wane_status write_all(FILE *out, const wane_tensors *tensors, wane_error *err)
{
    wane_status st = WANE_OK;
    float *values = NULL;
    for (size_t i = 0; i < wane_tensors_count(tensors); i++) {
        const wane_tensor *t = wane_tensors_at(tensors, i);
        values = wane_alloc(t->elements, sizeof *values);
        if (!values) WANE_TRY(wane_fail_memory(err, "read", t->name));
        WANE_TRY(wane_tensors_read(tensors, t, values, err));
        if (fwrite(values, sizeof *values, t->elements, out) != t->elements)
            WANE_TRY(wane_fail(err, WANE_EIO, "write: %s: it was cut short", t->name));
        wane_free(values);
        values = NULL;
    }
done:
    wane_free(values);
    return st;
}

int main(int argc, char **argv)
{
    wane_error err = {0};
    wane_tensors *tensors = NULL;
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!out) {
        (void)fprintf(stderr, "read_tensors FILE OUT\n");
        return 2;
    }
    wane_status st = wane_tensors_open(&tensors, argv[1], &err);
    if (st == WANE_OK) st = write_all(out, tensors, &err);
    if (fclose(out) != 0 && st == WANE_OK) st = wane_fail_errno(&err, "write", argv[2]);
    if (st != WANE_OK) (void)fprintf(stderr, "%s\n", err.message);
    wane_tensors_close(tensors);
    return st == WANE_OK ? 0 : 2;
}
