/* SPDX-License-Identifier: Apache-2.0
 * Small tokenizers with the parts of well-known models, against the `tokenizers` library, and
 * models of SentencePiece against its library.
 */
#include <stdio.h>

#include "tests/numeric/text/expected.h"
#include "tests/support/support.h"

static void check(void **state)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    const char *name = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "reference/text/%s.json", name);
    CHECK_OK(wane_tokenizer_load(&tokenizer, path, &err));
    (void)snprintf(path, sizeof path, "%s-expected.json", name);
    expected_check(tokenizer, path, 300);
    wane_tokenizer_free(tokenizer);
}

static void check_model(void **state)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    const char *name = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "reference/text/%s.model", name);
    CHECK_OK(wane_tokenizer_load(&tokenizer, path, &err));
    (void)snprintf(path, sizeof path, "%s-expected.json", name);
    expected_check(tokenizer, path, 200);
    wane_tokenizer_free(tokenizer);
}

#define MODEL(text)                                                                                \
    {                                                                                              \
        .name = text, .test_func = check_model, .initial_state = text                              \
    }
#define NAMED(text)                                                                                \
    {                                                                                              \
        .name = text, .test_func = check, .initial_state = text                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {NAMED("gpt2"),  NAMED("llama3"),    NAMED("smollm2"),
                                       NAMED("qwen2"), NAMED("llama2"),    NAMED("mistral"),
                                       NAMED("words"), MODEL("spm-llama"), MODEL("spm-gemma"), MODEL("spm-unigram-bytes")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
