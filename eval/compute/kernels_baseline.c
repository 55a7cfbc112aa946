/* SPDX-License-Identifier: Apache-2.0
 * The kernels compiled for any processor.
 */
#define WANE_KERNEL_TABLE wane_kernels_baseline
#define WANE_KERNEL_NAME "baseline"
#include "eval/compute/kernels_body.h"
