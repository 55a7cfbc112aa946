/* SPDX-License-Identifier: Apache-2.0
 * Chooses the widest instruction set that the processor has.
 */
#include "eval/compute/kernels.h"

#include "eval/compute/kernels_tables.h"

const char *const wane_norm_name[WANE_NORM_KINDS] = {[WANE_NORM_RMS] = "rms",
                                                     [WANE_NORM_RMS_PLUS_ONE] = "rms_plus_one",
                                                     [WANE_NORM_LAYER] = "layer"};

const char *const wane_activation_name[WANE_ACTIVATION_KINDS] = {[WANE_ACTIVATION_SILU] = "silu",
                                                                 [WANE_ACTIVATION_GELU] = "gelu",
                                                                 [WANE_ACTIVATION_GELU_TANH] =
                                                                     "gelu_tanh",
                                                                 [WANE_ACTIVATION_RELU] = "relu"};

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
