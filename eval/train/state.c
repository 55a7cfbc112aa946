/* SPDX-License-Identifier: Apache-2.0
 * A trainer's state is a safetensors file: values and moments of every trained tensor, and in its
 * metadata the step, the key and a digest of all of it.
 */
#include <stdio.h>
#include <string.h>

#include "eval/train/trainer.h"
#include "store/base/hash.h"
#include "store/base/text.h"
#include "store/files/safetensors.h"

static const char version[] = "1";
static const char *const parts[] = {"value", "first", "second"};
enum { PARTS = 3 };

static float *part_of(const wane_trained *trained, int part)
{
    return part == 0 ? trained->value : part == 1 ? trained->first : trained->second;
}

/* The tensors of the state, in a fixed order. */
static wane_status list_state(wane_tensor_source *sources, const wane_trainer *trainer,
                              wane_arena *names, const char *path, wane_error *err)
{
    for (size_t i = 0; i < trainer->optimizer->count; i++) {
        const wane_trained *trained = &trainer->optimizer->trained[i];
        for (int part = 0; part < PARTS; part++) {
            size_t bytes = strlen(parts[part]) + strlen(trained->name) + 2;
            char *name = wane_arena_alloc(names, bytes, 1);
            if (!name) return wane_fail_memory(err, "state", path);
            (void)snprintf(name, bytes, "%s/%s", parts[part], trained->name);
            sources[PARTS * i + (size_t)part] = (wane_tensor_source){.name = name,
                                                                     .data = part_of(trained, part),
                                                                     .dimensions = 1,
                                                                     .shape = {trained->count}};
        }
    }
    return WANE_OK;
}

static wane_status digest_of(char out[WANE_SHA256_HEX], const wane_tensor_source *sources,
                             size_t count, const char *key, const char *step, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, version);
    wane_sha256_text(hash, key);
    wane_sha256_text(hash, step);
    for (size_t i = 0; i < count; i++) {
        wane_sha256_text(hash, sources[i].name);
        wane_sha256_field(hash, sources[i].data, sources[i].shape[0] * sizeof(float));
    }
    return wane_sha256_end(out, hash, err);
}

wane_status wane_trainer_save(const wane_trainer *trainer, const char *path, const char *key,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = PARTS * trainer->optimizer->count;
    char step[24], digest[WANE_SHA256_HEX];
    wane_arena *names = wane_arena_new();
    wane_tensor_source *sources = names ? wane_arena_alloc(names, count, sizeof *sources) : NULL;
    if (!sources) WANE_TRY(wane_fail_memory(err, "state", path));
    WANE_TRY(list_state(sources, trainer, names, path, err));
    (void)snprintf(step, sizeof step, "%zu", trainer->done);
    WANE_TRY(digest_of(digest, sources, count, key, step, err));
    const char *const metadata[] = {"wane_state", version, "key",    key,
                                    "step",       step,    "sha256", digest};
    WANE_TRY(wane_tensors_write(path, sources, count, metadata, 4, err));
done:
    wane_arena_free(names);
    return st;
}

static wane_status check_metadata(int64_t *step, const wane_tensors *tensors,
                                  const wane_trainer *trainer, const char *path, const char *key,
                                  wane_error *err)
{
    const char *kind = wane_tensors_metadata(tensors, "wane_state");
    const char *found = wane_tensors_metadata(tensors, "key");
    const char *text = wane_tensors_metadata(tensors, "step");
    if (!kind || !found || !text || !wane_tensors_metadata(tensors, "sha256"))
        return wane_fail(err, WANE_EFORMAT, "state: %s: no state of a training", path);
    if (strcmp(kind, version) != 0)
        return wane_fail(err, WANE_EVERSION, "state: %s: version %.20s, this program reads %s",
                         path, kind, version);
    if (strcmp(found, key) != 0)
        return wane_fail(err, WANE_EINVAL, "state: %s: belongs to another training", path);
    if (!wane_parse_int64(step, text) || *step < 0 ||
        (uint64_t)*step > trainer->training.total_steps)
        return wane_fail(err, WANE_EFORMAT, "state: %s: its step is no step of this training",
                         path);
    return WANE_OK;
}

/* Points the sources at the file's tensors, which must be those of the trainer. */
static wane_status match_tensors(wane_tensor_source *sources, size_t count,
                                 const wane_tensors *tensors, const char *path, wane_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const wane_tensor *t = wane_tensors_find(tensors, sources[i].name);
        const float *data = t ? wane_tensors_floats(tensors, t) : NULL;
        if (!data || t->dimensions != 1 || t->elements != sources[i].shape[0])
            return wane_fail(err, WANE_EFORMAT, "state: %s: %s: missing or of another shape", path,
                             sources[i].name);
        sources[i].data = data;
    }
    if (wane_tensors_count(tensors) != count)
        return wane_fail(err, WANE_EFORMAT, "state: %s: %zu tensors, this training has %zu", path,
                         wane_tensors_count(tensors), count);
    return WANE_OK;
}

wane_status wane_trainer_load(wane_trainer *trainer, const char *path, const char *key,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = NULL;
    size_t count = PARTS * trainer->optimizer->count;
    int64_t step = 0;
    char digest[WANE_SHA256_HEX];
    wane_arena *names = wane_arena_new();
    wane_tensor_source *sources = names ? wane_arena_alloc(names, count, sizeof *sources) : NULL;
    if (!sources) WANE_TRY(wane_fail_memory(err, "state", path));
    WANE_TRY(wane_tensors_open(&tensors, path, err));
    WANE_TRY(check_metadata(&step, tensors, trainer, path, key, err));
    WANE_TRY(list_state(sources, trainer, names, path, err));
    WANE_TRY(match_tensors(sources, count, tensors, path, err));
    WANE_TRY(digest_of(digest, sources, count, key, wane_tensors_metadata(tensors, "step"), err));
    if (strcmp(digest, wane_tensors_metadata(tensors, "sha256")) != 0)
        WANE_TRY(
            wane_fail(err, WANE_EFORMAT, "state: %s: damaged (its digest does not fit)", path));
    for (size_t i = 0; i < count; i++)
        memcpy(part_of(&trainer->optimizer->trained[i / PARTS], (int)(i % PARTS)), sources[i].data,
               sources[i].shape[0] * sizeof(float));
    trainer->done = (size_t)step;
    wane_trainer_values_changed(trainer);
done:
    wane_tensors_close(tensors);
    wane_arena_free(names);
    return st;
}
