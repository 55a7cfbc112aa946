/* SPDX-License-Identifier: Apache-2.0
 * The strip kernel compiled for any processor.
 */
#define WANE_STRIP_KERNEL wane_strip_baseline
#include "analysis/spectra/strips_body.h"
