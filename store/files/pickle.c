/* SPDX-License-Identifier: Apache-2.0
 * A machine with a stack, a memo and a table of globals that runs the opcodes a state dict needs,
 * under limits on values and depth.
 */
#include "store/files/pickle.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef wane_pickle_value value;

/* Real state dicts have some 30 values a tensor. */
enum { MOST_VALUES = 8 << 20 };

typedef struct machine {
    wane_arena *arena;
    const unsigned char *bytes;
    size_t count, at, start; /* start: where the opcode in work stands */
    const char *path;
    wane_error *err;
    value **stack, **memo, *storages;
    size_t depth, stack_room, memo_count, memo_room, values;
} machine;

static const struct {
    const char *module, *name;
    wane_pickle_global what;
} globals[] = {
    {"collections", "OrderedDict", WANE_PICKLE_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", WANE_PICKLE_REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", WANE_PICKLE_REBUILD_PARAMETER},
    {"torch", "Size", WANE_PICKLE_SIZE},
    {"numpy", "dtype", WANE_PICKLE_NUMPY_DTYPE},
    {"numpy.core.multiarray", "scalar", WANE_PICKLE_NUMPY_SCALAR},
    {"numpy._core.multiarray", "scalar", WANE_PICKLE_NUMPY_SCALAR},
    {"_codecs", "encode", WANE_PICKLE_ENCODE},
};

/* Those of torch 2, as its reference lists them. */
static const char *const torch_dtypes[] = {
    "float64",     "float32",         "float16",         "bfloat16",       "float8_e4m3fn",
    "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
    "complex32",   "complex64",       "complex128",      "bool",           "uint8",
    "uint16",      "uint32",          "uint64",          "int8",           "int16",
    "int32",       "int64",           "quint8",          "qint8",          "qint32",
    "quint4x2",    "quint2x4"};

static const struct {
    const char *name, *type;
} storages[] = {
    {"FloatStorage", "F32"},  {"HalfStorage", "F16"}, {"BFloat16Storage", "BF16"},
    {"DoubleStorage", "F64"}, {"LongStorage", "I64"}, {"IntStorage", "I32"},
    {"ShortStorage", "I16"},  {"CharStorage", "I8"},  {"ByteStorage", "U8"},
    {"BoolStorage", "BOOL"},
};

const char *wane_pickle_storage_type(int64_t global)
{
    return storages[global - WANE_PICKLE_STORAGES].type;
}

/* ------------------------------------------------------------------------------------- failures */

static wane_status refuse(const machine *m, const char *cause)
{
    return wane_fail(m->err, WANE_EFORMAT, "read: %s: %s (byte %zu of its pickle)", m->path, cause,
                     m->start);
}

static wane_status no_memory(const machine *m)
{
    return wane_fail_memory(m->err, "read", m->path);
}

/* A name of the file in a message: what does not print becomes a question mark. */
static void printable(char out[80], const char *text, size_t count)
{
    size_t length = count < 79 ? count : 79;
    for (size_t i = 0; i < length; i++) out[i] = text[i] > 32 && text[i] < 127 ? text[i] : '?';
    out[length] = '\0';
}

/* ------------------------------------------------------------------------------ values and stack
 */

static value *make(machine *m, wane_pickle_kind kind)
{
    if (++m->values > MOST_VALUES) return NULL;
    value *made = wane_arena_alloc(m->arena, 1, sizeof *made);
    if (made) made->kind = kind;
    return made;
}

static wane_status push(machine *m, value *item)
{
    if (!item)
        return m->values > MOST_VALUES ? refuse(m, "more than 8 million values") : no_memory(m);
    if (!WANE_GROW(m->stack, m->stack_room, m->depth + 1)) return no_memory(m);
    m->stack[m->depth++] = item;
    return WANE_OK;
}

/* The value `below` places under the top; NULL when the stack is not that deep or a mark is there.
 */
static value *peek(const machine *m, size_t below)
{
    if (m->depth <= below) return NULL;
    value *item = m->stack[m->depth - 1 - below];
    return item->kind == WANE_PICKLE_MARK ? NULL : item;
}

/* How many values lie above the topmost mark. */
static bool above_mark(const machine *m, size_t *out)
{
    for (size_t i = m->depth; i > 0; i--)
        if (m->stack[i - 1]->kind == WANE_PICKLE_MARK) {
            *out = m->depth - i;
            return true;
        }
    return false;
}

/* Appends stack[depth - count ..] to the items of `list`. */
static wane_status append(machine *m, value *list, size_t count)
{
    if (list->count + count > list->room) {
        size_t room = list->count + count;
        if (list->room && room < 2 * list->room) room = 2 * list->room;
        value **grown = wane_arena_alloc(m->arena, room, sizeof *grown);
        if (!grown) return no_memory(m);
        if (list->count) memcpy(grown, list->items, list->count * sizeof(value *));
        list->items = grown;
        list->room = room;
    }
    if (count)
        memcpy(list->items + list->count, m->stack + (m->depth - count), count * sizeof(value *));
    list->count += count;
    return WANE_OK;
}

/* --------------------------------------------------------------------------------- reading bytes
 */

static bool take(machine *m, size_t count, const unsigned char **out)
{
    if (count > m->count - m->at) return false;
    *out = m->bytes + m->at;
    m->at += count;
    return true;
}

static wane_status truncated(const machine *m)
{
    return refuse(m, "ends in the middle (truncated?)");
}

/* An unsigned little-endian number of `width` bytes. */
static wane_status number(machine *m, size_t width, uint64_t *out)
{
    const unsigned char *bytes = NULL;
    if (!take(m, width, &bytes)) return truncated(m);
    *out = 0;
    for (size_t i = 0; i < width; i++) *out |= (uint64_t)bytes[i] << (8 * i);
    return WANE_OK;
}

/* `width` bytes of length, then so many bytes of text. */
static wane_status push_text(machine *m, size_t width, wane_pickle_kind kind)
{
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    wane_status st = number(m, width, &length);
    if (st != WANE_OK) return st;
    if (length > m->count - m->at || !take(m, (size_t)length, &bytes)) return truncated(m);
    value *made = make(m, kind);
    if (made) {
        made->text = wane_arena_strndup(m->arena, (const char *)bytes, (size_t)length);
        made->count = (size_t)length;
        if (!made->text) return no_memory(m);
    }
    return push(m, made);
}

static wane_status push_integer(machine *m, int64_t integer)
{
    value *made = make(m, WANE_PICKLE_INTEGER);
    if (made) made->integer = integer;
    return push(m, made);
}

/* Two's complement of `length` bytes, little-endian. */
static wane_status push_long(machine *m, uint64_t length)
{
    const unsigned char *bytes = NULL;
    if (length > m->count - m->at || !take(m, (size_t)length, &bytes)) return truncated(m);
    if (length > 8) return push(m, make(m, WANE_PICKLE_LARGE));
    uint64_t bits = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < (size_t)length; i++) {
        bits &= ~(UINT64_C(0xff) << (8 * i));
        bits |= (uint64_t)bytes[i] << (8 * i);
    }
    return push_integer(m, (int64_t)bits);
}

/* --------------------------------------------------------------------------------------- globals
 */

static bool same(const char *text, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

/* A dtype of torch is pickled as the global of that name. */
static bool is_torch_dtype(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof torch_dtypes / sizeof *torch_dtypes; i++)
        if (same(name, bytes, torch_dtypes[i])) return true;
    return false;
}

static wane_status push_fact(machine *m, wane_pickle_global from)
{
    value *made = make(m, WANE_PICKLE_FACT);
    if (made) made->integer = from;
    return push(m, made);
}

static wane_status push_global(machine *m, const char *module, size_t module_bytes,
                               const char *name, size_t name_bytes)
{
    int64_t found = -1;
    bool of_torch = same(module, module_bytes, "torch");
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (same(module, module_bytes, globals[i].module) &&
            same(name, name_bytes, globals[i].name))
            found = globals[i].what;
    for (size_t i = 0; of_torch && i < sizeof storages / sizeof *storages; i++)
        if (same(name, name_bytes, storages[i].name)) found = WANE_PICKLE_STORAGES + (int64_t)i;
    if (of_torch && is_torch_dtype(name, name_bytes)) return push_fact(m, WANE_PICKLE_TORCH_DTYPE);
    if (found < 0) {
        char a[80], b[80], text[240];
        printable(a, module, module_bytes);
        printable(b, name, name_bytes);
        (void)snprintf(text, sizeof text,
                       "its pickle asks for %s.%s, which is no part of a state dict and is not run",
                       a, b);
        return refuse(m, text);
    }
    value *made = make(m, WANE_PICKLE_GLOBAL);
    if (made) made->integer = found;
    return push(m, made);
}

/* "module\nname\n" after the opcode. */
static wane_status read_global(machine *m)
{
    const char *text[2] = {NULL, NULL};
    size_t length[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const unsigned char *from = m->bytes + m->at;
        const unsigned char *end = m->at < m->count ? memchr(from, '\n', m->count - m->at) : NULL;
        if (!end) return truncated(m);
        text[i] = (const char *)from;
        length[i] = (size_t)(end - from);
        m->at += length[i] + 1;
    }
    return push_global(m, text[0], length[0], text[1], length[1]);
}

static wane_status stack_global(machine *m)
{
    const value *name = peek(m, 0), *module = peek(m, 1);
    if (!name || !module || name->kind != WANE_PICKLE_TEXT || module->kind != WANE_PICKLE_TEXT)
        return refuse(m, "a global without a name");
    m->depth -= 2;
    return push_global(m, module->text, module->count, name->text, name->count);
}

static bool is(const value *v, wane_pickle_kind kind)
{
    return v && v->kind == kind;
}

/* ("storage", class, key, place, elements[, view]) becomes a storage. */
static wane_status persistent(machine *m)
{
    value *id = peek(m, 0);
    bool good = is(id, WANE_PICKLE_TUPLE) && (id->count == 5 || id->count == 6);
    good = good && is(id->items[0], WANE_PICKLE_TEXT) &&
           strcmp(id->items[0]->text, "storage") == 0 && is(id->items[1], WANE_PICKLE_GLOBAL) &&
           id->items[1]->integer >= WANE_PICKLE_STORAGES && is(id->items[2], WANE_PICKLE_TEXT) &&
           is(id->items[4], WANE_PICKLE_INTEGER);
    if (!good) return refuse(m, "a persistent id that is no storage");
    if (id->count == 6 && !is(id->items[5], WANE_PICKLE_NONE))
        return refuse(m, "a storage that is a view of another");
    value *made = make(m, WANE_PICKLE_STORAGE);
    if (made) {
        made->items = id->items;
        made->count = id->count;
        made->next = m->storages;
        m->storages = made;
    }
    m->depth--;
    return push(m, made);
}

static wane_status rebuild_tensor(machine *m, const value *args)
{
    bool good = args->count >= 6 && args->count <= 7 && is(args->items[0], WANE_PICKLE_STORAGE) &&
                is(args->items[1], WANE_PICKLE_INTEGER) && is(args->items[2], WANE_PICKLE_TUPLE) &&
                is(args->items[3], WANE_PICKLE_TUPLE);
    if (!good) return refuse(m, "_rebuild_tensor_v2 with arguments that make no tensor");
    value *made = make(m, WANE_PICKLE_TENSOR);
    if (made) {
        made->items = args->items;
        made->count = 4;
    }
    return push(m, made);
}

/* What the functions of globals make of their arguments; those of numpy make facts. */
static wane_status make_size(machine *m, const value *args)
{
    value *sizes = args->count == 1 ? args->items[0] : NULL;
    bool good = is(sizes, WANE_PICKLE_TUPLE);
    for (size_t i = 0; good && i < sizes->count; i++)
        good = is(sizes->items[i], WANE_PICKLE_INTEGER);
    return good ? push(m, sizes) : refuse(m, "torch.Size of what is no tuple of integers");
}

static wane_status make_numpy_dtype(machine *m, const value *args)
{
    bool good = args->count >= 1 && args->count <= 3 && is(args->items[0], WANE_PICKLE_TEXT);
    for (size_t i = 1; good && i < args->count; i++)
        good = is(args->items[i], WANE_PICKLE_BOOL) || is(args->items[i], WANE_PICKLE_INTEGER);
    return good ? push_fact(m, WANE_PICKLE_NUMPY_DTYPE)
                : refuse(m, "numpy's dtype with arguments that make none");
}

static wane_status make_numpy_scalar(machine *m, const value *args)
{
    bool good = args->count == 2 && is(args->items[0], WANE_PICKLE_FACT) &&
                args->items[0]->integer == WANE_PICKLE_NUMPY_DTYPE &&
                (is(args->items[1], WANE_PICKLE_BYTES) || is(args->items[1], WANE_PICKLE_TEXT));
    return good ? push_fact(m, WANE_PICKLE_NUMPY_SCALAR)
                : refuse(m, "numpy's scalar with arguments that make none");
}

/* Its bytes are those of a fact, so they stay as they are. */
static wane_status make_bytes(machine *m, const value *args)
{
    bool good = args->count == 2 && is(args->items[0], WANE_PICKLE_TEXT) &&
                is(args->items[1], WANE_PICKLE_TEXT) &&
                same(args->items[1]->text, args->items[1]->count, "latin1");
    if (!good) return refuse(m, "_codecs.encode of what is no bytes");
    value *made = make(m, WANE_PICKLE_BYTES);
    if (made) {
        made->text = args->items[0]->text;
        made->count = args->items[0]->count;
    }
    return push(m, made);
}

/* The top two, a function and its arguments, become what the function would make of them. */
static wane_status reduce(machine *m)
{
    value *args = peek(m, 0), *function = peek(m, 1);
    if (!is(args, WANE_PICKLE_TUPLE) || !is(function, WANE_PICKLE_GLOBAL))
        return refuse(m, "REDUCE of what is no function and its arguments");
    m->depth -= 2;
    switch (function->integer) {
    case WANE_PICKLE_ORDERED_DICT:
        if (args->count) return refuse(m, "OrderedDict with arguments");
        return push(m, make(m, WANE_PICKLE_DICT));
    case WANE_PICKLE_REBUILD_TENSOR: return rebuild_tensor(m, args);
    case WANE_PICKLE_REBUILD_PARAMETER:
        if (args->count < 1 || !is(args->items[0], WANE_PICKLE_TENSOR))
            return refuse(m, "_rebuild_parameter without a tensor");
        return push(m, args->items[0]);
    case WANE_PICKLE_SIZE: return make_size(m, args);
    case WANE_PICKLE_NUMPY_DTYPE: return make_numpy_dtype(m, args);
    case WANE_PICKLE_NUMPY_SCALAR: return make_numpy_scalar(m, args);
    case WANE_PICKLE_ENCODE: return make_bytes(m, args);
    default: return refuse(m, "REDUCE of a storage class");
    }
}

/* Attributes of an OrderedDict (torch keeps versions of modules there) are passed over, and what
 * completes a dtype of numpy (its byte order). */
static wane_status build(machine *m)
{
    const value *made = peek(m, 1);
    bool dict = is(peek(m, 0), WANE_PICKLE_DICT) && is(made, WANE_PICKLE_DICT);
    bool dtype = is(peek(m, 0), WANE_PICKLE_TUPLE) && is(made, WANE_PICKLE_FACT) &&
                 made->integer == WANE_PICKLE_NUMPY_DTYPE;
    if (!dict && !dtype) return refuse(m, "BUILD of what is no dict");
    m->depth--;
    return WANE_OK;
}

/* ----------------------------------------------------------------------------------- collections
 */

/* The `count` values on top, and the mark below them if `marked`, become a tuple or list. */
static wane_status collect(machine *m, wane_pickle_kind kind, size_t count, bool marked)
{
    for (size_t i = 0; i < count; i++)
        if (!peek(m, i)) return refuse(m, "the stack runs out");
    value *made = make(m, kind);
    if (made) {
        wane_status st = append(m, made, count);
        if (st != WANE_OK) return st;
    }
    m->depth -= count + marked;
    return push(m, made);
}

/* The `count` values on top go into the list or dict below them (and below the mark). */
static wane_status fill(machine *m, wane_pickle_kind kind, size_t count, bool marked)
{
    for (size_t i = 0; i < count; i++)
        if (!peek(m, i)) return refuse(m, "the stack runs out");
    value *target = peek(m, count + marked);
    if (!is(target, kind))
        return refuse(m, kind == WANE_PICKLE_LIST ? "an element of what is no list"
                                                  : "an item of what is no dict");
    if (kind == WANE_PICKLE_DICT && count % 2) return refuse(m, "a key without a value");
    wane_status st = append(m, target, count);
    if (st == WANE_OK) m->depth -= count + marked;
    return st;
}

static wane_status put(machine *m, uint64_t index)
{
    value *top = peek(m, 0);
    if (!top) return refuse(m, "the stack runs out");
    /* Picklers count up from 0: an index beyond the values made so far is not theirs. */
    if (index > m->values) return refuse(m, "a memo number out of all order");
    if (index >= m->memo_room) {
        size_t before = m->memo_room;
        if (!WANE_GROW(m->memo, m->memo_room, (size_t)index + 1)) return no_memory(m);
        memset(m->memo + before, 0, (m->memo_room - before) * sizeof *m->memo);
    }
    m->memo[index] = top;
    m->memo_count++;
    return WANE_OK;
}

static wane_status get(machine *m, uint64_t index)
{
    if (index >= m->memo_room || !m->memo[index]) return refuse(m, "an unknown memo number");
    return push(m, m->memo[index]);
}

/* --------------------------------------------------------------------------------------- opcodes
 */

/* Those with a number after them. */
static wane_status numbered(machine *m, unsigned char code)
{
    static const struct {
        char code;
        unsigned char width;
    } widths[] = {{'K', 1}, {'M', 2},    {'J', 4},    {'q', 1},    {'h', 1},    {'r', 4},
                  {'j', 4}, {'\x8a', 1}, {'\x8b', 4}, {'\x95', 8}, {'\x80', 1}, {'G', 8}};
    uint64_t n = 0;
    wane_status st = WANE_DONE;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if ((unsigned char)widths[i].code == code) st = number(m, widths[i].width, &n);
    if (st != WANE_OK) return st;
    switch (code) {
    case 'K':
    case 'M': return push_integer(m, (int64_t)n);
    case 'J': return push_integer(m, (int32_t)(uint32_t)n);
    case 'q':
    case 'r': return put(m, n);
    case 'h':
    case 'j': return get(m, n);
    case 0x8a: return push_long(m, n);
    case 0x8b: return n > INT32_MAX ? truncated(m) : push_long(m, n);
    case 0x95: return WANE_OK; /* FRAME: only says how much to read ahead */
    case 'G': return push(m, make(m, WANE_PICKLE_REAL));
    default: return n >= 2 && n <= 5 ? WANE_OK : refuse(m, "a pickle protocol not from 2 to 5");
    }
}

static wane_status push_bool(machine *m, bool truth)
{
    value *made = make(m, WANE_PICKLE_BOOL);
    if (made) made->integer = truth;
    return push(m, made);
}

/* Those that work on the values above a mark. */
static wane_status marked(machine *m, unsigned char code)
{
    size_t count = 0;
    if (!strchr("tleud", code)) return WANE_DONE;
    if (!above_mark(m, &count)) return refuse(m, "no mark on the stack");
    switch (code) {
    case 't': return collect(m, WANE_PICKLE_TUPLE, count, true);
    case 'l': return collect(m, WANE_PICKLE_LIST, count, true);
    case 'e': return fill(m, WANE_PICKLE_LIST, count, true);
    case 'u': return fill(m, WANE_PICKLE_DICT, count, true);
    default:
        return count % 2 ? refuse(m, "a key without a value")
                         : collect(m, WANE_PICKLE_DICT, count, true);
    }
}

static wane_status step(machine *m, unsigned char code)
{
    wane_status st = numbered(m, code);
    if (st == WANE_DONE && code) st = marked(m, code);
    if (st != WANE_DONE) return st;
    switch (code) {
    case 'N': return push(m, make(m, WANE_PICKLE_NONE));
    case 0x88: return push_bool(m, true);
    case 0x89: return push_bool(m, false);
    case 'X': return push_text(m, 4, WANE_PICKLE_TEXT);
    case 0x8c: return push_text(m, 1, WANE_PICKLE_TEXT);
    case 0x8d: return push_text(m, 8, WANE_PICKLE_TEXT);
    case 'U': return push_text(m, 1, WANE_PICKLE_TEXT);
    case 'C': return push_text(m, 1, WANE_PICKLE_BYTES);
    case 'B': return push_text(m, 4, WANE_PICKLE_BYTES);
    case '(': return push(m, make(m, WANE_PICKLE_MARK));
    case ')': return push(m, make(m, WANE_PICKLE_TUPLE));
    case ']': return push(m, make(m, WANE_PICKLE_LIST));
    case '}': return push(m, make(m, WANE_PICKLE_DICT));
    case 0x85: return collect(m, WANE_PICKLE_TUPLE, 1, false);
    case 0x86: return collect(m, WANE_PICKLE_TUPLE, 2, false);
    case 0x87: return collect(m, WANE_PICKLE_TUPLE, 3, false);
    case 'a': return fill(m, WANE_PICKLE_LIST, 1, false);
    case 's': return fill(m, WANE_PICKLE_DICT, 2, false);
    case 'c': return read_global(m);
    case 0x93: return stack_global(m);
    case 0x94: return put(m, m->memo_count);
    case 'Q': return persistent(m);
    case 'R': return reduce(m);
    case 'b': return build(m);
    default: break;
    }
    char text[80];
    (void)snprintf(text, sizeof text, "opcode 0x%02x, which no state dict needs", code);
    return refuse(m, text);
}

wane_status wane_pickle_run(wane_pickle *out, wane_arena *arena, const unsigned char *bytes,
                            size_t count, const char *path, wane_error *err)
{
    machine m = {.arena = arena, .bytes = bytes, .count = count, .path = path, .err = err};
    wane_status st = WANE_OK;
    for (;;) {
        m.start = m.at;
        if (m.at == m.count) WANE_TRY(truncated(&m));
        unsigned char code = m.bytes[m.at++];
        if (code == '.') break;
        WANE_TRY(step(&m, code));
    }
    if (!peek(&m, 0)) WANE_TRY(refuse(&m, "the stack runs out"));
    *out = (wane_pickle){.value = peek(&m, 0), .storages = m.storages, .used = m.at};
done:
    wane_free(m.stack);
    wane_free(m.memo);
    return st;
}
