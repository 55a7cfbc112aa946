/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's models as the document of a tokenizer. For this room alone.
 *
 * Texts become the ids that the library gives by the model's own specs: its table of characters,
 * its rules for spaces, a dummy prefix, user-defined pieces whole, unknown ones as bytes. What
 * stands around, and which ids there are besides, is as in the class of transformers. The two do
 * not always agree; then
 * - control pieces are special tokens and cut out of a text first, as in transformers; the library
 *   does not look for them;
 * - what follows a special token gets a dummy prefix of its own, as transformers' "legacy" does,
 *   unless tokenizer_config.json says "legacy": false: then it is the start of the text alone that
 *   gets one, unless it begins with a space, which is then the prefix;
 * - otherwise the library is meant: two spaces at the start of a text count, which Metaspace of
 *   LlamaTokenizer in transformers 5 takes for one and the prefix, and merges go by score, which
 *   there go by id; the table of characters is applied by its longest entry and makes what white
 *   space it knows one kind, where the classes of T5, ALBERT and XLM-R go by grapheme clusters and
 *   cut at all of Unicode's white space.
 * No token is put before or behind a text unless tokenizer_config.json says add_bos_token or
 * add_eos_token, or the class has fixed ones (T5Tokenizer, AlbertTokenizer, XLMRobertaTokenizer).
 */
#ifndef TASKS_TEXT_SENTENCEPIECE_WRITE_H
#define TASKS_TEXT_SENTENCEPIECE_WRITE_H

#include "store/base/status.h"
#include "tasks/text/sentencepiece.h"
#include "tasks/text/vocabulary_files.h"

/* The file of that name: a source of document.c. */
WANE_MUST_CHECK wane_status wane_sentencepiece_file_write(wane_tokenizer_document *out,
                                                          const wane_vocabulary_files *from,
                                                          wane_error *err);

/* How the pieces are used beside what the model says. */
typedef struct wane_sentencepiece_style {
    bool legacy;       /* a dummy prefix after special tokens too */
    const char *names; /* JSON, as in a class; NULL: by the model's unknown, bos and eos */
    const char *ends;  /* likewise; NULL: none */
    const char *first; /* JSON, normalizers with a comma behind each; NULL: none */
} wane_sentencepiece_style;

WANE_MUST_CHECK wane_status wane_sentencepiece_write(wane_text *out,
                                                     const wane_sentencepiece *model,
                                                     const wane_sentencepiece_style *style,
                                                     const char *file, wane_error *err);
/* The member "tokenizer" alone, with its key. */
void wane_sentencepiece_write_tokenizer(wane_text *out, const wane_sentencepiece *model,
                                        const wane_sentencepiece_style *style);
/* From the bytes of a file. */
WANE_MUST_CHECK wane_status wane_sentencepiece_bytes_write(wane_text *out, const char *bytes,
                                                           size_t count,
                                                           const wane_sentencepiece_style *style,
                                                           const char *file, wane_error *err);

#endif
