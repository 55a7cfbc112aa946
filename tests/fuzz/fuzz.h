/* SPDX-License-Identifier: Apache-2.0
 * What a fuzz target exports, and what it checks with.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/status.h"

/* Called with any bytes; returns 0, or aborts when a promise is broken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that holds for every input. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A failure says so in one line, under its own code. */
static inline void fuzz_check_error(wane_status status, const wane_error *err)
{
    FUZZ_CHECK(status < 0 && status == err->code);
    FUZZ_CHECK(status != WANE_EINTERNAL);
    FUZZ_CHECK(memchr(err->message, '\0', sizeof err->message) != NULL);
    FUZZ_CHECK(err->message[0] && !strchr(err->message, '\n'));
    FUZZ_CHECK(err->line >= 0 && err->column >= 0 && (err->line > 0) == (err->column > 0));
}

#endif
