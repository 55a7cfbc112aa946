/* SPDX-License-Identifier: Apache-2.0
 * A look-up in the vocabulary, and walks down the tree of tokens that keep the last token seen.
 */
#include "tasks/text/word_models.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/token_tree.h"
#include "tasks/text/unicode.h"

static wane_status read_word_level(wane_token_model *model, const wane_json *json,
                                   const wane_json_part *part, wane_error *err)
{
    return wane_token_model_read_vocabulary(model, wane_json_get(json, "vocab"), part, err);
}

static wane_status append_unknown(const wane_token_model *model, const char *word, size_t bytes,
                                  wane_tokens *out, wane_error *err)
{
    if (model->unknown_id < 0) return wane_token_model_no_token(model, word, bytes, err);
    return wane_tokens_append(out, &model->unknown_id, 1, err);
}

static wane_status encode_word_level(const wane_token_model *model, const char *word, size_t bytes,
                                     wane_token_model_scratch *scratch, wane_tokens *out,
                                     wane_error *err)
{
    (void)scratch;
    int32_t id = wane_vocabulary_find(&model->vocabulary, word, bytes);
    if (id < 0) return append_unknown(model, word, bytes, out, err);
    return wane_tokens_append(out, &id, 1, err);
}

static const char *const word_level_keys[] = {"vocab", "unk_token", NULL};
const wane_token_model_kind wane_word_level_kind = {
    "WordLevel", "unk_token", word_level_keys, read_word_level, encode_word_level, NULL};

typedef struct word_piece {
    wane_token_tree tree;
    int32_t inside; /* the node of the prefix; -1: no token begins with it */
    int64_t longest;
} word_piece;

static void release(void *own)
{
    word_piece *w = own;
    wane_token_tree_free(&w->tree);
    wane_free(w);
}

static wane_status make(wane_token_model *model, const char *prefix, size_t prefix_bytes,
                        int64_t longest, const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    int32_t large = -1;
    word_piece *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    made->longest = longest;
    st = wane_token_tree_make(&made->tree, &model->vocabulary, &large, err);
    if (st == WANE_EINVAL)
        st = wane_json_part_fail(part, err, "token %d has more than %d bytes", (int)large,
                                 WANE_TREE_TOKEN_BYTES);
    if (st != WANE_OK) goto done;
    for (size_t i = 0; i < prefix_bytes && made->inside >= 0; i++)
        made->inside = wane_token_tree_step(&made->tree, made->inside, (unsigned char)prefix[i]);
    model->own = made;
    made = NULL;
done:
    if (made) release(made);
    return st;
}

static wane_status read_word_piece(wane_token_model *model, const wane_json *json,
                                   const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *prefix = NULL;
    size_t prefix_bytes = 0;
    int64_t longest = 0;
    WANE_TRY(wane_json_part_string(&prefix, &prefix_bytes, json, "continuing_subword_prefix", false,
                                   part, err));
    WANE_TRY(
        wane_json_part_count(&longest, json, "max_input_chars_per_word", INT64_MAX, part, err));
    WANE_TRY(wane_token_model_read_vocabulary(model, wane_json_get(json, "vocab"), part, err));
    WANE_TRY(make(model, prefix, prefix_bytes, longest, part, err));
done:
    return st;
}

/* The longest token that the text begins with, below `node`; 0 when there is none. */
static size_t longest_token(const word_piece *w, int32_t node, const char *text, size_t bytes,
                            int32_t *id)
{
    size_t found = 0;
    for (size_t at = 0; at < bytes && node >= 0;) {
        node = wane_token_tree_step(&w->tree, node, (unsigned char)text[at++]);
        int32_t here = node >= 0 ? wane_token_tree_id(&w->tree, node) : -1;
        if (here < 0) continue;
        *id = here;
        found = at;
    }
    return found;
}

static wane_status encode_word_piece(const wane_token_model *model, const char *word, size_t bytes,
                                     wane_token_model_scratch *scratch, wane_tokens *out,
                                     wane_error *err)
{
    wane_status st = WANE_OK;
    const word_piece *w = model->own;
    size_t before = out->count;
    int64_t characters = 0;
    (void)scratch;
    for (size_t at = 0; at < bytes; at += wane_utf8_size((unsigned char)word[at])) characters++;
    size_t at = characters > w->longest ? SIZE_MAX : 0;
    while (at < bytes) {
        int32_t id = -1;
        size_t size = longest_token(w, at ? w->inside : 0, word + at, bytes - at, &id);
        if (!size) break;
        WANE_TRY(wane_tokens_append(out, &id, 1, err));
        at += size;
    }
    if (at != bytes) { /* then nothing of the word is known */
        out->count = before;
        WANE_TRY(append_unknown(model, word, bytes, out, err));
    }
done:
    return st;
}

static const char *const word_piece_keys[] = {"vocab", "unk_token", "continuing_subword_prefix",
                                              "max_input_chars_per_word", NULL};
const wane_token_model_kind wane_word_piece_kind = {"WordPiece",       "max_input_chars_per_word",
                                                    word_piece_keys,   read_word_piece,
                                                    encode_word_piece, release};
