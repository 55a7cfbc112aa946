/* SPDX-License-Identifier: Apache-2.0
 * The input: a document; then, where it holds zero bytes, a path and a value of an override.
 */
#include <stdbool.h>

#include "store/base/text.h"
#include "store/files/yaml.h"
#include "tests/fuzz/fuzz.h"

static size_t check_node(const wane_yaml *node, const wane_yaml_document *document, bool placed)
{
    static const char *const names[] = {"name", "training", "methods"};
    wane_error err = {0};
    size_t nodes = 1;
    FUZZ_CHECK(node->document == document && node->text);
    FUZZ_CHECK(!placed || (node->line > 0 && node->column > 0));
    wane_status st = wane_yaml_fail(node, &err, "%s", "cause");
    fuzz_check_error(st, &err);
    if (node->kind == WANE_YAML_SCALAR) {
        FUZZ_CHECK(node->count == 0 && wane_utf8_valid(node->text, strlen(node->text), NULL));
        return nodes;
    }
    st = wane_yaml_known(node, names, 3, &err);
    if (st != WANE_OK) fuzz_check_error(st, &err);
    for (size_t i = 0; i < node->count; i++) {
        const wane_yaml *child = node->children[i];
        if (node->kind == WANE_YAML_MAP)
            FUZZ_CHECK(child->key && (nodes > 2000 || wane_yaml_get(node, child->key) == child));
        else FUZZ_CHECK(!child->key);
        nodes += check_node(child, document, placed);
    }
    return nodes;
}

/* The input's next text, a copy of the caller's; the rest moves behind its zero byte. */
static char *next_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
    size_t length = end ? (size_t)(end - *data) : *size;
    char *text = calloc(length + 1, 1);
    if (!text) abort();
    if (length) memcpy(text, *data, length);
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_yaml_document *document = NULL;
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    wane_status st = wane_yaml_parse(&document, (const char *)data, length, "input", &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!document && err.line > 0);
        return 0;
    }
    size_t nodes = check_node(wane_yaml_root(document), document, true);
    if (end) {
        data = end + 1;
        size -= length + 1;
        char *path = next_text(&data, &size), *value = next_text(&data, &size);
        st = wane_yaml_override(document, path, value, &err);
        if (st != WANE_OK) fuzz_check_error(st, &err);
        size_t after = check_node(wane_yaml_root(document), document, false);
        FUZZ_CHECK(st == WANE_OK || after == nodes);
        free(path);
        free(value);
    }
    wane_yaml_free(document);
    return 0;
}
