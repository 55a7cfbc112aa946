/* SPDX-License-Identifier: Apache-2.0
 * Asks the processor for each instruction set.
 */
#include "store/base/processor.h"

bool wane_processor_has(wane_instruction_set set)
{
#if defined(__x86_64__)
    if (set == WANE_SET_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (set == WANE_SET_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#endif
    return set == WANE_SET_BASELINE;
}

wane_instruction_set wane_processor_best(void)
{
    wane_instruction_set best = WANE_SET_BASELINE;
    for (wane_instruction_set set = best; set < WANE_SETS; set++)
        if (wane_processor_has(set)) best = set;
    return best;
}
