/* SPDX-License-Identifier: Apache-2.0
 * Builds the tree from libyaml's events, finds repeated keys, and puts overrides (PATH=VALUE of the
 * command line) into it.
 */
#include "store/files/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "store/base/memory.h"
#include "store/base/text.h"

enum { DEEPEST = 64, LARGEST = 1 << 20 };

typedef struct node {
    wane_yaml view; /* first, so that the view is the node */
    struct node *parent;
    size_t capacity;
    long key_line, key_column;
} node;

struct wane_yaml_document {
    wane_arena *arena;
    const char *name;
    node *root;
};

/* One parse, of a file or of the value of an override. */
typedef struct reader {
    wane_yaml_document *document;
    const char *operation, *name; /* how messages begin */
    bool placed;                  /* whether nodes get the places of the input */
    node *open[DEEPEST];
    size_t depth;
    node *root;
    int documents;
    const char *key; /* read, its value still to come */
    long key_line, key_column;
    wane_error *err;
} reader;

static wane_status out_of_memory(const reader *r)
{
    return wane_fail_memory(r->err, r->operation, r->name);
}

static wane_status refuse(const reader *r, yaml_mark_t mark, const char *cause)
{
    return wane_fail_at(r->err, WANE_EFORMAT, (long)mark.line + 1, (long)mark.column + 1,
                        "%s: %s: %s", r->operation, r->name, cause);
}

static node *node_new(wane_yaml_document *document, wane_yaml_kind kind)
{
    node *n = wane_arena_alloc(document->arena, 1, sizeof *n);
    if (!n) return NULL;
    n->view.kind = kind;
    n->view.text = "";
    n->view.document = document;
    return n;
}

static bool node_add(node *parent, node *child)
{
    wane_yaml *view = &parent->view;
    if (view->count == parent->capacity) {
        size_t capacity = parent->capacity ? parent->capacity * 2 : 4;
        wane_yaml **children =
            wane_arena_alloc(view->document->arena, capacity, sizeof(wane_yaml *));
        if (!children) return false;
        if (view->count) memcpy(children, view->children, view->count * sizeof *children);
        view->children = children;
        parent->capacity = capacity;
    }
    child->parent = parent;
    view->children[view->count++] = &child->view;
    return true;
}

/* Puts a new node where the parse stands, with the key that waits for it. */
static wane_status place(reader *r, wane_yaml_kind kind, yaml_mark_t mark, node **out)
{
    node *n = node_new(r->document, kind);
    if (!n) return out_of_memory(r);
    if (r->placed) {
        n->view.line = (long)mark.line + 1;
        n->view.column = (long)mark.column + 1;
        n->key_line = r->key_line;
        n->key_column = r->key_column;
    }
    n->view.key = r->key;
    r->key = NULL;
    if (r->depth == 0) r->root = n;
    else if (!node_add(r->open[r->depth - 1], n)) return out_of_memory(r);
    *out = n;
    return WANE_OK;
}

static bool awaits_key(const reader *r)
{
    return r->depth && r->open[r->depth - 1]->view.kind == WANE_YAML_MAP && !r->key;
}

static wane_status read_scalar(reader *r, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    if (event->data.scalar.anchor) return refuse(r, event->start_mark, "anchors are not allowed");
    if (event->data.scalar.tag) return refuse(r, event->start_mark, "tags are not allowed");
    if (strlen(value) != event->data.scalar.length)
        return refuse(r, event->start_mark, "a text must not contain the character \\0");
    char *text = wane_arena_strndup(r->document->arena, value, event->data.scalar.length);
    if (!text) return out_of_memory(r);
    if (awaits_key(r)) {
        r->key = text;
        r->key_line = (long)event->start_mark.line + 1;
        r->key_column = (long)event->start_mark.column + 1;
        return WANE_OK;
    }
    node *n = NULL;
    wane_status st = place(r, WANE_YAML_SCALAR, event->start_mark, &n);
    if (st != WANE_OK) return st;
    n->view.text = text;
    n->view.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return WANE_OK;
}

static wane_status open_collection(reader *r, wane_yaml_kind kind, const yaml_event_t *event,
                                   const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) return refuse(r, event->start_mark, "anchors are not allowed");
    if (tag) return refuse(r, event->start_mark, "tags are not allowed");
    if (awaits_key(r)) return refuse(r, event->start_mark, "a key must be a plain text");
    if (r->depth == DEEPEST) return refuse(r, event->start_mark, "nested too deeply (over 64)");
    node *n = NULL;
    wane_status st = place(r, kind, event->start_mark, &n);
    if (st == WANE_OK) r->open[r->depth++] = n;
    return st;
}

static int by_key_and_place(const void *a, const void *b)
{
    const node *first = *(node *const *)a, *second = *(node *const *)b;
    int order = strcmp(first->view.key, second->view.key);
    if (order) return order;
    if (first->key_line != second->key_line) return first->key_line < second->key_line ? -1 : 1;
    return (first->key_column > second->key_column) - (first->key_column < second->key_column);
}

/* The first key of a closed map that repeats an earlier one is an error. */
static wane_status check_duplicates(const reader *r, const node *map)
{
    size_t count = map->view.count;
    if (count < 2) return WANE_OK;
    node **sorted = wane_alloc(count, sizeof *sorted);
    if (!sorted) return out_of_memory(r);
    for (size_t i = 0; i < count; i++) sorted[i] = (node *)(void *)map->view.children[i];
    qsort(sorted, count, sizeof *sorted, by_key_and_place);
    const node *worst = NULL, *before = NULL;
    for (size_t i = 1; i < count; i++) {
        const node *n = sorted[i];
        if (strcmp(sorted[i - 1]->view.key, n->view.key) != 0) continue;
        if (worst && (worst->key_line < n->key_line ||
                      (worst->key_line == n->key_line && worst->key_column < n->key_column)))
            continue;
        worst = n;
        before = sorted[i - 1];
    }
    wane_free(sorted);
    if (!worst) return WANE_OK;
    if (!r->placed)
        return wane_fail(r->err, WANE_EFORMAT, "%s: %s: %s: duplicate key", r->operation, r->name,
                         worst->view.key);
    return wane_fail_at(r->err, WANE_EFORMAT, worst->key_line, worst->key_column,
                        "%s: %s: %s: duplicate key, first on line %ld", r->operation, r->name,
                        worst->view.key, before->key_line);
}

static wane_status handle(reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->documents++) return refuse(r, event->start_mark, "more than one document");
        return WANE_OK;
    case YAML_ALIAS_EVENT: return refuse(r, event->start_mark, "aliases are not allowed");
    case YAML_SCALAR_EVENT: return read_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(r, WANE_YAML_LIST, event, event->data.sequence_start.anchor,
                               event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(r, WANE_YAML_MAP, event, event->data.mapping_start.anchor,
                               event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT: r->depth--; return WANE_OK;
    case YAML_MAPPING_END_EVENT: r->depth--; return check_duplicates(r, r->open[r->depth]);
    default: return WANE_OK;
    }
}

static wane_status syntax_error(const reader *r, const yaml_parser_t *parser, const char *bytes,
                                size_t count)
{
    if (parser->error == YAML_MEMORY_ERROR) return out_of_memory(r);
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const char *context = parser->context ? parser->context : "";
    long line = (long)parser->problem_mark.line + 1, column = (long)parser->problem_mark.column + 1;
    if (parser->error == YAML_READER_ERROR) { /* has an offset in place of a mark */
        size_t end = parser->problem_offset < count ? parser->problem_offset : count;
        line = column = 1;
        for (size_t i = 0; i < end; i++) {
            if (bytes[i] == '\n') {
                line++;
                column = 1;
            } else if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
                column++;
            }
        }
    }
    return wane_fail_at(r->err, WANE_EFORMAT, line, column, "%s: %s: %s%s%s", r->operation, r->name,
                        problem, *context ? " " : "", context);
}

static wane_status read_tree(reader *r, const char *bytes, size_t count)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return out_of_memory(r);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, count);
    wane_status st = WANE_OK;
    for (bool more = true; st == WANE_OK && more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            st = syntax_error(r, &parser, bytes, count);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        st = handle(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return st;
}

wane_status wane_yaml_parse(wane_yaml_document **out, const char *bytes, size_t count,
                            const char *name, wane_error *err)
{
    if (count > LARGEST)
        return wane_fail(err, WANE_EFORMAT, "read: %s: larger than %d bytes", name, LARGEST);
    if (count >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) {
        bytes += 3;
        count -= 3;
    }
    wane_arena *arena = wane_arena_new();
    wane_yaml_document *document = arena ? wane_arena_alloc(arena, 1, sizeof *document) : NULL;
    char *copy = document ? wane_arena_strdup(arena, name) : NULL;
    if (!copy) {
        wane_arena_free(arena);
        return wane_fail_memory(err, "read", name);
    }
    document->arena = arena;
    document->name = copy;
    reader r = {
        .document = document, .operation = "read", .name = name, .placed = true, .err = err};
    wane_status st = read_tree(&r, bytes, count);
    if (st == WANE_OK) {
        node *root = r.root;
        bool empty = !root || (root->view.kind == WANE_YAML_SCALAR && !root->view.quoted &&
                               !root->view.text[0]);
        if (!root) root = node_new(document, WANE_YAML_MAP);
        if (!root) {
            st = out_of_memory(&r);
        } else {
            if (empty) root->view.kind = WANE_YAML_MAP;
            if (!root->view.line) root->view.line = root->view.column = 1;
            document->root = root;
        }
    }
    if (st != WANE_OK) {
        wane_arena_free(arena);
        return st;
    }
    *out = document;
    return WANE_OK;
}

void wane_yaml_free(wane_yaml_document *document)
{
    if (document) wane_arena_free(document->arena);
}

wane_yaml *wane_yaml_root(const wane_yaml_document *document)
{
    return &document->root->view;
}

const wane_yaml *wane_yaml_get(const wane_yaml *map, const char *key)
{
    if (!map || map->kind != WANE_YAML_MAP) return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (!strcmp(map->children[i]->key, key)) return map->children[i];
    return NULL;
}

/* The name by which an override finds a list item; NULL if it has only its number. */
static const char *item_name(const wane_yaml *item)
{
    if (item->kind == WANE_YAML_SCALAR) return item->text;
    static const char *const keys[] = {"name", "path", "kind"};
    const wane_yaml *name = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !name; i++)
        name = wane_yaml_get(item, keys[i]);
    return name && name->kind == WANE_YAML_SCALAR ? name->text : NULL;
}

/* The path of a node as an override writes it: "methods.lora-r8.rank". */
static void write_path(char *out, size_t capacity, const node *n)
{
    const node *chain[2 * DEEPEST + 1];
    size_t count = 0, used = 0;
    out[0] = '\0';
    for (; n && n->parent && count < sizeof chain / sizeof *chain; n = n->parent)
        chain[count++] = n;
    while (count-- && used < capacity) {
        const wane_yaml *view = &chain[count]->view, *parent = &chain[count]->parent->view;
        const char *dot = used ? "." : "", *part = view->key;
        if (!part && view->kind == WANE_YAML_MAP) part = item_name(view);
        int more;
        if (part) {
            more = snprintf(out + used, capacity - used, "%s%s", dot, part);
        } else {
            size_t i = 0;
            while (i + 1 < parent->count && parent->children[i] != view) i++;
            more = snprintf(out + used, capacity - used, "%s%zu", dot, i);
        }
        if (more < 0) return;
        used += (size_t)more;
    }
}

static wane_status fail_with(const node *n, long line, long column, wane_error *err,
                             const char *cause)
{
    char path[256];
    write_path(path, sizeof path, n);
    const char *name = n->view.document->name, *colon = path[0] ? ": " : "";
    if (line == 0)
        return wane_fail(err, WANE_EINVAL, "%s: %s%s%s (set by an override)", name, path, colon,
                         cause);
    return wane_fail_at(err, WANE_EINVAL, line, column, "%s: %s%s%s", name, path, colon, cause);
}

wane_status wane_yaml_fail(const wane_yaml *view, wane_error *err, const char *format, ...)
{
    char cause[WANE_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    return fail_with((const node *)(const void *)view, view->line, view->column, err, cause);
}

wane_status wane_yaml_known(const wane_yaml *map, const char *const *names, size_t count,
                            wane_error *err)
{
    if (map->kind != WANE_YAML_MAP) return wane_yaml_fail(map, err, "must be a map of keys");
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->children[i]->key;
        bool known = false;
        for (size_t k = 0; k < count && !known; k++) known = !strcmp(key, names[k]);
        if (known) continue;
        const node *n = (const node *)(const void *)map->children[i];
        const char *near = wane_nearest(key, names, count);
        char cause[512];
        int used = near ? snprintf(cause, sizeof cause, "unknown key; did you mean %s?", near)
                        : snprintf(cause, sizeof cause, "unknown key; known here:");
        for (size_t k = 0; !near && k < count && used >= 0 && (size_t)used < sizeof cause; k++)
            used += snprintf(cause + used, sizeof cause - (size_t)used, "%s %s", k ? "," : "",
                             names[k]);
        return fail_with(n, n->key_line, n->key_column, err, cause);
    }
    return WANE_OK;
}

/* Bytes of `path` that `name` takes, the whole or up to a dot; 0 when it is not its beginning. */
static size_t leads(const char *path, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || strncmp(path, name, length) != 0) return 0;
    return path[length] == '\0' || path[length] == '.' ? length : 0;
}

/* The child of `parent` that `path` starts with, and how many bytes name it. Names may hold dots:
 * the longest wins. NULL when there is none; *twice when there are two. */
static node *find_child(const node *parent, const char *path, size_t *bytes, bool *twice)
{
    const wane_yaml *view = &parent->view;
    wane_yaml *found = NULL;
    size_t longest = 0;
    *twice = false;
    if (view->kind == WANE_YAML_LIST) {
        size_t digits = strspn(path, "0123456789"), index = 0;
        for (size_t i = 0; i < digits && index < view->count; i++)
            index = index * 10 + (size_t)(path[i] - '0');
        bool ends = path[digits] == '\0' || path[digits] == '.';
        if (digits && ends && index < view->count) {
            *bytes = digits;
            return (node *)(void *)view->children[index];
        }
    }
    for (size_t i = 0; i < view->count; i++) {
        wane_yaml *child = view->children[i];
        size_t length = leads(path, view->kind == WANE_YAML_MAP ? child->key : item_name(child));
        if (length && length == longest) *twice = true;
        if (length <= longest) continue;
        longest = length;
        found = child;
        *twice = false;
    }
    *bytes = longest;
    return (node *)(void *)found;
}

/* The parsed value: what looks like a flow list, a flow map or a quoted text is YAML, anything else
 * is a plain scalar as it stands. */
static wane_status parse_value(node **out, wane_yaml_document *document, const char *path,
                               const char *value, wane_error *err)
{
    size_t count = strlen(value);
    if (count > LARGEST || !wane_utf8_valid(value, count, NULL))
        return wane_fail(err, WANE_EINVAL, "override: %s: not UTF-8 text", path);
    while (*value == ' ' || *value == '\t') value++;
    count = strlen(value);
    while (count && (value[count - 1] == ' ' || value[count - 1] == '\t')) count--;
    if (count && strchr("[{\"'", value[0])) {
        reader r = {.document = document, .operation = "override", .name = path, .err = err};
        wane_status st = read_tree(&r, value, count);
        if (st != WANE_OK) return st;
        if (!r.root) return wane_fail(err, WANE_EINVAL, "override: %s: no value", path);
        *out = r.root;
        return WANE_OK;
    }
    node *n = node_new(document, WANE_YAML_SCALAR);
    char *text = n ? wane_arena_strndup(document->arena, value, count) : NULL;
    if (!text) return wane_fail_memory(err, "override", path);
    n->view.text = text;
    *out = n;
    return WANE_OK;
}

static size_t height(const node *n)
{
    size_t highest = 0;
    for (size_t i = 0; i < n->view.count; i++) {
        size_t h = height((const node *)(const void *)n->view.children[i]);
        if (h > highest) highest = h;
    }
    return n->view.kind == WANE_YAML_SCALAR ? 0 : highest + 1;
}

/* Makes `n` hold what `value` holds; its key and its place in the tree stay. */
static void assign(node *n, const node *value)
{
    const char *key = n->view.key;
    n->view = value->view;
    n->view.key = key;
    n->capacity = value->capacity;
    n->key_line = n->key_column = 0;
    for (size_t i = 0; i < n->view.count; i++) ((node *)(void *)n->view.children[i])->parent = n;
}

wane_status wane_yaml_wrap(wane_yaml *scalar, const char *key, wane_error *err)
{
    node *map = (node *)(void *)scalar, *member = node_new(scalar->document, WANE_YAML_SCALAR);
    const char *copy = wane_arena_strndup(scalar->document->arena, key, strlen(key));
    if (!member || !copy) return wane_fail_memory(err, "read", scalar->document->name);
    member->view = *scalar;
    member->view.key = copy;
    if (!node_add(map, member)) return wane_fail_memory(err, "read", scalar->document->name);
    scalar->kind = WANE_YAML_MAP;
    scalar->text = "";
    scalar->quoted = false;
    return WANE_OK;
}

/* Hangs `value` below the map `parent` under the rest of an override's path, making maps on the
 * way. Nothing is attached before all is made. */
static wane_status attach(node *parent, const char *rest, const char *path, node *value,
                          wane_error *err)
{
    wane_yaml_document *document = parent->view.document;
    for (const char *end = rest + strlen(rest);;) {
        const char *start = end;
        while (start > rest && start[-1] != '.') start--;
        if (start == end) return wane_fail(err, WANE_EINVAL, "override: %s: an empty name", path);
        value->view.key = wane_arena_strndup(document->arena, start, (size_t)(end - start));
        if (!value->view.key) return wane_fail_memory(err, "override", path);
        if (start == rest) break;
        node *map = node_new(document, WANE_YAML_MAP);
        if (!map || !node_add(map, value)) return wane_fail_memory(err, "override", path);
        value = map;
        end = start - 1;
    }
    wane_yaml_kind kind = parent->view.kind;
    parent->view.kind = WANE_YAML_MAP; /* an empty scalar becomes one */
    if (node_add(parent, value)) return WANE_OK;
    parent->view.kind = kind;
    return wane_fail_memory(err, "override", path);
}

wane_status wane_yaml_override(wane_yaml_document *document, const char *path, const char *value,
                               wane_error *err)
{
    node *at = document->root, *made = NULL;
    const char *rest = path;
    size_t levels = 1;
    wane_status st = WANE_OK;
    if (!*path || !wane_utf8_valid(path, strlen(path), NULL))
        return wane_fail(err, WANE_EINVAL, "override: %s: not a key", path);
    WANE_TRY(parse_value(&made, document, path, value, err));
    for (const char *c = path; *c; c++) levels += *c == '.';
    if (levels + height(made) > DEEPEST)
        return wane_fail(err, WANE_EINVAL, "override: %s: nested too deeply (over 64)", path);
    for (;;) {
        size_t bytes = 0;
        bool twice = false;
        node *child = find_child(at, rest, &bytes, &twice);
        if (twice)
            return wane_fail(err, WANE_EINVAL, "override: %s: several items are named %.*s", path,
                             (int)bytes, rest);
        if (!child) break;
        at = child;
        rest += bytes;
        if (!*rest) {
            assign(at, made);
            return WANE_OK;
        }
        rest++;
    }
    char where[256];
    write_path(where, sizeof where, at);
    const char *named = where[0] ? where : document->name;
    bool hollow = at->view.kind == WANE_YAML_SCALAR && !at->view.quoted && !at->view.text[0];
    if (at->view.kind == WANE_YAML_LIST)
        return wane_fail(err, WANE_EINVAL, "override: %s: the list %s has no item %.*s", path,
                         named, (int)strcspn(rest, "."), rest);
    if (at->view.kind == WANE_YAML_SCALAR && !hollow)
        return wane_fail(err, WANE_EINVAL, "override: %s: %s is a single value, not a map", path,
                         named);
    st = attach(at, rest, path, made, err);
done:
    return st;
}
