/* SPDX-License-Identifier: Apache-2.0
 * For targets whose input is a file.
 */
#ifndef TESTS_FUZZ_FUZZ_FILE_H
#define TESTS_FUZZ_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Writes the input to one scratch file, removed at exit; its path. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* The same under a name of its own in a scratch folder that holds nothing else, removed at exit. */
const char *fuzz_named_file(const char *name, const uint8_t *data, size_t size);

#endif
