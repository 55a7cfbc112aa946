/* SPDX-License-Identifier: Apache-2.0
 * What a stage leaves on disk beside the database: its update, its head.
 */
#include <stdio.h>

#include "eval/stages/stages.h"
#include "store/base/memory.h"
#include "store/files/artifacts.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"

static wane_status add_row(wane_saved *saved, const char *kind, char **path, const char *whole,
                           size_t bytes, wane_error *err)
{
    size_t i = saved->count;
    wane_update update = {0};
    bool folder = wane_folder_exists(whole);
    wane_status st = folder ? wane_update_load(&update, whole, NULL, NULL, err)
                            : wane_file_sha256(saved->sha[i], whole, err);
    if (folder && st == WANE_OK) st = wane_update_sha256(saved->sha[i], &update, err);
    wane_update_free(&update);
    if (st != WANE_OK) return st;
    saved->path[i] = *path;
    *path = NULL;
    saved->row[i] = (wane_artifact_row){kind, saved->path[i], saved->sha[i], (int64_t)bytes};
    saved->count++;
    return WANE_OK;
}

wane_status wane_save_update(wane_saved *saved, const wane_work *work, const wane_plan_stage *stage,
                             const char *kind, const wane_update *update, wane_error *err)
{
    wane_status st = WANE_OK;
    char place[WANE_ARTIFACT_PATH], *whole = NULL, *path = NULL;
    WANE_TRY(wane_artifact_path(place, kind, stage->key, err));
    whole = wane_path_join(work->artifacts, place);
    path = wane_strdup(place);
    WANE_TRY(whole && path ? WANE_OK : wane_fail_memory(err, "train", "artifact"));
    WANE_TRY(wane_update_save(update, whole, err));
    size_t bytes = 0;
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *u = &update->tensors[i];
        bytes += sizeof(float) * (u->data ? u->rows * u->cols : u->term.rank * (u->rows + u->cols));
    }
    WANE_TRY(add_row(saved, kind, &path, whole, bytes, err));
done:
    wane_free(whole);
    wane_free(path);
    return st;
}

/* "score.weight" as transformers' sequence classifiers name it; of several tasks "score.0.weight",
 * ... in the order of the stage's tasks. */
static void head_name(char out[40], size_t group, size_t groups)
{
    if (groups == 1) (void)snprintf(out, 40, "score.weight");
    else (void)snprintf(out, 40, "score.%zu.weight", group);
}

static wane_status save_tensors(wane_saved *saved, const wane_work *work,
                                const wane_plan_stage *stage, const char *kind,
                                const wane_tensor_source *tensors, size_t count, wane_error *err)
{
    static const char *const metadata[] = {"format", "pt"};
    wane_status st = WANE_OK;
    size_t bytes = 0;
    char place[WANE_ARTIFACT_PATH], *whole = NULL, *path = NULL;
    WANE_TRY(wane_artifact_path(place, kind, stage->key, err));
    whole = wane_path_join(work->artifacts, place);
    path = wane_strdup(place);
    WANE_TRY(whole && path ? WANE_OK : wane_fail_memory(err, "train", kind));
    for (size_t t = 0; t < count; t++) {
        size_t numbers = 1;
        for (size_t d = 0; d < tensors[t].dimensions; d++) numbers *= tensors[t].shape[d];
        bytes += numbers * sizeof(float);
    }
    WANE_TRY(wane_tensors_write(whole, tensors, count, metadata, 1, err));
    WANE_TRY(add_row(saved, kind, &path, whole, bytes, err));
done:
    wane_free(whole);
    wane_free(path);
    return st;
}

wane_status wane_save_head(wane_saved *saved, const wane_work *work, const wane_plan_stage *stage,
                           const wane_class_head *head, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t width = work->inputs->base->config.width;
    char(*names)[40] = wane_alloc(head->groups, sizeof *names);
    wane_tensor_source *tensors = wane_alloc(head->groups, sizeof *tensors);
    WANE_TRY(names && tensors ? WANE_OK : wane_fail_memory(err, "train", "head"));
    for (size_t g = 0; g < head->groups; g++) {
        head_name(names[g], g, head->groups);
        tensors[g] = (wane_tensor_source){.name = names[g],
                                          .data = head->weight + head->starts[g] * width,
                                          .dimensions = 2,
                                          .shape = {head->starts[g + 1] - head->starts[g], width}};
    }
    WANE_TRY(save_tensors(saved, work, stage, "head", tensors, head->groups, err));
done:
    wane_free(names);
    wane_free(tensors);
    return st;
}

wane_status wane_save_strategy(wane_saved *saved, const wane_work *work,
                               const wane_plan_stage *stage, const wane_tensor_source *tensors,
                               size_t count, wane_error *err)
{
    return save_tensors(saved, work, stage, "strategy", tensors, count, err);
}

void wane_saved_free(wane_saved *saved)
{
    for (size_t i = 0; i < saved->count; i++) wane_free(saved->path[i]);
    *saved = (wane_saved){0};
}

wane_status wane_load_head(float **out, wane_work *work, const wane_plan_stage *stage, size_t task,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = NULL;
    char name[40];
    float *weight = NULL;
    size_t group = wane_plan_group(work->plan, stage, task);
    size_t classes = work->inputs->tasks[task].task.label_count;
    head_name(name, group, stage->task_count);
    WANE_TRY(wane_artifact_tensors(&tensors, work, stage, "head", err));
    const wane_tensor *t = wane_tensors_find(tensors, name);
    size_t width = work->inputs->base->config.width;
    if (!t || t->dimensions != 2 || t->shape[0] != classes || t->shape[1] != width)
        WANE_TRY(wane_fail(err, WANE_EFORMAT,
                           "read: the head of stage %.12s: %s: missing or of another shape",
                           stage->key, name));
    weight = wane_alloc(classes * width, sizeof *weight);
    WANE_TRY(weight ? WANE_OK : wane_fail_memory(err, "read", name));
    WANE_TRY(wane_tensors_read(tensors, t, weight, err));
    *out = weight;
    weight = NULL;
done:
    wane_tensors_close(tensors);
    wane_free(weight);
    return st;
}

wane_status wane_stage_load_head(float **out, wane_work *work, const wane_plan_run *run,
                                 size_t position, size_t task, const wane_chain *chain,
                                 wane_error *err)
{
    (void)chain;
    return wane_load_head(out, work, &work->plan->stages[run->stages[position]], task, err);
}
