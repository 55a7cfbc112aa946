/* SPDX-License-Identifier: Apache-2.0
 * What the `tokenizers` library makes of texts, as tests/reference/make_tokenizer_fixtures.py wrote
 * it down.
 */
#ifndef TESTS_NUMERIC_TEXT_EXPECTED_H
#define TESTS_NUMERIC_TEXT_EXPECTED_H

#include "tasks/text/tokenizer.h"

/* Fails the test unless every text of reference/text/`name` has the ids, and the decoded text if
 * any, there; at least `count` texts must be there. */
void expected_check(const wane_tokenizer *tokenizer, const char *name, size_t count);

#endif
