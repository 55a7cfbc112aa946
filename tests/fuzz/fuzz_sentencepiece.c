/* SPDX-License-Identifier: Apache-2.0
 * The input: how many bytes a model of SentencePiece has (two bytes, the little one first), the
 * model, a text. A model that begins as GGUF is one whose metadata hold a tokenizer.
 */
#include "store/files/package.h"
#include "tasks/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

enum { TEXT_BYTES = 4096 };

static void check_ids(const wane_tokenizer *tokenizer, const wane_tokens *ids)
{
    wane_error err = {0};
    wane_text back = {0};
    for (size_t i = 0; i < ids->count; i++) {
        const char *token = wane_tokenizer_token(tokenizer, ids->ids[i]);
        FUZZ_CHECK(ids->ids[i] >= 0 && (size_t)ids->ids[i] < wane_tokenizer_size(tokenizer));
        FUZZ_CHECK(token && wane_tokenizer_id(tokenizer, token) == ids->ids[i]);
    }
    FUZZ_CHECK(wane_tokenizer_decode(tokenizer, ids->ids, ids->count, false, &back, &err) ==
               WANE_OK);
    FUZZ_CHECK(wane_utf8_valid(back.data, back.length, NULL));
    wane_text_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_tokenizer *tokenizer = NULL;
    wane_tokens ids = {0};
    if (size < 2) return 0;
    size_t model = data[0] | (size_t)data[1] << 8;
    if (model > size - 2) model = size - 2;
    const char *text = (const char *)data + 2 + model;
    size_t bytes = size - 2 - model;
    if (bytes > TEXT_BYTES) bytes = TEXT_BYTES;
    bool gguf = wane_gguf_begins(data + 2, model);
    const char *path = fuzz_named_file(gguf ? "fuzz.gguf" : "fuzz.model", data + 2, model);
    wane_status st = wane_tokenizer_load(&tokenizer, path, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!tokenizer);
        return 0;
    }
    st = wane_tokenizer_encode(tokenizer, text, bytes, true, &ids, &err);
    if (st == WANE_OK) check_ids(tokenizer, &ids);
    else fuzz_check_error(st, &err);
    wane_tokens_free(&ids);
    wane_tokenizer_free(tokenizer);
    return 0;
}
