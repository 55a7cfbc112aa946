/* SPDX-License-Identifier: Apache-2.0
 * Code points: UTF-8 steps, the character classes tokenizers speak of, repair of broken UTF-8,
 * normalisation forms. All functions but the repair want well-formed UTF-8.
 */
#ifndef TASKS_TEXT_UNICODE_H
#define TASKS_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"

/* Bytes of the code point that begins with `lead`. */
static inline size_t wane_utf8_size(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The code point at `text`, which has wane_utf8_size(*text) bytes. */
static inline uint32_t wane_utf8_decode(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    if (b[0] < 0x80) return b[0];
    if (b[0] < 0xe0) return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
    if (b[0] < 0xf0) return (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    return (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
}

/* Writes the code point and returns its number of bytes. */
size_t wane_utf8_encode(char out[4], uint32_t code);

bool wane_unicode_space(uint32_t code); /* property White_Space */

/* The next follow the library's parts, each with the version of Unicode that it knows. */
bool wane_unicode_number(uint32_t code);      /* categories Nd, Nl, No */
bool wane_unicode_mark(uint32_t code);        /* categories Mn, Mc, Me */
bool wane_unicode_punctuation(uint32_t code); /* ASCII punctuation and the categories P* */
bool wane_unicode_other(uint32_t code);       /* BertNormalizer takes it out */
bool wane_unicode_accent(uint32_t code);      /* likewise, of its marks */
int wane_unicode_script(uint32_t code);       /* some number of it, or -1 */
bool wane_unicode_undivided(uint32_t code);   /* normalisation leaves it as it is */
bool wane_unicode_unordered(uint32_t code);   /* it has combining class 0 */
bool wane_unicode_consonant(uint32_t code);   /* rule GB9c of graphemes: a linker joins two */
bool wane_unicode_linker(uint32_t code);
uint32_t wane_unicode_grapheme_class(
    uint32_t code);                               /* it, or one of its kind that utf8proc knows */
uint32_t wane_unicode_newer_lower(uint32_t code); /* lower case utf8proc may not know, or 0 */
/* A code point every PCRE2 knows, with the category, script (Han or not) and number of bytes of one
 * that newer Unicode has assigned; 0 for any other. */
uint32_t wane_unicode_stand_in(uint32_t code);

/* Bytes of the grapheme cluster (extended, UAX 29) that `text` begins with; bytes > 0. */
size_t wane_unicode_grapheme(const char *text, size_t bytes);

/* Appends `bytes` with each maximal part that is no UTF-8 as one U+FFFD. */
void wane_utf8_repair(wane_text *out, const char *bytes, size_t count);

typedef enum wane_form { WANE_NFC, WANE_NFD, WANE_NFKC, WANE_NFKD } wane_form;

/* Appends the normalisation form of `text`. Linear in its length, whatever it holds. */
WANE_MUST_CHECK wane_status wane_unicode_normalize(wane_text *out, const char *text, size_t bytes,
                                                   wane_form form, wane_error *err);
/* Appends `text` with the full lower-case mapping of each code point alone (no final sigma). */
void wane_unicode_lower(wane_text *out, const char *text, size_t bytes);

#endif
