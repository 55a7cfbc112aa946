/* SPDX-License-Identifier: Apache-2.0
 * The settings of an experiment file, told: one of them, or all.
 */
#ifndef EVAL_EXPERIMENT_SETTINGS_PAGE_H
#define EVAL_EXPERIMENT_SETTINGS_PAGE_H

#include <stdbool.h>

#include "store/base/text.h"

/* Appends what there is to say of `key`, in every place where it stands: by its name, by another
 * spelling of it, or by its path ("methods.rank"); or of a block of that name ("lora"). `json`: a
 * list of objects. False, and nothing is appended, when there is no such key. */
bool wane_settings_explain(wane_text *out, const char *key, bool json);

/* Appends every key, by block: a page, or a list of objects. */
void wane_settings_reference(wane_text *out, bool json);

/* The name of a key that `key` may be a misspelling of, or NULL. */
const char *wane_settings_nearest(const char *key);

#endif
