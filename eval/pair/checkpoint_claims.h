/* SPDX-License-Identifier: Apache-2.0
 * What an adapter says of the model it was made on, held against the base it is compared with. For
 * this room alone.
 */
#ifndef EVAL_PAIR_CHECKPOINT_CLAIMS_H
#define EVAL_PAIR_CHECKPOINT_CLAIMS_H

#include "store/base/log.h"
#include "store/files/tensors.h"
#include "store/files/update.h"

/* WANE_EINVAL, naming the tensor, where a copy of the base's in the adapter is not the base's. One
 * that the base has under no name that is known (its own, without "model." before it, or of a head
 * that is tied to the embedding) is told to `log`. `path`: the adapter's. */
WANE_MUST_CHECK wane_status wane_claims_check(const wane_update *update, const wane_tensors *base,
                                              const char *path, const wane_log *log,
                                              wane_error *err);

#endif
