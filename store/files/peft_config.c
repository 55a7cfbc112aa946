/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <math.h>
#include <regex.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/json.h"
#include "store/files/peft.h"

/* One entry of rank_pattern or alpha_pattern: its key is a regular expression on module names. */
typedef struct pattern {
    regex_t regex;
    double value;
} pattern;

typedef struct patterns {
    pattern *list;
    size_t count;
} patterns;

struct wane_peft_config {
    wane_adapter_facts facts;
    char *base_model;
    patterns ranks, alphas;
};

/* Keys that change what an adapter computes in ways this version does not have: refused unless
 * they are null, false or empty. */
static const char *const refused[] = {"alora_invocation_tokens",
                                      "arrow_config",
                                      "fan_in_fan_out",
                                      "kasa_config",
                                      "layer_replication",
                                      "lora_bias",
                                      "megatron_config",
                                      "modules_to_save",
                                      "monteclora_config",
                                      "target_parameters",
                                      "trainable_token_indices",
                                      "use_bdlora",
                                      "use_dora",
                                      "use_qalora",
                                      "velora_config"};

/* Of these, what a loose reading honours or may pass over. */
static const char *const loosened[] = {"fan_in_fan_out", "modules_to_save"};

/* Keys read here, and keys that only say how an adapter came to be. */
static const char *const understood[] = {"alpha_pattern",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "bias",
                                         "corda_config",
                                         "ensure_weight_tying",
                                         "eva_config",
                                         "exclude_modules",
                                         "inference_mode",
                                         "init_lora_weights",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "loftq_config",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "lora_ga_config",
                                         "megatron_core",
                                         "peft_type",
                                         "peft_version",
                                         "qalora_group_size",
                                         "r",
                                         "rank_pattern",
                                         "revision",
                                         "runtime_config",
                                         "target_modules",
                                         "task_type",
                                         "use_rslora"};

static bool listed(const char *key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(key, names[i]) == 0) return true;
    return false;
}

static bool neutral(const wane_json *value)
{
    switch (wane_json_kind_of(value)) {
    case WANE_JSON_NULL: return true;
    case WANE_JSON_BOOL: return !wane_json_bool(value, true);
    case WANE_JSON_ARRAY:
    case WANE_JSON_OBJECT: return wane_json_size(value) == 0;
    default: return false;
    }
}

/* modules_to_save: nothing but the head of a sequence classifier, by either of peft's names. */
static bool head_alone(const char *key, const wane_json *value)
{
    if (strcmp(key, "modules_to_save") != 0 || wane_json_kind_of(value) != WANE_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < wane_json_size(value); i++) {
        const char *name = wane_json_string(wane_json_at(value, i), NULL);
        if (!name || (strcmp(name, "score") != 0 && strcmp(name, "classifier") != 0)) return false;
    }
    return true;
}

static wane_status check_keys(const wane_json *root, const char *path, bool loose,
                              void (*warning)(void *context, const char *line), void *context,
                              wane_error *err)
{
    for (size_t i = 0; i < wane_json_size(root); i++) {
        const char *key = NULL;
        const wane_json *value = wane_json_member(root, i, &key);
        if (listed(key, refused, sizeof refused / sizeof *refused)) {
            bool passed = loose && listed(key, loosened, sizeof loosened / sizeof *loosened);
            if (!passed && !neutral(value) && !head_alone(key, value))
                return wane_fail(err, WANE_EFORMAT,
                                 "read: %s: %s is set; this version cannot honour it", path, key);
        } else if (!listed(key, understood, sizeof understood / sizeof *understood) && warning) {
            wane_error line;
            (void)wane_fail(&line, WANE_EFORMAT, "read: %s: unknown key %s is ignored", path, key);
            warning(context, line.message);
        }
    }
    return WANE_OK;
}

/* Initialisations that also change the base's weights leave a file that means nothing without
 * them. */
static wane_status check_values(const wane_json *root, const char *path, bool loose,
                                wane_error *err)
{
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal"};
    const char *type = wane_json_string(wane_json_get(root, "peft_type"), NULL);
    if (!type || strcmp(type, "LORA") != 0)
        return wane_fail(err, WANE_EFORMAT, "read: %s: peft_type is %s; only LORA is read", path,
                         type ? type : "missing");
    const wane_json *bias = wane_json_get(root, "bias");
    const char *text = wane_json_string(bias, NULL);
    if (bias && !neutral(bias) && (!text || (!loose && strcmp(text, "none") != 0)))
        return wane_fail(err, WANE_EFORMAT, "read: %s: bias is %s; this version cannot honour it",
                         path, text ? text : "no text");
    const wane_json *init = wane_json_get(root, "init_lora_weights");
    const char *start = wane_json_string(init, NULL);
    bool plain = !init || wane_json_kind_of(init) == WANE_JSON_NULL ||
                 wane_json_kind_of(init) == WANE_JSON_BOOL ||
                 (start && listed(start, harmless, sizeof harmless / sizeof *harmless));
    if (!plain)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: init_lora_weights is %s, which changes the base's weights; "
                         "save the adapter converted to plain LoRA",
                         path, start ? start : "no text");
    return WANE_OK;
}

static wane_status number_of(double *out, const wane_json *value, const char *key, double low,
                             double high, const char *path, wane_error *err)
{
    double number = 0;
    if (!value) return WANE_OK;
    if (!wane_json_number(&number, value) || !(number >= low && number <= high))
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s is no number in its range", path, key);
    *out = number;
    return WANE_OK;
}

static wane_status rank_of(double *out, const wane_json *value, const char *key, const char *path,
                           wane_error *err)
{
    wane_status st = number_of(out, value, key, 1, INT_MAX, path, err);
    if (st == WANE_OK && *out != floor(*out))
        st = wane_fail(err, WANE_EFORMAT, "read: %s: %s is no whole number", path, key);
    return st;
}

static bool word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool repeats(char c)
{
    return c == '*' || c == '+' || c == '?';
}

/* The bracket expression that starts at `key`: its length, or 0 when it holds more than plain
 * characters and ranges. */
static size_t bracket_length(const char *key)
{
    size_t length = key[1] == '^' ? 2 : 1, first = length;
    while (word(key[length]) || key[length] == '.') length++;
    return key[length] == ']' && length > first ? length + 1 : 0;
}

/* Appends what stands at `key` and is no repetition; returns how much of the key that was, 0 for
 * what the two dialects do not share. *repeatable: whether a repetition may follow. */
static size_t translate_atom(wane_text *out, const char *key, bool *repeatable)
{
    *repeatable = *key != '(' && *key != '|' && *key != '^' && *key != '$';
    if (*key == '[') {
        size_t length = bracket_length(key);
        wane_text_append(out, key, length);
        return length;
    }
    if (*key == '\\') {
        if (key[1] == 'd') wane_text_string(out, "[0-9]");
        else if (key[1] == 'w') wane_text_string(out, "[A-Za-z0-9_]");
        else if (key[1] == '-') wane_text_string(out, "-");
        else if (key[1] && strchr(".*+?()[]^$|", key[1])) wane_text_append(out, key, 2);
        else return 0;
        return 2;
    }
    bool plain_group = strncmp(key, "(?:", 3) == 0;
    if (key[0] == '(' && key[1] == '?' && !plain_group) return 0;
    if (!word(*key) && !strchr(".()|^$", *key)) return 0;
    wane_text_append(out, key, 1);
    return plain_group ? 3 : 1;
}

/* PEFT matches a key as re.match("(.*\\.)?(KEY)$", module). Written here as a POSIX extended
 * expression; false for what the two dialects do not share. */
static bool translate(wane_text *out, const char *key)
{
    bool repeatable = false;
    wane_text_string(out, "^(.*\\.)?(");
    while (*key) {
        if (repeats(*key)) {
            if (!repeatable) return false;
            wane_text_append(out, key++, 1);
            if (*key == '?') key++; /* a lazy repetition matches the same whole names */
            repeatable = false;
            continue;
        }
        size_t length = translate_atom(out, key, &repeatable);
        if (length == 0) return false;
        key += length;
    }
    wane_text_string(out, ")$");
    return true;
}

static wane_status compile(pattern *out, const char *name, const char *key, const char *path,
                           wane_error *err)
{
    enum { LONGEST_KEY = 512 };
    wane_text text = {0};
    bool good = strlen(key) <= LONGEST_KEY && translate(&text, key);
    wane_status st = good ? wane_text_check(&text, "read", path, err) : WANE_OK;
    if (st == WANE_OK && (!good || regcomp(&out->regex, text.data, REG_EXTENDED | REG_NOSUB) != 0))
        st = wane_fail(err, WANE_EFORMAT, "read: %s: %s: the pattern \"%.100s\" is not understood",
                       path, name, key);
    wane_text_free(&text);
    return st;
}

static wane_status read_patterns(patterns *out, const wane_json *root, const char *name, bool ranks,
                                 const char *path, wane_error *err)
{
    const wane_json *object = wane_json_get(root, name);
    if (!object || wane_json_kind_of(object) == WANE_JSON_NULL) return WANE_OK;
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s is no object", path, name);
    size_t members = wane_json_size(object);
    out->list = wane_alloc(members, sizeof *out->list);
    if (!out->list) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < members; i++) {
        const char *key = NULL;
        pattern *p = &out->list[out->count];
        const wane_json *value = wane_json_member(object, i, &key);
        wane_status st = ranks ? rank_of(&p->value, value, name, path, err)
                               : number_of(&p->value, value, name, -1e9, 1e9, path, err);
        if (st == WANE_OK) st = compile(p, name, key, path, err);
        if (st != WANE_OK) return st;
        out->count++;
    }
    return WANE_OK;
}

static void free_patterns(patterns *p)
{
    for (size_t i = 0; i < p->count; i++) regfree(&p->list[i].regex);
    wane_free(p->list);
}

wane_status wane_peft_config_read(wane_peft_config **out, const wane_json *root, const char *path,
                                  bool loose, void (*warning)(void *context, const char *line),
                                  void *context, wane_error *err)
{
    wane_status st = WANE_OK;
    double rank = 8; /* PEFT's defaults */
    wane_peft_config *config = wane_alloc(1, sizeof *config);
    if (!config) return wane_fail_memory(err, "read", path);
    config->facts.alpha = 8;
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: no object", path));
    WANE_TRY(check_values(root, path, loose, err));
    WANE_TRY(check_keys(root, path, loose, warning, context, err));
    config->facts.fan_in_fan_out = wane_json_bool(wane_json_get(root, "fan_in_fan_out"), false);
    WANE_TRY(rank_of(&rank, wane_json_get(root, "r"), "r", path, err));
    config->facts.rank = (size_t)rank;
    WANE_TRY(number_of(&config->facts.alpha, wane_json_get(root, "lora_alpha"), "lora_alpha", -1e9,
                       1e9, path, err));
    WANE_TRY(number_of(&config->facts.dropout, wane_json_get(root, "lora_dropout"), "lora_dropout",
                       0, 1, path, err));
    config->facts.rslora = wane_json_bool(wane_json_get(root, "use_rslora"), false);
    const char *base = wane_json_string(wane_json_get(root, "base_model_name_or_path"), NULL);
    config->base_model = wane_strdup(base ? base : "");
    if (!config->base_model) WANE_TRY(wane_fail_memory(err, "read", path));
    config->facts.base_model = config->base_model;
    WANE_TRY(read_patterns(&config->ranks, root, "rank_pattern", true, path, err));
    WANE_TRY(read_patterns(&config->alphas, root, "alpha_pattern", false, path, err));
    *out = config;
    config = NULL;
done:
    wane_peft_config_free(config);
    return st;
}

void wane_peft_config_free(wane_peft_config *config)
{
    if (!config) return;
    free_patterns(&config->ranks);
    free_patterns(&config->alphas);
    wane_free(config->base_model);
    wane_free(config);
}

const wane_adapter_facts *wane_peft_config_facts(const wane_peft_config *config)
{
    return &config->facts;
}

/* The first key that matches decides, in the order of the file. */
static double lookup(const patterns *p, const char *module, double otherwise)
{
    for (size_t i = 0; i < p->count; i++)
        if (regexec(&p->list[i].regex, module, 0, NULL, 0) == 0) return p->list[i].value;
    return otherwise;
}

size_t wane_peft_config_rank(const wane_peft_config *config, const char *module)
{
    return (size_t)lookup(&config->ranks, module, (double)config->facts.rank);
}

static float scale_of(double alpha, size_t rank, bool rslora)
{
    return (float)(alpha / (rslora ? sqrt((double)rank) : (double)rank));
}

float wane_peft_config_scale(const wane_peft_config *config, const char *module)
{
    return scale_of(lookup(&config->alphas, module, config->facts.alpha),
                    wane_peft_config_rank(config, module), config->facts.rslora);
}

static void write_key(wane_text *out, const char *weight, size_t length, bool first)
{
    wane_text module = {0};
    wane_text_append(&module, weight, length);
    wane_text_string(out, first ? "\n    " : ",\n    ");
    if (module.failed) out->failed = true;
    else wane_json_write_string(out, module.data);
    wane_text_free(&module);
}

/* alpha_pattern and rank_pattern hold the modules that differ from r and lora_alpha. */
static wane_status write_pattern(wane_text *out, const wane_update *update, bool ranks,
                                 const char *path, wane_error *err)
{
    bool first = true, rslora = update->facts.rslora;
    wane_text_string(out, ranks ? "  \"rank_pattern\": {" : "  \"alpha_pattern\": {");
    for (size_t i = 0; i < update->count; i++) {
        const wane_lowrank_term *term = &update->tensors[i].term;
        size_t length = 0;
        wane_status st = wane_peft_module_length(&length, update->tensors[i].name, path, err);
        if (st != WANE_OK) return st;
        double value = (double)term->rank;
        if (ranks && term->rank == update->facts.rank) continue;
        if (!ranks) {
            if (scale_of(update->facts.alpha, term->rank, rslora) == term->scale) continue;
            value = term->scale * (rslora ? sqrt(value) : value);
            if (scale_of(value, term->rank, rslora) != term->scale)
                return wane_fail(err, WANE_EINVAL, "write: %s: %s: no alpha gives its scale", path,
                                 update->tensors[i].name);
        }
        write_key(out, update->tensors[i].name, length, first);
        wane_text_string(out, ": ");
        /* 20 as a number may read 2e+01, which peft takes for a float: a rank is an int. */
        if (ranks) wane_text_printf(out, "%zu", term->rank);
        else wane_json_write_number(out, value);
        first = false;
    }
    wane_text_string(out, first ? "},\n" : "\n  },\n");
    return WANE_OK;
}

wane_status wane_peft_config_write(wane_text *out, const wane_update *update, const char *path,
                                   wane_error *err)
{
    const wane_adapter_facts *facts = &update->facts;
    wane_text_string(out, "{\n");
    wane_status st = write_pattern(out, update, false, path, err);
    if (st != WANE_OK) return st;
    wane_text_string(out, "  \"base_model_name_or_path\": ");
    if (facts->base_model && facts->base_model[0]) wane_json_write_string(out, facts->base_model);
    else wane_text_string(out, "null");
    wane_text_string(out, ",\n  \"bias\": \"none\",\n  \"fan_in_fan_out\": false,\n"
                          "  \"inference_mode\": true,\n  \"init_lora_weights\": true,\n"
                          "  \"lora_alpha\": ");
    wane_json_write_number(out, facts->alpha);
    wane_text_string(out, ",\n  \"lora_dropout\": ");
    wane_json_write_number(out, facts->dropout);
    wane_text_printf(out,
                     ",\n  \"modules_to_save\": %s,\n  \"peft_type\": \"LORA\",\n  \"r\": %zu,\n",
                     update->head ? "[\n    \"score\"\n  ]" : "null", facts->rank);
    st = write_pattern(out, update, true, path, err);
    if (st != WANE_OK) return st;
    wane_text_string(out, "  \"target_modules\": [");
    for (size_t i = 0; i < update->count; i++) {
        size_t length = 0;
        st = wane_peft_module_length(&length, update->tensors[i].name, path, err);
        if (st != WANE_OK) return st;
        write_key(out, update->tensors[i].name, length, i == 0);
    }
    wane_text_printf(out,
                     "\n  ],\n  \"task_type\": \"%s\",\n  \"use_dora\": false,\n"
                     "  \"use_rslora\": %s\n}\n",
                     update->head ? "SEQ_CLS" : "CAUSAL_LM", facts->rslora ? "true" : "false");
    return wane_text_check(out, "write", path, err);
}
