/* SPDX-License-Identifier: Apache-2.0
 * What sealed stages have left, under their seals.
 */
#include <string.h>

#include "eval/stages/stages.h"
#include "eval/train/method.h"
#include "store/base/memory.h"
#include "store/files/artifacts.h"
#include "store/files/file.h"
#include "store/results/query.h"

wane_status wane_artifact_find(char **path, char **sealed, wane_work *work,
                               const wane_plan_stage *stage, const char *kind, wane_error *err)
{
    char *inside = NULL, *seal = NULL;
    wane_status st = wane_results_find_artifact(work->db, &inside, &seal, stage->id, kind, err);
    if (st != WANE_OK) return st;
    WANE_TRY(wane_artifact_check(inside, kind, stage->key, err));
    if (sealed && !seal)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: the %s of stage %.12s: no sha256 in its row",
                           kind, stage->key));
    *path = wane_path_join(work->artifacts, inside);
    if (!*path) WANE_TRY(wane_fail_memory(err, "read", kind));
    if (sealed) {
        *sealed = seal;
        seal = NULL;
    }
done:
    wane_free(inside);
    wane_free(seal);
    return st;
}

wane_status wane_artifacts_check(wane_results *db, wane_error *err)
{
    wane_query *q = NULL;
    wane_status st =
        wane_query_open(&q, db,
                        "SELECT a.path, a.kind, s.key FROM artifact a LEFT JOIN stage "
                        "s ON s.id = a.stage WHERE NOT a.gone ORDER BY a.stage, a.kind",
                        NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK)
        st = wane_artifact_check(wane_query_text(q, 0), wane_query_text(q, 1),
                                 wane_query_text(q, 2), err);
    wane_query_free(q);
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status broken(const char *path, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: its bytes are not those that were sealed", path);
}

/* Whether adapter_config.json, which an older seal leaves out, says what the stage was trained
 * with.
 */
static wane_status check_settings(const wane_update *update, const wane_work *work,
                                  const wane_plan_stage *stage, const char *path, wane_error *err)
{
    const wane_method_settings *method = &stage->config->settings;
    const wane_parameters *table = &work->inputs->base->parameters;
    float scale = (float)wane_lora_scale(method->alpha, method->rank, method->rslora);
    bool *targets = NULL;
    size_t count = 0;
    wane_status st = wane_method_targets(&targets, method, table, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < table->count; i++) count += targets[i];
    bool same = update->count == count;
    for (size_t i = 0; i < update->count && st == WANE_OK && same; i++) {
        const wane_update_tensor *t = &update->tensors[i];
        long index = wane_parameters_find(table, t->name);
        same = index >= 0 && targets[index] && !t->data;
        if (same && (t->term.rank != method->rank || t->term.scale != scale))
            st = wane_fail(err, WANE_EFORMAT,
                           "read: %s: adapter_config.json is not that of its stage: %s: rank %zu, "
                           "scale %g; trained with rank %zu, scale %g",
                           path, t->name, t->term.rank, (double)t->term.scale, method->rank,
                           (double)scale);
    }
    if (st == WANE_OK && !same)
        st = wane_fail(err, WANE_EFORMAT,
                       "read: %s: adapter_config.json is not that of its stage: other "
                       "target_modules than it was trained on",
                       path);
    wane_free(targets);
    return st;
}

wane_status wane_artifact_update(wane_update *out, wane_work *work, const wane_plan_stage *stage,
                                 const char *kind, wane_error *err)
{
    char *path = NULL, *sealed = NULL, sha[WANE_SHA256_HEX];
    wane_update update = {0};
    wane_status st = WANE_OK;
    WANE_TRY(wane_artifact_find(&path, &sealed, work, stage, kind, err));
    WANE_TRY(wane_update_load(&update, path, NULL, NULL, err));
    WANE_TRY(wane_update_sha256(sha, &update, err));
    if (strcmp(sha, sealed) != 0) {
        if (!update.lowrank || strcmp(update.weights_sha256, sealed) != 0)
            WANE_TRY(broken(path, err));
        WANE_TRY(check_settings(&update, work, stage, path, err));
        WANE_TRY(wane_results_reseal_artifact(work->db, stage->id, kind, sha, err));
    }
    *out = update;
    update = (wane_update){0};
done:
    wane_update_free(&update);
    wane_free(path);
    wane_free(sealed);
    return st;
}

wane_status wane_artifact_tensors(wane_tensors **out, wane_work *work, const wane_plan_stage *stage,
                                  const char *kind, wane_error *err)
{
    char *path = NULL, *sealed = NULL, sha[WANE_SHA256_HEX];
    wane_tensors *tensors = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(wane_artifact_find(&path, &sealed, work, stage, kind, err));
    WANE_TRY(wane_tensors_open_copy(&tensors, sha, NULL, path, err));
    if (strcmp(sha, sealed) != 0) WANE_TRY(broken(path, err));
    *out = tensors;
    tensors = NULL;
done:
    wane_tensors_close(tensors);
    wane_free(path);
    wane_free(sealed);
    return st;
}
