/* SPDX-License-Identifier: Apache-2.0
 * The input: a tokenizer.json, a zero byte, a text.
 */
#include "tasks/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_BYTES = 4096 }; /* an expression may search for long at each place */

static void check_ids(const wane_tokenizer *tokenizer, const wane_tokens *ids)
{
    wane_error err = {0};
    wane_text back = {0};
    for (size_t i = 0; i < ids->count; i++) {
        const char *token = wane_tokenizer_token(tokenizer, ids->ids[i]);
        FUZZ_CHECK(ids->ids[i] >= 0 && (size_t)ids->ids[i] < wane_tokenizer_size(tokenizer));
        FUZZ_CHECK(token && wane_tokenizer_id(tokenizer, token) >= 0);
    }
    wane_status st = wane_tokenizer_decode(tokenizer, ids->ids, ids->count, false, &back, &err);
    if (st != WANE_OK) fuzz_check_error(st, &err); /* an expression without end */
    FUZZ_CHECK(st != WANE_OK || wane_utf8_valid(back.data, back.length, NULL));
    wane_text_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_tokens plain = {0}, whole = {0};
    size_t length = 0;
    while (length < size && data[length]) length++;
    const char *text = (const char *)data + length + (length < size);
    size_t bytes = size - length - (length < size);
    if (bytes > TEXT_BYTES) bytes = TEXT_BYTES;
    wane_status st = wane_tokenizer_parse(&tokenizer, (const char *)data, length, "fuzz", &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!tokenizer);
        return 0;
    }
    st = wane_tokenizer_encode(tokenizer, text, bytes, false, &plain, &err);
    if (st == WANE_OK) st = wane_tokenizer_encode(tokenizer, text, bytes, true, &whole, &err);
    if (st == WANE_OK) {
        FUZZ_CHECK(whole.count >= plain.count);
        check_ids(tokenizer, &whole);
    } else {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!whole.count);
    }
    wane_tokens_free(&plain);
    wane_tokens_free(&whole);
    wane_tokenizer_free(tokenizer);
    return 0;
}
