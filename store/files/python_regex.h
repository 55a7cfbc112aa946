/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions of Python's `re` (text patterns, Python 3.11), matched by PCRE2.
 *
 * An expression is parsed by Python's grammar and written anew for PCRE2, so that what the two
 * spell alike and mean differently (\Z, \v, {,3}, [[:x:]], names of groups, ...) means what Python
 * means, and what Python refuses is refused. Subjects are printable ASCII, as names of modules are:
 * there both libraries' classes, line ends and letters without case agree. The grammar: CPython's
 * Lib/re/_parser.py.
 */
#ifndef STORE_FILES_PYTHON_REGEX_H
#define STORE_FILES_PYTHON_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_regex wane_regex; /* constant once made: any thread may match */

/* `whole`: matched as re.fullmatch does, else as re.match does (from the beginning). Refused
 * expressions are WANE_EFORMAT "read: PATH: KEY: ...", which say why. Owned by the caller, free
 * with wane_regex_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_regex_compile(wane_regex **out, const char *expression, bool whole,
                                               const char *path, const char *key, wane_error *err);
void wane_regex_free(wane_regex *regex);

/* *out: whether `text` matches. span (may be NULL) receives where the group that was opened last in
 * the expression begins and ends; SIZE_MAX twice when it took no part. A text that is not printable
 * ASCII, or one that takes more than a million steps, is WANE_EFORMAT. */
WANE_MUST_CHECK wane_status wane_regex_match(bool *out, size_t span[2], const wane_regex *regex,
                                             const char *text, wane_error *err);

/* The expression for PCRE2 appended to `out`; *groups: how many it has. What stands in the way, a
 * constant, or NULL. Used by wane_regex_compile. */
const char *wane_regex_translate(wane_text *out, size_t *groups, const char *expression);

#endif
