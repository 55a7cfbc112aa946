/* SPDX-License-Identifier: Apache-2.0
 * A YAML document as a tree of text (events by libyaml; yaml.c is the only file that includes it).
 *
 * Scalars stay text: the reader of a key decides the type. Refused with line and column: duplicate
 * keys, keys that are no scalars, anchors, aliases, tags, more than one document, nesting over 64,
 * a document over 1 MiB.
 */
#ifndef STORE_FILES_YAML_H
#define STORE_FILES_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"

typedef enum wane_yaml_kind { WANE_YAML_SCALAR, WANE_YAML_LIST, WANE_YAML_MAP } wane_yaml_kind;

typedef struct wane_yaml {
    wane_yaml_kind kind;
    const char *key;   /* of this node in its map; NULL in a list or at the root */
    const char *text;  /* of a scalar; "" for an empty one */
    bool quoted;       /* the scalar was quoted: '~' and null are then words */
    long line, column; /* of the value; 0 for values set by an override */
    size_t count;      /* children of a list or map, in the order of the file */
    struct wane_yaml **children;
    struct wane_yaml_document *document;
} wane_yaml;

typedef struct wane_yaml_document wane_yaml_document; /* owns every node */

/* *out is owned by the caller, free with wane_yaml_free (NULL allowed); nodes are borrowed from it.
 * An empty document gives an empty map. `name` is what messages call the input. */
WANE_MUST_CHECK wane_status wane_yaml_parse(wane_yaml_document **out, const char *bytes,
                                            size_t count, const char *name, wane_error *err);
void wane_yaml_free(wane_yaml_document *document);
wane_yaml *wane_yaml_root(const wane_yaml_document *document);

const wane_yaml *wane_yaml_get(const wane_yaml *map, const char *key); /* NULL if absent */

/* Sets the node at `path` ("training.epochs", "methods.lora-r8.rank", "seeds.0") to `value`: a YAML
 * flow list, flow map or quoted text when it starts with [ { " or ', else a plain scalar as it
 * stands. A list item is named by its number from 0, by its own scalar text, or by the text of its
 * `name` (else `path`, else `kind`) member; names may hold dots (the longest that fits wins). Maps
 * on the way are made where missing; list items are not. On failure the document is as it was. */
WANE_MUST_CHECK wane_status wane_yaml_override(wane_yaml_document *document, const char *path,
                                               const char *value, wane_error *err);

/* Makes of a scalar the map whose only member, under `key`, is that scalar; both stand where it
 * stood. For lists whose items may be given short, by their text alone. */
WANE_MUST_CHECK wane_status wane_yaml_wrap(wane_yaml *scalar, const char *key, wane_error *err);

/* WANE_EINVAL naming the first key of `map` that is not in `names`, with its place and the nearest
 * known name. */
WANE_MUST_CHECK wane_status wane_yaml_known(const wane_yaml *map, const char *const *names,
                                            size_t count, wane_error *err);

/* Fails with the node's place: "FILE: KEY: cause (line L, column C)", KEY being the path that an
 * override would use; "(set by an override)" where an override set the value. WANE_EINVAL. */
wane_status wane_yaml_fail(const wane_yaml *node, wane_error *err, const char *format, ...)
    WANE_PRINTF(3, 4);

#endif
