/* SPDX-License-Identifier: Apache-2.0
 * Names of the files in an archive or a folder: one canonical form, each once. For entries.c alone.
 */
#ifndef STORE_FILES_ENTRY_NAMES_H
#define STORE_FILES_ENTRY_NAMES_H

#include <stddef.h>

#include "store/base/status.h"

/* `raw`, a name in the archive or folder `path`, without empty parts and "." parts; "" is the top
 * folder itself. Longer than 4096 bytes, not UTF-8, absolute or with "..": WANE_EFORMAT. Owned by
 * the caller. */
WANE_MUST_CHECK wane_status wane_entry_name(char **out, const char *path, const char *raw,
                                            wane_error *err);

typedef struct wane_name_set { /* {0}: empty */
    char **names;              /* sorted */
    size_t count, capacity;
} wane_name_set;

/* A name that is there already is WANE_EFORMAT. */
WANE_MUST_CHECK wane_status wane_name_set_add(wane_name_set *set, const char *path,
                                              const char *name, wane_error *err);
void wane_name_set_free(wane_name_set *set);

#endif
