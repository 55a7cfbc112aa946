/* SPDX-License-Identifier: Apache-2.0
 * The tokenizer classes of transformers: which files make a tokenizer of the class, how it reads
 * texts, and which special tokens it has where no file names others. For this room alone.
 *
 * Source: models/<family>/tokenization_<family>.py and models/auto/tokenization_auto.py of
 * transformers 5.24.
 */
#ifndef TASKS_TEXT_CLASSES_H
#define TASKS_TEXT_CLASSES_H

#include "store/base/status.h"
#include "store/files/json.h"
#include "store/files/package.h"

/* What the vocabulary of a class is read from. */
typedef enum wane_class_files {
    WANE_CLASS_BYTE_LEVEL,    /* vocab.json and merges.txt */
    WANE_CLASS_WORD_PIECE,    /* vocab.txt */
    WANE_CLASS_SENTENCEPIECE, /* tokenizer.model and its kin */
    WANE_CLASS_FILES
} wane_class_files;

/* What a class of SentencePiece's does with the model's pieces and texts. */
typedef enum wane_class_pieces {
    WANE_PIECES_PLAIN,
    WANE_PIECES_T5,         /* behind them <extra_id_99> to <extra_id_0>: as many as "extra_ids" */
    WANE_PIECES_ALBERT,     /* quotes made one, accents and upper case taken from texts first
                             * (keep_accents, do_lower_case) */
    WANE_PIECES_XLM_ROBERTA /* <s>, <pad>, </s>, <unk> for the first three; <mask> behind them */
} wane_class_pieces;

typedef struct wane_class {
    const char *name; /* without "Fast" */
    wane_class_files files;
    const char *models;     /* the model_types of config.json that mean it, a space around each */
    const char *normalizer; /* JSON, as in a tokenizer.json; NULL: by the vocabulary's file */
    const char *pattern;    /* how a byte-level class cuts words; NULL: as GPT-2 */
    const char *names;      /* JSON: its special tokens by their keys */
    const char *ends;       /* JSON: the keys of the tokens that stand before and behind every text,
                             * null for none; NULL: as add_bos_token and add_eos_token say */
    wane_class_pieces pieces;
} wane_class;

/* The class that tokenizer_config.json names, or config.json, or the model's type means; NULL where
 * none of them says anything of it. WANE_EFORMAT for a class that is not known. `config` is the
 * tokenizer_config.json (NULL: absent). */
WANE_MUST_CHECK wane_status wane_class_find(const wane_class **out, const wane_package *package,
                                            const wane_json *config, wane_error *err);
/* By name, "Fast" at its end or not; NULL when it is not known. */
const wane_class *wane_class_named(const char *name);

#endif
