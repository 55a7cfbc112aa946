/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "store/base/text.h"
#include "store/files/json.h"
#include "tests/fuzz/fuzz.h"

/* A text or a number that was read comes back the same after it is written. */
static void check_written(const wane_json *value)
{
    wane_error err;
    wane_text text = {0};
    wane_json *root = NULL;
    size_t bytes = 0, again = 0;
    double number = 0, back = 0;
    const char *string = wane_json_string(value, &bytes);
    if (string && strlen(string) != bytes) return; /* holds a \0, which is not written */
    if (string) wane_json_write_string(&text, string);
    else if (wane_json_number(&number, value)) wane_json_write_number(&text, number);
    else return;
    FUZZ_CHECK(wane_json_parse(&root, text.data, text.length, "again", &err) == WANE_OK);
    if (string) {
        const char *copy = wane_json_string(root, &again);
        FUZZ_CHECK(copy && bytes == again && !memcmp(string, copy, bytes));
    } else {
        FUZZ_CHECK(wane_json_number(&back, root) && !memcmp(&number, &back, sizeof back));
    }
    wane_json_free(root);
    wane_text_free(&text);
}

static void check_value(const wane_json *value)
{
    const char *key = NULL;
    int64_t integer = 0;
    double number = 0;
    size_t size = wane_json_size(value), bytes = 0;
    const char *string = wane_json_string(value, &bytes);
    FUZZ_CHECK((string != NULL) == (wane_json_kind_of(value) == WANE_JSON_STRING));
    if (string) FUZZ_CHECK(string[bytes] == '\0' && wane_utf8_valid(string, bytes, NULL));
    if (wane_json_number(&number, value)) FUZZ_CHECK(isfinite(number));
    if (wane_json_integer(&integer, value)) FUZZ_CHECK((double)integer == number);
    check_written(value);
    for (size_t i = 0; i < size; i++) {
        const wane_json *element = wane_json_at(value, i), *member = NULL;
        if (!element) {
            member = wane_json_member(value, i, &key);
            FUZZ_CHECK(member && member == wane_json_get(value, key));
        }
        check_value(element ? element : member);
    }
    FUZZ_CHECK(!wane_json_at(value, size) && !wane_json_member(value, size, &key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_json *root = NULL;
    wane_status st = wane_json_parse(&root, (const char *)data, size, "input", &err);
    if (st == WANE_OK) {
        check_value(root);
    } else {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!root && (err.line > 0 || st == WANE_ENOMEM));
    }
    wane_json_free(root);
    return 0;
}
