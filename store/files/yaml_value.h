/* SPDX-License-Identifier: Apache-2.0
 * Typed values of a YAML tree: the reader decides the type, never the spelling.
 *
 * A value of another type is WANE_EINVAL with file, key, line and column; then *out is as it was.
 */
#ifndef STORE_FILES_YAML_VALUE_H
#define STORE_FILES_YAML_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/files/yaml.h"

/* Text lives in `memory`. */
WANE_MUST_CHECK wane_status wane_node_text(const char **out, const wane_yaml *node,
                                           wane_arena *memory, wane_error *err);
/* A finite number in [low, high]. */
WANE_MUST_CHECK wane_status wane_node_number(double *out, const wane_yaml *node, double low,
                                             double high, wane_error *err);
/* A whole number in [low, high], in [low, 2^53] where that is less: keys and tables hold every such
 * number exactly. Taken as it is written, without rounding; 1e4 is one. */
WANE_MUST_CHECK wane_status wane_node_count(size_t *out, const wane_yaml *node, size_t low,
                                            size_t high, wane_error *err);
/* true, yes or on; false, no or off. `key` is what an error calls the node. */
WANE_MUST_CHECK wane_status wane_node_flag(bool *out, const wane_yaml *node, const char *key,
                                           wane_error *err);
/* *out = index of the value among `names`; the error lists them. '-' and '_' are alike. */
WANE_MUST_CHECK wane_status wane_node_choice(size_t *out, const wane_yaml *node, const char *key,
                                             const char *const *names, size_t count,
                                             wane_error *err);

/* The node must be of that kind. */
WANE_MUST_CHECK wane_status wane_node_is(const wane_yaml *node, wane_yaml_kind kind,
                                         wane_error *err);

#endif
