/* SPDX-License-Identifier: Apache-2.0
 * The strip kernel compiled for AVX2 with fused multiply-add.
 */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define WANE_STRIP_KERNEL wane_strip_avx2
#include "analysis/spectra/strips_body.h"
#else
typedef int wane_no_strip_avx2; /* an empty file is no C */
#endif
