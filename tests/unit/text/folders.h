/* SPDX-License-Identifier: Apache-2.0
 * Small folders of tokenizers, and the ids they give, for the tests of this room.
 */
#ifndef TESTS_UNIT_TEXT_FOLDERS_H
#define TESTS_UNIT_TEXT_FOLDERS_H

#include "tasks/text/tokenizer.h"

/* Writes a file of the scratch folder, ' in place of "; NULL removes it. */
void folder_put(const char *name, const char *json);
/* The ids of a text, special tokens put around it, with spaces between. */
void folder_ids(char out[512], const wane_tokenizer *tokenizer, const char *text);

#endif
