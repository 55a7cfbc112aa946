/* SPDX-License-Identifier: Apache-2.0
 * What the two models share: their members, the tree of their pieces, unknown text.
 */
#include "tasks/text/piece_models.h"

#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/sentencepiece.h"

const char *const wane_piece_keys[] = {"vocab",     "scores",        "kinds",
                                       "unk_token", "byte_fallback", NULL};

wane_status wane_piece_table_read(wane_piece_table *out, wane_token_model *model,
                                  const wane_json *json, const wane_json_part *part,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json *scores = wane_json_get(json, "scores");
    size_t kinds_count = 0;
    const char *kinds = wane_json_string(wane_json_get(json, "kinds"), &kinds_count);
    WANE_TRY(wane_token_model_read_vocabulary(model, wane_json_get(json, "vocab"), part, err));
    size_t count = (size_t)model->vocabulary.limit;
    if (model->vocabulary.count != count || wane_json_size(scores) != count || kinds_count != count)
        return wane_json_part_fail(part, err, "not one score and one kind for each id");
    out->scores = wane_alloc(count, sizeof *out->scores);
    out->kinds = wane_alloc(count, sizeof *out->kinds);
    if (!out->scores || !out->kinds) return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i < count; i++) {
        double score = 0;
        if (!wane_json_number(&score, wane_json_at(scores, i)) || !isfinite((float)score))
            return wane_json_part_fail(part, err, "scores[%zu] is no number", i);
        out->scores[i] = (float)score;
        out->kinds[i] = (unsigned char)(kinds[i] - '0');
        if (out->kinds[i] < WANE_PIECE_NORMAL || out->kinds[i] > WANE_PIECE_BYTE)
            return wane_json_part_fail(part, err, "kinds[%zu] is none", i);
    }
done:
    return st;
}

void wane_piece_table_free(wane_piece_table *table)
{
    wane_free(table->scores);
    wane_free(table->kinds);
    *table = (wane_piece_table){0};
}

wane_status wane_piece_tree_make(wane_token_tree *out, const wane_token_model *model,
                                 const wane_piece_table *table, bool user_alone,
                                 const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_vocabulary some = {0};
    const wane_vocabulary *all = &model->vocabulary;
    int32_t longest = -1;
    size_t count = 0;
    for (int32_t id = 0; id < all->limit; id++)
        count += wane_piece_from_text(table->kinds[id], user_alone);
    if (!count) return WANE_OK;
    WANE_TRY(wane_vocabulary_make(&some, part->arena, count, all->limit, err));
    for (int32_t id = 0; id < all->limit; id++)
        if (wane_piece_from_text(table->kinds[id], user_alone))
            WANE_TRY(
                wane_vocabulary_add(&some, all->tokens[id].text, all->tokens[id].bytes, id, err));
    st = wane_token_tree_make(out, &some, &longest, err);
    if (st == WANE_EINVAL)
        st = wane_json_part_fail(part, err, "token %d has more than %d bytes", (int)longest,
                                 WANE_TREE_TOKEN_BYTES);
done:
    wane_vocabulary_free(&some);
    return st;
}

wane_status wane_piece_unknown(const wane_token_model *model, const char *text, size_t bytes,
                               bool *before, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    if (wane_token_model_has_bytes(model, text, bytes)) {
        for (size_t i = 0; i < bytes; i++)
            WANE_TRY(wane_tokens_append(out, &model->byte_id[(unsigned char)text[i]], 1, err));
        return WANE_OK;
    }
    if (model->unknown_id < 0) return wane_token_model_no_token(model, text, bytes, err);
    if (!*before) st = wane_tokens_append(out, &model->unknown_id, 1, err);
    *before = true;
done:
    return st;
}
