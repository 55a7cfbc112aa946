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
    size_t need = 0;
    if (!wane_size_add(&need, tokens->count, count) ||
        !WANE_GROW(tokens->ids, tokens->capacity, need))
        return wane_fail_memory(err, "tokenizer", "ids");
    if (count) memcpy(tokens->ids + tokens->count, ids, count * sizeof *ids);
    tokens->count += count;
    return WANE_OK;
}
