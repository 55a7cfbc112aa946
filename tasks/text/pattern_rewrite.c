/* SPDX-License-Identifier: Apache-2.0
 * From Oniguruma's Ruby syntax to PCRE2's. The two agree on most of what tokenizers use; where
 * they do not, the expression is spelt out in terms both agree on, or refused:
 *   \s \d \w and their complements are Unicode properties (PCRE2's own \s takes U+180E, its \w
 *   leaves out marks); \h is a hexadecimal digit; \v is a vertical tab; (?m) lets the dot match a
 *   newline; {n,m}+ repeats and {n}? is optional; a class may hold a class.
 */
#include <string.h>

#include "tasks/text/pattern.h"
#include "tasks/text/unicode.h"

/* Oniguruma's word characters. Outside of a class it takes the fractions and raised digits of
 * Latin-1 with them. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define WIDE_WORD WORD "\\xb2\\xb3\\xb9\\xbc-\\xbe"
#define EDGE_OF(before, behind) "(?<" before "[" WIDE_WORD "])(?" behind "[" WIDE_WORD "])"
#define EDGE "(?:" EDGE_OF("=", "!") "|" EDGE_OF("!", "=") ")"
#define NO_EDGE "(?:" EDGE_OF("=", "=") "|" EDGE_OF("!", "!") ")"

enum { GROUPS = 200 };

typedef struct rewriter {
    const char *text;
    size_t bytes, at;
    wane_text *out;
    const char *unsupported;
    size_t atom; /* where in out the last atom begins; SIZE_MAX: none */
    size_t groups[GROUPS];
    int depth;
} rewriter;

static int peek(const rewriter *r, size_t ahead)
{
    return r->bytes - r->at > ahead ? (unsigned char)r->text[r->at + ahead] : -1;
}

static void refuse(rewriter *r, const char *what)
{
    if (!r->unsupported) r->unsupported = what;
    r->at = r->bytes;
}

static void copy(rewriter *r, size_t count)
{
    if (count > r->bytes - r->at) count = r->bytes - r->at;
    wane_text_append(r->out, r->text + r->at, count);
    r->at += count;
}

static void emit(rewriter *r, const char *text, size_t consumed)
{
    wane_text_string(r->out, text);
    r->at += consumed;
}

static bool hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Long names of categories, which PCRE2 does not know, and what it calls them. */
static const char *const property_names[][2] = {{"letter", "L"},
                                                {"uppercaseletter", "Lu"},
                                                {"lowercaseletter", "Ll"},
                                                {"titlecaseletter", "Lt"},
                                                {"modifierletter", "Lm"},
                                                {"otherletter", "Lo"},
                                                {"mark", "M"},
                                                {"nonspacingmark", "Mn"},
                                                {"spacingmark", "Mc"},
                                                {"enclosingmark", "Me"},
                                                {"number", "N"},
                                                {"decimalnumber", "Nd"},
                                                {"letternumber", "Nl"},
                                                {"othernumber", "No"},
                                                {"punctuation", "P"},
                                                {"connectorpunctuation", "Pc"},
                                                {"dashpunctuation", "Pd"},
                                                {"openpunctuation", "Ps"},
                                                {"closepunctuation", "Pe"},
                                                {"initialpunctuation", "Pi"},
                                                {"finalpunctuation", "Pf"},
                                                {"otherpunctuation", "Po"},
                                                {"symbol", "S"},
                                                {"mathsymbol", "Sm"},
                                                {"currencysymbol", "Sc"},
                                                {"modifiersymbol", "Sk"},
                                                {"othersymbol", "So"},
                                                {"separator", "Z"},
                                                {"spaceseparator", "Zs"},
                                                {"lineseparator", "Zl"},
                                                {"paragraphseparator", "Zp"},
                                                {"other", "C"},
                                                {"control", "Cc"},
                                                {"format", "Cf"},
                                                {"privateuse", "Co"},
                                                {"digit", "Nd"},
                                                {"space", "White_Space"},
                                                {"alpha", "Alphabetic"},
                                                {"upper", "Uppercase"},
                                                {"lower", "Lowercase"}};

/* POSIX classes mean other things in PCRE2. */
static const char *const refused_properties[] = {"alpha", "upper",      "lower", "alnum", "ascii",
                                                 "blank", "cntrl",      "graph", "print", "punct",
                                                 "word",  "unassigned", "any"};

/* \p{Name}: long names of categories as their letters; scripts. */
static void property(rewriter *r)
{
    char name[48];
    size_t length = 0, at = r->at + 3;
    bool negated = at < r->bytes && r->text[at] == '^';
    if (peek(r, 2) != '{') {
        refuse(r, "\\p without braces");
        return;
    }
    for (at += negated; at < r->bytes && r->text[at] != '}'; at++) {
        char c = r->text[at];
        if (c == ' ' || c == '_' || c == '-') continue;
        if (length + 1 >= sizeof name) break;
        name[length++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    name[length] = '\0';
    if (at >= r->bytes || r->text[at] != '}') {
        refuse(r, "an unfinished \\p{}");
        return;
    }
    for (size_t i = 0; i < sizeof refused_properties / sizeof *refused_properties; i++)
        if (!strcmp(name, refused_properties[i])) {
            refuse(r, "a POSIX class as \\p{}");
            return;
        }
    for (size_t i = 0; i < sizeof property_names / sizeof *property_names; i++)
        if (!strcmp(name, property_names[i][0])) {
            wane_text_append(r->out, r->text + r->at, 3);
            wane_text_printf(r->out, "%s%s}", negated ? "^" : "", property_names[i][1]);
            r->at = at + 1;
            return;
        }
    if (length > 2) { /* a script; PCRE2 would take it with its extensions */
        wane_text_append(r->out, r->text + r->at, 3);
        wane_text_printf(r->out, "%ssc:%s}", negated ? "^" : "", name);
        r->at = at + 1;
        return;
    }
    copy(r, at + 1 - r->at);
}

/* \xHH, \x{H...}, \uHHHH: a code point, as \x{...}. */
static void code_point(rewriter *r)
{
    size_t from = r->at + 2, count = 0, end = 0;
    if (peek(r, 1) == 'x' && peek(r, 2) == '{') {
        from++;
        while (from + count < r->bytes && hex((unsigned char)r->text[from + count])) count++;
        end = from + count + 1;
        if (end > r->bytes || r->text[from + count] != '}') count = 0;
    } else {
        size_t most = r->text[r->at + 1] == 'u' ? 4 : 2;
        while (count < most && from + count < r->bytes && hex((unsigned char)r->text[from + count]))
            count++;
        end = from + count;
        if (most == 4 && count < 4) count = 0;
        if (most == 2 && count == 2 && r->text[from] >= '8') count = 0; /* a raw byte */
    }
    if (!count || count > 8) {
        refuse(r, "a code given by \\x or \\u in this form");
        return;
    }
    wane_text_string(r->out, "\\x{");
    wane_text_append(r->out, r->text + from, count);
    wane_text_string(r->out, "}");
    r->at = end;
}

static bool names_something(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Escapes that both libraries understand alike. */
static bool means_the_same(int c, bool in_class)
{
    return strchr("tnrfae", c) || (!in_class && strchr("AzZ123456789", c));
}

static void escape(rewriter *r, bool in_class)
{
    int c = peek(r, 1);
    if (c < 0) refuse(r, "a backslash at the end");
    else if (c == 's') emit(r, "\\p{White_Space}", 2);
    else if (c == 'S') emit(r, "\\P{White_Space}", 2);
    else if (c == 'd') emit(r, "\\p{Nd}", 2);
    else if (c == 'D') emit(r, "\\P{Nd}", 2);
    else if (c == 'w') emit(r, in_class ? WORD : "[" WIDE_WORD "]", 2);
    else if (c == 'W' && !in_class) emit(r, "[^" WIDE_WORD "]", 2);
    else if (c == 'h') emit(r, in_class ? "0-9a-fA-F" : "[0-9a-fA-F]", 2);
    else if (c == 'H' && !in_class) emit(r, "[^0-9a-fA-F]", 2);
    else if (c == 'v') emit(r, "\\x0b", 2);
    else if (c == 'p' || c == 'P') property(r);
    else if (c == 'x' || c == 'u') code_point(r);
    else if (c == 'b' && in_class) emit(r, "\\x08", 2);
    else if (c == 'b') emit(r, EDGE, 2);
    else if (c == 'B' && !in_class) emit(r, NO_EDGE, 2);
    else if (names_something(c) && !means_the_same(c, in_class))
        refuse(r, "an escape of a letter or digit that it uses");
    else if (c < 0x80) copy(r, 2);
    else /* an escaped character outside ASCII is itself */
        r->at++, copy(r, wane_utf8_size((unsigned char)c));
}

/* [:name:] inside a class. */
static void posix_class(rewriter *r)
{
    static const char *const names[][2] = {{"[:space:]", "\\p{White_Space}"},
                                           {"[:^space:]", "\\P{White_Space}"},
                                           {"[:digit:]", "\\p{Nd}"},
                                           {"[:^digit:]", "\\P{Nd}"},
                                           {"[:word:]", WORD},
                                           {"[:xdigit:]", "0-9a-fA-F"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i][0]);
        if (r->bytes - r->at >= length && !memcmp(r->text + r->at, names[i][0], length)) {
            emit(r, names[i][1], length);
            return;
        }
    }
    refuse(r, "a POSIX class that it uses");
}

/* A class; classes inside it that are not negated are its union with them. */
static void class_of(rewriter *r)
{
    int inside = 0;
    bool first = true; /* nothing of the innermost class was seen yet */
    copy(r, 1);
    if (peek(r, 0) == '^') copy(r, 1);
    while (r->at < r->bytes) {
        int c = peek(r, 0);
        if (c == ']' && !first) {
            if (!inside) {
                copy(r, 1);
                return;
            }
            inside--;
            r->at++;
        } else if (c == '\\') {
            escape(r, true);
        } else if (c == '[' && peek(r, 1) == ':') {
            posix_class(r);
        } else if (c == '[' && peek(r, 1) == '^') {
            refuse(r, "a negated class inside a class");
        } else if (c == '[') {
            inside++;
            r->at++;
            first = true;
            continue;
        } else if (c == '&' && peek(r, 1) == '&') {
            refuse(r, "an intersection of classes");
        } else if (c == ']' || (c == '-' && (first || peek(r, 1) == ']')) || (c == '^' && first)) {
            wane_text_string(r->out, "\\");
            copy(r, 1);
        } else {
            copy(r, wane_utf8_size((unsigned char)c));
        }
        first = false;
    }
    refuse(r, "an unfinished class");
}

static void open_group(rewriter *r)
{
    if (r->depth == GROUPS) {
        refuse(r, "a nesting of more than 200 groups");
        return;
    }
    r->groups[r->depth++] = r->out->length;
    r->atom = SIZE_MAX;
    copy(r, 1);
    if (peek(r, 0) == '*') refuse(r, "a verb (*...)");
    if (peek(r, 0) != '?') return;
    int c = peek(r, 1);
    if (c == ':' || c == '=' || c == '!' || c == '>') {
        copy(r, 2);
    } else if (c == '<') {
        copy(r, peek(r, 2) == '=' || peek(r, 2) == '!' ? 3 : 2);
    } else if (c == '-' || c == 'i' || c == 'm') {
        bool start = r->at == 1;
        for (copy(r, 1); (c = peek(r, 0)) == '-' || c == 'i' || c == 'm';)
            if (c == 'm') emit(r, "s", 1);
            else copy(r, 1);
        if (c != ':' && !(c == ')' && start)) refuse(r, "an option that is not of a group");
    } else {
        refuse(r, "a group of this kind");
    }
}

/* {n}, {n,}, {n,m}, {,m} behind an atom; anything else with braces is literal. */
static void braces(rewriter *r)
{
    size_t at = r->at + 1, digits[2] = {0, 0};
    bool comma = false;
    for (; at < r->bytes; at++) {
        char c = r->text[at];
        if (c >= '0' && c <= '9') digits[comma]++;
        else if (c == ',' && !comma) comma = true;
        else break;
    }
    bool counts = at < r->bytes && r->text[at] == '}' && (digits[0] || digits[1]);
    if (!counts || r->atom == SIZE_MAX) {
        wane_text_string(r->out, "\\");
        copy(r, 1);
        return;
    }
    size_t start = r->atom, end = at + 1 - r->at;
    int next = peek(r, end);
    bool wrap = next == '+' || (next == '?' && !comma);
    if (wrap) { /* here the sign behind repeats the whole; to PCRE2 it would be a mode */
        wane_text tail = {0};
        wane_text_append(&tail, r->out->data + start, r->out->length - start);
        r->out->length = start;
        wane_text_string(r->out, "(?:");
        if (tail.failed) r->out->failed = true;
        else wane_text_append(r->out, tail.data, tail.length);
        wane_text_free(&tail);
    }
    if (!digits[0]) {
        emit(r, "{0", 1);
        end--;
    }
    copy(r, end);
    if (wrap) {
        wane_text_string(r->out, ")");
        copy(r, 1);
    } else if (next == '?') {
        copy(r, 1);
    }
}

wane_status wane_pattern_rewrite(wane_text *out, const char *expression, size_t bytes,
                                 const char **unsupported, wane_error *err)
{
    rewriter r = {.text = expression, .bytes = bytes, .out = out, .atom = SIZE_MAX};
    while (r.at < r.bytes && !out->failed) {
        char c = expression[r.at];
        size_t before = out->length;
        if (c == '{') {
            braces(&r);
        } else if (c == '*' || c == '+' || c == '?') {
            copy(&r, 1);
            if (peek(&r, 0) == '+' || peek(&r, 0) == '?') copy(&r, 1);
        } else if (c == '(') {
            open_group(&r);
        } else if (c == ')') {
            copy(&r, 1);
            if (r.depth) r.atom = r.groups[--r.depth];
        } else if (c == '|') {
            copy(&r, 1);
            r.atom = SIZE_MAX;
        } else {
            if (c == '\\') escape(&r, false);
            else if (c == '[') class_of(&r);
            else copy(&r, wane_utf8_size((unsigned char)c));
            r.atom = before;
        }
    }
    *unsupported = r.unsupported;
    return wane_text_check(out, "tokenizer", "expression", err);
}
