/* SPDX-License-Identifier: Apache-2.0
 * The kinds of stages there are.
 */
#include "eval/stages/stage_kind.h"

/* In the order they are asked whether a method's stages are theirs. */
static const wane_stage_kind *const kinds[] = {&wane_stage_base, &wane_stage_given,
                                               &wane_stage_joint, &wane_stage_sft};

const wane_stage_kind *wane_stage_kind_of(const wane_run_config *config)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i]->asked && kinds[i]->asked(config)) return kinds[i];
    return NULL;
}
