/* SPDX-License-Identifier: Apache-2.0
 * Settings as YAML that reads back to the same values.
 */
#include <string.h>

#include "store/files/setting.h"

/* What YAML takes for a break, a mark or nothing printable, and so would change or refuse were it
 * written plainly: with the C0 and C1 controls and DEL, all of its characters that need an escape.
 */
static const char *const escapes[][2] = {
    {"\"", "\\\""},
    {"\\", "\\\\"},
    {"\n", "\\n"},
    {"\t", "\\t"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xe2\x80\xa9", "\\u2029"},
    {"\xef\xbb\xbf", "\\ufeff"},
    {"\xef\xbf\xbe", "\\ufffe"},
    {"\xef\xbf\xbf", "\\uffff"},
};

/* Appends the character at `text`, UTF-8 or a byte of what is none; returns its bytes. */
static size_t character(wane_text *out, const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        size_t bytes = strlen(escapes[i][0]);
        if (strncmp(text, escapes[i][0], bytes) != 0) continue;
        wane_text_string(out, escapes[i][1]);
        return bytes;
    }
    if (first < 0x20 || first == 0x7f) {
        wane_text_printf(out, "\\x%02x", first);
        return 1;
    }
    if (first == 0xc2 && second >= 0x80 && second < 0xa0) { /* U+0080 to U+009F */
        wane_text_printf(out, "\\x%02x", second);
        return 2;
    }
    wane_text_append(out, text, 1);
    return 1;
}

/* A text as a YAML double-quoted scalar that reads back equal, whatever characters it holds. */
void wane_setting_quote(wane_text *out, const char *text)
{
    wane_text_string(out, "\"");
    while (*text) text += character(out, text);
    wane_text_string(out, "\"");
}

/* The same as a key: YAML takes one of over 1024 characters for a key only when it is told so. */
void wane_setting_quote_key(wane_text *out, const char *text)
{
    enum { LONGEST = 1000 };
    wane_text key = {0};
    wane_setting_quote(&key, text);
    if (key.length > LONGEST) wane_text_string(out, "? ");
    wane_text_append(out, key.data, key.length);
    out->failed = out->failed || key.failed;
    wane_text_free(&key);
}

bool wane_setting_never(const void *of)
{
    (void)of;
    return false;
}

bool wane_setting_shown(const wane_setting *s, const wane_settings *block, const void *of)
{
    if (s->there && !s->there(of)) return false;
    if (s->quiet && wane_setting_usual(s, block, of)) return false;
    if (s->print || s->type == WANE_SETTING_BLOCK) return true;
    switch (s->type) {
    case WANE_SETTING_TEXT:
    case WANE_SETTING_PATH:
    case WANE_SETTING_CHOICE: return wane_setting_word(s, of) != NULL;
    case WANE_SETTING_NUMBER:
    case WANE_SETTING_COUNT: return wane_setting_value(s, of) >= s->low;
    default: return s->size > 0;
    }
}

void wane_setting_print(wane_text *out, const wane_setting *s, const void *of)
{
    const void *at = (const char *)of + s->offset;
    char number[32];
    if (s->print) {
        s->print(out, s, of);
        return;
    }
    switch (s->type) {
    case WANE_SETTING_TEXT:
    case WANE_SETTING_PATH: wane_setting_quote(out, wane_setting_word(s, of)); break;
    case WANE_SETTING_CHOICE: wane_text_string(out, wane_setting_word(s, of)); break;
    case WANE_SETTING_FLAG: wane_text_string(out, *(const bool *)at ? "true" : "false"); break;
    case WANE_SETTING_COUNT: wane_text_printf(out, "%zu", *(const size_t *)at); break;
    case WANE_SETTING_SEED:
        wane_text_printf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case WANE_SETTING_BLOCK: wane_settings_print(out, &(wane_settings_of){s->block, at}, 1); break;
    default: wane_text_string(out, wane_format_double(number, wane_setting_value(s, of)));
    }
}

/* A block without a constant is all zero. */
static const void *defaults_of(const wane_settings *block)
{
    static const union {
        char bytes[4096];
        double aligned;
    } zero;
    return block->defaults ? block->defaults : &zero;
}

bool wane_setting_has_default(const wane_setting *s, const wane_settings *block)
{
    if (s->written) return true;
    if (s->usual || s->required || s->size == 0 || s->type == WANE_SETTING_BLOCK) return false;
    if (s->type == WANE_SETTING_OWN) return block->defaults && s->print;
    const void *of = defaults_of(block);
    if (s->type == WANE_SETTING_NUMBER || s->type == WANE_SETTING_COUNT)
        return wane_setting_value(s, of) >= s->low;
    return s->type == WANE_SETTING_FLAG || s->type == WANE_SETTING_SEED ||
           wane_setting_word(s, of) != NULL;
}

void wane_setting_print_default(wane_text *out, const wane_setting *s, const wane_settings *block)
{
    if (!wane_setting_has_default(s, block)) wane_text_string(out, "none");
    else if (s->written) wane_text_string(out, s->written);
    else wane_setting_print(out, s, defaults_of(block));
}

void wane_settings_print(wane_text *out, const wane_settings_of *blocks, size_t count)
{
    const char *comma = "{";
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count; i++) {
            const wane_setting *s = &blocks[b].block->entries[i];
            if (!wane_setting_shown(s, blocks[b].block, blocks[b].of)) continue;
            wane_text_printf(out, "%s%s: ", comma, s->name);
            wane_setting_print(out, s, blocks[b].of);
            comma = ", ";
        }
    wane_text_string(out, *comma == '{' ? "{}" : "}");
}

void wane_settings_print_file(wane_text *out, const wane_settings *root, const void *of)
{
    for (size_t i = 0; i < root->count; i++) {
        const wane_setting *s = &root->entries[i];
        if (!wane_setting_shown(s, root, of)) continue;
        wane_text_printf(out, "%s:%s", s->name, s->type == WANE_SETTING_LIST ? "" : " ");
        wane_setting_print(out, s, of);
        wane_text_string(out, "\n");
    }
}
