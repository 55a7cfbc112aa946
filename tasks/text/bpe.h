/* SPDX-License-Identifier: Apache-2.0
 * Byte-pair encoding: the characters of a word, then the pair of the lowest rank is merged, the
 * leftmost of equal ones, until no pair has a rank. For this room alone.
 */
#ifndef TASKS_TEXT_BPE_H
#define TASKS_TEXT_BPE_H

#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_bpe_kind;

#endif
