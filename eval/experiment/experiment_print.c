/* SPDX-License-Identifier: Apache-2.0
 * An experiment written back as the YAML that reads to the same one, for `wane validate`.
 */
#include <math.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"

/* What YAML takes for a break, a mark or nothing printable, and so would change or refuse were it
 * written plainly: with the C0 and C1 controls and DEL, all of its characters that need an escape.
 */
static const char *const escapes[][2] = {
    {"\"", "\\\""},
    {"\\", "\\\\"},
    {"\n", "\\n"},
    {"\t", "\\t"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xe2\x80\xa9", "\\u2029"},
    {"\xef\xbb\xbf", "\\ufeff"},
    {"\xef\xbf\xbe", "\\ufffe"},
    {"\xef\xbf\xbf", "\\uffff"},
};

/* Appends the character at `text`, UTF-8 or a byte of what is none; returns its bytes. */
static size_t character(wane_text *out, const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        size_t bytes = strlen(escapes[i][0]);
        if (strncmp(text, escapes[i][0], bytes) != 0) continue;
        wane_text_string(out, escapes[i][1]);
        return bytes;
    }
    if (first < 0x20 || first == 0x7f) {
        wane_text_printf(out, "\\x%02x", first);
        return 1;
    }
    if (first == 0xc2 && second >= 0x80 && second < 0xa0) { /* U+0080 to U+009F */
        wane_text_printf(out, "\\x%02x", second);
        return 2;
    }
    wane_text_append(out, text, 1);
    return 1;
}

/* A text as a YAML double-quoted scalar that reads back equal, whatever characters it holds. */
static void quoted(wane_text *out, const char *text)
{
    wane_text_string(out, "\"");
    while (*text) text += character(out, text);
    wane_text_string(out, "\"");
}

/* The same as a key: YAML takes one of over 1024 characters for a key only when it is told so. */
static void quoted_key(wane_text *out, const char *text)
{
    enum { LONGEST = 1000 };
    wane_text key = {0};
    quoted(&key, text);
    if (key.length > LONGEST) wane_text_string(out, "? ");
    wane_text_append(out, key.data, key.length);
    out->failed = out->failed || key.failed;
    wane_text_free(&key);
}

static void text_field(wane_text *out, const char *key, const char *text)
{
    if (!text) return;
    wane_text_printf(out, ", %s: ", key);
    quoted(out, text);
}

/* A folder called builtin is none of the built-in tasks. */
static void path_field(wane_text *out, const char *path)
{
    static const char prefix[] = "builtin/";
    bool alike = strncmp(path, prefix, sizeof prefix - 1) == 0;
    wane_text_string(out, ", path: ");
    if (!alike) {
        quoted(out, path);
        return;
    }
    wane_text_string(out, "\"./");
    while (*path) path += character(out, path);
    wane_text_string(out, "\"");
}

static void count_field(wane_text *out, const char *key, size_t value)
{
    if (value) wane_text_printf(out, ", %s: %zu", key, value);
}

static void number_field(wane_text *out, const char *key, double value)
{
    char text[32];
    wane_text_printf(out, ", %s: %s", key, wane_format_double(text, value));
}

static void print_corpus(wane_text *out, const wane_experiment_corpus *c)
{
    wane_text_string(out, "  - {name: ");
    quoted(out, c->spec.name);
    text_field(out, "path", c->builtin ? "builtin" : c->spec.path);
    wane_text_printf(out, ", role: %s", c->role);
    if (c->weight != 1) number_field(out, "weight", c->weight);
    text_field(out, "filter", c->spec.filter);
    text_field(out, "field", c->spec.field);
    if (c->builtin)
        wane_text_printf(out, ", documents: %zu, seed: %llu", c->builtin_documents,
                         (unsigned long long)c->builtin_seed);
    else text_field(out, "documents", c->spec.documents);
    count_field(out, "tokens", c->tokens);
    count_field(out, "window", c->window);
    count_field(out, "stride", c->stride);
    wane_text_string(out, "}\n");
}

static void print_task(wane_text *out, const wane_experiment_task *t)
{
    const wane_task_spec *s = &t->spec;
    wane_text_string(out, "  - {name: ");
    quoted(out, s->name);
    if (t->builtin)
        wane_text_printf(out, ", path: \"builtin/%s\", seed: %llu", t->builtin,
                         (unsigned long long)t->builtin_seed);
    else path_field(out, s->path);
    text_field(out, "text", s->text_field);
    text_field(out, "label", s->label_field);
    text_field(out, "template", s->template_text);
    for (size_t l = 0; l < s->label_count; l++) {
        wane_text_string(out, l ? ", " : ", labels: {");
        quoted_key(out, s->labels[l].value);
        wane_text_string(out, ": ");
        quoted(out, s->labels[l].verbalizer);
        if (l + 1 == s->label_count) wane_text_string(out, "}");
    }
    text_field(out, "test", s->test_split);
    count_field(out, "train_rows", s->train_rows);
    count_field(out, "test_rows", s->test_rows);
    if (s->validation_fraction > 0)
        number_field(out, "validation_fraction", s->validation_fraction);
    text_field(out, "truncate", s->truncate);
    if (t->per_token) wane_text_string(out, ", normalise: tokens");
    wane_text_string(out, "}\n");
}

static void print_training(wane_text *out, const wane_run_config *c)
{
    static const char *const schedules[] = {"constant", "linear", "cosine"};
    const wane_training *t = &c->training;
    number_field(out, "learning_rate", t->learning_rate);
    number_field(out, "epochs", c->epochs);
    count_field(out, "batch_size", c->batch_size);
    count_field(out, "max_seq_length", c->max_seq_length);
    wane_text_printf(out, ", schedule: %s", schedules[t->schedule]);
    number_field(out, "warmup_ratio", t->warmup_ratio);
    number_field(out, "weight_decay", t->weight_decay);
    number_field(out, "clip", t->clip);
    number_field(out, "beta1", t->beta1);
    number_field(out, "beta2", t->beta2);
    number_field(out, "epsilon", t->epsilon);
    count_field(out, "micro_tokens", t->micro_tokens);
}

static void print_names(wane_text *out, const char *key, const char *const *names, size_t count)
{
    wane_text_printf(out, ", %s: [", key);
    for (size_t i = 0; i < count; i++) {
        if (i) wane_text_string(out, ", ");
        quoted(out, names[i]);
    }
    wane_text_string(out, "]");
}

static void print_config(wane_text *out, const wane_run_config *c)
{
    const wane_method_settings *m = &c->settings;
    wane_text_string(out, "  - {name: ");
    quoted(out, c->name);
    wane_text_printf(out, ", kind: %s", c->given ? "given" : m->method->name);
    if (c->given) print_names(out, "stages", c->stages, c->stage_count);
    else {
        if (wane_method_takes(m->method, "rank")) {
            count_field(out, "rank", m->rank);
            number_field(out, "alpha", m->alpha);
            number_field(out, "dropout", m->dropout);
            wane_text_printf(out, ", rslora: %s", m->rslora ? "true" : "false");
        }
        if (m->module_count) print_names(out, "target_modules", m->modules, m->module_count);
        else if (wane_method_takes(m->method, "target_modules"))
            wane_text_string(out, ", target_modules: all-linear");
        print_training(out, c);
    }
    wane_text_string(out, "}\n");
}

static void print_orders(wane_text *out, const wane_experiment *x)
{
    wane_text_string(out, "orders:\n");
    for (size_t o = 0; o < x->order_count; o++) {
        wane_text_string(out, "  - {name: ");
        quoted(out, x->orders[o].name);
        wane_text_string(out, ", tasks: [");
        for (size_t i = 0; i < x->orders[o].count; i++) {
            if (i) wane_text_string(out, ", ");
            quoted(out, x->tasks[x->orders[o].tasks[i]].spec.name);
        }
        wane_text_string(out, "]}\n");
    }
    wane_text_string(out, "seeds: [");
    for (size_t s = 0; s < x->seed_count; s++)
        wane_text_printf(out, "%s%llu", s ? ", " : "", (unsigned long long)x->seeds[s]);
    wane_text_string(out, "]\n");
    if (x->sample_seed) wane_text_string(out, "sample_seed: true\n");
}

static void print_pretraining(wane_text *out, const wane_pretraining *p)
{
    wane_text_printf(out,
                     "pretraining: {width: %zu, layers: %zu, heads: %zu, kv_heads: %zu, hidden: "
                     "%zu, context: %zu, documents: %zu, batch_tokens: %zu, steps: %zu, seed: %llu",
                     p->width, p->layers, p->heads, p->kv_heads, p->hidden, p->context,
                     p->documents, p->batch_tokens, p->steps, (unsigned long long)p->seed);
    number_field(out, "learning_rate", p->learning_rate);
    number_field(out, "warmup_ratio", p->warmup_ratio);
    number_field(out, "weight_decay", p->weight_decay);
    number_field(out, "clip", p->clip);
    wane_text_string(out, "}\n");
}

static void print_bounds(wane_text *out, const wane_experiment *x)
{
    const char *before = ", configs: [";
    if (!x->joint && !x->single && !x->perturbed) return;
    wane_text_printf(out, "bounds: {joint: %s, single: %s", wane_joint_names[x->joint],
                     x->single ? "true" : "false");
    if (x->perturbed) wane_text_printf(out, ", perturbed: {runs: %zu", x->perturbed);
    for (size_t c = 0; c < x->config_count; c++) {
        if (x->configs[c].bound != WANE_BOUND_PERTURBED) continue;
        wane_text_string(out, before);
        quoted(out, x->configs[c].bounds);
        before = ", ";
    }
    wane_text_string(out, x->perturbed ? "]}}\n" : "}\n");
}

static void print_shown(wane_text *out, const wane_experiment *x)
{
    if (x->shown_count) wane_text_string(out, "matrices:\n");
    for (size_t i = 0; i < x->shown_count; i++) {
        const wane_shown_matrices *s = &x->shown[i];
        wane_text_string(out, "  - {name: ");
        quoted(out, s->pattern);
        wane_text_printf(out, ", stages: %s, sides: [%s%s%s]}\n", s->all_stages ? "all" : "last",
                         s->u ? "u" : "", s->u && s->v ? ", " : "", s->v ? "v" : "");
    }
}

void wane_experiment_print(wane_text *out, const wane_experiment *x)
{
    static const char *const keeps[] = {"all", "adapters", "last", "none"};
    wane_text_string(out, "name: ");
    quoted(out, x->name);
    wane_text_string(out, "\nmodel: ");
    quoted(out, x->model ? x->model : "builtin");
    wane_text_string(out, "\n");
    if (!x->model) print_pretraining(out, &x->pretraining);
    if (x->corpus_count) wane_text_string(out, "corpora:\n");
    for (size_t c = 0; c < x->corpus_count; c++) print_corpus(out, &x->corpora[c]);
    wane_text_string(out, "tasks:\n");
    for (size_t t = 0; t < x->task_count; t++) {
        if (t == x->trained_tasks) wane_text_string(out, "watch:\n");
        print_task(out, &x->tasks[t]);
    }
    print_orders(out, x);
    wane_text_string(out, "methods:\n");
    for (size_t c = 0; c < x->config_count; c++)
        if (!x->configs[c].bound) print_config(out, &x->configs[c]);
    wane_text_printf(out, "protocol: {adapter: %s, head: %s, evaluate: %s}\n",
                     wane_policy_names[x->policy], wane_head_names[x->head],
                     x->evaluate_seen ? "seen" : "all");
    print_bounds(out, x);
    wane_text_string(out, "intruders: {top: ");
    if (x->intruders_top) wane_text_printf(out, "%zu", x->intruders_top);
    else wane_text_string(out, "all");
    wane_text_printf(out, ", sides: [%s%s%s], against: [base%s], nulls: %s}\n",
                     x->intruders_u ? "u" : "", x->intruders_u && x->intruders_v ? ", " : "",
                     x->intruders_v ? "v" : "", x->against_previous ? ", previous" : "",
                     wane_nulls_names[x->intruders_nulls]);
    if (x->track.every)
        wane_text_printf(out,
                         "track: {every: %zu, spectra: %s, top: %zu, nll_tokens: %zu, task_rows: "
                         "%zu}\n",
                         x->track.every, x->track.spectra ? "true" : "false", x->track.top,
                         x->track.nll_tokens, x->track.task_rows);
    wane_experiment_print_interventions(out, x);
    print_shown(out, x);
    wane_text_printf(out, "keep: %s\n", keeps[x->keep]);
    char number[32];
    wane_text_printf(out, "checkpoint: {minutes: %s}\n",
                     wane_format_double(number, x->checkpoint_minutes));
    double wall = x->stop_wall_seconds;
    if (wall > 0 && wall == floor(wall)) wane_text_printf(out, "stop: {wall: %.0fs}\n", wall);
    else if (wall > 0)
        wane_text_printf(out, "stop: {wall: %ss}\n", wane_format_double(number, wall));
    if (x->limit) wane_text_printf(out, "limit: %zu\n", x->limit);
}
