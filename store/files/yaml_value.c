/* SPDX-License-Identifier: Apache-2.0
 * Typed values of a YAML tree.
 */
#include "store/files/yaml_value.h"

#include <math.h>

#include "store/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *kind_name(wane_yaml_kind kind)
{
    return kind == WANE_YAML_SCALAR ? "a value" : kind == WANE_YAML_LIST ? "a list" : "a map";
}

wane_status wane_node_is(const wane_yaml *node, wane_yaml_kind kind, wane_error *err)
{
    if (node->kind == kind) return WANE_OK;
    return wane_yaml_fail(node, err, "%s expected, found %s", kind_name(kind),
                          kind_name(node->kind));
}

wane_status wane_node_text(const char **out, const wane_yaml *node, wane_arena *memory,
                           wane_error *err)
{
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    const char *copy = wane_arena_strdup(memory, node->text);
    if (!copy) return wane_fail_memory(err, "read", "setting");
    *out = copy;
    return WANE_OK;
}

wane_status wane_node_number(double *out, const wane_yaml *node, double low, double high,
                             wane_error *err)
{
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    double value = 0;
    if (node->quoted || !wane_parse_double(&value, node->text))
        return wane_yaml_fail(node, err, "'%.60s' is no number", node->text);
    if (!(value >= low && value <= high))
        return wane_yaml_fail(node, err, "%g is not in [%g, %g]", value, low, high);
    *out = value;
    return WANE_OK;
}

wane_status wane_node_count(size_t *out, const wane_yaml *node, size_t low, size_t high,
                            wane_error *err)
{
    const size_t most = (size_t)1 << 53;
    double near = 0;
    uint64_t value = 0;
    wane_status st = wane_node_number(&near, node, -INFINITY, INFINITY, err);
    if (st != WANE_OK) return st;
    if (high > most) high = most;
    /* Compared as they are written: the nearest double of 2^53 + 1 is 2^53. */
    bool whole = wane_parse_whole(&value, node->text);
    if (near < (double)low || near > (double)high || (whole && (value < low || value > high)))
        return wane_yaml_fail(node, err, "%.60s is not in [%zu, %zu]", node->text, low, high);
    if (!whole) return wane_yaml_fail(node, err, "%.60s is no whole number", node->text);
    *out = (size_t)value;
    return WANE_OK;
}

wane_status wane_node_flag(bool *out, const wane_yaml *node, const char *key, wane_error *err)
{
    static const char *const names[] = {"false", "true", "no", "yes", "off", "on"};
    size_t value = 0;
    wane_status st = wane_node_choice(&value, node, key, names, COUNT(names), err);
    if (st == WANE_OK) *out = value % 2 == 1;
    return st;
}

/* '-' and '_' are alike in names that users type. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) return false;
    return *a == *b;
}

wane_status wane_node_choice(size_t *out, const wane_yaml *node, const char *key,
                             const char *const *names, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    bool value = node->kind == WANE_YAML_SCALAR;
    for (size_t i = 0; value && i < count; i++)
        if (same_name(node->text, names[i])) {
            *out = i;
            return WANE_OK;
        }
    wane_text list = {0};
    for (size_t i = 0; i < count; i++) wane_text_printf(&list, "%s%s", i ? ", " : "", names[i]);
    st = wane_text_check(&list, "read", key, err);
    if (st == WANE_OK && !value)
        st = wane_yaml_fail(node, err, "one of %s expected, found %s", list.data,
                            kind_name(node->kind));
    else if (st == WANE_OK)
        st = wane_yaml_fail(node, err, "'%.60s' is none of %s", node->text, list.data);
    wane_text_free(&list);
    return st;
}
