/* SPDX-License-Identifier: Apache-2.0
 * From Python's regular expressions to PCRE2's, by the grammar of CPython's Lib/re/_parser.py.
 *
 * Every literal is written as \x{...}, so that nothing PCRE2 would read otherwise gets through;
 * names of groups become numbers. The flags m and s change nothing where subjects hold no line
 * ends, a and u nothing where they are ASCII; x is done with here.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/python_regex.h"

enum { MOST_GROUPS = 500, MOST_DEPTH = 100 };

typedef struct translation {
    const char *at;
    wane_text *out;
    const char *cause; /* what stands in the way; NULL: nothing */
    size_t groups, depth;
    bool ignores_case;                 /* anywhere */
    bool beyond_ascii;                 /* a literal is */
    const char *name[MOST_GROUPS + 1]; /* of each group, or NULL; not terminated */
    size_t length[MOST_GROUPS + 1];
    bool open[MOST_GROUPS + 1];
} translation;

/* What the last item of a sequence is, for a repetition behind it. */
typedef enum item { ITEM_NONE, ITEM_PLACE, ITEM_REPEAT, ITEM_OTHER } item;

static bool refuse(translation *t, const char *cause)
{
    if (!t->cause) t->cause = cause;
    return false;
}

static bool take(translation *t, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(t->at, word, length) != 0) return false;
    t->at += length;
    return true;
}

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c) != NULL;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool octal(char c)
{
    return c >= '0' && c <= '7';
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ------------------------------------------------------------------------------------ characters
 */

/* The code point at `at` of well-formed UTF-8. */
static uint32_t next_character(translation *t)
{
    const unsigned char *p = (const unsigned char *)t->at;
    size_t more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? *p : *p & (0x3fU >> more);
    for (size_t i = 1; i <= more && p[i]; i++) value = value << 6 | (p[i] & 0x3fU);
    t->at += 1 + more;
    return value;
}

static void write_literal(translation *t, uint32_t character)
{
    t->beyond_ascii = t->beyond_ascii || character > 0x7f;
    wane_text_printf(t->out, "\\x{%x}", (unsigned)character);
}

/* Exactly `count` hexadecimal digits. */
static bool read_hex(translation *t, size_t count, uint32_t *out)
{
    char digits[9] = "";
    for (size_t i = 0; i < count; i++) {
        if (!one_of(t->at[i], "0123456789abcdefABCDEF")) return refuse(t, "an incomplete escape");
        digits[i] = t->at[i];
    }
    t->at += count;
    *out = (uint32_t)strtoul(digits, NULL, 16);
    if (*out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000))
        return refuse(t, "an escape that is no character");
    return true;
}

/* Up to `most` octal digits. */
static bool read_octal(translation *t, size_t most, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < most && octal(*t->at); i++) *out = *out * 8 + (uint32_t)(*t->at++ - '0');
    return *out <= 0377 || refuse(t, "an octal escape beyond 0o377");
}

/* The escapes that are one character in a class and outside; t->at is behind the backslash. */
static bool read_escape(translation *t, uint32_t *out)
{
    static const char names[] = "afnrtv\\", values[] = "\a\f\n\r\t\v\\";
    char c = *t->at;
    if (!c) return refuse(t, "a backslash at the end");
    if (one_of(c, names)) {
        *out = (unsigned char)values[strchr(names, c) - names];
        t->at++;
        return true;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        t->at++;
        return read_hex(t, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    }
    if (letter(c) || digit(c)) return refuse(t, "an escape Python does not have");
    *out = next_character(t);
    return true;
}

/* --------------------------------------------------------------------------------------- classes
 */

/* One member of a class; *kind is its letter for \d and the like, else 0. */
static bool read_member(translation *t, uint32_t *out, char *kind)
{
    *kind = 0;
    if (!*t->at) return refuse(t, "an unterminated class");
    if (*t->at != '\\') {
        *out = next_character(t);
        return true;
    }
    t->at++;
    if (one_of(*t->at, "dDsSwW")) {
        *kind = *t->at++;
        return true;
    }
    if (take(t, "b")) {
        *out = '\b';
        return true;
    }
    return octal(*t->at) ? read_octal(t, 3, out) : read_escape(t, out);
}

/* t->at is behind the "[". */
static bool translate_class(translation *t)
{
    bool any = false;
    wane_text_string(t->out, take(t, "^") ? "[^" : "[");
    while (!any || *t->at != ']') {
        uint32_t low = 0, high = 0;
        char kind = 0, other = 0;
        if (!read_member(t, &low, &kind)) return false;
        any = true;
        bool range = *t->at == '-' && t->at[1] != ']';
        if (kind && !range) wane_text_printf(t->out, "\\%c", kind);
        if (kind && range) return refuse(t, "a range of classes");
        if (!kind) write_literal(t, low);
        if (!range) continue;
        t->at++;
        if (!read_member(t, &high, &other)) return false;
        if (other || high < low) return refuse(t, "a range that is none");
        wane_text_string(t->out, "-");
        write_literal(t, high);
    }
    t->at++;
    wane_text_string(t->out, "]");
    return true;
}

/* ---------------------------------------------------------------------------------------- groups
 */

/* A name up to `end`, which is passed over; an identifier. */
static bool read_name(translation *t, char end, const char **name, size_t *length)
{
    const char *start = t->at;
    while (letter(*t->at) || digit(*t->at) || *t->at == '_') t->at++;
    if (t->at == start || digit(*start) || *t->at != end) return refuse(t, "a bad group name");
    *name = start;
    *length = (size_t)(t->at++ - start);
    return true;
}

/* The number of the group with that name; 0: none. */
static size_t group_named(const translation *t, const char *name, size_t length)
{
    for (size_t g = 1; g <= t->groups; g++)
        if (t->name[g] && t->length[g] == length && memcmp(t->name[g], name, length) == 0) return g;
    return 0;
}

static bool write_reference(translation *t, size_t group)
{
    if (group == 0 || group > t->groups) return refuse(t, "a reference to no group");
    if (t->open[group]) return refuse(t, "a reference to an open group");
    wane_text_printf(t->out, "\\g{%zu}", group);
    return true;
}

static bool translate_alternatives(translation *t, bool verbose, bool first);
static bool translate_sequence(translation *t, bool *verbose, bool first);

/* The rest of a group, whose beginning is written. */
static bool finish_group(translation *t, bool verbose)
{
    if (++t->depth > MOST_DEPTH) return refuse(t, "too many groups in groups");
    if (!translate_alternatives(t, verbose, false)) return false;
    t->depth--;
    if (!take(t, ")")) return refuse(t, "a parenthesis that is not closed");
    wane_text_string(t->out, ")");
    return true;
}

static bool capture(translation *t, bool verbose, const char *name, size_t length)
{
    if (t->groups == MOST_GROUPS) return refuse(t, "too many groups");
    if (name && group_named(t, name, length)) return refuse(t, "a group name used twice");
    size_t group = ++t->groups;
    t->name[group] = name;
    t->length[group] = length;
    t->open[group] = true;
    wane_text_string(t->out, "(");
    if (!finish_group(t, verbose)) return false;
    t->open[group] = false;
    return true;
}

/* "(?(1)yes|no)" behind its "(?(". */
static bool translate_condition(translation *t, bool verbose)
{
    size_t group = 0, length = 0;
    const char *name = NULL;
    if (digit(*t->at)) {
        while (digit(*t->at) && group <= MOST_GROUPS) group = group * 10 + (size_t)(*t->at++ - '0');
        if (!take(t, ")")) return refuse(t, "a bad condition");
    } else {
        if (!read_name(t, ')', &name, &length)) return false;
        group = group_named(t, name, length);
    }
    if (group == 0) return refuse(t, "a condition on no group");
    if (++t->depth > MOST_DEPTH) return refuse(t, "too many groups in groups");
    wane_text_printf(t->out, "(?(%zu)", group);
    if (!translate_sequence(t, &verbose, false)) return false;
    if (take(t, "|")) {
        wane_text_string(t->out, "|");
        if (!translate_sequence(t, &verbose, false)) return false;
    }
    t->depth--;
    if (!take(t, ")")) return refuse(t, "a condition with more than two branches");
    wane_text_string(t->out, ")");
    return true;
}

/* Flags behind "(?": of the whole expression, or of a group. *verbose changes with x. */
static bool translate_flags(translation *t, bool *verbose, bool at_start, bool *global)
{
    bool ignore = false, off_ignore = false, extended = false, off_extended = false;
    const char *types = "";
    for (; one_of(*t->at, "aiLmsux"); t->at++) {
        if (*t->at == 'L') return refuse(t, "the flag L, which is of bytes");
        if (one_of(*t->at, "au")) {
            if (*types && *types != *t->at) return refuse(t, "the flags a and u together");
            types = t->at;
        }
        ignore = ignore || *t->at == 'i';
        extended = extended || *t->at == 'x';
    }
    *global = take(t, ")");
    if (*global) {
        if (!at_start) return refuse(t, "global flags not at the start of the expression");
        if (ignore) wane_text_string(t->out, "(?i)");
    } else if (take(t, "-")) {
        if (!one_of(*t->at, "imsx")) return refuse(t, "bad inline flags");
        for (; one_of(*t->at, "imsx"); t->at++) {
            off_ignore = off_ignore || *t->at == 'i';
            off_extended = off_extended || *t->at == 'x';
        }
    }
    if ((ignore && off_ignore) || (extended && off_extended) || (!*global && !take(t, ":")))
        return refuse(t, "bad inline flags");
    t->ignores_case = t->ignores_case || ignore;
    *verbose = (*verbose || extended) && !off_extended;
    if (*global) return true;
    wane_text_string(t->out, ignore ? "(?i:" : off_ignore ? "(?-i:" : "(?:");
    return finish_group(t, *verbose);
}

/* Behind "(?". *what: what it is for a repetition; ITEM_NONE when it left nothing. */
static bool translate_extension(translation *t, bool *verbose, bool at_start, item *what)
{
    static const char *const plain[] = {"<=", "<!", ":", "=", "!", ">"};
    const char *name = NULL;
    size_t length = 0;
    bool inner = *verbose, global = false;
    *what = ITEM_OTHER;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (take(t, plain[i])) {
            wane_text_printf(t->out, "(?%s", plain[i]);
            return finish_group(t, *verbose);
        }
    if (take(t, "P<"))
        return read_name(t, '>', &name, &length) && capture(t, *verbose, name, length);
    if (take(t, "P="))
        return read_name(t, ')', &name, &length) &&
               write_reference(t, group_named(t, name, length));
    if (take(t, "(")) return translate_condition(t, *verbose);
    if (take(t, "#")) {
        const char *end = strchr(t->at, ')');
        *what = ITEM_NONE;
        if (!end) return refuse(t, "a comment that is not closed");
        t->at = end + 1;
        return true;
    }
    if (!one_of(*t->at, "aiLmsux-")) return refuse(t, "an extension Python does not have");
    if (!translate_flags(t, &inner, at_start, &global)) return false;
    if (!global) return true;
    *verbose = inner;
    *what = ITEM_NONE;
    return true;
}

/* ------------------------------------------------------------------------------------- sequences
 */

/* Behind a backslash, outside classes. */
static bool translate_escape(translation *t, item *what)
{
    uint32_t character = 0;
    *what = ITEM_OTHER;
    if (one_of(*t->at, "AZbB")) {
        wane_text_printf(t->out, "\\%c", *t->at == 'Z' ? 'z' : *t->at);
        t->at++;
        *what = ITEM_PLACE;
        return true;
    }
    if (one_of(*t->at, "dDsSwW")) {
        wane_text_printf(t->out, "\\%c", *t->at++);
        return true;
    }
    if (digit(*t->at) && *t->at != '0' &&
        !(octal(t->at[0]) && octal(t->at[1]) && octal(t->at[2]))) {
        size_t group = (size_t)(*t->at++ - '0');
        if (digit(*t->at)) group = group * 10 + (size_t)(*t->at++ - '0');
        return write_reference(t, group);
    }
    if (digit(*t->at) ? !read_octal(t, 3, &character) : !read_escape(t, &character)) return false;
    write_literal(t, character);
    return true;
}

/* "{2,3}" at t->at; false, and nothing read, when it is no repetition but a literal brace. */
static bool read_bounds(translation *t, const char **low, size_t *lows, const char **high,
                        size_t *highs)
{
    const char *p = t->at + 1;
    if (*p == '}') return false;
    for (*low = p; digit(*p); p++) {
    }
    *lows = (size_t)(p - *low);
    *high = *low;
    *highs = *lows;
    if (*p == ',') {
        for (*high = ++p; digit(*p); p++) {
        }
        *highs = (size_t)(p - *high);
    }
    if (*p != '}') return false;
    t->at = p + 1;
    return true;
}

/* A repetition at t->at, which is one of *+?{, behind `before`. */
static bool translate_repeat(translation *t, item before, item *what)
{
    const char *low = NULL, *high = NULL;
    size_t lows = 0, highs = 0;
    *what = ITEM_REPEAT;
    char c = *t->at;
    if (c == '{' && !read_bounds(t, &low, &lows, &high, &highs)) {
        write_literal(t, next_character(t));
        *what = ITEM_OTHER;
        return true;
    }
    if (before == ITEM_NONE || before == ITEM_PLACE) return refuse(t, "nothing to repeat");
    if (before == ITEM_REPEAT) return refuse(t, "a repetition of a repetition");
    if (c == '{')
        wane_text_printf(t->out, "{%.*s,%.*s}", lows ? (int)lows : 1, lows ? low : "0", (int)highs,
                         high);
    else wane_text_append(t->out, t->at++, 1);
    if (*t->at == '?' || *t->at == '+') wane_text_append(t->out, t->at++, 1);
    return true;
}

/* White space and comments of a verbose expression. */
static bool skip_space(translation *t)
{
    if (one_of(*t->at, " \t\n\r\v\f")) {
        t->at++;
        return true;
    }
    if (*t->at != '#') return false;
    while (*t->at && *t->at != '\n') t->at++;
    return true;
}

static bool translate_sequence(translation *t, bool *verbose, bool first)
{
    item last = ITEM_NONE;
    while (*t->at && *t->at != '|' && *t->at != ')') {
        item what = ITEM_OTHER;
        bool good = true;
        if (*verbose && skip_space(t)) continue;
        if (one_of(*t->at, "*+?{")) good = translate_repeat(t, last, &what);
        else if (take(t, "\\")) good = translate_escape(t, &what);
        else if (take(t, "[")) good = translate_class(t);
        else if (take(t, "(?"))
            good = translate_extension(t, verbose, first && last == ITEM_NONE, &what);
        else if (take(t, "(")) good = capture(t, *verbose, NULL, 0);
        else if (one_of(*t->at, "^$")) {
            what = ITEM_PLACE;
            wane_text_append(t->out, t->at++, 1);
        } else if (*t->at == '.') wane_text_append(t->out, t->at++, 1);
        else write_literal(t, next_character(t));
        if (!good) return false;
        if (what != ITEM_NONE) last = what;
    }
    return true;
}

static bool translate_alternatives(translation *t, bool verbose, bool first)
{
    if (!translate_sequence(t, &verbose, first)) return false;
    while (take(t, "|")) {
        wane_text_string(t->out, "|");
        if (!translate_sequence(t, &verbose, false)) return false;
    }
    return true;
}

const char *wane_regex_translate(wane_text *out, size_t *groups, const char *expression)
{
    translation t = {.at = expression, .out = out};
    if (translate_alternatives(&t, false, true) && *t.at) refuse(&t, "an unbalanced parenthesis");
    if (t.ignores_case && t.beyond_ascii) refuse(&t, "letters beyond ASCII where case is ignored");
    *groups = t.groups;
    return t.cause;
}
