/* SPDX-License-Identifier: Apache-2.0
 * Writes the normalizers that a model's specs mean, its pieces, and its special tokens.
 */
#include "tasks/text/sentencepiece_write.h"

#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/json_part.h"
#include "tasks/text/piece_models.h"

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a space */

static void write_text(wane_text *out, wane_text *scratch, const wane_sentence_piece *piece)
{
    wane_text_clear(scratch);
    wane_text_append(scratch, piece->text, piece->bytes);
    if (scratch->failed) out->failed = true;
    else wane_json_write_string(out, scratch->data);
}

static void write_number(wane_text *out, size_t number, const char *before)
{
    char digits[24];
    char *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    wane_text_string(out, before);
    wane_text_append(out, at, (size_t)(digits + sizeof digits - at));
}

/* ------------------------------------------------------------------------------------------ parts
 */

static void write_base64(wane_text *out, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (i + 1 < count) three |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < count) three |= bytes[i + 2];
        const char four[] = {digits[three >> 18], digits[three >> 12 & 63],
                             i + 1 < count ? digits[three >> 6 & 63] : '=',
                             i + 2 < count ? digits[three & 63] : '='};
        wane_text_append(out, four, sizeof four);
    }
}

/* In the library's order: the table of characters, spaces at the ends and in rows, the prefix. */
static void write_normalizers(wane_text *out, const wane_sentencepiece *model,
                              const wane_sentencepiece_style *style)
{
    const char *mark = model->escape_spaces ? SPACE : " ";
    bool legacy = style->legacy;
    wane_text_string(out, "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [");
    if (style->first) wane_text_string(out, style->first);
    if (model->charsmap_bytes) {
        wane_text_string(out, "{\"type\": \"Precompiled\", \"longest\": true, "
                              "\"precompiled_charsmap\": \"");
        write_base64(out, model->charsmap, model->charsmap_bytes);
        wane_text_string(out, "\"}, ");
    }
    if (model->remove_spaces)
        wane_text_string(out,
                         "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\A +| +\\\\z\"}, "
                         "\"content\": \"\"}, {\"type\": \"Replace\", \"pattern\": "
                         "{\"Regex\": \" {2,}\"}, \"content\": \" \"}, ");
    if (model->dummy_prefix && legacy)
        wane_text_printf(out, "{\"type\": \"Prepend\", \"prepend\": \"%s\"}, ", mark);
    wane_text_printf(out,
                     "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": "
                     "\"%s\"}",
                     mark);
    if (model->remove_spaces) /* those at the end last: the prefix may be one, and U+2581 is */
        wane_text_printf(out,
                         ", {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(?:%s)+\\\\z\"}, "
                         "\"content\": \"\"}",
                         mark);
    wane_text_string(out, "]}, ");
    if (model->dummy_prefix && !legacy)
        wane_text_printf(out,
                         "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"%s\", "
                         "\"prepend_scheme\": \"first\", \"split\": false}, ",
                         mark);
    wane_text_printf(out,
                     "\"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", "
                     "\"pattern\": {\"String\": \"%s\"}, \"content\": \" \"}, "
                     "{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}",
                     mark);
    if (model->dummy_prefix)
        wane_text_string(out, ", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, "
                              "\"stop\": 0}");
    wane_text_string(out, "]}, ");
}

static void write_added(wane_text *out, wane_text *scratch, const wane_sentencepiece *model)
{
    bool first = true;
    wane_text_string(out, "\"added_tokens\": [");
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].kind != WANE_PIECE_CONTROL) continue;
        write_number(out, i, first ? "{\"id\": " : ", {\"id\": ");
        wane_text_string(out, ", \"special\": true, \"normalized\": false, \"single_word\": false, "
                              "\"lstrip\": false, \"rstrip\": false, \"content\": ");
        write_text(out, scratch, &model->pieces[i]);
        wane_text_string(out, "}");
        first = false;
    }
    wane_text_string(out, "], ");
}

static void write_names(wane_text *out, wane_text *scratch, const wane_sentencepiece *model)
{
    const struct {
        const char *key;
        int32_t id;
    } names[] = {
        {"unk_token", model->unknown}, {"bos_token", model->bos}, {"eos_token", model->eos}};
    bool first = true;
    wane_text_string(out, "{");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].id < 0) continue;
        wane_text_printf(out, "%s\"%s\": ", first ? "" : ", ", names[i].key);
        write_text(out, scratch, &model->pieces[names[i].id]);
        first = false;
    }
    wane_text_string(out, "}");
}

/* ------------------------------------------------------------------------------------------ model
 */

/* A score reads back to the same bits: nine digits are enough in single precision. */
static void write_score(wane_text *out, float score)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%.9g", (double)score);
    wane_text_append(out, digits, (size_t)length);
}

static void write_model(wane_text *out, wane_text *scratch, const wane_sentencepiece *model)
{
    wane_text_printf(out, "\"model\": {\"type\": \"%s\", \"byte_fallback\": %s, \"unk_token\": ",
                     model->unigram ? WANE_PIECES_UNIGRAM : WANE_PIECES_BPE,
                     model->byte_fallback ? "true" : "false");
    write_text(out, scratch, &model->pieces[model->unknown]);
    wane_text_string(out, ", \"vocab\": {");
    for (size_t i = 0; i < model->count; i++) {
        if (i) wane_text_append(out, ",", 1);
        write_text(out, scratch, &model->pieces[i]);
        write_number(out, i, ":");
    }
    wane_text_string(out, "}, \"scores\": [");
    for (size_t i = 0; i < model->count; i++) {
        if (i) wane_text_append(out, ",", 1);
        write_score(out, model->pieces[i].score);
    }
    wane_text_string(out, "], \"kinds\": \"");
    for (size_t i = 0; i < model->count; i++) {
        const char digit = (char)('0' + model->pieces[i].kind);
        wane_text_append(out, &digit, 1);
    }
    wane_text_string(out, "\"}");
}

void wane_sentencepiece_write_tokenizer(wane_text *out, const wane_sentencepiece *model,
                                        const wane_sentencepiece_style *style)
{
    wane_text scratch = {0};
    wane_text_string(out, "\"tokenizer\": {");
    write_normalizers(out, model, style);
    write_added(out, &scratch, model);
    write_model(out, &scratch, model);
    wane_text_string(out, "}");
    wane_text_free(&scratch);
}

wane_status wane_sentencepiece_write(wane_text *out, const wane_sentencepiece *model,
                                     const wane_sentencepiece_style *style, const char *file,
                                     wane_error *err)
{
    wane_text scratch = {0};
    wane_text_string(out, "{\"names\": ");
    if (style->names) wane_text_string(out, style->names);
    else write_names(out, &scratch, model);
    if (style->ends) wane_text_printf(out, ", \"ends\": %s", style->ends);
    wane_text_string(out, ", ");
    wane_sentencepiece_write_tokenizer(out, model, style);
    wane_text_string(out, "}");
    wane_text_free(&scratch);
    return wane_text_check(out, "tokenizer", file, err);
}

wane_status wane_sentencepiece_bytes_write(wane_text *out, const char *bytes, size_t count,
                                           const wane_sentencepiece_style *style, const char *file,
                                           wane_error *err)
{
    wane_sentencepiece model = {0};
    wane_status st = wane_sentencepiece_read(&model, bytes, count, file, err);
    if (st == WANE_OK) st = wane_sentencepiece_write(out, &model, style, file, err);
    wane_sentencepiece_free(&model);
    return st;
}
