/* SPDX-License-Identifier: Apache-2.0
 * Rows are compared by SHA-256, so the check is linear in their bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "tasks/data/task.h"
#include "tasks/data/words.h"

typedef struct digest {
    char hex[WANE_SHA256_HEX];
} digest;

static int compare(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(digest));
}

/* Digests of the prompt of `row`: as it is, and normalised. */
static wane_status digests(digest out[2], const wane_row *row, wane_text *prompt, wane_text *normal,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text_clear(prompt);
    wane_text_string(prompt, row->before);
    wane_text_string(prompt, row->text);
    wane_text_string(prompt, row->after);
    WANE_TRY(wane_text_check(prompt, "check overlap", "row", err));
    WANE_TRY(wane_sha256_bytes(out[0].hex, prompt->data, prompt->length, err));
    WANE_TRY(wane_normalise(normal, prompt->data, prompt->length, err));
    WANE_TRY(wane_sha256_bytes(out[1].hex, normal->data, normal->length, err));
done:
    return st;
}

wane_status wane_task_overlap(wane_overlap *out, const wane_task *task, size_t limit,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text prompt = {0}, normal = {0};
    wane_overlap found = {.rows = task->rows[WANE_SPLIT_TEST]};
    size_t count = task->rows[WANE_SPLIT_TRAIN];
    digest *train[2] = {wane_alloc(count, sizeof(digest)), wane_alloc(count, sizeof(digest))};
    if (!train[0] || !train[1]) WANE_TRY(wane_fail_memory(err, "check overlap", task->name));
    for (size_t i = 0; i < count; i++) {
        digest pair[2];
        WANE_TRY(digests(pair, &task->row[WANE_SPLIT_TRAIN][i], &prompt, &normal, err));
        train[0][i] = pair[0];
        train[1][i] = pair[1];
    }
    if (count) {
        qsort(train[0], count, sizeof(digest), compare);
        qsort(train[1], count, sizeof(digest), compare);
    }
    if (limit && limit < found.rows) found.rows = limit;
    for (size_t i = 0; i < found.rows; i++) {
        const wane_row *row = &task->row[WANE_SPLIT_TEST][i];
        digest pair[2];
        WANE_TRY(digests(pair, row, &prompt, &normal, err));
        found.exact += bsearch(&pair[0], train[0], count, sizeof(digest), compare) != NULL;
        if (!bsearch(&pair[1], train[1], count, sizeof(digest), compare)) continue;
        if (found.normalised++ == 0) found.first_test_row = row->number;
    }
    *out = found;
done:
    wane_free(train[0]);
    wane_free(train[1]);
    wane_text_free(&prompt);
    wane_text_free(&normal);
    return st;
}
