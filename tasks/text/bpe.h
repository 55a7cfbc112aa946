/* SPDX-License-Identifier: Apache-2.0
 * Byte-pair encoding: the characters of a word, then the pair of the lowest rank is merged, the
 * leftmost of equal ones, until no pair has a rank. For this room alone.
 */
#ifndef TASKS_TEXT_BPE_H
#define TASKS_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_bpe_kind;

typedef struct wane_bpe_settings {
    const char *prefix, *suffix; /* of what goes on a word, and ends it; in the arena; or NULL */
    size_t prefix_bytes, suffix_bytes;
    bool fuse_unknown;  /* unknown characters side by side are one token */
    bool ignore_merges; /* a word that is a token is that token */
} wane_bpe_settings;

/* Makes `model`, whose vocabulary, unknown token and byte_fallback are set, a BPE with room for
 * that many merges. */
WANE_MUST_CHECK wane_status wane_bpe_make(wane_token_model *model,
                                          const wane_bpe_settings *settings, size_t merges,
                                          const wane_json_part *part, wane_error *err);
/* Adds the next merge, of the rank above the last: the texts of its two tokens. Messages call it
 * merges[number]. */
WANE_MUST_CHECK wane_status wane_bpe_add_merge(wane_token_model *model, const wane_token pair[2],
                                               size_t number, const wane_json_part *part,
                                               wane_error *err);

#endif
