/* SPDX-License-Identifier: Apache-2.0
 * Opens both sides, makes their names agree, pairs tensors whose shapes agree once Conv1D is
 * turned, and chooses the matrices to compare.
 */
#include "eval/pair/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model_files.h"
#include "eval/pair/checkpoint_claims.h"
#include "eval/pair/checkpoint_places.h"
#include "eval/pair/checkpoint_types.h"
#include "eval/pair/given.h"
#include "eval/train/method.h"
#include "store/files/file.h"
#include "tasks/text/pattern.h"

/* ---------------------------------------------------------------------------------- one checkpoint
 */

static void say(void *context, const char *line)
{
    wane_log_line(context, WANE_LOG_WARNING, "%s", line);
}

/* Model types that tie where config.json does not say (transformers writes no defaults): those that
 * this program computes say so themselves. */
static bool ties_by_default(const char *type)
{
    static const char *const types[] = {"albert",  "bert",   "bloom",       "distilbert", "electra",
                                        "gemma",   "gemma2", "gemma3_text", "gpt_neo",    "opt",
                                        "roberta", "t5",     "xlm-roberta"};
    const wane_architecture *a = wane_architecture_named(type);
    const wane_config_key *key = a ? wane_config_key_named(a, "tie_word_embeddings") : NULL;
    if (a) return key && key->absent != 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0) return true;
    return false;
}

/* A GGUF file has a head of its own, or none. */
static wane_status read_gguf_type(wane_checkpoint *c, wane_error *err)
{
    wane_tensors *tensors = NULL;
    wane_status st = wane_tensors_open_package(&tensors, c->package, err);
    if (st != WANE_OK) return st;
    wane_gguf_model_type(c->model_type, sizeof c->model_type, wane_tensors_gguf(tensors));
    c->tied = !wane_tensors_find(tensors, "output.weight");
    wane_tensors_close(tensors);
    return WANE_OK;
}

static wane_status read_model_type(wane_checkpoint *c, wane_error *err)
{
    wane_json *config = NULL;
    if (wane_package_in_gguf(c->package)) return read_gguf_type(c, err);
    if (!wane_package_has(c->package, "config.json")) return WANE_OK;
    wane_status st = wane_package_json(&config, c->package, "config.json", err);
    if (st != WANE_OK) return st;
    const char *type = wane_json_string(wane_json_get(config, "model_type"), NULL);
    (void)snprintf(c->model_type, sizeof c->model_type, "%s", type ? type : "");
    c->tied = wane_json_bool(wane_json_get(config, "tie_word_embeddings"),
                             ties_by_default(c->model_type));
    wane_json_free(config);
    return WANE_OK;
}

static wane_status open_checkpoint(wane_checkpoint *c, const char *path, bool tuned,
                                   wane_arena *arena, const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    c->path = path;
    c->type = c->rounded = "";
    if (!wane_package_is(path)) {
        WANE_TRY(wane_tensors_open(&c->tensors, path, err));
    } else {
        WANE_TRY(wane_package_open(&c->package, path, err));
        bool adapter = wane_package_has(c->package, "adapter_config.json");
        wane_given_tell_both(c->package, !tuned, log);
        if (adapter && !tuned && !wane_model_is_there(c->package))
            WANE_TRY(
                wane_fail(err, WANE_EINVAL,
                          "compare: %s: an adapter, not a model; name the model it was made on "
                          "first",
                          path));
        WANE_TRY(read_model_type(c, err));
        c->adapter = adapter && tuned;
        if (c->adapter)
            WANE_TRY(wane_update_load_package(&c->update, c->package, true, say, (void *)log, err));
        if (!c->adapter) WANE_TRY(wane_model_tensors(&c->tensors, c->package, err));
    }
    if (c->adapter) return WANE_OK;
    WANE_TRY(wane_tensors_hold(c->tensors, err));
    WANE_TRY(wane_checkpoint_find_types(c, arena, err));
    if (wane_tensors_note(c->tensors))
        wane_log_line(log, WANE_LOG_INFO, "%s: %s, which is left out", path,
                      wane_tensors_note(c->tensors));
done:
    return st;
}

static void close_checkpoint(wane_checkpoint *c)
{
    wane_tensors_close(c->tensors);
    wane_update_free(&c->update);
    wane_package_close(c->package);
}

static size_t tensor_count(const wane_checkpoint *c)
{
    return c->adapter ? c->update.count : wane_tensors_count(c->tensors);
}

static wane_status raw_names(const char *const **out, const wane_checkpoint *c, wane_arena *arena,
                             wane_error *err)
{
    size_t count = tensor_count(c);
    const char **names = wane_arena_alloc(arena, count, sizeof *names);
    if (!names) return wane_fail_memory(err, "compare", c->path);
    for (size_t i = 0; i < count; i++) {
        names[i] = c->adapter ? c->update.tensors[i].name : wane_tensors_at(c->tensors, i)->name;
        if (!c->adapter && (strstr(names[i], ".lora_A.") || strstr(names[i], ".lora_embedding_A.")))
            return wane_fail(
                err, WANE_EINVAL,
                "compare: %s: %s: a model with an adapter inside it; merge it, or save "
                "the adapter as a folder",
                c->path, names[i]);
    }
    *out = names;
    return WANE_OK;
}

/* --------------------------------------------------------------------------------------- names */

static void tell_names(const wane_checkpoint *c, const wane_names *other, const wane_log *log)
{
    const wane_names *n = &c->names;
    bool unwrapped = n->unwrapped && !other->unwrapped, stripped = n->stripped[0] != '\0';
    if (stripped || unwrapped)
        wane_log_line(log, WANE_LOG_INFO, "%s: names agree without %s%s%s%s%s", c->path,
                      stripped ? "\"" : "", n->stripped, stripped ? "\" at their beginning" : "",
                      stripped && unwrapped ? " and " : "",
                      unwrapped ? "the parts of wrappers (_orig_mod and the like)" : "");
}

static wane_status match_names(wane_comparison *c, const wane_comparison_options *options,
                               const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *const *names[2];
    wane_checkpoint *side[2] = {&c->base, &c->tuned};
    for (int s = 0; s < 2; s++) WANE_TRY(raw_names(&names[s], side[s], c->arena, err));
    if (options->strip_count == 0) {
        WANE_TRY(wane_names_agree(&c->base.names, &c->tuned.names, names[0], tensor_count(side[0]),
                                  names[1], tensor_count(side[1]), c->arena, err));
        tell_names(&c->base, &c->tuned.names, log);
        tell_names(&c->tuned, &c->base.names, log);
        return WANE_OK;
    }
    for (int s = 0; s < 2; s++)
        WANE_TRY(wane_names_strip(&side[s]->names, names[s], tensor_count(side[s]), options->strip,
                                  options->strip_count, side[s]->path, c->arena, err));
done:
    return st;
}

/* ---------------------------------------------------------------------------------------- Conv1D
 */

static bool listed(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0) return true;
    return false;
}

static bool has_turned(const wane_architecture *a)
{
    for (size_t r = 0; r < a->row_count; r++)
        if (a->rows[r].turned) return true;
    return false;
}

/* By config.json, else by the names and shapes of its modules. */
static int conv1d_of(const wane_checkpoint *c)
{
    static const char *const types[] = {"openai-gpt", "imagegpt", "decision_transformer", NULL};
    const wane_architecture *known = wane_architecture_named(c->model_type);
    enum { ATTENTION, PROJECTION, FEED };
    static const char *const weights[] = {"c_attn.weight", "c_proj.weight", "c_fc.weight"};
    bool there[3] = {false, false, false}, wide = true;
    if (c->adapter) return c->update.facts.fan_in_fan_out ? 1 : -1;
    if (known) return has_turned(known);
    if (c->model_type[0]) return listed(c->model_type, types);
    for (size_t i = 0; i < wane_tensors_count(c->tensors); i++) {
        const wane_tensor *t = wane_tensors_at(c->tensors, i);
        if (t->dimensions != 2 || !wane_name_is_conv1d(t->name)) continue;
        for (int m = 0; m < 3; m++) there[m] = there[m] || wane_tensor_ends(t->name, weights[m]);
        bool projects = wane_tensor_ends(t->name, weights[PROJECTION]);
        if (!projects && t->shape[0] >= t->shape[1]) wide = false;
    }
    if (!there[ATTENTION] || !there[PROJECTION] || !there[FEED])
        return there[ATTENTION] || there[PROJECTION] || there[FEED] ? -1 : 0;
    return wide;
}

/* GGUF has no matrix turned. */
static bool in_gguf(const wane_checkpoint *c)
{
    return c->tensors && !wane_model_files_turn(c->tensors);
}

static void settle_conv1d(wane_comparison *c, wane_conv1d asked)
{
    int a = conv1d_of(&c->base), b = conv1d_of(&c->tuned);
    if (a < 0) a = b;
    if (b < 0) b = a;
    if (asked != WANE_CONV1D_AUTO) a = b = asked == WANE_CONV1D_YES;
    c->base.conv1d = in_gguf(&c->base) ? 0 : a;
    c->tuned.conv1d = in_gguf(&c->tuned) ? 0 : b;
}

static bool turned(const wane_checkpoint *c, const char *name, const wane_tensor *t)
{
    return c->conv1d == 1 && t->dimensions == 2 && wane_name_is_conv1d(name);
}

/* ------------------------------------------------------------------------------------------ pairs
 */

static void write_shape(char out[128], const wane_tensor *t)
{
    int used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->dimensions && used < 100; i++)
        used += snprintf(out + used, 128 - (size_t)used, "%s%zu", i ? " x " : "", t->shape[i]);
    if (t->dimensions == 0) (void)snprintf(out, 128, "a scalar");
}

static wane_status shapes_differ(const wane_comparison *c, const char *name,
                                 const wane_tensor *base, const wane_tensor *tuned, wane_error *err)
{
    char a[128], b[128], settings[160] = "";
    int used = 0;
    write_shape(a, base);
    write_shape(b, tuned);
    for (size_t i = 0; i < c->settings.count && i < 2; i++)
        used += snprintf(settings + used, sizeof settings - (size_t)used, "%s%.60s",
                         i ? ", " : "; their config.json differ in ", c->settings.list[i].name);
    return wane_fail(err, WANE_EINVAL, "compare: %s: tensor %s is %s, in %s it is %s%s%s",
                     c->tuned.path, name, b, c->base.path, a, settings,
                     c->settings.count > 2 ? " and more" : "");
}

/* Both shapes as they are compared must be equal. */
static bool same_shape(const wane_tensor *a, bool a_turned, const wane_tensor *b, bool b_turned)
{
    if (a->dimensions != b->dimensions) return false;
    if (a->dimensions == 2)
        return a->shape[a_turned] == b->shape[b_turned] &&
               a->shape[!a_turned] == b->shape[!b_turned];
    return memcmp(a->shape, b->shape, a->dimensions * sizeof *a->shape) == 0;
}

static void orient(wane_compared *out)
{
    const wane_tensor *t = out->base;
    out->rows = t->dimensions ? t->shape[out->base_turned] : 1;
    out->cols = out->rows ? t->elements / out->rows : 0;
}

/* Whether rows may be added to or taken from it without making it another tensor: one row for an
 * entry of a vocabulary or a position. Heads of classifiers have no such rows. */
static bool resizable(const wane_compared *one)
{
    static const char *const heads[] = {"lm_head", "embed_out", "output.weight", "cls.predictions",
                                        "vocab_projector"};
    if (one->kind == WANE_TENSOR_KIND_EMBEDDING) return true;
    for (size_t i = 0; one->kind == WANE_TENSOR_KIND_HEAD && i < sizeof heads / sizeof *heads; i++)
        if (strstr(one->name, heads[i])) return true;
    return false;
}

/* The rows that both have: the base's so far in `one`, `rows` x `cols` in the tuned. False when
 * they have other columns, or other rows and are not resizable. */
static bool rows_in_common(wane_compared *one, size_t rows, size_t cols)
{
    if (cols != one->cols || (rows != one->rows && !resizable(one))) return false;
    if (rows < one->rows) one->extra[0] = one->rows - rows;
    else one->extra[1] = rows - one->rows;
    one->rows -= one->extra[0];
    return true;
}

/* The tensor `name` of both; *real = false when it holds no real numbers. */
static wane_status pair_up(wane_compared *out, bool *real, const wane_comparison *c,
                           const char *name, size_t base, size_t tuned, wane_error *err)
{
    const wane_tensor *a = wane_tensors_at(c->base.tensors, base);
    wane_compared made = {.name = name, .base = a, .kind = wane_tensor_kind_of(name)};
    wane_name_place(&made.layer, made.module, name);
    made.base_turned = turned(&c->base, name, a);
    *real = a->dtype != WANE_OTHER && a->elements > 0;
    orient(&made);
    if (c->tuned.adapter) {
        if (tuned != SIZE_MAX) made.update = &c->tuned.update.tensors[tuned];
        const wane_update_tensor *u = made.update;
        if (u && u->data && made.base_turned) {
            made.tuned_turned = true; /* saved whole, as the base keeps it */
            if (u->rows == made.cols && u->cols == made.rows) u = NULL;
        }
        const char *named = c->tuned.update.facts.base_model, *made_on = named ? named : "";
        if (u && !rows_in_common(&made, u->rows, u->cols))
            return wane_fail(err, WANE_EINVAL,
                             "compare: %s: its part on %s is %zu x %zu, the weight in %s %zu x "
                             "%zu%s%.200s",
                             c->tuned.path, name, u->rows, u->cols, c->base.path, made.rows,
                             made.cols, made_on[0] ? "; it names as its base " : "", made_on);
    } else {
        made.tuned = wane_tensors_at(c->tuned.tensors, tuned);
        made.tuned_turned = turned(&c->tuned, name, made.tuned);
        const wane_tensor *t = made.tuned;
        bool rows_differ = !made.base_turned && !made.tuned_turned && a->dimensions &&
                           a->dimensions == t->dimensions && t->shape[0] &&
                           rows_in_common(&made, t->shape[0], t->elements / t->shape[0]);
        if (!rows_differ && !same_shape(a, made.base_turned, t, made.tuned_turned))
            return shapes_differ(c, name, a, t, err);
        *real = *real && made.tuned->dtype != WANE_OTHER;
    }
    *out = made;
    return WANE_OK;
}

static wane_status merge(wane_comparison *c, const wane_checkpoint_places *base,
                         const wane_checkpoint_places *tuned, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_checkpoint_place *a = base->list, *b = tuned->list;
    size_t i = 0, j = 0, na = base->count, nb = tuned->count;
    while (i < na || j < nb) {
        int order = i == na ? 1 : j == nb ? -1 : wane_names_order(a[i].name, b[j].name);
        bool real = false;
        if (order > 0) {
            c->only[1][c->only_count[1]++] = b[j++].name;
            continue;
        }
        if (order < 0 && !c->tuned.adapter) {
            c->only[0][c->only_count[0]++] = a[i++].name;
            continue;
        }
        st = pair_up(&c->list[c->count], &real, c, a[i].name, a[i].index,
                     order == 0 ? b[j].index : SIZE_MAX, err);
        if (st != WANE_OK) return st;
        if (real) {
            for (int s = 0; s < 2; s++) c->extra[s] += c->list[c->count].extra[s];
            c->count++;
        } else c->skipped++;
        i++;
        j += order == 0;
    }
    return st;
}

/* ---------------------------------------------------------------------------------------- choice
 */

static bool chosen_by_kind(wane_tensor_kind kind)
{
    return kind == WANE_TENSOR_KIND_ATTENTION || kind == WANE_TENSOR_KIND_MLP ||
           kind == WANE_TENSOR_KIND_OTHER;
}

static wane_status choose(wane_comparison *c, const char *match, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pattern *pattern = NULL;
    wane_search search = {0};
    wane_json_part part = {
        .operation = "compare", .file = "--match", .name = "pattern", .arena = c->arena};
    if (match) {
        WANE_TRY(wane_pattern_compile(&pattern, match, strlen(match), WANE_PCRE2, &part, err));
        WANE_TRY(wane_search_open(&search, pattern, err));
    }
    for (size_t i = 0; i < c->count; i++) {
        wane_compared *one = &c->list[i];
        size_t start = 0, end = 0;
        if (one->base->dimensions != 2) continue;
        one->chosen = chosen_by_kind(one->kind);
        if (match) {
            WANE_TRY(wane_search_set(&search, one->name, strlen(one->name), err));
            st = wane_search_next(&search, &start, &end, err);
            if (st != WANE_OK && st != WANE_DONE) goto done;
            one->chosen = st == WANE_OK;
            st = WANE_OK;
        }
        c->chosen += one->chosen;
    }
    if (c->chosen == 0 && match)
        st = wane_fail(err, WANE_EINVAL, "compare: no matrix in common matches \"%s\"", match);
done:
    wane_search_close(&search);
    wane_pattern_free(pattern);
    return st;
}

/* No name in common, or no matrix among them. */
static wane_status nothing_common(const wane_comparison *c, wane_error *err)
{
    const wane_names *a = &c->base.names, *b = &c->tuned.names;
    for (size_t i = 0; c->skipped && !c->chosen && i < wane_tensors_count(c->base.tensors); i++) {
        const wane_tensor *t = wane_tensors_at(c->base.tensors, i);
        if (t->dtype != WANE_OTHER || wane_tensor_is_buffer(t)) continue;
        return wane_fail(err, WANE_EINVAL,
                         "compare: %s: no matrix that can be compared with %s: %zu tensors of both "
                         "are of types that are not read (%s is %s)",
                         c->tuned.path, c->base.path, c->skipped, t->name, wane_tensors_type(t));
    }
    if (c->count && !c->tuned.adapter)
        return wane_fail(err, WANE_EINVAL, "compare: %s: no matrix in common with %s",
                         c->tuned.path, c->base.path);
    return wane_fail(
        err, WANE_EINVAL,
        "compare: %s: no tensor in common with %s (\"%.120s\", ... and \"%.120s\", ...); "
        "--strip PREFIX takes prefixes off",
        c->tuned.path, c->base.path, b->count ? b->name[0] : "", a->count ? a->name[0] : "");
}

static bool some_common(const wane_comparison *c)
{
    return c->chosen && (!c->tuned.adapter || c->only_count[1] < c->tuned.names.count);
}

wane_status wane_comparison_open(wane_comparison *out, const char *base, const char *tuned,
                                 const wane_comparison_options *options, const wane_log *log,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    wane_comparison c = {.arena = wane_arena_new()};
    wane_checkpoint_places a = {0}, b = {0};
    if (!c.arena) return wane_fail_memory(err, "compare", base);
    WANE_TRY(open_checkpoint(&c.base, base, false, c.arena, log, err));
    WANE_TRY(open_checkpoint(&c.tuned, tuned, true, c.arena, log, err));
    if (!c.tuned.adapter)
        WANE_TRY(wane_compared_settings_compare(&c.settings, c.base.package, c.tuned.package,
                                                c.arena, err));
    else WANE_TRY(wane_claims_check(&c.tuned.update, c.base.tensors, tuned, log, err));
    WANE_TRY(match_names(&c, options, log, err));
    settle_conv1d(&c, options->conv1d);
    WANE_TRY(wane_places_find(&a, &c.base, c.arena, err));
    WANE_TRY(wane_places_find(&b, &c.tuned, c.arena, err));
    WANE_TRY(wane_places_tie(&a, &b, &c.tie, &c, err));
    c.list = wane_arena_alloc(c.arena, a.count, sizeof *c.list);
    c.only[0] = wane_arena_alloc(c.arena, a.count, sizeof *c.only[0]);
    c.only[1] = wane_arena_alloc(c.arena, b.count, sizeof *c.only[1]);
    if (!c.list || !c.only[0] || !c.only[1]) WANE_TRY(wane_fail_memory(err, "compare", base));
    WANE_TRY(merge(&c, &a, &b, err));
    WANE_TRY(choose(&c, options->match, err));
    if (!some_common(&c)) WANE_TRY(nothing_common(&c, err));
    *out = c;
    c = (wane_comparison){0};
done:
    wane_comparison_close(&c);
    return st;
}

void wane_comparison_close(wane_comparison *c)
{
    close_checkpoint(&c->base);
    close_checkpoint(&c->tuned);
    wane_arena_free(c->arena);
    *c = (wane_comparison){0};
}

/* ---------------------------------------------------------------------------------------- values
 */

/* in: cols x rows; out: rows x cols. */
static void turn(float *out, const float *in, size_t rows, size_t cols)
{
    enum { TILE = 32 };
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j0 = 0; j0 < cols; j0 += TILE)
            for (size_t i = i0; i < rows && i < i0 + TILE; i++)
                for (size_t j = j0; j < cols && j < j0 + TILE; j++)
                    out[i * cols + j] = in[j * rows + i];
}

const wane_lowrank_term *wane_compared_term(const wane_compared *one)
{
    return one->update && wane_update_is_term(one->update) ? &one->update->term : NULL;
}

/* The base's weight, in the rows that both have, as its method merges it. */
static wane_status read_merged(float *out, const wane_comparison *c, size_t index, wane_error *err)
{
    const wane_method *method = NULL;
    wane_update_tensor part = *c->list[index].update;
    wane_status st = wane_method_of_update(&method, &c->tuned.update, err);
    part.rows = c->list[index].rows;
    if (st == WANE_OK) st = wane_comparison_read(out, c, index, false, err);
    return st == WANE_OK ? method->merge(NULL, &part, out, err) : st;
}

wane_status wane_comparison_read(float *out, const wane_comparison *c, size_t index, bool tuned,
                                 wane_error *err)
{
    const wane_compared *one = &c->list[index];
    const wane_tensor *t = tuned ? one->tuned : one->base;
    bool turns = tuned ? one->tuned_turned : one->base_turned;
    size_t count = one->rows * one->cols, kept = t ? t->elements : count;
    const float *whole = tuned && one->update ? one->update->data : NULL;
    if (tuned && one->update && one->update->vector) return read_merged(out, c, index, err);
    if (!t && !whole)
        return wane_fail(err, WANE_EINTERNAL, "compare: %s: an adapter has no weights", one->name);
    if (!turns && t && kept == count)
        return wane_tensors_read(tuned ? c->tuned.tensors : c->base.tensors, t, out, err);
    float *raw = wane_alloc(t ? kept : 0, sizeof *raw);
    if (!raw) return wane_fail_memory(err, "compare", one->name);
    wane_status st = WANE_OK;
    if (t) st = wane_tensors_read(tuned ? c->tuned.tensors : c->base.tensors, t, raw, err);
    if (st == WANE_OK && turns) turn(out, t ? raw : whole, one->rows, one->cols);
    else if (st == WANE_OK) memcpy(out, t ? raw : whole, count * sizeof *out);
    wane_free(raw);
    return st;
}

const float *wane_comparison_floats(const wane_comparison *c, size_t index, bool tuned)
{
    const wane_compared *one = &c->list[index];
    const wane_tensor *t = tuned ? one->tuned : one->base;
    if (tuned ? one->tuned_turned : one->base_turned) return NULL;
    if (!t) return one->update ? one->update->data : NULL;
    return wane_tensors_floats(tuned ? c->tuned.tensors : c->base.tensors, t);
}

bool wane_comparison_in_parts(const wane_comparison *c, size_t index, bool tuned)
{
    const wane_compared *one = &c->list[index];
    const wane_tensor *t = tuned ? one->tuned : one->base;
    if (!t || (tuned ? one->tuned_turned : one->base_turned)) return false;
    return wane_tensors_in_parts(tuned ? c->tuned.tensors : c->base.tensors, t);
}

void wane_comparison_read_part(float *out, const wane_comparison *c, size_t index, bool tuned,
                               size_t first, size_t count)
{
    const wane_compared *one = &c->list[index];
    wane_tensors_read_part(tuned ? c->tuned.tensors : c->base.tensors,
                           tuned ? one->tuned : one->base, first, count, out);
}

void wane_comparison_let_go(const wane_comparison *c, size_t index)
{
    const wane_compared *one = &c->list[index];
    wane_tensors_let_go(c->base.tensors, one->base);
    if (one->tuned) wane_tensors_let_go(c->tuned.tensors, one->tuned);
}
