/* SPDX-License-Identifier: Apache-2.0
 * Documents drawn from the language one after the other by their number, with the language's
 * entropy per token beside them.
 */
#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"
#include "tasks/builtin/language.h"

wane_status wane_builtin_corpus(wane_corpus *out, const char *name, uint64_t seed, size_t documents,
                                double *entropy, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text all = {0}, one = {0};
    double per_token = 0, tokens = 0;
    const char **texts = wane_alloc(documents, sizeof *texts);
    size_t *bytes = wane_alloc(documents, sizeof *bytes);
    if (!texts || !bytes) WANE_TRY(wane_fail_memory(err, "make corpus", name));
    if (documents == 0) WANE_TRY(wane_fail(err, WANE_EINVAL, "make corpus: %s: no document", name));
    for (size_t i = 0; i < documents; i++) {
        wane_dice dice = {.where = {.seed = seed, .purpose = WANE_RANDOM_BUILTIN, .step = i}};
        wane_derivation d = {.grammar = &wane_language, .draw = wane_dice_draw, .context = &dice};
        wane_text_clear(&one);
        WANE_TRY(wane_language_document(&d, &one, err));
        bytes[i] = one.length;
        wane_text_append(&all, one.data, one.length);
    }
    WANE_TRY(wane_text_check(&all, "make corpus", name, err));
    for (size_t i = 0, at = 0; i < documents; at += bytes[i++]) texts[i] = all.data + at;
    WANE_TRY(wane_language_entropy(&per_token, &tokens, err));
    WANE_TRY(wane_corpus_make(out, name, texts, bytes, documents, err));
    if (entropy) *entropy = per_token;
done:
    wane_text_free(&all);
    wane_text_free(&one);
    wane_free(texts);
    wane_free(bytes);
    return st;
}
