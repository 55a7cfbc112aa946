/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers read from Hugging Face's tokenizer.json: BPE (SentencePiece style with or without byte
 * fallback, and byte-level as GPT-2, Llama-3 and SmolLM2), Unigram, WordPiece and WordLevel;
 * normalizers, pre-tokenizers, added tokens, post-processor, decoder. Token ids equal those of the
 * `tokenizers` library reading the same file without its "truncation" and "padding", which are
 * ignored. A part of the file this reader does not know is an error that names it, as is a file the
 * library would read in another sense than it says (ids given twice, added tokens whose id it would
 * change).
 *
 * Where there is no tokenizer.json, from the files of a vocabulary: SentencePiece's models, as its
 * library reads them (sentencepiece_write.h says where transformers differs, and what is meant);
 * vocab.json with merges.txt and vocab.txt, as the classes of transformers read them
 * (vocabulary_files.h, classes.h); the metadata of GGUF (gguf_tokenizer.h).
 */
#ifndef TASKS_TEXT_TOKENIZER_H
#define TASKS_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/package.h"

typedef struct wane_tokenizer wane_tokenizer; /* constant after loading: any thread may encode */

/* Reads `path`: a tokenizer.json; a model of SentencePiece (NAME.model); a GGUF file; or a folder
 * or archive of a model, in which the first that there is counts of tokenizer.json;
 * tokenizer.model, spiece.model, sentencepiece.bpe.model; vocab.json with merges.txt; vocab.txt;
 * GGUF; but those of which the class is made that tokenizer_config.json or config.json names. The
 * files beside it (tokenizer_config.json, special_tokens_map.json, added_tokens.json) then add
 * tokens as they do in transformers' PreTrainedTokenizerFast (extra_tokens.h), where they agree
 * with it on ids, and give bos and eos, and add_bos_token and add_eos_token where the
 * post-processor adds nothing. Owned by the caller, free with wane_tokenizer_free (NULL allowed).
 */
WANE_MUST_CHECK wane_status wane_tokenizer_load(wane_tokenizer **out, const char *path,
                                                wane_error *err);
/* Whether an open package has files of a tokenizer. */
bool wane_tokenizer_there(const wane_package *package);
/* The same from an open package, borrowed for the call. */
WANE_MUST_CHECK wane_status wane_tokenizer_load_package(wane_tokenizer **out,
                                                        const wane_package *package,
                                                        wane_error *err);
/* The same from the bytes of a tokenizer.json; `name` is what messages call it. */
WANE_MUST_CHECK wane_status wane_tokenizer_parse(wane_tokenizer **out, const char *bytes,
                                                 size_t count, const char *name, wane_error *err);
void wane_tokenizer_free(wane_tokenizer *tokenizer);

/* Token ids that grow; start with {0}, free with wane_tokens_free. */
typedef struct wane_tokens {
    int32_t *ids;
    size_t count, capacity;
} wane_tokens;
void wane_tokens_free(wane_tokens *tokens);
WANE_MUST_CHECK wane_status wane_tokens_append(wane_tokens *tokens, const int32_t *ids,
                                               size_t count, wane_error *err);

/* Appends the ids of `bytes`, in O(n log n). `special`: run the post-processor (BOS and its like),
 * as transformers' add_special_tokens. Bytes that are no UTF-8 are first replaced by U+FFFD, one
 * for each maximal broken part, as Python's errors="replace" does. */
WANE_MUST_CHECK wane_status wane_tokenizer_encode(const wane_tokenizer *tokenizer,
                                                  const char *bytes, size_t count, bool special,
                                                  wane_tokens *out, wane_error *err);

/* Appends the text of the ids (special tokens left out when `skip_special`), as the library's
 * decode without clean-up of spaces; added tokens in the form the file gives them. WANE_EINVAL for
 * an id that is not in the vocabulary. */
WANE_MUST_CHECK wane_status wane_tokenizer_decode(const wane_tokenizer *tokenizer,
                                                  const int32_t *ids, size_t count,
                                                  bool skip_special, wane_text *out,
                                                  wane_error *err);

/* Tells the tokenizer that the model which reads its ids has that many rows (0, as at first: any).
 * A tokenizer may know more tokens than its model, if no text holds them. */
void wane_tokenizer_set_rows(wane_tokenizer *tokenizer, size_t rows);
/* WANE_EINVAL when an id is at or above those rows: "<the formatted place>: token \"[PAD]\" has id
 * 2048, the model has rows for ids below 2048". What encodes for a model asks this of its ids. */
WANE_MUST_CHECK wane_status wane_tokenizer_check_rows(const wane_tokenizer *tokenizer,
                                                      const int32_t *ids, size_t count,
                                                      wane_error *err, const char *format, ...)
    WANE_PRINTF(5, 6);

size_t wane_tokenizer_size(const wane_tokenizer *tokenizer);                   /* highest id + 1 */
int32_t wane_tokenizer_id(const wane_tokenizer *tokenizer, const char *token); /* -1 if absent */
const char *wane_tokenizer_token(const wane_tokenizer *tokenizer,
                                 int32_t id); /* raw form or NULL */
/* The id that text without a token of its own gets; -1 when there is none (byte-level models). */
int32_t wane_tokenizer_unknown(const wane_tokenizer *tokenizer);
int32_t wane_tokenizer_bos(const wane_tokenizer *tokenizer); /* -1 when none is known */
int32_t wane_tokenizer_eos(const wane_tokenizer *tokenizer);
/* SHA-256 of the tokenizer.json, or of what is written in its place (document.h); where files
 * beside it add tokens or change some, of these too. Borrowed until free. */
const char *wane_tokenizer_sha256(const wane_tokenizer *tokenizer);

#endif
