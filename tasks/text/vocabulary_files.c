/* SPDX-License-Identifier: Apache-2.0
 * Writes the tokenizer.json that vocab.json and merges.txt, or vocab.txt, are part of.
 */
#include "tasks/text/vocabulary_files.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/json_part.h"
#include "tasks/text/unicode.h"
#include "tasks/text/vocabulary.h"

static wane_status read_bool(bool *out, const wane_vocabulary_files *from, const char *key,
                             bool fallback, wane_error *err)
{
    wane_json_part part = {.file = "tokenizer_config.json", .name = key};
    return wane_json_part_bool(out, from->config, key, fallback, &part, err);
}

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

/* Whether all special tokens of the class are in the vocabulary. */
static bool has_all(const wane_json *vocabulary, const wane_class *class)
{
    bool all = true;
    wane_error err;
    wane_json *names = NULL;
    if (wane_json_parse(&names, class->names, strlen(class->names), class->name, &err) != WANE_OK)
        return false;
    for (size_t i = 0; i < wane_json_size(names); i++) {
        const char *key = NULL;
        const wane_json *name = wane_json_member(names, i, &key);
        all = all && wane_json_get(vocabulary, wane_json_string(name, NULL));
    }
    wane_json_free(names);
    return all;
}

/* Lines of a text file; begin with its bytes and path. */
typedef struct lines {
    const char *bytes, *path;
    size_t count, at, number; /* of the line that was read last, from 1 */
    const char *line;         /* without its end */
    size_t length;
} lines;

/* WANE_DONE after the last line; what is no UTF-8, or NUL, is an error. */
static wane_status next_line(lines *l, wane_error *err)
{
    if (l->at >= l->count) return WANE_DONE;
    const char *start = l->bytes + l->at, *newline = memchr(start, '\n', l->count - l->at);
    size_t length = newline ? (size_t)(newline - start) : l->count - l->at;
    l->at += length + 1;
    l->number++;
    if (length && start[length - 1] == '\r') length--;
    if (memchr(start, '\0', length) || !wane_utf8_valid(start, length, NULL))
        return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: line %zu: no UTF-8", l->path,
                         l->number);
    l->line = start;
    l->length = length;
    return WANE_OK;
}

/* The lines of merges.txt as an array of texts. */
static wane_status write_merges(wane_text *out, const wane_package *package, wane_error *err)
{
    static const char file[] = "merges.txt", version[] = "#version";
    wane_status st = WANE_OK;
    wane_text line = {0};
    char *bytes = NULL, *path = wane_package_file(package, file);
    size_t count = 0, written = 0;
    if (!path) return wane_fail_memory(err, "tokenizer", file);
    WANE_TRY(wane_package_read(&bytes, &count, package, file, err));
    lines l = {.bytes = bytes, .count = count, .path = path};
    wane_text_string(out, "[");
    while ((st = next_line(&l, err)) == WANE_OK) {
        if (l.length >= sizeof version - 1 && memcmp(l.line, version, sizeof version - 1) == 0)
            continue;
        const char *space = memchr(l.line, ' ', l.length);
        if (!space || memchr(space + 1, ' ', l.length - (size_t)(space - l.line) - 1))
            WANE_TRY(wane_fail(err, WANE_EFORMAT,
                               "tokenizer: %s: line %zu: \"%.*s\" is not two tokens with a space "
                               "between",
                               path, l.number, (int)(l.length < 64 ? l.length : 64), l.line));
        wane_text_clear(&line);
        wane_text_append(&line, l.line, l.length);
        WANE_TRY(wane_text_check(&line, "tokenizer", path, err));
        wane_text_string(out, written++ ? ", " : "");
        wane_json_write_string(out, line.data);
    }
    if (st == WANE_DONE) st = WANE_OK;
    wane_text_string(out, "]");
done:
    wane_text_free(&line);
    wane_free(bytes);
    wane_free(path);
    return st;
}

/* All but the model, which ends the document. */
static wane_status write_byte_level(wane_text *out, const wane_vocabulary_files *from,
                                    const wane_class *class, wane_error *err)
{
    wane_status st = WANE_OK;
    bool add = false;
    WANE_TRY(read_bool(&add, from, "add_prefix_space", false, err));
    wane_text_printf(out, "{\"names\": %s", class->names);
    if (class->ends) wane_text_printf(out, ", \"ends\": %s", class->ends);
    wane_text_printf(
        out,
        ", \"tokenizer\": {\"normalizer\": %s, \"decoder\": {\"type\": \"ByteLevel\"}, "
        "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [",
        class->normalizer);
    if (class->pattern) {
        wane_text_string(out, "{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": "
                              "{\"Regex\": ");
        wane_json_write_string(out, class->pattern);
        wane_text_string(out, "}}, ");
    }
    wane_text_printf(out,
                     "{\"type\": \"ByteLevel\", \"add_prefix_space\": %s, \"use_regex\": %s}]}, "
                     "\"model\": {\"type\": \"BPE\", ",
                     json_bool(add), json_bool(!class->pattern));
done:
    return st;
}

wane_status wane_byte_level_write(wane_tokenizer_document *out, const wane_vocabulary_files *from,
                                  wane_error *err)
{
    static const char file[] = "vocab.json", mark[] = "\xef\xbb\xbf";
    wane_status st = WANE_OK;
    wane_json *vocabulary = NULL;
    char *bytes = NULL;
    size_t count = 0;
    WANE_TRY(wane_package_read(&bytes, &count, from->package, file, err));
    WANE_TRY(wane_json_parse(&vocabulary, bytes, count, out->name, err));
    const wane_class *class = from->class;
    if (!class) {
        class = wane_class_named("RobertaTokenizer");
        if (!has_all(vocabulary, class)) class = wane_class_named("GPT2Tokenizer");
    }
    WANE_TRY(write_byte_level(&out->text, from, class, err));
    /* Its bytes are known to be one JSON value; a byte order mark may stand before that. */
    size_t skip =
        count >= sizeof mark - 1 && memcmp(bytes, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;
    wane_text_string(&out->text, "\"vocab\": ");
    wane_text_append(&out->text, bytes + skip, count - skip);
    wane_text_string(&out->text, ", \"merges\": ");
    WANE_TRY(write_merges(&out->text, from->package, err));
    wane_text_string(&out->text, "}}}");
done:
    wane_json_free(vocabulary);
    wane_free(bytes);
    return st;
}

/* ------------------------------------------------------------------------------------- WordPiece
 */

/* The length without white space at the end. */
static size_t trimmed(const char *line, size_t length)
{
    for (size_t before = length; before; length = before) {
        do before--;
        while (before && ((unsigned char)line[before] & 0xc0) == 0x80);
        if (!wane_unicode_space(wane_utf8_decode(line + before))) break;
    }
    return length;
}

/* The tokens of the lines and their ids as the members of an object. */
static wane_status write_tokens(wane_text *out, const char *bytes, size_t count, const char *path,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    wane_vocabulary last = {0}; /* of each token its last line */
    wane_arena *arena = wane_arena_new();
    size_t number = 0, first = true;
    lines l = {.bytes = bytes, .count = count, .path = path};
    if (!arena) return wane_fail_memory(err, "tokenizer", path);
    while ((st = next_line(&l, err)) == WANE_OK) continue;
    if (st != WANE_DONE) goto done;
    number = l.number;
    if (number > WANE_TOKEN_ID_LIMIT)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "tokenizer: %s: more than %d lines", path,
                           WANE_TOKEN_ID_LIMIT));
    WANE_TRY(wane_vocabulary_make(&last, arena, number, (int32_t)number, err));
    for (size_t end = count; number-- > 0;) { /* from the last line on: what is there counts */
        if (end && bytes[end - 1] == '\n') end--;
        size_t start = end;
        while (start && bytes[start - 1] != '\n') start--;
        st = wane_vocabulary_add(&last, bytes + start, trimmed(bytes + start, end - start),
                                 (int32_t)number, err);
        if (st != WANE_OK && st != WANE_EEXIST) goto done;
        end = start;
    }
    for (int32_t id = 0; id < last.limit; id++) {
        const wane_token *token = wane_vocabulary_token(&last, id);
        if (!token) continue;
        wane_text_string(out, first ? "" : ",");
        wane_json_write_string(out, token->text);
        wane_text_printf(out, ":%d", (int)id);
        first = false;
    }
    st = WANE_OK;
done:
    wane_vocabulary_free(&last);
    wane_arena_free(arena);
    return st;
}

static wane_status write_bert(wane_text *out, const wane_vocabulary_files *from, wane_error *err)
{
    static const char *const keys[] = {"do_lower_case", "tokenize_chinese_chars"};
    static const char accents_key[] = "strip_accents";
    wane_status st = WANE_OK;
    bool value[2] = {true, true}, accents = false;
    const wane_json *open = wane_json_get(from->config, accents_key);
    for (size_t i = 0; i < 2; i++) WANE_TRY(read_bool(&value[i], from, keys[i], true, err));
    WANE_TRY(read_bool(&accents, from, accents_key, false, err));
    const char *strip = wane_json_kind_of(open) == WANE_JSON_NULL ? "null" : json_bool(accents);
    wane_text_printf(out,
                     "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, "
                     "\"handle_chinese_chars\": %s, \"strip_accents\": %s, \"lowercase\": %s}, "
                     "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"decoder\": "
                     "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}, ",
                     json_bool(value[1]), strip, json_bool(value[0]));
done:
    return st;
}

wane_status wane_word_piece_write(wane_tokenizer_document *out, const wane_vocabulary_files *from,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_class *class = from->class ? from->class : wane_class_named("BertTokenizer");
    const wane_json *unknown = wane_json_get(from->config, "unk_token");
    char *bytes = NULL;
    size_t count = 0;
    if (wane_json_kind_of(unknown) == WANE_JSON_OBJECT) unknown = wane_json_get(unknown, "content");
    const char *name = wane_json_string(unknown, NULL);
    WANE_TRY(wane_package_read(&bytes, &count, from->package, from->file, err));
    wane_text_printf(&out->text, "{\"names\": %s, \"ends\": %s, \"tokenizer\": {", class->names,
                     class->ends);
    WANE_TRY(write_bert(&out->text, from, err));
    wane_text_string(&out->text, "\"model\": {\"type\": \"WordPiece\", "
                                 "\"continuing_subword_prefix\": \"##\", "
                                 "\"max_input_chars_per_word\": 100, \"unk_token\": ");
    wane_json_write_string(&out->text, name ? name : "[UNK]");
    wane_text_string(&out->text, ", \"vocab\": {");
    WANE_TRY(write_tokens(&out->text, bytes, count, out->name, err));
    wane_text_string(&out->text, "}}}}");
done:
    wane_free(bytes);
    return st;
}
