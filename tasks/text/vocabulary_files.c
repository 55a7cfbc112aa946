/* SPDX-License-Identifier: Apache-2.0
 * Writes the tokenizer.json that vocab.json and merges.txt are part of.
 */
#include "tasks/text/vocabulary_files.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/json_part.h"

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

/* The lines of merges.txt as an array of texts. */
static wane_status write_merges(wane_text *out, const wane_package *package, wane_error *err)
{
    static const char file[] = "merges.txt", version[] = "#version";
    wane_status st = WANE_OK;
    wane_text line = {0};
    char *bytes = NULL, *path = wane_package_file(package, file);
    size_t count = 0, number = 0, written = 0, bad = 0;
    if (!path) return wane_fail_memory(err, "tokenizer", file);
    WANE_TRY(wane_package_read(&bytes, &count, package, file, err));
    wane_text_string(out, "[");
    for (size_t at = 0; at < count;) {
        const char *start = bytes + at, *newline = memchr(start, '\n', count - at);
        size_t length = newline ? (size_t)(newline - start) : count - at;
        at += length + 1;
        number++;
        if (length && start[length - 1] == '\r') length--;
        if (length >= sizeof version - 1 && memcmp(start, version, sizeof version - 1) == 0)
            continue;
        if (memchr(start, '\0', length) || !wane_utf8_valid(start, length, &bad))
            WANE_TRY(
                wane_fail(err, WANE_EFORMAT, "tokenizer: %s: line %zu: no UTF-8", path, number));
        const char *space = memchr(start, ' ', length);
        if (!space || memchr(space + 1, ' ', length - (size_t)(space - start) - 1))
            WANE_TRY(wane_fail(err, WANE_EFORMAT,
                               "tokenizer: %s: line %zu: \"%.*s\" is not two "
                               "tokens with a space between",
                               path, number, (int)(length < 64 ? length : 64), start));
        wane_text_clear(&line);
        wane_text_append(&line, start, length);
        WANE_TRY(wane_text_check(&line, "tokenizer", path, err));
        wane_text_string(out, written++ ? ", " : "");
        wane_json_write_string(out, line.data);
    }
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
