/* SPDX-License-Identifier: Apache-2.0
 * What the classes of transformers make of a model of SentencePiece beside what it says itself.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/json_part.h"
#include "tasks/text/sentencepiece_write.h"
#include "tasks/text/vocabulary.h"

/* A model that is being arranged; texts of new pieces are in the arena, or constant. */
typedef struct arranging {
    wane_sentencepiece *model;
    const wane_json *config;
    wane_arena *arena;
    const char *file;
} arranging;

static wane_status append(arranging *a, const char *text, wane_error *err)
{
    wane_sentencepiece *m = a->model;
    char *copy = wane_arena_strdup(a->arena, text);
    if (!copy || !WANE_GROW(m->pieces, m->room, m->count + 1))
        return wane_fail_memory(err, "tokenizer", a->file);
    m->pieces[m->count++] =
        (wane_sentence_piece){.text = copy, .bytes = strlen(copy), .kind = WANE_PIECE_CONTROL};
    return WANE_OK;
}

static wane_status add_extra_ids(arranging *a, wane_error *err)
{
    enum { USUAL = 100, MOST = 1 << 16 };
    static const char key[] = "extra_ids";
    wane_status st = WANE_OK;
    const wane_json_part part = {.file = "tokenizer_config.json", .name = "file"};
    int64_t count = USUAL;
    if (wane_json_kind_of(wane_json_get(a->config, key)) != WANE_JSON_NULL)
        WANE_TRY(wane_json_part_count(&count, a->config, key, MOST, &part, err));
    while (count-- > 0) {
        char name[32];
        (void)snprintf(name, sizeof name, "<extra_id_%d>", (int)count);
        WANE_TRY(append(a, name, err));
    }
done:
    return st;
}

/* <unk>, <s>, </s> of the model become <s>, <pad>, </s>, <unk>. */
static wane_status shift(arranging *a, wane_error *err)
{
    enum { OLD = 3, NEW = 4 };
    static const char *const names[NEW] = {"<s>", "<pad>", "</s>", "<unk>"};
    wane_status st = WANE_OK;
    wane_sentencepiece *m = a->model;
    if (m->count < OLD || m->unknown != 0)
        return wane_fail(err, WANE_EFORMAT,
                         "tokenizer: %s: does not begin with <unk>, <s>, </s> as an "
                         "XLMRobertaTokenizer",
                         a->file);
    WANE_TRY(append(a, "<mask>", err)); /* makes room, too */
    wane_sentence_piece mask = m->pieces[m->count - 1];
    memmove(m->pieces + NEW, m->pieces + OLD, (m->count - 1 - OLD) * sizeof *m->pieces);
    for (size_t i = 0; i < NEW; i++)
        m->pieces[i] = (wane_sentence_piece){
            .text = names[i], .bytes = strlen(names[i]), .kind = WANE_PIECE_CONTROL};
    m->pieces[NEW - 1].kind = WANE_PIECE_UNKNOWN;
    WANE_TRY(append(a, "<mask>", err));
    m->pieces[m->count - 1] = mask;
    m->unknown = NEW - 1;
done:
    return st;
}

#define REPLACE(from, to)                                                                          \
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \"" from "\"}, \"content\": \"" to "\"}, "

/* The normalizers of AlbertTokenizer; NULL when a flag is none. */
static wane_status albert_first(const char **out, const wane_json *config, wane_error *err)
{
    static const char *const made[2][2] = {
        {REPLACE("``", "\\\"") REPLACE("''", "\\\"") "{\"type\": \"NFKD\"}, "
                                                     "{\"type\": \"StripAccents\"}, ",
         REPLACE("``", "\\\"") REPLACE("''", "\\\"") "{\"type\": \"NFKD\"}, "
                                                     "{\"type\": \"StripAccents\"}, "
                                                     "{\"type\": \"Lowercase\"}, "},
        {REPLACE("``", "\\\"") REPLACE("''", "\\\""),
         REPLACE("``", "\\\"") REPLACE("''", "\\\"") "{\"type\": \"Lowercase\"}, "}};
    wane_status st = WANE_OK;
    const wane_json_part part = {.file = "tokenizer_config.json", .name = "file"};
    bool keep = false, lower = true;
    WANE_TRY(wane_json_part_bool(&keep, config, "keep_accents", false, &part, err));
    WANE_TRY(wane_json_part_bool(&lower, config, "do_lower_case", true, &part, err));
    *out = made[keep][lower];
done:
    return st;
}

static wane_status arrange(arranging *a, wane_sentencepiece_style *style, const wane_class *class,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json_part part = {.file = "tokenizer_config.json", .name = "file"};
    style->legacy = true;
    if (class) {
        style->names = class->names;
        style->ends = class->ends;
    }
    switch (class ? class->pieces : WANE_PIECES_PLAIN) {
    case WANE_PIECES_PLAIN:
        st = wane_json_part_bool(&style->legacy, a->config, "legacy", true, &part, err);
        break;
    case WANE_PIECES_T5: st = add_extra_ids(a, err); break;
    case WANE_PIECES_ALBERT: st = albert_first(&style->first, a->config, err); break;
    case WANE_PIECES_XLM_ROBERTA: st = shift(a, err); break;
    }
    return st;
}

wane_status wane_sentencepiece_file_write(wane_tokenizer_document *out,
                                          const wane_vocabulary_files *from, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sentencepiece model = {0};
    wane_sentencepiece_style style = {0};
    char *bytes = NULL;
    size_t count = 0;
    arranging a = {
        .model = &model, .config = from->config, .arena = wane_arena_new(), .file = out->name};
    if (!a.arena) return wane_fail_memory(err, "tokenizer", out->name);
    WANE_TRY(wane_package_read(&bytes, &count, from->package, from->file, err));
    WANE_TRY(wane_sentencepiece_read(&model, bytes, count, out->name, err));
    WANE_TRY(arrange(&a, &style, from->class, err));
    WANE_TRY(wane_sentencepiece_write(&out->text, &model, &style, out->name, err));
done:
    wane_sentencepiece_free(&model);
    wane_arena_free(a.arena);
    wane_free(bytes);
    return st;
}
