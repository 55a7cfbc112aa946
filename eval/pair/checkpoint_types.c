/* SPDX-License-Identifier: Apache-2.0
 * Names the types of a checkpoint's tensors, and says what rounding to them alone would make of a
 * change.
 */
#include "eval/pair/checkpoint_types.h"

#include <math.h>
#include <string.h>

static const char *type_of(const wane_tensors *tensors)
{
    const char *type = NULL;
    for (size_t i = 0; i < wane_tensors_count(tensors); i++) {
        wane_dtype dtype = wane_tensors_at(tensors, i)->dtype;
        if (dtype == WANE_OTHER) continue;
        if (type && strcmp(type, wane_dtype_name(dtype)) != 0) return "mixed";
        type = wane_dtype_name(dtype);
    }
    return type ? type : "";
}

/* GGUF has several types in most files. */
static wane_status count_types(wane_checkpoint *c, wane_arena *arena, wane_error *err)
{
    wane_text types = {0}, rounded = {0};
    wane_tensors_say_types(&types, c->tensors, false);
    wane_tensors_say_types(&rounded, c->tensors, true);
    c->type = wane_arena_strdup(arena, types.data ? types.data : "");
    c->rounded = wane_arena_strdup(arena, rounded.data ? rounded.data : "");
    c->quantized = wane_tensors_quantized(c->tensors);
    bool failed = types.failed || rounded.failed || !c->type || !c->rounded;
    wane_text_free(&types);
    wane_text_free(&rounded);
    return failed ? wane_fail_memory(err, "compare", c->path) : WANE_OK;
}

wane_status wane_checkpoint_find_types(wane_checkpoint *c, wane_arena *arena, wane_error *err)
{
    if (wane_tensors_gguf(c->tensors)) return count_types(c, arena, err);
    c->type = c->rounded = type_of(c->tensors);
    if (strcmp(c->type, "F32") == 0 || strcmp(c->type, "F64") == 0) c->rounded = "";
    return WANE_OK;
}

void wane_checkpoint_describe(wane_text *out, const wane_checkpoint *c)
{
    const wane_adapter_facts *facts = &c->update.facts;
    char number[32];
    size_t pairs = 0;
    if (!c->adapter) {
        wane_text_printf(out, c->model_type[0] ? "model %s, %s%s" : "%stensors, %s%s",
                         c->model_type, c->type, c->quantized ? ": compared dequantized" : "");
        return;
    }
    for (size_t i = 0; i < c->update.count; i++) pairs += c->update.tensors[i].data == NULL;
    size_t whole = c->update.count - pairs;
    wane_text_printf(out, "PEFT adapter, rank %zu, alpha %s%s, on %zu %s", facts->rank,
                     wane_format_double(number, facts->alpha), facts->rslora ? ", rsLoRA" : "",
                     pairs, pairs == 1 ? "matrix" : "matrices");
    if (whole) wane_text_printf(out, ", %zu %s whole", whole, whole == 1 ? "tensor" : "tensors");
    if (facts->base_model && facts->base_model[0])
        wane_text_printf(out, ", made on %s", facts->base_model);
}

double wane_comparison_floor_square(const wane_comparison *c, const wane_compared *one,
                                    const float *base, const float *tuned, size_t first,
                                    size_t count)
{
    if (!one->tuned) return 0;
    double square = wane_tensors_rounding(c->tuned.tensors, one->tuned, tuned, first, count);
    if (wane_dtype_coarser(one->base->dtype, one->tuned->dtype))
        square += wane_tensors_rounding(c->base.tensors, one->base, base, first, count);
    return square;
}

double wane_comparison_floor(const wane_comparison *c, const wane_compared *one, const float *base,
                             const float *tuned)
{
    return sqrt(wane_comparison_floor_square(c, one, base, tuned, 0, one->rows * one->cols));
}

const char *wane_comparison_rounding(const wane_comparison *c)
{
    return c->tuned.rounded[0] ? c->tuned.rounded : c->base.rounded;
}
