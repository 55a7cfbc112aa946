/* SPDX-License-Identifier: Apache-2.0
 * The growing list of ids that a text becomes.
 */
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/tokenizer.h"

void wane_tokens_free(wane_tokens *tokens)
{
    wane_free(tokens->ids);
    *tokens = (wane_tokens){0};
}

wane_status wane_tokens_append(wane_tokens *tokens, const int32_t *ids, size_t count,
                               wane_error *err)
{
    if (tokens->capacity - tokens->count < count) {
        size_t capacity = tokens->capacity * 2 + count + 16;
        int32_t *more = wane_realloc(tokens->ids, capacity, sizeof *more);
        if (!more) return wane_fail_memory(err, "tokenizer", "ids");
        tokens->ids = more;
        tokens->capacity = capacity;
    }
    if (count) memcpy(tokens->ids + tokens->count, ids, count * sizeof *ids);
    tokens->count += count;
    return WANE_OK;
}
