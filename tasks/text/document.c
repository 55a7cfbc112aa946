/* SPDX-License-Identifier: Apache-2.0
 * The table of the files that a tokenizer is read from, in the order in which they count.
 */
#include "tasks/text/document.h"

#include "store/base/memory.h"
#include "store/files/file.h"
#include "tasks/text/classes.h"
#include "tasks/text/gguf_tokenizer.h"
#include "tasks/text/sentencepiece_write.h"
#include "tasks/text/vocabulary_files.h"

enum { MOST_FILES = 2 };

typedef struct source {
    const char *files[MOST_FILES]; /* all of them, or none; no name: of a model in GGUF */
    wane_class_files kind;         /* WANE_CLASS_FILES: no class of transformers is asked for */
    wane_status (*write)(wane_tokenizer_document *out, const wane_vocabulary_files *from,
                         wane_error *err);
} source;

static wane_status take_json(wane_tokenizer_document *out, const wane_vocabulary_files *from,
                             wane_error *err)
{
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = wane_package_read(&bytes, &count, from->package, "tokenizer.json", err);
    if (st != WANE_OK) return st;
    out->text = (wane_text){.data = bytes, .length = count, .capacity = count + 1};
    return WANE_OK;
}

static const source sources[] = {
    {{"tokenizer.json"}, WANE_CLASS_FILES, take_json},
    {{"tokenizer.model"}, WANE_CLASS_SENTENCEPIECE, wane_sentencepiece_file_write},
    {{"spiece.model"}, WANE_CLASS_SENTENCEPIECE, wane_sentencepiece_file_write},
    {{"sentencepiece.bpe.model"}, WANE_CLASS_SENTENCEPIECE, wane_sentencepiece_file_write},
    {{"vocab.json", "merges.txt"}, WANE_CLASS_BYTE_LEVEL, wane_byte_level_write},
    {{"vocab.txt"}, WANE_CLASS_WORD_PIECE, wane_word_piece_write},
    {{NULL}, WANE_CLASS_FILES, wane_gguf_tokenizer_write},
};
enum { SOURCES = sizeof sources / sizeof *sources };

static bool there(const source *s, const wane_package *package)
{
    if (!s->files[0]) return wane_package_in_gguf(package);
    for (size_t i = 0; i < MOST_FILES && s->files[i]; i++)
        if (!wane_package_has(package, s->files[i])) return false;
    return true;
}

bool wane_tokenizer_document_there(const wane_package *package)
{
    for (size_t i = 0; i < SOURCES; i++)
        if (there(&sources[i], package)) return true;
    return false;
}

static wane_status nothing_there(const wane_package *package, wane_error *err)
{
    wane_text names = {0};
    for (size_t i = 0; i < SOURCES; i++) {
        const source *s = &sources[i];
        wane_text_printf(&names, "%s%s", i ? ", " : "", s->files[0] ? s->files[0] : "GGUF");
        if (s->files[1]) wane_text_printf(&names, " with %s", s->files[1]);
    }
    wane_status st = wane_text_check(&names, "tokenizer", wane_package_path(package), err);
    if (st == WANE_OK)
        st = wane_fail(err, WANE_ENOTFOUND, "tokenizer: %s: no tokenizer in it (none of %s)%s",
                       wane_package_path(package), names.data, wane_package_remedy(package));
    wane_text_free(&names);
    return st;
}

/* Files that are there, but make no tokenizer of the class that the folder names. */
static wane_status wrong_class(const wane_package *package, const source *s,
                               const wane_class *class, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "tokenizer: %s: a %s is not made of %s",
                     wane_package_path(package), class->name, s->files[0]);
}

wane_status wane_tokenizer_document_find(wane_tokenizer_document *out, const wane_package *package,
                                         wane_error *err)
{
    static const char config_name[] = "tokenizer_config.json";
    wane_status st = WANE_OK;
    wane_json *config = NULL;
    wane_vocabulary_files from = {.package = package};
    const source *best = NULL, *other = NULL;
    for (size_t i = 0; i < SOURCES && !best; i++) {
        const source *s = &sources[i];
        if (!there(s, package)) continue;
        if (s->kind != WANE_CLASS_FILES && !other) {
            if (wane_package_has(package, config_name))
                WANE_TRY(wane_package_json(&config, package, config_name, err));
            WANE_TRY(wane_class_find(&from.class, package, config, err));
        }
        if (s->kind == WANE_CLASS_FILES || !from.class || from.class->files == s->kind) best = s;
        else other = s;
    }
    if (!best)
        WANE_TRY(other ? wrong_class(package, other, from.class, err)
                       : nothing_there(package, err));
    from.config = config;
    from.file = best->files[0];
    out->made = best->write != take_json;
    out->name = best->files[0] ? wane_package_file(package, best->files[0])
                               : wane_strdup(wane_package_path(package));
    if (!out->name) WANE_TRY(wane_fail_memory(err, "tokenizer", wane_package_path(package)));
    WANE_TRY(best->write(out, &from, err));
    st = wane_text_check(&out->text, "tokenizer", out->name, err);
done:
    wane_json_free(config);
    return st;
}

wane_status wane_tokenizer_document_read(wane_tokenizer_document *out, const char *path,
                                         wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_sentencepiece_style style = {.legacy = true};
    char *bytes = NULL;
    size_t count = 0;
    WANE_TRY(wane_file_read_kind(&bytes, &count, path, WANE_LIMIT_TOKENIZER, err));
    if (!(out->name = wane_strdup(path))) WANE_TRY(wane_fail_memory(err, "tokenizer", path));
    if (wane_ends_with(path, ".model")) {
        out->made = true;
        WANE_TRY(wane_sentencepiece_bytes_write(&out->text, bytes, count, &style, path, err));
        WANE_TRY(wane_text_check(&out->text, "tokenizer", path, err));
    } else {
        out->text = (wane_text){.data = bytes, .length = count, .capacity = count + 1};
        bytes = NULL;
    }
done:
    wane_free(bytes);
    return st;
}

void wane_tokenizer_document_free(wane_tokenizer_document *document)
{
    wane_text_free(&document->text);
    wane_free(document->name);
    *document = (wane_tokenizer_document){0};
}
