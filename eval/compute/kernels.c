/* SPDX-License-Identifier: Apache-2.0
 * Chooses the widest instruction set that the processor has.
 */
#include "eval/compute/kernels.h"

#include "eval/compute/kernels_tables.h"

const wane_kernels *wane_kernels_at(int level)
{
    if (level == 0) return &wane_kernels_baseline;
#if defined(__x86_64__)
    if (level == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &wane_kernels_avx2;
    if (level == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return &wane_kernels_avx512;
#endif
    return NULL;
}

const wane_kernels *wane_kernels_best(void)
{
    for (int level = 2; level > 0; level--) {
        const wane_kernels *table = wane_kernels_at(level);
        if (table) return table;
    }
    return &wane_kernels_baseline;
}

const char *wane_kernel_features(void)
{
    return wane_kernels_best()->name;
}
