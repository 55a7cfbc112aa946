/* SPDX-License-Identifier: Apache-2.0
 * The instruction sets that kernels of one's own are compiled for, and which of them this processor
 * has.
 */
#ifndef STORE_BASE_PROCESSOR_H
#define STORE_BASE_PROCESSOR_H

#include <stdbool.h>

/* In order: who has one has those before it. BASELINE: the least of the architecture. */
typedef enum wane_instruction_set {
    WANE_SET_BASELINE,
    WANE_SET_AVX2,   /* with FMA */
    WANE_SET_AVX512, /* F, VL, BW and DQ */
    WANE_SETS
} wane_instruction_set;

bool wane_processor_has(wane_instruction_set set);
/* The last that it has: what kernels are chosen by. */
wane_instruction_set wane_processor_best(void);

#endif
