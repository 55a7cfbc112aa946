/* SPDX-License-Identifier: Apache-2.0
 * What the kinds of models have in common: the vocabulary as an object, tokens of bytes, errors.
 */
#include "tasks/text/token_model.h"

#include <string.h>

#include "store/base/memory.h"

void wane_token_model_free(wane_token_model *model)
{
    if (model->own) model->kind->release(model->own);
    wane_vocabulary_free(&model->vocabulary);
    *model = (wane_token_model){0};
}

void wane_token_model_scratch_free(wane_token_model_scratch *scratch)
{
    wane_free(scratch->symbols);
    wane_free(scratch->heap);
    wane_free(scratch->best);
    wane_free(scratch->spans);
    wane_free(scratch->ways);
    wane_free(scratch->splits);
    *scratch = (wane_token_model_scratch){0};
}

wane_status wane_token_model_encode(const wane_token_model *model, const char *word, size_t bytes,
                                    wane_token_model_scratch *scratch, wane_tokens *out,
                                    wane_error *err)
{
    return model->kind->encode(model, word, bytes, scratch, out, err);
}

wane_status wane_token_model_read_vocabulary(wane_token_model *model, const wane_json *json,
                                             const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = wane_json_size(json);
    int64_t highest = -1;
    if (wane_json_kind_of(json) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "\"vocab\" is no object");
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        int64_t id = -1;
        if (!wane_json_integer(&id, wane_json_member(json, i, &key)) || id < 0 ||
            id >= WANE_TOKEN_ID_LIMIT)
            return wane_json_part_fail(part, err, "token \"%.64s\" has no id from 0 to %d", key,
                                       WANE_TOKEN_ID_LIMIT - 1);
        if (id > highest) highest = id;
    }
    WANE_TRY(
        wane_vocabulary_make(&model->vocabulary, part->arena, count, (int32_t)(highest + 1), err));
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        int64_t id = -1;
        (void)wane_json_integer(&id, wane_json_member(json, i, &key));
        st = wane_vocabulary_add(&model->vocabulary, key, strlen(key), (int32_t)id, err);
        if (st == WANE_EEXIST)
            st = wane_json_part_fail(part, err, "id %d is both \"%.64s\" and \"%.64s\"", (int)id,
                                     model->vocabulary.tokens[id].text, key);
        if (st != WANE_OK) goto done;
    }
done:
    return st;
}

void wane_token_model_look_up(wane_token_model *model)
{
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        model->byte_id[byte] = wane_vocabulary_find(&model->vocabulary, name, sizeof name);
    }
    if (model->unknown)
        model->unknown_id =
            wane_vocabulary_find(&model->vocabulary, model->unknown, model->unknown_bytes);
}

bool wane_token_model_has_bytes(const wane_token_model *model, const char *text, size_t bytes)
{
    size_t known = 0;
    while (model->byte_fallback && known < bytes && model->byte_id[(unsigned char)text[known]] >= 0)
        known++;
    return model->byte_fallback && known == bytes;
}

wane_status wane_token_model_no_token(const wane_token_model *model, const char *text, size_t bytes,
                                      wane_error *err)
{
    int shown = (int)(bytes < 64 ? bytes : 64);
    if (!model->unknown)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: text: \"%.*s\" is not in the vocabulary, and there is no "
                         "unknown token",
                         shown, text);
    return wane_fail(err, WANE_EFORMAT,
                     "tokenizer: text: \"%.*s\" is not in the vocabulary, nor is the unknown token "
                     "\"%.64s\"",
                     shown, text, model->unknown);
}
