/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers from files that hold a vocabulary alone: what they are is said by their class. For
 * this room alone.
 */
#ifndef TASKS_TEXT_VOCABULARY_FILES_H
#define TASKS_TEXT_VOCABULARY_FILES_H

#include "store/files/json.h"
#include "tasks/text/classes.h"
#include "tasks/text/document.h"

typedef struct wane_vocabulary_files {
    const wane_package *package;
    const char *file;        /* the first of them */
    const wane_json *config; /* tokenizer_config.json; NULL: absent */
    const wane_class *class; /* NULL: none is named, and the vocabulary decides */
} wane_vocabulary_files;

/* vocab.json and merges.txt: byte-level BPE, of a class of that kind. Where no class is named, it
 * is RobertaTokenizer if the vocabulary has all special tokens of that, else GPT2Tokenizer; texts
 * without special tokens become the same ids by both. merges.txt has two tokens with a space
 * between on each line, by rank; lines that begin with #version are passed over, as by the
 * `tokenizers` library. */
WANE_MUST_CHECK wane_status wane_byte_level_write(wane_tokenizer_document *out,
                                                  const wane_vocabulary_files *from,
                                                  wane_error *err);

/* vocab.txt: WordPiece, as BertTokenizer has it; a token a line, white space behind it passed over;
 * of equal ones the last counts. do_lower_case, strip_accents and tokenize_chinese_chars of
 * tokenizer_config.json. */
WANE_MUST_CHECK wane_status wane_word_piece_write(wane_tokenizer_document *out,
                                                  const wane_vocabulary_files *from,
                                                  wane_error *err);

#endif
