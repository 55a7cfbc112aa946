/* SPDX-License-Identifier: Apache-2.0
 * Finds the index of each label's value, learns new ones on the way, and in the end orders them by
 * number where all are integers, else by bytes.
 */
#include "tasks/data/label.h"

#include <stdlib.h>
#include <string.h>

static size_t find(const wane_label_set *set, const char *value)
{
    size_t i = 0;
    while (i < set->count && strcmp(set->labels[i].value, value) != 0) i++;
    return i;
}

static wane_status add(wane_label_set *set, const char *value, wane_error *err)
{
    size_t room = set->capacity;
    if (!WANE_GROW(set->labels, room, set->count + 1) ||
        !WANE_GROW(set->names, set->capacity, set->count + 1))
        return wane_fail_memory(err, "read", "labels");
    const char *copy = wane_arena_strdup(set->arena, value);
    if (!copy) return wane_fail_memory(err, "read", "labels");
    set->labels[set->count] = (wane_label){.value = copy};
    set->names[set->count++] = NULL;
    return WANE_OK;
}

static wane_status check_verbalizers(const wane_label_set *set, const char *what, wane_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        const wane_label *label = &set->labels[i];
        if (!*label->verbalizer)
            return wane_fail(err, WANE_EINVAL, "%s: label \"%.60s\" has an empty verbalizer", what,
                             label->value);
        for (size_t j = 0; j < i; j++)
            if (strcmp(set->labels[j].verbalizer, label->verbalizer) == 0)
                return wane_fail(
                    err, WANE_EINVAL,
                    "%s: labels \"%.60s\" and \"%.60s\" have one verbalizer, \"%.60s\"", what,
                    set->labels[j].value, label->value, label->verbalizer);
    }
    if (set->count < 2)
        return wane_fail(err, WANE_EINVAL, "%s: at least two labels are wanted, there %s %zu", what,
                         set->count ? "is" : "are", set->count);
    return WANE_OK;
}

wane_status wane_label_set_give(wane_label_set *set, const wane_label *labels, size_t count,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < count; i++) {
        if (!labels[i].value || !labels[i].verbalizer)
            WANE_TRY(wane_fail(err, WANE_EINVAL, "labels: value or verbalizer missing"));
        if (find(set, labels[i].value) < set->count)
            WANE_TRY(
                wane_fail(err, WANE_EINVAL, "labels: \"%.60s\" is there twice", labels[i].value));
        WANE_TRY(add(set, labels[i].value, err));
        set->labels[i].verbalizer = wane_arena_strdup(set->arena, labels[i].verbalizer);
        if (!set->labels[i].verbalizer) WANE_TRY(wane_fail_memory(err, "read", "labels"));
    }
    WANE_TRY(check_verbalizers(set, "labels", err));
    set->given = true;
    set->open = false;
done:
    return st;
}

static wane_status check_name(wane_label_set *set, size_t index, const char *name,
                              const wane_source *source, wane_error *err)
{
    if (set->names[index] && strcmp(set->names[index], name) != 0)
        return wane_source_fail(source, err, WANE_EFORMAT,
                                "label \"%.60s\" is called \"%.60s\" here and \"%.60s\" before",
                                set->labels[index].value, name, set->names[index]);
    if (set->names[index]) return WANE_OK;
    set->names[index] = wane_arena_strdup(set->arena, name);
    return set->names[index] ? WANE_OK : wane_fail_memory(err, "read", "labels");
}

wane_status wane_label_set_find(size_t *out, wane_label_set *set, const char *value,
                                const char *name, const wane_source *source, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t index = find(set, value);
    if (index == set->count && !set->open) {
        *out = SIZE_MAX;
        return WANE_OK;
    }
    if (index == WANE_MOST_LABELS)
        return wane_source_fail(source, err, WANE_EFORMAT,
                                "the label column has more than %d values, which is no label set "
                                "(name another column with `label`, or give `labels`)",
                                WANE_MOST_LABELS);
    /* A cell without anything is a value that is missing (null in JSON, NaN in pandas), no class.
     */
    if (index == set->count && !*value)
        return wane_source_fail(source, err, WANE_EFORMAT,
                                "the label is empty: leave the row out, or name the empty label "
                                "under `labels`");
    if (index == set->count) WANE_TRY(add(set, value, err));
    if (name && !set->given) WANE_TRY(check_name(set, index, name, source, err));
    *out = index;
done:
    return st;
}

typedef struct ranked {
    wane_label label;
    const char *name;
    bool numeric;
    size_t old;
} ranked;

/* An optional sign and digits, however many: ids of 64 bits without a sign are labels too. */
static bool is_integer(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* Integers by their digits, as no type holds them all. */
static int by_number(const char *a, const char *b)
{
    const char *digits[2] = {a + (*a == '-' || *a == '+'), b + (*b == '-' || *b == '+')};
    for (int i = 0; i < 2; i++) digits[i] += strspn(digits[i], "0");
    bool negative[2] = {*a == '-' && *digits[0], *b == '-' && *digits[1]};
    if (negative[0] != negative[1]) return negative[0] ? -1 : 1;
    size_t length[2] = {strlen(digits[0]), strlen(digits[1])};
    int order =
        length[0] != length[1] ? (length[0] < length[1] ? -1 : 1) : strcmp(digits[0], digits[1]);
    return negative[0] ? -order : order;
}

static int compare(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    int order = a->numeric ? by_number(a->label.value, b->label.value) : 0;
    return order ? order : strcmp(a->label.value, b->label.value);
}

wane_status wane_label_set_close(size_t **order, wane_label_set *set, const char *name,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    size_t *made = wane_alloc(set->count, sizeof *made);
    ranked *ranks = wane_alloc(set->count, sizeof *ranks);
    wane_text verbalizer = {0};
    if (!made || !ranks) WANE_TRY(wane_fail_memory(err, "read", name));
    bool numeric = !set->given;
    for (size_t i = 0; i < set->count; i++) {
        ranks[i] = (ranked){.label = set->labels[i], .name = set->names[i], .old = i};
        numeric = numeric && is_integer(set->labels[i].value);
    }
    for (size_t i = 0; i < set->count; i++) ranks[i].numeric = numeric;
    if (!set->given && set->count) qsort(ranks, set->count, sizeof *ranks, compare);
    for (size_t i = 0; i < set->count; i++) {
        made[ranks[i].old] = i;
        set->labels[i] = ranks[i].label;
        set->names[i] = ranks[i].name;
        if (set->given) continue;
        wane_text_clear(&verbalizer);
        wane_text_printf(&verbalizer, " %s", ranks[i].name ? ranks[i].name : ranks[i].label.value);
        WANE_TRY(wane_text_check(&verbalizer, "read", name, err));
        set->labels[i].verbalizer = wane_arena_strdup(set->arena, verbalizer.data);
        if (!set->labels[i].verbalizer) WANE_TRY(wane_fail_memory(err, "read", name));
    }
    set->open = false;
    if (!set->given) WANE_TRY(check_verbalizers(set, name, err));
    *order = made;
    made = NULL;
done:
    wane_text_free(&verbalizer);
    wane_free(ranks);
    wane_free(made);
    return st;
}

wane_status wane_label_set_unknown(const wane_label_set *set, const char *value,
                                   const wane_source *source, wane_error *err)
{
    wane_text list = {0};
    const char **values = wane_alloc(set->count, sizeof *values);
    if (!values) return wane_fail_memory(err, "read", "labels");
    for (size_t i = 0; i < set->count; i++) values[i] = set->labels[i].value;
    wane_list_names(&list, values, set->count);
    wane_status st =
        wane_source_fail(source, err, WANE_EFORMAT, "label \"%.60s\" is not in the set: %s", value,
                         list.data ? list.data : "(empty)");
    wane_text_free(&list);
    wane_free(values);
    return st;
}

void wane_label_set_free(wane_label_set *set)
{
    wane_free(set->labels);
    wane_free(set->names);
    set->labels = NULL;
    set->names = NULL;
}
