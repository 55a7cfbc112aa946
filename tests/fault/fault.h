/* SPDX-License-Identifier: Apache-2.0
 * Makes the first, the second, ... allocation or disk operation of a piece of work fail, until the
 * work succeeds.
 */
#ifndef TESTS_FAULT_FAULT_H
#define TESTS_FAULT_FAULT_H

#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "tests/support/support.h"

enum { FAULT_LIMIT = 5000 };

/* Runs work(context, &err) with ever more allocations granted. Each failure must be WANE_ENOMEM and
 * say so; `after` (may be NULL) then checks what the failure left. Returns how often it failed;
 * leaks are the sanitizer's to find. Where `sparse` is not 0, the n grow by 1 + n / sparse, for
 * work of many thousand allocations. */
static inline long fault_memory_sparse(wane_status (*work)(void *context, wane_error *err),
                                       void (*after)(void *context), void *context, long sparse)
{
    for (long n = 0, tries = 0; tries < FAULT_LIMIT; tries++, n += 1 + (sparse ? n / sparse : 0)) {
        wane_error err = {0};
        wane_memory_fail_after(n);
        wane_status st = work(context, &err);
        wane_memory_fail_after(-1);
        if (st == WANE_OK) return n;
        CHECK_FAILS(st, WANE_ENOMEM, "out of memory");
        if (after) after(context);
    }
    fail_msg("not done after %d tries", FAULT_LIMIT);
    return -1;
}

static inline long fault_memory(wane_status (*work)(void *context, wane_error *err),
                                void (*after)(void *context), void *context)
{
    return fault_memory_sparse(work, after, context, 0);
}

/* The same for writes, syncs and renames: the disk is full from the n-th on. */
static inline long fault_disk(wane_status (*work)(void *context, wane_error *err),
                              void (*after)(void *context), void *context)
{
    for (long n = 0; n < FAULT_LIMIT; n++) {
        wane_error err = {0};
        wane_file_fail_after(n);
        wane_status st = work(context, &err);
        wane_file_fail_after(-1);
        if (st == WANE_OK) return n;
        CHECK_FAILS(st, WANE_EIO, "No space left on device");
        if (after) after(context);
    }
    fail_msg("not done after %d operations", FAULT_LIMIT);
    return -1;
}

#endif
