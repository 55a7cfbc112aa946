/* SPDX-License-Identifier: Apache-2.0
 * Looks for the exponent of NaN and infinity bit by bit and without branches, so that a whole
 * weight is read at the speed of memory.
 */
#include "store/base/matrix.h"

#include <stdint.h>
#include <string.h>

bool wane_all_finite(const float *values, size_t count)
{
    const uint32_t exponent = 0x7f800000; /* all of its bits are set in NaN and infinities alone */
    uint32_t odd = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &values[i], sizeof bits);
        odd |= (uint32_t)((bits & exponent) == exponent);
    }
    return odd == 0;
}

bool wane_lowrank_finite(const wane_lowrank_term *term, size_t rows, size_t cols)
{
    return wane_all_finite(term->b, rows * term->rank) &&
           wane_all_finite(term->a, term->rank * cols);
}
