/* SPDX-License-Identifier: Apache-2.0
 * What a Replace or a Split looks for: a literal text or a regular expression.
 *
 * Expressions are written for Oniguruma (Ruby syntax); they are rewritten for PCRE2 so that they
 * match the same texts, and what cannot be rewritten faithfully is refused by name.
 */
#ifndef TASKS_TEXT_PATTERN_H
#define TASKS_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/text/json_part.h"

typedef struct wane_pattern wane_pattern; /* constant after it is made: any thread may search */

/* {"String": ...} or {"Regex": ...}. Owned by the caller, free with wane_pattern_free. */
WANE_MUST_CHECK wane_status wane_pattern_read(wane_pattern **out, const wane_json *json,
                                              const wane_json_part *part, wane_error *err);
typedef enum wane_syntax { WANE_ONIGURUMA, WANE_PCRE2 } wane_syntax;
/* From an expression. */
WANE_MUST_CHECK wane_status wane_pattern_compile(wane_pattern **out, const char *expression,
                                                 size_t bytes, wane_syntax syntax,
                                                 const wane_json_part *part, wane_error *err);
void wane_pattern_free(wane_pattern *pattern); /* NULL allowed */

/* A word character of the library's other expressions (of Rust), in PCRE2's syntax. */
#define WANE_WORD_CHARACTERS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"
#define WANE_WORD_CLASS "[" WANE_WORD_CHARACTERS "]"

/* The expression in PCRE2's syntax; *unsupported names what stands in the way (NULL: nothing). */
WANE_MUST_CHECK wane_status wane_pattern_rewrite(wane_text *out, const char *expression,
                                                 size_t bytes, const char **unsupported,
                                                 wane_error *err);

/* A search for the pattern through one text after another. */
typedef struct wane_search {
    const wane_pattern *pattern;
    const char *text;
    size_t bytes, from, last_end;
    bool had_match;
    void *data;
    wane_text shadow; /* the text with stand-ins for code points too new for PCRE2 */
} wane_search;

WANE_MUST_CHECK wane_status wane_search_open(wane_search *out, const wane_pattern *pattern,
                                             wane_error *err);
void wane_search_close(wane_search *search); /* {0} allowed */
/* Starts over on `text`, which is UTF-8 and stays until the next set or close. */
WANE_MUST_CHECK wane_status wane_search_set(wane_search *search, const char *text, size_t bytes,
                                            wane_error *err);
/* The next match, not overlapping, leftmost first; no empty match where a match ended; none at all
 * in an empty text. WANE_DONE when there is no other. */
WANE_MUST_CHECK wane_status wane_search_next(wane_search *search, size_t *start, size_t *end,
                                             wane_error *err);

#endif
