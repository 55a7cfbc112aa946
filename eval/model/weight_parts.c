/* SPDX-License-Identifier: Apache-2.0
 * Which rows of a fused weight are those of each of its parts.
 */
#include "eval/model/weight_parts.h"

#include <stdio.h>
#include <string.h>

/* All of each kind together, or for each key head its queries, its keys and its values. */
static size_t attention_parts(wane_weight_part *out, const wane_config *c)
{
    static const char *const names[] = {"q", "k", "v"};
    size_t group = c->heads / c->kv_heads, first = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t together = i == 0 ? group : 1; /* heads for each key head */
        wane_weight_part part = {
            .name = names[i], .rows = together * c->kv_heads * c->head_width, .first = first};
        part.run = c->block.qkv_by_head ? together * c->head_width : part.rows;
        part.stride = c->block.qkv_by_head ? (group + 2) * c->head_width : part.rows;
        first += part.run;
        out[i] = part;
    }
    return 3;
}

size_t wane_weight_parts(wane_weight_part out[WANE_WEIGHT_PARTS], const wane_config *c,
                         wane_role role)
{
    if (role == WANE_ROLE_QKV) return attention_parts(out, c);
    if (role != WANE_ROLE_GATE_UP) return 0;
    out[0] = (wane_weight_part){"gate", c->hidden, 0, c->hidden, c->hidden};
    out[1] = (wane_weight_part){"up", c->hidden, c->hidden, c->hidden, c->hidden};
    return 2;
}

size_t wane_weight_part_row(const wane_weight_part *part, size_t row)
{
    return part->first + row / part->run * part->stride + row % part->run;
}

void wane_weight_part_gather(float *out, const wane_weight_part *part, const float *whole,
                             size_t cols)
{
    for (size_t row = 0; row < part->rows; row += part->run)
        memcpy(out + row * cols, whole + wane_weight_part_row(part, row) * cols,
               part->run * cols * sizeof *out);
}

void wane_weight_part_name(char out[WANE_WEIGHT_PART_NAME], const char *whole,
                           const wane_weight_part *part)
{
    (void)snprintf(out, WANE_WEIGHT_PART_NAME, "%s[%s]", whole, part->name);
}
