/* SPDX-License-Identifier: Apache-2.0
 * The kernels compiled for AVX-512 (F, VL, BW, DQ).
 */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")
#define WANE_KERNEL_TABLE wane_kernels_avx512
#define WANE_KERNEL_NAME "avx512"
#include "eval/compute/kernels_body.h"
#else
typedef int wane_no_avx512; /* an empty file is no C */
#endif
