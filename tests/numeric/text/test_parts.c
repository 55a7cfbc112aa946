/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers with the other patterns, models, normalizers, pre-tokenizers and decoders that
 * tokenizer.json files hold, against the `tokenizers` library.
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
    expected_check(tokenizer, path, 120);
    wane_tokenizer_free(tokenizer);
}

#define NAMED(text)                                                                                \
    {                                                                                              \
        .name = text, .test_func = check, .initial_state = text                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {NAMED("cl100k"),   NAMED("o200k"),  NAMED("tekken"),
                                       NAMED("deepseek"), NAMED("falcon"), NAMED("neox"),
                                       NAMED("gemma"),    NAMED("bert"),   NAMED("t5"),
                                       NAMED("albert"),   NAMED("scripts")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
