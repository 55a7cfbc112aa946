/* SPDX-License-Identifier: Apache-2.0
 * Tokens that stand in the files beside a tokenizer.json: what transformers adds to it when it
 * opens the folder. Source: PreTrainedTokenizerFast.from_pretrained of transformers 5.24
 * (tokenization_utils_base.py, tokenization_utils_tokenizers.py). For this room alone.
 *
 * tokenizer_config.json lists tokens by id in added_tokens_decoder, names some (bos_token,
 * eos_token, unk_token, sep_token, pad_token, cls_token, mask_token, any other key in _token) and
 * has a list of more (extra_special_tokens, before version 5 additional_special_tokens). Where it
 * has no added_tokens_decoder, special_tokens_map.json names tokens before it does, and
 * added_tokens.json gives ids. Each token is a text, or an object with content, single_word,
 * lstrip, rstrip, normalized, special.
 */
#ifndef TASKS_TEXT_EXTRA_TOKENS_H
#define TASKS_TEXT_EXTRA_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/files/json.h"
#include "store/files/package.h"
#include "tasks/text/added.h"

/* What the files say of tokens; {0}: nothing. */
typedef struct wane_extra_tokens {
    wane_extra_token *tokens; /* in the order in which they are added; those with an id first */
    size_t count;
    const char *bos, *eos; /* NULL: not named */
    bool add_bos, add_eos; /* put before and behind a text where the post-processor adds nothing */
    const char *first, *last; /* put there in any case; NULL: none */
    bool split_special;       /* special tokens are not looked for in texts */
} wane_extra_tokens;

/* `package` may be NULL: no files. `root` is the tokenizer.json, whose "padding" may name a padding
 * token, or the document that was made in its place (document.h), whose "names" stand where no file
 * names a token of that key, and whose "ends" are looked up. Texts go to the arena; *out is owned
 * by the caller, free with wane_extra_tokens_free. WANE_EFORMAT names file and key. */
WANE_MUST_CHECK wane_status wane_extra_tokens_read(wane_extra_tokens *out,
                                                   const wane_package *package,
                                                   const wane_json *root, wane_arena *arena,
                                                   wane_error *err);
void wane_extra_tokens_free(wane_extra_tokens *extra); /* {0} allowed */

#endif
