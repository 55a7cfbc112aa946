/* SPDX-License-Identifier: Apache-2.0
 * The kernels compiled for AVX2 with fused multiply-add.
 */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define WANE_KERNEL_TABLE wane_kernels_avx2
#define WANE_KERNEL_NAME "avx2"
#include "eval/compute/kernels_body.h"
#else
typedef int wane_no_avx2; /* an empty file is no C */
#endif
