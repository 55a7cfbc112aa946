/* SPDX-License-Identifier: Apache-2.0
 * Writes a tokenizer.json with one token for each word of the language, cut at white space.
 */
#include <string.h>

#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"
#include "tasks/builtin/language.h"

/* The words met so far; the language has a few hundred. */
typedef struct vocabulary {
    wane_text *out;
    const char *word[1024];
    size_t bytes[1024], count;
} vocabulary;

static void add(void *context, const char *word, size_t bytes)
{
    vocabulary *v = context;
    for (size_t i = 0; i < v->count; i++)
        if (v->bytes[i] == bytes && memcmp(v->word[i], word, bytes) == 0) return;
    if (v->count == sizeof v->word / sizeof *v->word) {
        v->out->failed = true;
        return;
    }
    v->word[v->count] = word;
    v->bytes[v->count] = bytes;
    /* Words are plain letters and punctuation that JSON does not escape; ids 0..2 are special. */
    wane_text_printf(v->out, ", \"%.*s\": %zu", (int)bytes, word, v->count++ + 3);
}

wane_status wane_builtin_tokenizer(wane_text *out, wane_error *err)
{
    static const char *const special[] = {"<unk>", "<s>", "</s>"};
    vocabulary *v = wane_alloc(1, sizeof *v);
    if (!v) return wane_fail_memory(err, "make tokenizer", "builtin");
    v->out = out;
    wane_text_string(out, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, "
                          "\"added_tokens\": [");
    for (size_t i = 0; i < 3; i++)
        wane_text_printf(out,
                         "%s{\"id\": %zu, \"content\": \"%s\", \"single_word\": false, \"lstrip\": "
                         "false, \"rstrip\": false, \"normalized\": false, \"special\": true}",
                         i ? ", " : "", i, special[i]);
    wane_text_string(
        out, "], \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, "
             "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": "
             "[{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": "
             "\"A\", \"type_id\": 0}}], \"pair\": [{\"SpecialToken\": {\"id\": \"<s>\", "
             "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"Sequence\": "
             "{\"id\": \"B\", \"type_id\": 1}}], \"special_tokens\": {\"<s>\": {\"id\": \"<s>\", "
             "\"ids\": [1], \"tokens\": [\"<s>\"]}}}, \"decoder\": null, \"model\": {\"type\": "
             "\"WordLevel\", \"vocab\": {\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2");
    wane_language_words(add, v);
    wane_text_string(out, "}, \"unk_token\": \"<unk>\"}}\n");
    wane_free(v);
    return wane_text_check(out, "make tokenizer", "builtin", err);
}
