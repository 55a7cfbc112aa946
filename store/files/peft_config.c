/* SPDX-License-Identifier: Apache-2.0
 * Reads adapter_config.json: refuses what would change the arithmetic, takes flags as Python does,
 * and answers which rank and alpha a module has.
 */
#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/json.h"
#include "store/files/peft.h"
#include "store/files/python_regex.h"

/* One entry of rank_pattern or alpha_pattern: its key is a regular expression on module names. */
typedef struct pattern {
    wane_regex *regex;
    char *key;
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
    wane_peft_targets *targets;
    bool biases;
};

/* The forms of adapters, one line each. A form whose flag is refused below is not there yet: take
 * it off that list. */
static const wane_adapter_form forms[] = {
    {.name = "lora", .flag = "use_dora", .set = false},
    {.name = "dora", .flag = "use_dora", .set = true, .vector = "lora_magnitude_vector"},
};

const wane_adapter_form *wane_peft_form_at(size_t place)
{
    return place < sizeof forms / sizeof *forms ? &forms[place] : NULL;
}

const wane_adapter_form *wane_adapter_form_named(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, name) == 0) return &forms[i];
    return NULL;
}

/* The form that the configuration says: one whose flag is set, else factors alone. */
static const wane_adapter_form *form_of(const wane_json *root)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].set && wane_json_truth(wane_json_get(root, forms[i].flag))) return &forms[i];
    return &forms[0];
}

/* Keys that change what an adapter computes in ways this version does not have: refused where peft
 * takes them for set. */
static const char *const refused[] = {
    "alora_invocation_tokens", "enable_lora",       "layer_replication",       "lora_bias",
    "megatron_config",         "target_parameters", "trainable_token_indices", "use_qalora"};

/* The same, set by any object, an empty one too. */
static const char *const refused_objects[] = {"arrow_config", "kasa_config", "monteclora_config",
                                              "use_bdlora", "velora_config"};

/* Flags of which a text or number is taken as Python's `if` takes it. */
static const char *const flags[] = {
    "ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora", "use_rslora"};

/* Keys read here and in peft_targets.c, and keys that only say how an adapter came to be. */
static const char *const understood[] = {"alpha_pattern",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "bias",
                                         "corda_config",
                                         "ensure_weight_tying",
                                         "eva_config",
                                         "exclude_modules",
                                         "fan_in_fan_out",
                                         "inference_mode",
                                         "init_lora_weights",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "loftq_config",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "lora_ga_config",
                                         "megatron_core",
                                         "merge_weights",
                                         "modules_to_save",
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

/* What a reader is told on the way. */
typedef struct listener {
    void (*warning)(void *context, const char *line);
    void *context;
    const char *path;
} listener;

static void tell(const listener *l, const char *key, const char *what)
{
    wane_error line;
    if (!l->warning) return;
    (void)wane_fail(&line, WANE_EFORMAT, "read: %s: %s %s", l->path, key, what);
    l->warning(l->context, line.message);
}

#define LISTED(key, names) listed(key, names, sizeof(names) / sizeof *(names))

static wane_status check_key(const char *key, const wane_json *value, const listener *l,
                             wane_error *err)
{
    bool set = wane_json_truth(value);
    bool object = wane_json_kind_of(value) != WANE_JSON_NULL && LISTED(key, refused_objects);
    bool plain =
        wane_json_kind_of(value) == WANE_JSON_BOOL || wane_json_kind_of(value) == WANE_JSON_NULL;
    if (object || (set && LISTED(key, refused)))
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s is set; this version cannot honour it",
                         l->path, key);
    if (!plain && LISTED(key, flags))
        tell(l, key,
             set ? "is neither true nor false: taken as true, as peft takes it"
                 : "is neither true nor false: taken as false, as peft takes it");
    else if (!LISTED(key, understood) && !LISTED(key, refused) && !LISTED(key, refused_objects) &&
             !LISTED(key, flags)) {
        wane_error line;
        (void)wane_fail(&line, WANE_EFORMAT, "read: %s: unknown key %s is ignored", l->path, key);
        if (l->warning) l->warning(l->context, line.message);
    }
    return WANE_OK;
}

static wane_status check_keys(const wane_json *root, const listener *l, wane_error *err)
{
    for (size_t i = 0; i < wane_json_size(root); i++) {
        const char *key = NULL;
        const wane_json *value = wane_json_member(root, i, &key);
        wane_status st = check_key(key, value, l, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* bias: none, all or ..._only. */
static wane_status read_bias(bool *out, const wane_json *root, const char *path, wane_error *err)
{
    const wane_json *bias = wane_json_get(root, "bias");
    const char *text = wane_json_string(bias, NULL);
    *out = text && strcmp(text, "none") != 0;
    if (!bias || (text && !*out)) return WANE_OK;
    size_t length = text ? strlen(text) : 0;
    if (text && (strcmp(text, "all") == 0 || (length > 5 && !strcmp(text + length - 5, "_only"))))
        return WANE_OK;
    return wane_fail(err, WANE_EFORMAT, "read: %s: bias is %s; this version cannot honour it", path,
                     text ? text : "no text");
}

/* Initialisations that also change the base's weights leave a file that means nothing without
 * them. */
static wane_status check_init(const wane_json *root, const char *path, wane_error *err)
{
    static const char *const harmless[] = {"eva", "orthogonal"};
    static const char *const of_any_case[] = {"gaussian", "mica"};
    static const char *const changing[] = {"corda", "loftq", "lora_ga", "olora", "pissa"};
    const wane_json *init = wane_json_get(root, "init_lora_weights");
    const char *start = wane_json_string(init, NULL);
    bool plain = wane_json_kind_of(init) == WANE_JSON_NULL ||
                 wane_json_kind_of(init) == WANE_JSON_BOOL || (start && LISTED(start, harmless));
    for (size_t i = 0; start && i < sizeof of_any_case / sizeof *of_any_case; i++)
        plain = plain || strcasecmp(start, of_any_case[i]) == 0;
    if (plain) return WANE_OK;
    for (size_t i = 0; start && i < sizeof changing / sizeof *changing; i++)
        if (strncasecmp(start, changing[i], strlen(changing[i])) == 0)
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: init_lora_weights is %s, which changes the base's weights; "
                             "save the adapter converted to plain LoRA",
                             path, start);
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: init_lora_weights is %s: no initialisation that peft has", path,
                     start ? start : "neither true, false nor a text");
}

static wane_status check_type(const wane_json *root, const char *path, wane_error *err)
{
    const char *type = wane_json_string(wane_json_get(root, "peft_type"), NULL);
    if (type && strcmp(type, "LORA") == 0) return WANE_OK;
    return wane_fail(err, WANE_EFORMAT, "read: %s: peft_type is %s; only LORA is read", path,
                     type ? type : "missing");
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

/* PEFT matches a key as re.match(rf"(.*\\.)?({key})$", module). */
static wane_status compile(pattern *out, const char *name, const char *key, const char *path,
                           wane_error *err)
{
    wane_text text = {0};
    wane_text_printf(&text, "(.*\\.)?(%s)$", key);
    wane_status st = wane_text_check(&text, "read", path, err);
    if (st == WANE_OK) out->key = wane_strdup(key);
    if (st == WANE_OK && !out->key) st = wane_fail_memory(err, "read", path);
    if (st == WANE_OK) st = wane_regex_compile(&out->regex, text.data, false, path, name, err);
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
        out->count++;
        if (st == WANE_OK) st = compile(p, name, key, path, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

static void free_patterns(patterns *p)
{
    for (size_t i = 0; i < p->count; i++) {
        wane_regex_free(p->list[i].regex);
        wane_free(p->list[i].key);
    }
    wane_free(p->list);
}

static wane_status read_facts(wane_peft_config *config, const wane_json *root, const listener *l,
                              wane_error *err)
{
    double rank = 8; /* PEFT's defaults */
    wane_adapter_facts *facts = &config->facts;
    wane_status st = WANE_OK;
    facts->form = form_of(root);
    facts->alpha = 8;
    facts->fan_in_fan_out = wane_json_truth(wane_json_get(root, "fan_in_fan_out"));
    WANE_TRY(rank_of(&rank, wane_json_get(root, "r"), "r", l->path, err));
    facts->rank = (size_t)rank;
    WANE_TRY(number_of(&facts->alpha, wane_json_get(root, "lora_alpha"), "lora_alpha", -1e9, 1e9,
                       l->path, err));
    WANE_TRY(number_of(&facts->dropout, wane_json_get(root, "lora_dropout"), "lora_dropout", 0, 1,
                       l->path, err));
    facts->rslora = wane_json_truth(wane_json_get(root, "use_rslora"));
    const char *base = wane_json_string(wane_json_get(root, "base_model_name_or_path"), NULL);
    config->base_model = wane_strdup(base ? base : "");
    if (!config->base_model) WANE_TRY(wane_fail_memory(err, "read", l->path));
    facts->base_model = config->base_model;
done:
    return st;
}

wane_status wane_peft_config_read(wane_peft_config **out, const wane_json *root, const char *path,
                                  void (*warning)(void *context, const char *line), void *context,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    const listener l = {warning, context, path};
    wane_peft_config *config = wane_alloc(1, sizeof *config);
    if (!config) return wane_fail_memory(err, "read", path);
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: no object", path));
    WANE_TRY(check_type(root, path, err));
    WANE_TRY(read_bias(&config->biases, root, path, err));
    WANE_TRY(check_init(root, path, err));
    WANE_TRY(check_keys(root, &l, err));
    WANE_TRY(read_facts(config, root, &l, err));
    WANE_TRY(wane_peft_targets_read(&config->targets, root, path, err));
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
    wane_peft_targets_free(config->targets);
    wane_free(config->base_model);
    wane_free(config);
}

const wane_adapter_facts *wane_peft_config_facts(const wane_peft_config *config)
{
    return &config->facts;
}

/* The first key that matches decides, in the order of the file; else one that is the very name. */
static wane_status lookup(double *out, const patterns *p, const char *module, wane_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        bool matches = false;
        wane_status st = wane_regex_match(&matches, NULL, p->list[i].regex, module, err);
        if (st != WANE_OK) return st;
        if (matches) *out = p->list[i].value;
        if (matches) return WANE_OK;
    }
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].key, module) == 0) *out = p->list[i].value;
    return WANE_OK;
}

wane_status wane_peft_config_module(wane_peft_module *out, const wane_peft_config *config,
                                    const char *module, wane_error *err)
{
    double rank = (double)config->facts.rank, alpha = config->facts.alpha;
    wane_status st = wane_peft_targets_hold(&out->targeted, config->targets, module, err);
    if (st == WANE_OK) st = lookup(&rank, &config->ranks, module, err);
    if (st == WANE_OK) st = lookup(&alpha, &config->alphas, module, err);
    if (st != WANE_OK) return st;
    out->rank = (size_t)rank;
    out->scale = (float)wane_lora_scale(alpha, out->rank, config->facts.rslora);
    return WANE_OK;
}

bool wane_peft_config_saves(const wane_peft_config *config, const char *module)
{
    return wane_peft_targets_save(config->targets, module);
}

bool wane_peft_config_biases(const wane_peft_config *config)
{
    return config->biases;
}

wane_peft_targets *wane_peft_config_take_targets(wane_peft_config *config)
{
    wane_peft_targets *targets = config->targets;
    if (!wane_peft_targets_set(targets)) return NULL;
    config->targets = NULL;
    return targets;
}

double wane_lora_scale(double alpha, size_t rank, bool rslora)
{
    return alpha / (rslora ? sqrt((double)rank) : (double)rank);
}
