/* SPDX-License-Identifier: Apache-2.0
 * Sets PCRE2's contexts up for wane's memory and limits and compiles one expression.
 */
#include "store/files/pcre.h"

#include "store/base/memory.h"

static void *take(size_t bytes, void *unused)
{
    (void)unused;
    return wane_alloc(bytes, 1);
}

static void give(void *block, void *unused)
{
    (void)unused;
    wane_free(block);
}

wane_status wane_pcre_compile(wane_pcre *out, const wane_text *expression, uint32_t options,
                              uint32_t heap_kilobytes, char cause[WANE_PCRE_CAUSE_BYTES])
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *settings = NULL;
    out->context = pcre2_general_context_create(take, give, NULL);
    if (!out->context) return WANE_ENOMEM;
    out->limits = pcre2_match_context_create(out->context);
    if (out->limits) settings = pcre2_compile_context_create(out->context);
    if (!settings) return WANE_ENOMEM;
    (void)pcre2_set_newline(settings, PCRE2_NEWLINE_LF);
    (void)pcre2_set_heap_limit(out->limits, heap_kilobytes);
    out->code =
        pcre2_compile((PCRE2_SPTR)expression->data, expression->length,
                      options | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, settings);
    pcre2_compile_context_free(settings);
    if (out->code) return WANE_OK;
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) return WANE_ENOMEM;
    (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)cause, WANE_PCRE_CAUSE_BYTES);
    return WANE_EFORMAT;
}

void wane_pcre_free(wane_pcre *pcre)
{
    pcre2_code_free(pcre->code);
    pcre2_match_context_free(pcre->limits);
    pcre2_general_context_free(pcre->context);
    *pcre = (wane_pcre){0};
}
