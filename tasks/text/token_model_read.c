/* SPDX-License-Identifier: Apache-2.0
 * Tells the kinds of models apart, and reads the members that more than one has.
 */
#include <string.h>

#include "tasks/text/bpe.h"
#include "tasks/text/piece_models.h"
#include "tasks/text/token_model.h"
#include "tasks/text/unigram.h"
#include "tasks/text/word_models.h"

/* In the order in which the library asks them whether they know a file without a type. */
static const wane_token_model_kind *const kinds[] = {
    &wane_bpe_kind,        &wane_word_piece_kind,   &wane_unigram_kind,
    &wane_word_level_kind, &wane_piece_merges_kind, &wane_piece_ways_kind};

static const wane_token_model_kind *find_kind(const wane_json *json, const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (type ? !strcmp(kinds[i]->type, type) : wane_json_get(json, kinds[i]->sign) != NULL)
            return kinds[i];
    return NULL;
}

static bool has_key(const wane_token_model_kind *kind, const char *key)
{
    size_t n = 0;
    while (kind->keys[n] && strcmp(kind->keys[n], key) != 0) n++;
    return kind->keys[n] != NULL;
}

wane_status wane_token_model_read(wane_token_model *out, const wane_json *json,
                                  const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_token_model made = {.unknown_id = -1};
    if (wane_json_kind_of(json) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "not an object");
    const char *type = wane_json_string(wane_json_get(json, "type"), NULL);
    const wane_token_model_kind *kind = find_kind(json, type);
    if (!kind)
        return wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type ? type : "");
    WANE_TRY(wane_json_part_keys(json, kind->keys, part, err));
    if (has_key(kind, "byte_fallback"))
        WANE_TRY(wane_json_part_bool(&made.byte_fallback, json, "byte_fallback", false, part, err));
    if (has_key(kind, "unk_token"))
        WANE_TRY(wane_json_part_string(&made.unknown, &made.unknown_bytes, json, "unk_token",
                                       has_key(kind, "merges"), part, err));
    made.kind = kind;
    WANE_TRY(kind->read(&made, json, part, err));
    wane_token_model_look_up(&made);
    *out = made;
    made = (wane_token_model){0};
done:
    wane_token_model_free(&made);
    return st;
}
