/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's table of what a text becomes before its model sees it ("precompiled_charsmap").
 * For this room alone.
 *
 * The bytes: the size of a trie in bytes as u32; the trie, an array of u32, little end first, as
 * Darts (double-array trie) has them; the texts that its values point into, each up to a NUL.
 * Source: the crate spm_precompiled 0.1.4 and normalizers/precompiled.rs of `tokenizers`. A
 * grapheme cluster of fewer than 6 bytes becomes the text of the shortest entry it begins with,
 * whatever follows that in it; without such an entry, and for longer ones, each code point by
 * itself.
 */
#ifndef TASKS_TEXT_CHARSMAP_H
#define TASKS_TEXT_CHARSMAP_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/text/json_part.h"

typedef struct wane_charsmap wane_charsmap;

/* From a string in base64. */
WANE_MUST_CHECK wane_status wane_charsmap_read(wane_charsmap **out, const wane_json *json,
                                               const wane_json_part *part, wane_error *err);
void wane_charsmap_free(wane_charsmap *map); /* NULL allowed */

/* Appends what the text becomes. *lead: how many of its first bytes come from the first character
 * of the input (pieces.h); then the same of what is appended. WANE_EFORMAT when the trie leads out
 * of the map. */
WANE_MUST_CHECK wane_status wane_charsmap_apply(const wane_charsmap *map, wane_text *out,
                                                const char *text, size_t bytes, size_t *lead,
                                                wane_error *err);
/* The same as the library of SentencePiece has it (normalizer.cc): from the left, the longest entry
 * that the rest of the text begins with, or one code point by itself. */
WANE_MUST_CHECK wane_status wane_charsmap_apply_longest(const wane_charsmap *map, wane_text *out,
                                                        const char *text, size_t bytes,
                                                        size_t *lead, wane_error *err);

#endif
