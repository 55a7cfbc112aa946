/* SPDX-License-Identifier: Apache-2.0
 * The tokenizers of the folder WANE_DATA against the `tokenizers` library: made-up texts id by id,
 * the corpora there by a digest of all their ids.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "tests/numeric/text/expected.h"
#include "tests/support/support.h"

static const char *path_of(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("WANE_DATA"), name);
    return path;
}

/* The digest takes ids as four bytes each, little end first, as memory has them here. */
static void check_digest(const wane_tokens *ids, const wane_json *wanted)
{
    wane_error err;
    int64_t count = 0;
    char sha256[WANE_SHA256_HEX];
    assert_true(wane_json_integer(&count, wane_json_get(wanted, "ids")));
    assert_int_equal(ids->count, count);
    CHECK_OK(wane_sha256_bytes(sha256, ids->ids, ids->count * sizeof *ids->ids, &err));
    assert_string_equal(sha256, wane_json_string(wane_json_get(wanted, "sha256"), NULL));
}

static void check_corpora(const wane_tokenizer *tokenizer, const wane_json *wanted)
{
    wane_error err;
    wane_json *stories = NULL;
    wane_tokens ids = {0};
    char *text = NULL;
    size_t bytes = 0;
    CHECK_OK(load_json(&stories, path_of("corpora/tinystories-1000.json"), &err));
    assert_int_equal(wane_json_size(stories), 1000);
    for (size_t i = 0; i < wane_json_size(stories); i++) {
        const char *story = wane_json_string(wane_json_at(stories, i), &bytes);
        assert_non_null(story);
        CHECK_OK(wane_tokenizer_encode(tokenizer, story, bytes, true, &ids, &err));
    }
    check_digest(&ids, wane_json_get(wanted, "tinystories"));
    ids.count = 0;
    CHECK_OK(wane_file_read(&text, &bytes, path_of("corpora/wikitext-2-valid.txt"), 0, &err));
    CHECK_OK(wane_tokenizer_encode(tokenizer, text, bytes, true, &ids, &err)); /* one text */
    check_digest(&ids, wane_json_get(wanted, "wikitext"));
    wane_free(text);
    wane_tokens_free(&ids);
    wane_json_free(stories);
}

static void real_tokenizers(void **state)
{
    (void)state;
    wane_error err;
    wane_json *list = NULL;
    CHECK_OK(load_json(&list, "reference/text/real.json", &err));
    assert_int_equal(wane_json_size(list), 2);
    for (size_t i = 0; i < wane_json_size(list); i++) {
        wane_tokenizer *tokenizer = NULL;
        const wane_json *item = wane_json_at(list, i);
        const char *folder = wane_json_string(wane_json_get(item, "tokenizer"), NULL);
        CHECK_OK(wane_tokenizer_load(&tokenizer, path_of(folder), &err));
        expected_check(tokenizer, wane_json_string(wane_json_get(item, "expected"), NULL), 250);
        check_corpora(tokenizer, item);
        wane_tokenizer_free(tokenizer);
    }
    wane_json_free(list);
}

static void tinystories_names_its_tokens(void **state)
{
    (void)state;
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    CHECK_OK(wane_tokenizer_load(&tokenizer, path_of("models/TinyStories-656K"), &err));
    assert_int_equal(wane_tokenizer_size(tokenizer), 2048);
    assert_int_equal(wane_tokenizer_unknown(tokenizer), 0);
    assert_int_equal(wane_tokenizer_bos(tokenizer), 1);
    assert_int_equal(wane_tokenizer_eos(tokenizer), 2);
    /* The files beside it say nothing new: it is known by its tokenizer.json alone. */
    size_t bytes = 0;
    char alone[WANE_SHA256_HEX];
    char *file = read_file(path_of("models/TinyStories-656K/tokenizer.json"), &bytes);
    CHECK_OK(wane_sha256_bytes(alone, file, bytes, &err));
    assert_string_equal(wane_tokenizer_sha256(tokenizer), alone);
    free(file);
    wane_tokenizer_free(tokenizer);
}

int main(void)
{
    if (!getenv("WANE_DATA")) return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_tokenizers),
                                       cmocka_unit_test(tinystories_names_its_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
