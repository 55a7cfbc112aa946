/* SPDX-License-Identifier: Apache-2.0
 * Writes the normalizers that a model's specs mean, its pieces, and its special tokens.
 */
#include "tasks/text/sentencepiece_write.h"

#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/json_part.h"

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a space */

static void write_text(wane_text *out, wane_text *scratch, const wane_sentence_piece *piece)
{
    wane_text_clear(scratch);
    wane_text_append(scratch, piece->text, piece->bytes);
    if (scratch->failed) out->failed = true;
    else wane_json_write_string(out, scratch->data);
}

static void write_number(wane_text *out, int64_t number, const char *before)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) *--at = '-';
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
static void write_normalizers(wane_text *out, const wane_sentencepiece *model, bool legacy)
{
    const char *mark = model->escape_spaces ? SPACE : " ";
    wane_text_string(out, "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [");
    if (model->charsmap_bytes) {
        wane_text_string(out, "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"");
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
                     "\"%s\"}]}, ",
                     mark);
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
        write_number(out, (int64_t)i, first ? "{\"id\": " : ", {\"id\": ");
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

static bool from_text(const wane_sentence_piece *piece)
{
    return piece->kind == WANE_PIECE_NORMAL || piece->kind == WANE_PIECE_USER ||
           piece->kind == WANE_PIECE_UNUSED;
}

typedef struct scored {
    float score;
    int32_t id;
} scored;

static int best_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Of each id its place by score; -1 for what no text becomes. */
static wane_status make_ranks(int32_t **out, const wane_sentencepiece *model, const char *file,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = 0;
    int32_t place = 0;
    int32_t *ranks = wane_alloc(model->count, sizeof *ranks);
    scored *list = wane_alloc(model->count, sizeof *list);
    if (!ranks || !list) {
        st = wane_fail_memory(err, "tokenizer", file);
        goto done;
    }
    for (size_t i = 0; i < model->count; i++) {
        ranks[i] = -1;
        if (from_text(&model->pieces[i]))
            list[count++] = (scored){model->pieces[i].score, (int32_t)i};
    }
    qsort(list, count, sizeof *list, best_first);
    for (size_t i = 0; i < count; i++) {
        place += i > 0 && list[i].score != list[i - 1].score;
        ranks[list[i].id] = place;
    }
    *out = ranks;
    ranks = NULL;
done:
    wane_free(ranks);
    wane_free(list);
    return st;
}

static void write_ids(wane_text *out, const char *key, const wane_sentencepiece *model,
                      wane_piece_kind kind)
{
    bool first = true;
    wane_text_printf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < model->count; i++) {
        if (model->pieces[i].kind != kind) continue;
        write_number(out, (int64_t)i, first ? "" : ",");
        first = false;
    }
    wane_text_string(out, "]");
}

static wane_status write_bpe(wane_text *out, wane_text *scratch, const wane_sentencepiece *model,
                             const char *file, wane_error *err)
{
    int32_t *ranks = NULL;
    wane_status st = make_ranks(&ranks, model, file, err);
    if (st != WANE_OK) return st;
    wane_text_string(out, "\"type\": \"SentencePieceBPE\", \"unk_token\": ");
    write_text(out, scratch, &model->pieces[model->unknown]);
    wane_text_string(out, ", \"vocab\": {");
    for (size_t i = 0; i < model->count; i++) {
        if (i) wane_text_append(out, ",", 1);
        write_text(out, scratch, &model->pieces[i]);
        write_number(out, (int64_t)i, ":");
    }
    wane_text_string(out, "}, \"ranks\": [");
    for (size_t i = 0; i < model->count; i++) write_number(out, ranks[i], i ? "," : "");
    wane_text_string(out, "]");
    write_ids(out, "whole", model, WANE_PIECE_USER);
    write_ids(out, "unused", model, WANE_PIECE_UNUSED);
    wane_free(ranks);
    return WANE_OK;
}

static void write_unigram(wane_text *out, wane_text *scratch, const wane_sentencepiece *model)
{
    wane_text_string(out, "\"type\": \"Unigram\", \"vocab\": [");
    for (size_t i = 0; i < model->count; i++) {
        wane_text_string(out, i ? ",[" : "[");
        write_text(out, scratch, &model->pieces[i]);
        wane_text_append(out, ",", 1);
        wane_json_write_number(out, model->pieces[i].score);
        wane_text_append(out, "]", 1);
    }
    write_number(out, model->unknown, "], \"unk_id\": ");
}

wane_status wane_sentencepiece_write(wane_text *out, const wane_sentencepiece *model,
                                     const wane_sentencepiece_style *style, const char *file,
                                     wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text scratch = {0};
    wane_text_string(out, "{\"names\": ");
    if (style->names) wane_text_string(out, style->names);
    else write_names(out, &scratch, model);
    if (style->ends) wane_text_printf(out, ", \"ends\": %s", style->ends);
    wane_text_string(out, ", \"tokenizer\": {");
    write_normalizers(out, model, style->legacy);
    write_added(out, &scratch, model);
    wane_text_printf(out, "\"model\": {\"byte_fallback\": %s, ",
                     model->byte_fallback ? "true" : "false");
    if (model->unigram) write_unigram(out, &scratch, model);
    else WANE_TRY(write_bpe(out, &scratch, model, file, err));
    wane_text_string(out, "}}}");
done:
    wane_text_free(&scratch);
    return st;
}

wane_status wane_sentencepiece_file_write(wane_tokenizer_document *out,
                                          const wane_vocabulary_files *from, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sentencepiece model = {0};
    wane_sentencepiece_style style = {0};
    const wane_json_part part = {.file = "tokenizer_config.json", .name = "legacy"};
    char *bytes = NULL;
    size_t count = 0;
    if (from->class) {
        style.names = from->class->names;
        style.ends = from->class->ends;
    }
    WANE_TRY(wane_json_part_bool(&style.legacy, from->config, part.name, true, &part, err));
    WANE_TRY(wane_package_read(&bytes, &count, from->package, from->file, err));
    WANE_TRY(wane_sentencepiece_read(&model, bytes, count, out->name, err));
    WANE_TRY(wane_sentencepiece_write(&out->text, &model, &style, out->name, err));
done:
    wane_sentencepiece_free(&model);
    wane_free(bytes);
    return st;
}
