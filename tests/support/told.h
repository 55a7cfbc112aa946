/* SPDX-License-Identifier: Apache-2.0
 * What the program says when it is called: exit code, stdout, stderr, JSON.
 */
#ifndef TESTS_SUPPORT_TOLD_H
#define TESTS_SUPPORT_TOLD_H

#include "store/files/json.h"

/* Calls wane with the words of `line` (separated by spaces; {NAME} is a path in the scratch
 * folder, {{ and }} are braces, ~ inside a word becomes a space). Returns the exit code. */
int told(const char *line);
const char *told_out(void); /* of the last call; borrowed until the next */
const char *told_err(void);

/* A bad call, and what its one line on stderr must hold. */
typedef struct told_refusal {
    const char *line, *says;
} told_refusal;
/* Each: exit code 2, nothing on stdout, one line on stderr. */
void told_refused(const told_refusal *calls, size_t count);

/* told, which must succeed and say nothing on stderr, and its stdout as JSON. Borrowed until the
 * next call. */
const wane_json *told_json(const char *line);
void told_free(void);

/* Members by name; the test fails without them. NaN for null. */
double json_number(const wane_json *object, const char *key);
const char *json_text(const wane_json *object, const char *key);

/* Fails unless the keys are exactly these, in this order (separated by spaces). */
void json_keys_are(const wane_json *object, const char *keys);

#endif
