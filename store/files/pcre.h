/* SPDX-License-Identifier: Apache-2.0
 * An expression compiled by PCRE2 as all of wane's are: UTF-8, lines end in \n, no \C, memory from
 * wane_alloc, the heap of a match bounded.
 */
#ifndef STORE_FILES_PCRE_H
#define STORE_FILES_PCRE_H

#include "store/base/status.h"
#include "store/base/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef struct wane_pcre { /* {0}: none */
    pcre2_general_context *context;
    pcre2_code *code;
    pcre2_match_context *limits;
} wane_pcre;

enum { WANE_PCRE_CAUSE_BYTES = 128 };

/* `options`: PCRE2's, beside the above. WANE_ENOMEM, or WANE_EFORMAT with PCRE2's message in
 * `cause`; the caller says which expression of which file it is. Free with wane_pcre_free after a
 * failure too. */
WANE_MUST_CHECK wane_status wane_pcre_compile(wane_pcre *out, const wane_text *expression,
                                              uint32_t options, uint32_t heap_kilobytes,
                                              char cause[WANE_PCRE_CAUSE_BYTES]);
void wane_pcre_free(wane_pcre *pcre);

#endif
