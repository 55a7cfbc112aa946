/* SPDX-License-Identifier: Apache-2.0
 * intruders: what is counted; track: what is measured while a stage trains; matrices: those whose
 * overlaps are stored; measures: what else is measured.
 */
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"
#include "store/files/yaml_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MOST = 1 << 30 };

/* A list of sides, each once or more; at least one is named. */
static wane_status sides_of_list(bool *u, bool *v, const wane_yaml *list, wane_error *err)
{
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    *u = *v = false;
    for (size_t i = 0; st == WANE_OK && i < list->count; i++) {
        const wane_yaml *side = list->children[i];
        bool plain = side->kind == WANE_YAML_SCALAR;
        if (plain && strcmp(side->text, "u") == 0) *u = true;
        else if (plain && strcmp(side->text, "v") == 0) *v = true;
        else if (plain) st = wane_yaml_fail(side, err, "'%.60s' is neither u nor v", side->text);
        else st = wane_yaml_fail(side, err, "is neither u nor v");
    }
    if (st == WANE_OK && !*u && !*v) st = wane_yaml_fail(list, err, "empty list");
    return st;
}

static void print_side_names(wane_text *out, bool u, bool v)
{
    wane_text_printf(out, "[%s%s%s]", u ? "u" : "", u && v ? ", " : "", v ? "v" : "");
}

/* -------------------------------------------------------------------------------- intruders */

static const char *const nulls[] = {"auto", "all", "none", NULL};
static const char *const ways[] = {"auto", "true", "false", NULL}; /* as wane_spectrum_way */

static wane_status read_top(void *into, const wane_setting *setting, const wane_yaml *node,
                            const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    (void)reader;
    if (!node) return WANE_OK;
    if (node->kind != WANE_YAML_SCALAR || strcmp(node->text, "all") != 0)
        return wane_node_count(&x->intruders_top, node, (size_t)setting->low, (size_t)setting->high,
                               err);
    x->intruders_top = 0;
    return WANE_OK;
}

static void print_top(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    if (x->intruders_top) wane_text_printf(out, "%zu", x->intruders_top);
    else wane_text_string(out, "all");
}

static wane_status read_sides(void *into, const wane_setting *setting, const wane_yaml *node,
                              const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    (void)setting;
    (void)reader;
    if (node) return sides_of_list(&x->intruders_u, &x->intruders_v, node, err);
    x->intruders_u = x->intruders_v = true;
    return WANE_OK;
}

static void print_sides(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    print_side_names(out, x->intruders_u, x->intruders_v);
}

static wane_status read_against(void *into, const wane_setting *setting, const wane_yaml *list,
                                const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    bool base = false;
    (void)setting;
    (void)reader;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    for (size_t i = 0; st == WANE_OK && i < list->count; i++) {
        const wane_yaml *node = list->children[i];
        if ((st = wane_node_is(node, WANE_YAML_SCALAR, err)) != WANE_OK) return st;
        if (strcmp(node->text, "base") == 0) base = true;
        else if (strcmp(node->text, "previous") == 0) x->against_previous = true;
        else st = wane_yaml_fail(node, err, "'%.60s' is neither base nor previous", node->text);
    }
    if (st == WANE_OK && !base)
        st = wane_yaml_fail(list, err, "[base] or [base, previous]: the base is always measured");
    return st;
}

static void print_against(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    wane_text_string(out, x->against_previous ? "[base, previous]" : "[base]");
}

static const wane_setting intruders[] = {
    {.name = "top",
     .type = WANE_SETTING_OWN,
     WANE_MEMBER(wane_experiment, intruders_top),
     .low = WANE_LEAST_TOP,
     .high = 1 << 20,
     .form = "a whole number, or all",
     .unit = "directions",
     .help = "how many singular directions of each matrix are stored, the first",
     .read = read_top,
     .print = print_top},
    {.name = "sides",
     .type = WANE_SETTING_OWN,
     .form = "a list of u, v",
     .written = "[u, v]",
     .help = "the singular vectors that are compared: left (u), right (v)",
     .read = read_sides,
     .print = print_sides},
    {.name = "against",
     .type = WANE_SETTING_OWN,
     .form = "[base] or [base, previous]",
     .written = "[base]",
     .help = "what a stage's directions are compared with: the base, also the stage before",
     .read = read_against,
     .print = print_against},
    {.name = "nulls",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, intruders_nulls),
     .choices = nulls,
     .help = "which stages have counts of random changes of the same size beside their own",
     .explain = "auto: those of adapters, and where weights are tuned whole the last of a run"},
    {.name = "exact",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, intruders_exact),
     .choices = ways,
     .help = "whether cosines are taken by the SVD of the base, or bounded without one",
     .explain = "auto: bounded where both sides of a matrix are wider than 1,024; all directions "
                "of a matrix, or more than an eighth of them, are exact"},
};

const wane_settings wane_intruders_settings = {
    .name = "intruders",
    .help = "the spectra of each stage, and the intruder dimensions in them",
    .entries = intruders,
    .count = COUNT(intruders),
    .defaults = &wane_experiment_usual,
};

/* ------------------------------------------------------------------------------------ track */

static const wane_setting track[] = {
    {.name = "every",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_tracking, every),
     .low = 1,
     .high = MOST,
     .required = true,
     .form = "steps between two looks",
     .unit = "steps",
     .help = "how often one looks: at step 0, every so many and the last",
     .example = "100"},
    {.name = "spectra",
     .type = WANE_SETTING_FLAG,
     WANE_MEMBER(wane_tracking, spectra),
     .help = "whether spectra and norms are measured at a look"},
    {.name = "top",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_tracking, top),
     .low = WANE_LEAST_TOP,
     .high = 1 << 20,
     .unit = "directions",
     .help = "how many singular directions of each matrix a look follows"},
    {.name = "nll_tokens",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_tracking, nll_tokens),
     .low = 0,
     .high = MOST,
     .unit = "tokens",
     .help = "the first of the pretraining corpus whose likelihood a look measures; 0: none"},
    {.name = "task_rows",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_tracking, task_rows),
     .low = 0,
     .high = MOST,
     .unit = "rows",
     .help = "the first of every task trained so far that a look measures; 0: none"},
};

static const wane_tracking usual_track = {
    .spectra = true, .top = 10, .nll_tokens = 1024, .task_rows = 64};

const wane_settings wane_track_settings = {
    .name = "track",
    .help = "what is measured while a stage trains",
    .entries = track,
    .count = COUNT(track),
    .defaults = &usual_track,
};

/* --------------------------------------------------------------------------------- matrices */

static wane_status read_shown_sides(void *into, const wane_setting *setting, const wane_yaml *node,
                                    const wane_setting_reader *reader, wane_error *err)
{
    wane_shown_matrices *shown = into;
    (void)setting;
    (void)reader;
    shown->u = true;
    return node ? sides_of_list(&shown->u, &shown->v, node, err) : WANE_OK;
}

static void print_shown_sides(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_shown_matrices *shown = of;
    (void)setting;
    print_side_names(out, shown->u, shown->v);
}

static const char *const which[] = {"last", "all", NULL};

static const wane_setting matrix[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_shown_matrices, pattern),
     .required = true,
     .help = "the matrices whose name has these parts in a row; * stands for anything",
     .example = "0.q_proj"},
    {.name = "stages",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_shown_matrices, all_stages),
     .choices = which,
     .help = "after which stages of a run"},
    {.name = "sides",
     .type = WANE_SETTING_OWN,
     .form = "a list of u, v",
     .written = "[u]",
     .help = "the singular vectors whose overlaps with the base's are stored",
     .read = read_shown_sides,
     .print = print_shown_sides},
};

const wane_settings wane_shown_settings = {
    .name = "matrices",
    .help = "an item is a map, or a name alone",
    .entries = matrix,
    .count = COUNT(matrix),
};

wane_status wane_experiment_read_matrices(void *into, const wane_setting *setting,
                                          const wane_yaml *list, const wane_setting_reader *reader,
                                          wane_error *err)
{
    wane_experiment *x = into;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    x->shown = wane_arena_alloc(x->memory, list->count, sizeof *x->shown);
    if (!x->shown) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count && st == WANE_OK; i++) {
        x->shown[i].line = list->children[i]->line;
        x->shown[i].column = list->children[i]->column;
        st = wane_settings_fill(&x->shown[i], setting->block, list->children[i], reader, err);
    }
    x->shown_count = list->count;
    return st;
}

void wane_experiment_print_matrices(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    for (size_t i = 0; i < x->shown_count; i++) {
        wane_text_string(out, "\n  - ");
        wane_settings_print(out, &(wane_settings_of){setting->block, &x->shown[i]}, 1);
    }
}

/* --------------------------------------------------------------------------------- measures */

wane_status wane_experiment_read_measures(void *into, const wane_setting *setting,
                                          const wane_yaml *list, const wane_setting_reader *reader,
                                          wane_error *err)
{
    wane_experiment *x = into;
    (void)setting;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    x->asked = wane_arena_alloc(reader->memory, list->count, sizeof *x->asked);
    if (!x->asked) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count && st == WANE_OK; i++) {
        const wane_yaml *node = list->children[i];
        wane_asked_measure *asked = &x->asked[i];
        st = wane_node_text(&asked->name, node, reader->memory, err);
        asked->line = node->line;
        asked->column = node->column;
        for (size_t k = 0; k < i && st == WANE_OK; k++)
            if (strcmp(x->asked[k].name, asked->name) == 0)
                st = wane_yaml_fail(node, err, "'%.60s' is there twice", asked->name);
    }
    x->asked_count = list->count;
    return st;
}

void wane_experiment_print_measures(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    for (size_t i = 0; i < x->asked_count; i++) {
        wane_text_string(out, i ? ", " : "[");
        wane_setting_quote(out, x->asked[i].name);
    }
    wane_text_string(out, "]");
}
