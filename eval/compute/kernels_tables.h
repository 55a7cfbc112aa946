/* SPDX-License-Identifier: Apache-2.0
 * The tables that kernels_baseline.c, kernels_avx2.c and kernels_avx512.c define. For this room
 * alone.
 */
#ifndef EVAL_COMPUTE_KERNELS_TABLES_H
#define EVAL_COMPUTE_KERNELS_TABLES_H

#include "eval/compute/kernels.h"

extern const wane_kernels wane_kernels_baseline;
#if defined(__x86_64__)
extern const wane_kernels wane_kernels_avx2, wane_kernels_avx512;
#endif

#endif
