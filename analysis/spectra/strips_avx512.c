/* SPDX-License-Identifier: Apache-2.0
 * The strip kernel compiled for AVX-512 (F, VL, BW, DQ).
 */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")
#define WANE_STRIP_KERNEL wane_strip_avx512
#include "analysis/spectra/strips_body.h"
#else
typedef int wane_no_strip_avx512; /* an empty file is no C */
#endif
