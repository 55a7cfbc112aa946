/* SPDX-License-Identifier: Apache-2.0
 * From the pickled value of a torch file to its tensors. For torch_zip.c and torch_legacy.c alone.
 */
#ifndef STORE_FILES_TORCH_STATE_H
#define STORE_FILES_TORCH_STATE_H

#include "store/files/pickle.h"
#include "store/files/tensors_internal.h"

/* Where the storage of a key starts in the file, and its bytes. */
typedef wane_status (*wane_torch_storage)(void *context, size_t *place, size_t *bytes,
                                          const char *key);

/* Adds the tensors of `state`, of shard `index`; tensors.h says which and under which names. Every
 * one is checked to lie within its storage. Views that repeat values (stride 0, overlaps) may have
 * 1 Mi elements, or as many as their storage. */
WANE_MUST_CHECK wane_status wane_torch_state_add(wane_tensors *tensors, size_t index,
                                                 const wane_pickle_value *state,
                                                 wane_torch_storage storage, void *context,
                                                 wane_error *err);

#endif
