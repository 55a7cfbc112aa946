/* SPDX-License-Identifier: Apache-2.0
 * Writes their files, and prints ids.
 */
#include "tests/unit/text/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

void folder_put(const char *name, const char *json)
{
    const char *path = scratch_path(name);
    remove_tree(path);
    if (!json) return;
    char *copy = strdup(json);
    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    write_file(path, copy, strlen(copy));
    free(copy);
}

void folder_ids(char out[512], const wane_tokenizer *tokenizer, const char *text)
{
    wane_error err;
    wane_tokens tokens = {0};
    size_t length = 0;
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, strlen(text), true, &tokens, &err));
    out[0] = '\0';
    for (size_t i = 0; i < tokens.count; i++)
        length += (size_t)snprintf(out + length, 512 - length, i ? " %d" : "%d", tokens.ids[i]);
    wane_tokens_free(&tokens);
}
