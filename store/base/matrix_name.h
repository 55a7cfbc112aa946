/* SPDX-License-Identifier: Apache-2.0
 * Which matrix is meant by a name that says only some of its parts.
 */
#ifndef STORE_BASE_MATRIX_NAME_H
#define STORE_BASE_MATRIX_NAME_H

#include <stdbool.h>

/* Whether the parts of `pattern` between dots appear, in order, among those of a tensor's name; in
 * a part * stands for any characters. "layers.0.q_proj" names
 * "model.layers.0.self_attn.q_proj.weight". */
bool wane_matrix_named(const char *pattern, const char *name);

#endif
