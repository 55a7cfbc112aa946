/* SPDX-License-Identifier: Apache-2.0 */
#define WANE_KERNEL_TABLE wane_kernels_baseline
#define WANE_KERNEL_NAME "baseline"
#include "eval/compute/kernels_body.h"
