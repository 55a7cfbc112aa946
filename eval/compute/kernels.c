/* SPDX-License-Identifier: Apache-2.0
 * Chooses the widest instruction set that the processor has.
 */
#include "eval/compute/kernels.h"

#include "eval/compute/kernels_tables.h"
#include "store/base/processor.h"

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
    static const wane_kernels *const tables[WANE_SETS] = {
        [WANE_SET_BASELINE] = &wane_kernels_baseline,
#if defined(__x86_64__)
        [WANE_SET_AVX2] = &wane_kernels_avx2,
        [WANE_SET_AVX512] = &wane_kernels_avx512,
#endif
    };
    if (level < 0 || level >= WANE_SETS) return NULL;
    return wane_processor_has((wane_instruction_set)level) ? tables[level] : NULL;
}

const wane_kernels *wane_kernels_best(void)
{
    return wane_kernels_at(wane_processor_best());
}

const char *wane_kernel_features(void)
{
    return wane_kernels_best()->name;
}
