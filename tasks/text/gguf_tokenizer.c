/* SPDX-License-Identifier: Apache-2.0
 * Reads tokens, scores, types and special ids of a GGUF file, and writes them by the kind of model.
 */
#include "tasks/text/gguf_tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "tasks/text/sentencepiece_write.h"
#include "tasks/text/vocabulary.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */
enum { SPACE_BYTES = sizeof SPACE - 1 };

typedef struct reading {
    const wane_gguf *gguf;
    const char *path;
    wane_arena *arena;
    wane_sentencepiece pieces; /* tokens of any kind of model; all texts in the arena */
    wane_text *out;
} reading;

static const wane_gguf_value *find(const reading *r, const char *key)
{
    char whole[64];
    (void)snprintf(whole, sizeof whole, "tokenizer.ggml.%s", key);
    return wane_gguf_find(r->gguf, whole);
}

static wane_status fail(const reading *r, const char *key, const char *cause, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: tokenizer.ggml.%s: %s", r->path, key,
                     cause);
}

static wane_status read_flag(bool *out, const reading *r, const char *key, bool fallback,
                             wane_error *err)
{
    const wane_gguf_value *value = find(r, key);
    *out = fallback;
    return !value || wane_gguf_bool(out, value) ? WANE_OK
                                                : fail(r, key, "is neither true nor false", err);
}

/* The id of a token, -1 when no key names one. */
static wane_status read_id(int32_t *out, const reading *r, const char *key, wane_error *err)
{
    int64_t id = -1;
    const wane_gguf_value *value = find(r, key);
    *out = -1;
    if (!value) return WANE_OK;
    if (!wane_gguf_integer(&id, value) || id < 0 || (uint64_t)id >= r->pieces.count)
        return fail(r, key, "is no id of a token", err);
    *out = (int32_t)id;
    return WANE_OK;
}

/* A user-defined piece stands with spaces for U+2581. */
static const char *piece_text(const reading *r, const char *text, size_t *bytes, bool spaces)
{
    size_t length = 0, count = *bytes;
    for (size_t i = 0; i < count; i++) length += spaces && text[i] == ' ' ? SPACE_BYTES : 1;
    char *made = wane_arena_alloc(r->arena, length + 1, 1);
    if (!made) return NULL;
    *bytes = length;
    for (size_t i = 0, at = 0; i < count; i++) {
        if (spaces && text[i] == ' ') {
            memcpy(made + at, SPACE, SPACE_BYTES);
            at += SPACE_BYTES;
        } else made[at++] = text[i];
    }
    return made;
}

/* `scored`: the model goes by scores, and its user-defined pieces are of text with U+2581. */
static wane_status read_tokens(reading *r, bool scored, wane_error *err)
{
    const wane_gguf_value *tokens = find(r, "tokens"), *kinds = find(r, "token_type");
    const wane_gguf_value *scores = scored ? find(r, "scores") : NULL;
    size_t count = wane_gguf_size(tokens), special = 0;
    if (!count || count > WANE_TOKEN_ID_LIMIT)
        return fail(r, "tokens", "is no list of tokens", err);
    if (kinds && wane_gguf_size(kinds) != count)
        return fail(r, "token_type", "has not one for each token", err);
    if (scored && wane_gguf_size(scores) != count)
        return fail(r, "scores", "has not one for each token", err);
    if (!WANE_GROW(r->pieces.pieces, r->pieces.room, count))
        return wane_fail_memory(err, "tokenizer", r->path);
    for (size_t i = 0; i < count; i++) {
        wane_sentence_piece *p = &r->pieces.pieces[i];
        int64_t kind = WANE_PIECE_NORMAL;
        double score = 0;
        const char *text = wane_gguf_string_at(tokens, i, &p->bytes);
        if (!text) return fail(r, "tokens", "holds what is no text", err);
        if ((kinds && !wane_gguf_integer_at(&kind, kinds, i)) || kind < 0 || kind > WANE_PIECE_BYTE)
            return fail(r, "token_type", "holds what is no type", err);
        if (scored && (!wane_gguf_number_at(&score, scores, i) || !isfinite((float)score)))
            return fail(r, "scores", "holds what is no score", err);
        special += kind == WANE_PIECE_CONTROL || kind == WANE_PIECE_USER;
        if (special > WANE_MOST_SPECIAL_PIECES)
            return fail(r, "token_type", "has too many control tokens", err);
        p->kind = kind ? (wane_piece_kind)kind : WANE_PIECE_UNUSED; /* 0: undefined */
        p->score = (float)score;
        p->text = piece_text(r, text, &p->bytes, scored && kind == WANE_PIECE_USER);
        if (!p->text) return wane_fail_memory(err, "tokenizer", r->path);
        if (!p->bytes || memchr(p->text, '\0', p->bytes) ||
            !wane_utf8_valid(p->text, p->bytes, NULL))
            return wane_fail(err, WANE_EFORMAT,
                             "tokenizer: %s: tokenizer.ggml.tokens: token %zu is empty or no UTF-8",
                             r->path, i);
        r->pieces.count++;
    }
    return WANE_OK;
}

/* {"unk_token": "<unk>", ...} of the ids that keys name, and whether tokens are put around. */
static wane_status write_names(reading *r, bool add_bos, bool add_eos, wane_error *err)
{
    static const char *const names[][2] = {
        {"unk_token", "unknown_token_id"},   {"bos_token", "bos_token_id"},
        {"eos_token", "eos_token_id"},       {"pad_token", "padding_token_id"},
        {"sep_token", "seperator_token_id"}, {"cls_token", "cls_token_id"},
        {"mask_token", "mask_token_id"}};
    wane_status st = WANE_OK;
    bool first = true, add[2] = {add_bos, add_eos};
    WANE_TRY(read_flag(&add[0], r, "add_bos_token", add_bos, err));
    WANE_TRY(read_flag(&add[1], r, "add_eos_token", add_eos, err));
    wane_text_printf(r->out, "{\"add_bos_token\": %s, \"add_eos_token\": %s, \"names\": {",
                     add[0] ? "true" : "false", add[1] ? "true" : "false");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t id = -1;
        WANE_TRY(read_id(&id, r, names[i][1], err));
        if (id < 0) continue;
        wane_text_printf(r->out, "%s\"%s\": ", first ? "" : ", ", names[i][0]);
        wane_json_write_string(r->out, r->pieces.pieces[id].text);
        first = false;
    }
    wane_text_string(r->out, "}, ");
done:
    return st;
}

/* ---------------------------------------------------------------------------------- SentencePiece
 */

static wane_status read_charsmap(reading *r, wane_error *err)
{
    const wane_gguf_value *value = find(r, "precompiled_charsmap");
    size_t count = wane_gguf_size(value);
    if (value && wane_gguf_kind_of(value) != WANE_GGUF_ARRAY)
        return fail(r, "precompiled_charsmap", "is no list of bytes", err);
    unsigned char *made = wane_arena_alloc(r->arena, count + 1, 1);
    if (!made) return wane_fail_memory(err, "tokenizer", r->path);
    for (size_t i = 0; i < count; i++) {
        int64_t byte = 0;
        if (!wane_gguf_integer_at(&byte, value, i) || byte < -128 || byte > 255)
            return fail(r, "precompiled_charsmap", "holds what is no byte", err);
        made[i] = (unsigned char)byte;
    }
    r->pieces.charsmap = made;
    r->pieces.charsmap_bytes = count;
    return WANE_OK;
}

static wane_status write_pieces(reading *r, bool unigram, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sentencepiece *m = &r->pieces;
    wane_sentencepiece_style style = {.legacy = true};
    int32_t unknown = -1;
    WANE_TRY(read_tokens(r, true, err));
    m->unigram = unigram;
    m->escape_spaces = true;
    WANE_TRY(read_flag(&m->dummy_prefix, r, "add_space_prefix", true, err));
    WANE_TRY(read_flag(&m->remove_spaces, r, "remove_extra_whitespaces", false, err));
    WANE_TRY(read_charsmap(r, err));
    WANE_TRY(read_id(&unknown, r, "unknown_token_id", err));
    bool named = false;
    for (size_t i = 0; i < m->count; i++) {
        named = named || m->pieces[i].kind == WANE_PIECE_UNKNOWN;
        m->byte_fallback = m->byte_fallback || m->pieces[i].kind == WANE_PIECE_BYTE;
    }
    if (unknown < 0) unknown = unigram ? 2 : 0; /* as llama.cpp has them */
    if (!named && (size_t)unknown < m->count) m->pieces[unknown].kind = WANE_PIECE_UNKNOWN;
    WANE_TRY(wane_sentencepiece_check(m, r->path, err));
    WANE_TRY(write_names(r, !unigram, unigram, err));
    wane_sentencepiece_write_tokenizer(r->out, m, &style);
    wane_text_string(r->out, "}");
done:
    return st;
}

/* ------------------------------------------------------------------------- byte-level, WordPiece
 */

/* What is cut out of a text: control tokens, which are special, and user-defined ones. */
static void write_added(reading *r)
{
    bool first = true;
    wane_text_string(r->out, "\"added_tokens\": [");
    for (size_t i = 0; i < r->pieces.count; i++) {
        const wane_sentence_piece *p = &r->pieces.pieces[i];
        if (p->kind != WANE_PIECE_CONTROL && p->kind != WANE_PIECE_USER) continue;
        wane_text_printf(r->out,
                         "%s{\"id\": %zu, \"special\": %s, \"normalized\": false, "
                         "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                         "\"content\": ",
                         first ? "" : ", ", i, p->kind == WANE_PIECE_CONTROL ? "true" : "false");
        wane_json_write_string(r->out, p->text);
        wane_text_string(r->out, "}");
        first = false;
    }
    wane_text_string(r->out, "], ");
}

static wane_status write_merges(reading *r, wane_error *err)
{
    const wane_gguf_value *merges = find(r, "merges");
    wane_text line = {0};
    wane_status st = WANE_OK;
    wane_gguf_kind kind;
    if (!wane_gguf_element_kind(&kind, merges) || kind != WANE_GGUF_STRING)
        return fail(r, "merges", "is no list of texts", err);
    wane_text_string(r->out, ", \"merges\": [");
    for (size_t i = 0; i < wane_gguf_size(merges); i++) {
        size_t bytes = 0;
        const char *text = wane_gguf_string_at(merges, i, &bytes);
        const char *space = bytes ? memchr(text + 1, ' ', bytes - 1) : NULL;
        if (!space || memchr(text, '\0', bytes) || !wane_utf8_valid(text, bytes, NULL))
            WANE_TRY(wane_fail(err, WANE_EFORMAT,
                               "tokenizer: %s: tokenizer.ggml.merges: merge %zu is not two tokens",
                               r->path, i));
        wane_text_string(r->out, i ? "," : "");
        wane_text_clear(&line);
        wane_text_append(&line, text, bytes);
        WANE_TRY(wane_text_check(&line, "tokenizer", r->path, err));
        wane_json_write_string(r->out, line.data);
    }
    wane_text_string(r->out, "]");
done:
    wane_text_free(&line);
    return st;
}

static wane_status write_byte_level(reading *r, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t bytes = 0;
    const wane_gguf_value *pre = find(r, "pre");
    const char *name = wane_gguf_string(pre, &bytes);
    if (pre && !name) WANE_TRY(fail(r, "pre", "is no text", err));
    if (!name) {
        name = "default"; /* as llama.cpp takes it */
        bytes = strlen(name);
    }
    const wane_gguf_words *words = wane_gguf_words_named(name, bytes);
    if (!words || memchr(name, ' ', bytes))
        WANE_TRY(wane_fail(err, WANE_EFORMAT,
                           "tokenizer: %s: tokenizer.ggml.pre: \"%.*s\" is not known", r->path,
                           (int)(bytes < 64 ? bytes : 64), name));
    WANE_TRY(read_tokens(r, false, err));
    WANE_TRY(write_names(r, words->add_bos, false, err));
    wane_text_printf(r->out,
                     "\"tokenizer\": {\"normalizer\": %s, \"decoder\": {\"type\": \"ByteLevel\"}, "
                     "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [",
                     words->nfc ? "{\"type\": \"NFC\"}" : "null");
    for (size_t i = 0; i < sizeof words->patterns / sizeof *words->patterns; i++) {
        if (!words->patterns[i]) break;
        wane_text_string(r->out, "{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": "
                                 "{\"Regex\": ");
        wane_json_write_string(r->out, words->patterns[i]);
        wane_text_string(r->out, "}}, ");
    }
    wane_text_string(r->out, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                             "\"use_regex\": false}]}, ");
    write_added(r);
    wane_text_printf(r->out, "\"model\": {\"type\": \"BPE\", \"ignore_merges\": %s, \"vocab\": {",
                     words->ignore_merges ? "true" : "false");
    for (size_t i = 0; i < r->pieces.count; i++) {
        wane_text_string(r->out, i ? "," : "");
        wane_json_write_string(r->out, r->pieces.pieces[i].text);
        wane_text_printf(r->out, ":%zu", i);
    }
    wane_text_string(r->out, "}");
    WANE_TRY(write_merges(r, err));
    wane_text_string(r->out, "}}}");
done:
    return st;
}

/* The tokens with "##" before what goes on a word, none before what begins one. */
static void write_word_pieces(reading *r)
{
    wane_text whole = {0};
    for (size_t i = 0; i < r->pieces.count; i++) {
        const wane_sentence_piece *p = &r->pieces.pieces[i];
        bool begins = strncmp(p->text, SPACE, SPACE_BYTES) == 0;
        bool special =
            p->kind != WANE_PIECE_NORMAL || (p->text[0] == '[' && p->text[p->bytes - 1] == ']');
        wane_text_clear(&whole);
        wane_text_printf(&whole, "%s%s", begins || special ? "" : "##",
                         begins ? p->text + SPACE_BYTES : p->text);
        if (whole.failed) r->out->failed = true;
        wane_text_string(r->out, i ? "," : "");
        wane_json_write_string(r->out, whole.data);
        wane_text_printf(r->out, ":%zu", i);
    }
    wane_text_free(&whole);
}

static wane_status write_bert(reading *r, wane_error *err)
{
    wane_status st = WANE_OK;
    bool lower = true, strip = true;
    int32_t unknown = -1;
    WANE_TRY(read_tokens(r, false, err));
    WANE_TRY(read_flag(&lower, r, "normalizer.lowercase", true, err));
    WANE_TRY(read_flag(&strip, r, "normalizer.strip_accents", lower, err));
    WANE_TRY(read_id(&unknown, r, "unknown_token_id", err));
    if (unknown < 0) WANE_TRY(fail(r, "unknown_token_id", "is not there", err));
    WANE_TRY(write_names(r, false, false, err));
    wane_text_printf(
        r->out,
        "\"ends\": [\"%s\", \"sep_token\"], \"tokenizer\": {\"normalizer\": {\"type\": "
        "\"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
        "\"strip_accents\": %s, \"lowercase\": %s}, \"pre_tokenizer\": {\"type\": "
        "\"BertPreTokenizer\"}, \"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", "
        "\"cleanup\": true}, ",
        find(r, "cls_token_id") ? "cls_token" : "bos_token", strip ? "true" : "false",
        lower ? "true" : "false");
    write_added(r);
    wane_text_string(r->out, "\"model\": {\"type\": \"WordPiece\", \"continuing_subword_prefix\": "
                             "\"##\", \"max_input_chars_per_word\": 100, \"unk_token\": ");
    wane_json_write_string(r->out, r->pieces.pieces[unknown].text);
    wane_text_string(r->out, ", \"vocab\": {");
    write_word_pieces(r);
    wane_text_string(r->out, "}}}}");
done:
    return st;
}

wane_status wane_gguf_tokenizer_write(wane_tokenizer_document *out,
                                      const wane_vocabulary_files *from, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_gguf *gguf = NULL;
    reading r = {.arena = wane_arena_new(), .out = &out->text};
    size_t bytes = 0;
    if (!r.arena) return wane_fail_memory(err, "tokenizer", out->name);
    WANE_TRY(wane_gguf_open_package(&gguf, from->package, err));
    r.gguf = gguf;
    r.path = wane_gguf_path(gguf);
    const wane_gguf_value *model = find(&r, "model");
    const char *name = wane_gguf_string(model, &bytes);
    if (wane_gguf_is(model, "llama")) st = write_pieces(&r, false, err);
    else if (wane_gguf_is(model, "t5")) st = write_pieces(&r, true, err);
    else if (wane_gguf_is(model, "gpt2")) st = write_byte_level(&r, err);
    else if (wane_gguf_is(model, "bert")) st = write_bert(&r, err);
    else if (!model) st = fail(&r, "model", "is not there: the file has no tokenizer", err);
    else
        st = wane_fail(err, WANE_EFORMAT,
                       "tokenizer: %s: tokenizer.ggml.model: \"%.*s\" is not supported, only "
                       "llama, t5, gpt2 and bert",
                       r.path, name ? (int)(bytes < 64 ? bytes : 64) : 0, name ? name : "");
done:
    wane_gguf_close(gguf);
    wane_sentencepiece_free(&r.pieces);
    wane_arena_free(r.arena);
    return st;
}
