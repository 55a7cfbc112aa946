/* SPDX-License-Identifier: Apache-2.0
 * Goes over an adapter's claims, finds the base's tensor of each, and refuses or warns where shape
 * or values differ.
 */
#include "eval/pair/checkpoint_claims.h"

#include <string.h>

#include "eval/pair/checkpoint_places.h"
#include "store/base/memory.h"

/* The base's tensor for a claim, or NULL. */
static const wane_tensor *tensor_of(const wane_tensors *base, const char *name)
{
    const wane_tensor *found = wane_tensors_find(base, name);
    if (!found && strncmp(name, "model.", 6) == 0) found = wane_tensors_find(base, name + 6);
    return found ? found : wane_places_other_end(base, name);
}

static wane_status check(const wane_update_claim *claim, const wane_tensors *base,
                         const wane_tensor *tensor, const char *path, wane_error *err)
{
    size_t count = claim->rows * claim->cols;
    float *weight = NULL;
    bool holds = tensor->elements == count && tensor->shape[0] == claim->rows;
    wane_status st = WANE_OK;
    if (holds) {
        weight = wane_alloc(count, sizeof *weight);
        if (!weight) return wane_fail_memory(err, "compare", path);
        st = wane_tensors_read(base, tensor, weight, err);
        holds = st == WANE_OK && wane_update_claim_holds(claim, weight);
    }
    wane_free(weight);
    if (st != WANE_OK || holds) return st;
    return wane_fail(err, WANE_EINVAL,
                     "compare: %s: %s: is not the base's %s: the adapter was made on another model",
                     path, claim->key, tensor->name);
}

wane_status wane_claims_check(const wane_update *update, const wane_tensors *base, const char *path,
                              const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < update->claim_count && st == WANE_OK; i++) {
        const wane_update_claim *claim = &update->claims[i];
        const wane_tensor *tensor = tensor_of(base, claim->name);
        if (tensor) st = check(claim, base, tensor, path, err);
        else
            wane_log_line(log, WANE_LOG_WARNING, "%s: %s: the base has no %s to hold it against",
                          path, claim->key, claim->name);
    }
    return st;
}
