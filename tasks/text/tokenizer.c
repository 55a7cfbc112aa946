/* SPDX-License-Identifier: Apache-2.0
 * Reads the file's parts in order, then encodes (repair, added tokens, normalizer, pre-tokenizer,
 * model, post-processor) and decodes with them.
 */
#include "tasks/text/tokenizer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/files/json.h"
#include "tasks/text/added.h"
#include "tasks/text/decode.h"
#include "tasks/text/document.h"
#include "tasks/text/extra_tokens.h"
#include "tasks/text/normalize.h"
#include "tasks/text/pieces.h"
#include "tasks/text/split.h"
#include "tasks/text/token_model.h"
#include "tasks/text/unicode.h"

struct wane_tokenizer {
    wane_arena *arena;
    wane_normalizer normalizer;
    wane_splitter splitter;
    wane_token_model model;
    wane_added added;
    wane_decoder decoder;
    const wane_added_token **added_by_id; /* size entries, NULL where the model's token counts */
    wane_vocabulary added_ids;            /* text -> index into added.tokens */
    wane_tokens before, after;            /* what the post-processor puts around a text */
    int32_t size, bos, eos;
    size_t rows; /* of the model; 0: any */
    char sha256[WANE_SHA256_HEX];
};

void wane_tokenizer_free(wane_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    wane_normalizer_free(&tokenizer->normalizer);
    wane_splitter_free(&tokenizer->splitter);
    wane_token_model_free(&tokenizer->model);
    wane_added_free(&tokenizer->added);
    wane_decoder_free(&tokenizer->decoder);
    wane_free(tokenizer->added_by_id);
    wane_vocabulary_free(&tokenizer->added_ids);
    wane_tokens_free(&tokenizer->before);
    wane_tokens_free(&tokenizer->after);
    wane_arena_free(tokenizer->arena);
    wane_free(tokenizer);
}

/* Appends an id to those before a text or behind it. */
static wane_status around(wane_tokenizer *tokenizer, bool behind, int64_t id,
                          const wane_json_part *part, wane_error *err)
{
    int32_t token = (int32_t)id;
    if (id < 0 || id >= tokenizer->size || !wane_tokenizer_token(tokenizer, token))
        return wane_json_part_fail(part, err, "id %lld is not in the vocabulary", (long long)id);
    return wane_tokens_append(behind ? &tokenizer->after : &tokenizer->before, &token, 1, err);
}

/* The ids of one special token of a template. */
static wane_status read_special(wane_tokenizer *tokenizer, const wane_json *specials,
                                const wane_json *piece, bool behind, const wane_json_part *part,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    const char *name = wane_json_string(wane_json_get(piece, "id"), NULL);
    const wane_json *ids = name ? wane_json_get(wane_json_get(specials, name), "ids") : NULL;
    if (wane_json_kind_of(ids) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "special token \"%.64s\" has no \"ids\"",
                                   name ? name : "");
    for (size_t i = 0; i < wane_json_size(ids); i++) {
        int64_t id = -1;
        if (!wane_json_integer(&id, wane_json_at(ids, i))) id = -1;
        WANE_TRY(around(tokenizer, behind, id, part, err));
    }
done:
    return st;
}

static wane_status read_template(wane_tokenizer *tokenizer, const wane_json *json,
                                 const wane_json_part *part, wane_error *err)
{
    static const char *const keys[] = {"single", "pair", "special_tokens", NULL};
    wane_status st = WANE_OK;
    const wane_json *single = wane_json_get(json, "single");
    const wane_json *specials = wane_json_get(json, "special_tokens");
    bool behind = false;
    WANE_TRY(wane_json_part_keys(json, keys, part, err));
    if (wane_json_kind_of(single) != WANE_JSON_ARRAY)
        return wane_json_part_fail(part, err, "\"single\" is no array");
    for (size_t i = 0; i < wane_json_size(single); i++) {
        const wane_json *piece = wane_json_at(single, i);
        const wane_json *special = wane_json_get(piece, "SpecialToken");
        const wane_json *sequence = wane_json_get(piece, "Sequence");
        if (special) {
            WANE_TRY(read_special(tokenizer, specials, special, behind, part, err));
            continue;
        }
        const char *name = wane_json_string(wane_json_get(sequence, "id"), NULL);
        if (!name || strcmp(name, "A") != 0 || behind)
            return wane_json_part_fail(part, err, "\"single\" must hold the sequence A once");
        behind = true;
    }
    if (!behind) st = wane_json_part_fail(part, err, "\"single\" must hold the sequence A once");
done:
    return st;
}

/* ["<s>", 0]: the token and its id. */
static wane_status read_end(wane_tokenizer *tokenizer, const wane_json *json, bool behind,
                            const wane_json_part *part, wane_error *err)
{
    int64_t id = -1;
    if (wane_json_size(json) != 2 || !wane_json_integer(&id, wane_json_at(json, 1)))
        return wane_json_part_fail(part, err, "\"cls\" and \"sep\" are not pairs of token and id");
    return around(tokenizer, behind, id, part, err);
}

static wane_status read_processor(wane_tokenizer *tokenizer, const wane_json *json,
                                  const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json **items = NULL;
    size_t count = 0;
    bool adds = false; /* the library does not run a second one that adds tokens as it says */
    WANE_TRY(wane_json_part_flatten(&items, &count, json, "processors", part, err));
    for (size_t i = 0; i < count; i++) {
        const char *type = NULL;
        WANE_TRY(wane_json_part_type(&type, items[i], part, err));
        if (strcmp(type, "ByteLevel") != 0 && adds) {
            st = wane_json_part_fail(part, err, "two processors that add tokens are not supported");
            goto done;
        }
        adds = adds || strcmp(type, "ByteLevel") != 0;
        if (!strcmp(type, "TemplateProcessing")) {
            WANE_TRY(read_template(tokenizer, items[i], part, err));
        } else if (!strcmp(type, "RobertaProcessing") || !strcmp(type, "BertProcessing")) {
            WANE_TRY(read_end(tokenizer, wane_json_get(items[i], "cls"), false, part, err));
            WANE_TRY(read_end(tokenizer, wane_json_get(items[i], "sep"), true, part, err));
        } else if (strcmp(type, "ByteLevel") != 0) { /* which moves offsets only */
            st = wane_json_part_fail(part, err, "type \"%.64s\" is not supported", type);
            goto done;
        }
    }
done:
    wane_free(items);
    return st;
}

/* The tables of added tokens by id and by text. */
static wane_status index_added(wane_tokenizer *tokenizer, const wane_json_part *part,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_added *added = &tokenizer->added;
    tokenizer->size = tokenizer->model.vocabulary.limit;
    for (size_t i = 0; i < added->count; i++)
        if (added->tokens[i].id >= tokenizer->size) tokenizer->size = added->tokens[i].id + 1;
    tokenizer->added_by_id = wane_alloc((size_t)tokenizer->size, sizeof *tokenizer->added_by_id);
    if (!tokenizer->added_by_id) return wane_fail_memory(err, "tokenizer", part->file);
    WANE_TRY(wane_vocabulary_make(&tokenizer->added_ids, tokenizer->arena, added->count,
                                  (int32_t)added->count, err));
    for (size_t i = 0; i < added->count; i++) {
        const wane_added_token *token = added->tokens + i;
        tokenizer->added_by_id[token->id] = token;
        WANE_TRY(
            wane_vocabulary_add(&tokenizer->added_ids, token->text, token->bytes, (int32_t)i, err));
    }
done:
    return st;
}

static wane_status read_parts(wane_tokenizer *made, const wane_json *root,
                              const wane_extra_tokens *extra, bool *changed, const char *name,
                              wane_error *err)
{
    static const char *const keys[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    wane_status st = WANE_OK;
    wane_json_part part = {.file = name, .name = "file", .arena = made->arena};
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        return wane_json_part_fail(&part, err, "not an object");
    WANE_TRY(wane_json_part_keys(root, keys, &part, err));
    part.name = "model";
    WANE_TRY(wane_token_model_read(&made->model, wane_json_get(root, part.name), &part, err));
    part.name = "normalizer";
    WANE_TRY(wane_normalizer_read(&made->normalizer, wane_json_get(root, part.name), &part, err));
    part.name = "pre_tokenizer";
    WANE_TRY(wane_splitter_read(&made->splitter, wane_json_get(root, part.name), &part, err));
    part.name = "decoder";
    WANE_TRY(wane_decoder_read(&made->decoder, wane_json_get(root, part.name), &part, err));
    part.name = "added_tokens";
    WANE_TRY(wane_added_read(&made->added, wane_json_get(root, part.name), extra->tokens,
                             extra->count, changed, &made->model.vocabulary, &made->normalizer,
                             &part, err));
    made->added.split_special = extra->split_special;
    WANE_TRY(index_added(made, &part, err));
    part.name = "post_processor";
    WANE_TRY(read_processor(made, wane_json_get(root, part.name), &part, err));
    if (made->before.count) made->bos = made->before.ids[0];
    if (made->after.count) made->eos = made->after.ids[made->after.count - 1];
done:
    return st;
}

/* What the files beside tokenizer.json say of the first and last token. */
static wane_status put_ends(wane_tokenizer *tokenizer, const wane_extra_tokens *extra,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    const char *ends[2] = {extra->first, extra->last};
    for (size_t i = 0; i < 2; i++) {
        int32_t id = ends[i] ? wane_tokenizer_id(tokenizer, ends[i]) : -1;
        if (id < 0) continue;
        *(i ? &tokenizer->eos : &tokenizer->bos) = id;
        WANE_TRY(wane_tokens_append(i ? &tokenizer->after : &tokenizer->before, &id, 1, err));
    }
    bool silent = !tokenizer->before.count && !tokenizer->after.count;
    int32_t bos = extra->bos ? wane_tokenizer_id(tokenizer, extra->bos) : -1;
    int32_t eos = extra->eos ? wane_tokenizer_id(tokenizer, extra->eos) : -1;
    if (bos >= 0) tokenizer->bos = bos;
    if (eos >= 0) tokenizer->eos = eos;
    if (silent && bos >= 0 && extra->add_bos)
        WANE_TRY(wane_tokens_append(&tokenizer->before, &bos, 1, err));
    if (silent && eos >= 0 && extra->add_eos)
        WANE_TRY(wane_tokens_append(&tokenizer->after, &eos, 1, err));
done:
    return st;
}

/* The hash of the document, where all is as it says; else of that hash and of the tokens. */
static wane_status identify(wane_tokenizer *made, const char *bytes, size_t count, bool changed,
                            wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_bytes(made->sha256, bytes, count, err);
    if (st != WANE_OK || (!changed && !made->added.split_special)) return st;
    if ((st = wane_sha256_begin(&hash, err)) != WANE_OK) return st;
    wane_sha256_text(hash, made->sha256);
    wane_sha256_text(hash, made->added.split_special ? "special tokens split" : "added tokens");
    for (size_t i = 0; i < made->added.count; i++) {
        const wane_added_token *t = &made->added.tokens[i];
        bool apart = t->special && made->added.split_special;
        const char flags[] = {t->single_word ? 'w' : '-', t->lstrip ? 'l' : '-',
                              t->rstrip ? 'r' : '-', t->normalized ? 'n' : '-', apart ? 's' : '-'};
        wane_sha256_field(hash, t->text, t->bytes);
        wane_sha256_number(hash, "id", t->id);
        wane_sha256_field(hash, flags, sizeof flags);
    }
    return wane_sha256_end(made->sha256, hash, err);
}

/* From a document and, unless NULL, the files of its package. */
static wane_status make_tokenizer(wane_tokenizer **out, const wane_tokenizer_document *document,
                                  const wane_package *package, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *name = document->name;
    wane_json *root = NULL;
    wane_extra_tokens extra = {0};
    bool changed = false;
    wane_tokenizer *made = wane_alloc(1, sizeof *made);
    if (!made || !(made->arena = wane_arena_new())) {
        st = wane_fail_memory(err, "tokenizer", name);
        goto done;
    }
    made->bos = made->eos = -1;
    WANE_TRY(wane_json_parse(&root, document->text.data, document->text.length, name, err));
    if (package || document->made)
        WANE_TRY(wane_extra_tokens_read(&extra, package, root, made->arena, err));
    WANE_TRY(read_parts(made, document->made ? wane_json_get(root, "tokenizer") : root, &extra,
                        &changed, name, err));
    WANE_TRY(put_ends(made, &extra, err));
    WANE_TRY(identify(made, document->text.data, document->text.length, changed, err));
    *out = made;
    made = NULL;
done:
    wane_extra_tokens_free(&extra);
    wane_json_free(root);
    wane_tokenizer_free(made);
    return st;
}

wane_status wane_tokenizer_parse(wane_tokenizer **out, const char *bytes, size_t count,
                                 const char *name, wane_error *err)
{
    const wane_tokenizer_document document = {.text = {.data = (char *)bytes, .length = count},
                                              .name = (char *)name}; /* only read from */
    return make_tokenizer(out, &document, NULL, err);
}

bool wane_tokenizer_there(const wane_package *package)
{
    return wane_tokenizer_document_there(package);
}

wane_status wane_tokenizer_load_package(wane_tokenizer **out, const wane_package *package,
                                        wane_error *err)
{
    wane_tokenizer_document document = {0};
    wane_status st = wane_tokenizer_document_find(&document, package, err);
    if (st == WANE_OK) st = make_tokenizer(out, &document, package, err);
    wane_tokenizer_document_free(&document);
    return st;
}

wane_status wane_tokenizer_load(wane_tokenizer **out, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_package *package = NULL;
    wane_tokenizer_document document = {0};
    if (wane_package_is(path)) {
        if ((st = wane_package_open(&package, path, err)) != WANE_OK) return st;
        st = wane_tokenizer_load_package(out, package, err);
        wane_package_close(package);
        return st;
    }
    st = wane_tokenizer_document_read(&document, path, err);
    if (st == WANE_OK) st = make_tokenizer(out, &document, NULL, err);
    wane_tokenizer_document_free(&document);
    return st;
}

/* Every piece of text through the normalizer, into the spare buffer. */
static wane_status normalize(const wane_normalizer *normalizer, wane_pieces *pieces,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0}, scratch = {0};
    if (!normalizer->count) return WANE_OK;
    wane_text *out = wane_pieces_spare(pieces);
    for (size_t i = 0; i < pieces->count; i++) {
        wane_piece piece = pieces->items[i];
        if (piece.id < 0) {
            wane_text_clear(&text);
            wane_text_append(&text, pieces->text + piece.start, piece.bytes);
            WANE_TRY(wane_text_check(&text, "tokenizer", "normalisation", err));
            WANE_TRY(wane_normalizer_apply(normalizer, &text, &scratch, &piece.lead, err));
            piece.start = out->length;
            piece.bytes = text.length;
            wane_text_append(out, text.data, text.length);
        }
        WANE_TRY(wane_pieces_emit(pieces, piece, err));
    }
    WANE_TRY(wane_pieces_turn(pieces, 1, err));
done:
    wane_text_free(&text);
    wane_text_free(&scratch);
    return st;
}

/* The ids of sound UTF-8, without those of the post-processor. */
static wane_status encode_text(const wane_tokenizer *tokenizer, const char *text, size_t bytes,
                               wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pieces pieces;
    wane_token_model_scratch scratch = {0};
    wane_pieces_begin(&pieces);
    if (!bytes) return WANE_OK;
    pieces.text = text;
    wane_piece whole = {.bytes = bytes, .id = -1, .lead = wane_utf8_size((unsigned char)*text)};
    WANE_TRY(wane_pieces_emit(&pieces, whole, err));
    WANE_TRY(wane_pieces_turn(&pieces, 0, err));
    WANE_TRY(wane_added_split(&tokenizer->added, false, &pieces, err));
    WANE_TRY(normalize(&tokenizer->normalizer, &pieces, err));
    WANE_TRY(wane_added_split(&tokenizer->added, true, &pieces, err));
    WANE_TRY(wane_splitter_apply(&tokenizer->splitter, &pieces, err));
    for (size_t i = 0; i < pieces.count; i++) {
        const wane_piece *piece = pieces.items + i;
        if (piece->id >= 0) WANE_TRY(wane_tokens_append(out, &piece->id, 1, err));
        else
            WANE_TRY(wane_token_model_encode(&tokenizer->model, pieces.text + piece->start,
                                             piece->bytes, &scratch, out, err));
    }
done:
    wane_token_model_scratch_free(&scratch);
    wane_pieces_free(&pieces);
    return st;
}

wane_status wane_tokenizer_encode(const wane_tokenizer *tokenizer, const char *bytes, size_t count,
                                  bool special, wane_tokens *out, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text repaired = {0};
    size_t before = out->count;
    if (special)
        WANE_TRY(wane_tokens_append(out, tokenizer->before.ids, tokenizer->before.count, err));
    if (!wane_utf8_valid(bytes, count, NULL)) {
        wane_utf8_repair(&repaired, bytes, count);
        WANE_TRY(wane_text_check(&repaired, "tokenizer", "text", err));
        bytes = repaired.data;
        count = repaired.length;
    }
    WANE_TRY(encode_text(tokenizer, bytes, count, out, err));
    if (special)
        WANE_TRY(wane_tokens_append(out, tokenizer->after.ids, tokenizer->after.count, err));
done:
    wane_text_free(&repaired);
    if (st != WANE_OK) out->count = before;
    return st;
}

wane_status wane_tokenizer_decode(const wane_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                  bool skip_special, wane_text *out, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_strings tokens = {0};
    for (size_t i = 0; i < count; i++) {
        const wane_added_token *added =
            ids[i] >= 0 && ids[i] < tokenizer->size ? tokenizer->added_by_id[ids[i]] : NULL;
        const wane_token *token = wane_vocabulary_token(&tokenizer->model.vocabulary, ids[i]);
        if (!added && !token) {
            st = wane_fail(err, WANE_EINVAL, "decode: id %d: not in the vocabulary", ids[i]);
            goto done;
        }
        if (added && added->special && skip_special) continue;
        wane_text_append(&tokens.text, added ? added->text : token->text,
                         added ? added->bytes : token->bytes);
        WANE_TRY(wane_strings_end(&tokens, err));
    }
    WANE_TRY(wane_decoder_apply(&tokenizer->decoder, &tokens, out, err));
done:
    wane_strings_free(&tokens);
    return st;
}

void wane_tokenizer_set_rows(wane_tokenizer *tokenizer, size_t rows)
{
    tokenizer->rows = rows;
}

wane_status wane_tokenizer_check_rows(const wane_tokenizer *tokenizer, const int32_t *ids,
                                      size_t count, wane_error *err, const char *format, ...)
{
    size_t i = 0;
    if (!tokenizer->rows || (size_t)tokenizer->size <= tokenizer->rows) return WANE_OK;
    while (i < count && (size_t)ids[i] < tokenizer->rows) i++;
    if (i == count) return WANE_OK;
    char place[WANE_MESSAGE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(place, sizeof place, format, arguments);
    va_end(arguments);
    return wane_fail(err, WANE_EINVAL,
                     "%s: token \"%.64s\" has id %d, the model has rows for ids below %zu", place,
                     wane_tokenizer_token(tokenizer, ids[i]), (int)ids[i], tokenizer->rows);
}

size_t wane_tokenizer_size(const wane_tokenizer *tokenizer)
{
    return (size_t)tokenizer->size;
}

int32_t wane_tokenizer_id(const wane_tokenizer *tokenizer, const char *token)
{
    size_t bytes = strlen(token);
    int32_t index = wane_vocabulary_find(&tokenizer->added_ids, token, bytes);
    return index >= 0 ? tokenizer->added.tokens[index].id
                      : wane_vocabulary_find(&tokenizer->model.vocabulary, token, bytes);
}

const char *wane_tokenizer_token(const wane_tokenizer *tokenizer, int32_t id)
{
    if (id < 0 || id >= tokenizer->size) return NULL;
    if (tokenizer->added_by_id[id]) return tokenizer->added_by_id[id]->text;
    const wane_token *token = wane_vocabulary_token(&tokenizer->model.vocabulary, id);
    return token ? token->text : NULL;
}

int32_t wane_tokenizer_unknown(const wane_tokenizer *tokenizer)
{
    return tokenizer->model.unknown_id;
}

int32_t wane_tokenizer_bos(const wane_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t wane_tokenizer_eos(const wane_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

const char *wane_tokenizer_sha256(const wane_tokenizer *tokenizer)
{
    return tokenizer->sha256;
}
