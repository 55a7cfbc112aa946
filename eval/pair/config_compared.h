/* SPDX-License-Identifier: Apache-2.0
 * In which settings two config.json differ.
 */
#ifndef EVAL_PAIR_CONFIG_COMPARED_H
#define EVAL_PAIR_CONFIG_COMPARED_H

#include "eval/model/model.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/package.h"

/* The configuration of a package (NULL allowed) that says by its config.json, or as GGUF, that it
 * is a model that wane computes; else *known = false. */
WANE_MUST_CHECK wane_status wane_config_of_package(wane_config *out, bool *known,
                                                   const wane_package *package, wane_error *err);
/* Whether it does. */
WANE_MUST_CHECK wane_status wane_config_is_computed(bool *out, const wane_package *package,
                                                    wane_error *err);

/* Both as JSON; NULL where that side has none. */
typedef struct wane_compared_setting {
    const char *name, *base, *tuned;
} wane_compared_setting;

typedef struct wane_compared_settings {
    wane_compared_setting *list;
    size_t count;
} wane_compared_settings;

/* Of models that wane computes: the settings it understands, so that a default and the same value
 * written out are alike. Of others: the members of the two objects, but for those that say where a
 * file came from or how it is kept (_name_or_path, transformers_version, torch_dtype, dtype,
 * use_cache). None where a side has no config.json, or is in GGUF and not computed. Packages may be
 * NULL; texts live in `arena`. */
WANE_MUST_CHECK wane_status wane_compared_settings_compare(wane_compared_settings *out,
                                                           const wane_package *base,
                                                           const wane_package *tuned,
                                                           wane_arena *arena, wane_error *err);

/* Lines of a page; nothing where all agree. `computed`: both sides are computed, not only read. */
void wane_compared_settings_write(wane_text *out, const wane_compared_settings *settings,
                                  bool computed);
/* "settings": [{"setting": ..., "base": ..., "tuned": ...}, ...] */
void wane_compared_settings_write_json(wane_text *out, const wane_compared_settings *settings);

#endif
