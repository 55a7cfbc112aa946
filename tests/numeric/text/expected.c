/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/text/expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/json.h"
#include "tests/support/support.h"

/* The text of a row as bytes; `bytes` NULL-terminated or not. */
static char *text_of_row(const wane_json *row, size_t *bytes)
{
    size_t length = 0;
    const char *text = wane_json_string(wane_json_get(row, "text"), &length);
    const char *hex = text ? NULL : wane_json_string(wane_json_get(row, "hex"), &length);
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    assert_true(text || hex);
    if (text) memcpy(copy, text, length);
    if (hex) {
        for (size_t i = 0; i < length / 2; i++) {
            unsigned value = 0;
            assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
            copy[i] = (char)value;
        }
        length /= 2;
    }
    *bytes = length;
    return copy;
}

static void check_row(const wane_tokenizer *tokenizer, const wane_json *row, size_t number)
{
    wane_error err;
    wane_tokens got = {0};
    wane_text back = {0};
    size_t bytes = 0, length = 0;
    char *text = text_of_row(row, &bytes);
    const wane_json *ids = wane_json_get(row, "ids");
    const char *decoded = wane_json_string(wane_json_get(row, "decoded"), &length);
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, bytes, true, &got, &err));
    size_t same = 0;
    for (; same < got.count && same < wane_json_size(ids); same++) {
        int64_t id = -1;
        assert_true(wane_json_integer(&id, wane_json_at(ids, same)));
        if (id != got.ids[same]) break;
    }
    if (same < got.count || same < wane_json_size(ids))
        fail_msg("text %zu \"%.*s\": %zu ids, wanted %zu; the first difference is at %zu", number,
                 (int)bytes, text, got.count, wane_json_size(ids), same);
    CHECK_OK(wane_tokenizer_decode(tokenizer, got.ids, got.count, true, &back, &err));
    if (decoded && (back.length != length || memcmp(back.data, decoded, length) != 0))
        fail_msg("text %zu \"%.*s\" is decoded \"%s\", wanted \"%s\"", number, (int)bytes, text,
                 back.data, decoded);
    wane_tokens_free(&got);
    wane_text_free(&back);
    free(text);
}

void expected_check(const wane_tokenizer *tokenizer, const char *name, size_t count)
{
    wane_error err;
    wane_json *rows = NULL;
    char path[256];
    (void)snprintf(path, sizeof path, "reference/text/%s", name);
    CHECK_OK(load_json(&rows, path, &err));
    assert_true(wane_json_size(rows) >= count);
    for (size_t i = 0; i < wane_json_size(rows); i++)
        check_row(tokenizer, wane_json_at(rows, i), i);
    wane_json_free(rows);
}
