/* SPDX-License-Identifier: Apache-2.0
 * Small tokenizers with the parts of well-known models, against the `tokenizers` library, and
 * models of SentencePiece against its library.
 */
#include <stdio.h>
#include <string.h>

#include "tests/numeric/text/expected.h"
#include "tests/support/support.h"

/* A file that NAME-expected.json is of, NAME being what stands before its ending. */
static void check(void **state)
{
    wane_error err;
    wane_tokenizer *tokenizer = NULL;
    const char *name = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "reference/text/%s", name);
    CHECK_OK(wane_tokenizer_load(&tokenizer, path, &err));
    (void)snprintf(path, sizeof path, "%.*s-expected.json", (int)strcspn(name, "."), name);
    expected_check(tokenizer, path, 200);
    wane_tokenizer_free(tokenizer);
}

#define NAMED(text)                                                                                \
    {                                                                                              \
        .name = text, .test_func = check, .initial_state = text                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {NAMED("gpt2.json"),        NAMED("llama3.json"),
                                       NAMED("smollm2.json"),     NAMED("qwen2.json"),
                                       NAMED("llama2.json"),      NAMED("mistral.json"),
                                       NAMED("words.json"),       NAMED("spm-llama.model"),
                                       NAMED("spm-gemma.model"),  NAMED("spm-unigram-bytes.model"),
                                       NAMED("spm-rules.model"),  NAMED("spm-unigram.model"),
                                       NAMED("spm-unigram.gguf"), NAMED("gpt2.gguf"),
                                       NAMED("llama3.gguf"),      NAMED("smollm2.gguf"),
                                       NAMED("qwen2.gguf"),       NAMED("spm-llama.gguf"),
                                       NAMED("spm-gemma.gguf"),   NAMED("spm-unigram-bytes.gguf")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
