/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/model/made_up.h"

#define SIZE(key, member, value)                                                                   \
    {                                                                                              \
        .name = key, WANE_CONFIG_MEMBER(member, size), .absent = value, .most = 1 << 16            \
    }
#define KEYS                                                                                       \
    SIZE("vocab_size", vocabulary, 11), SIZE("n_embd", width, 8), SIZE("n_layer", layers, 2),      \
        SIZE("n_head", heads, 4), SIZE("n_kv", kv_heads, 2), SIZE("d_head", head_width, 6),        \
        SIZE("n_inner", hidden, 10), SIZE("n_ctx", context, 32),                                   \
        {.name = "tie_word_embeddings", WANE_CONFIG_MEMBER(tied, flag)},                           \
    {                                                                                              \
        .name = "eps", WANE_CONFIG_MEMBER(norm_epsilon, number), .absent = 1e-5,                   \
        .decides = WANE_DECIDES_NUMBERS                                                            \
    }
#define SIZES                                                                                      \
    .vocabulary = 11, .width = 8, .heads = 4, .kv_heads = 2, .head_width = 6, .hidden = 10,        \
    .norm_epsilon = 1e-5, .initializer_range = 0.4, .bos = -1, .eos = -1
#define CONTEXT .context = 32
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define BOTH(module_, place_)                                                                      \
    {.module = module_, .place = place_},                                                          \
    {                                                                                              \
        .module = module_, .place = place_, .bias = true                                           \
    }
#define LAYER "net.layers.%zu."

static const char *const classes[] = {"MadeUpForCausalLM", NULL};
static const char *const prefixes[] = {"net.", "", "another.net.", NULL};
static const char *const ignored[] = {"attn.bias", NULL};
static const wane_config_key keys[] = {
    KEYS,
    {.name = "scale_by_layer", .type = &wane_config_fixed},
    {.name = "scale_weights", .type = &wane_config_fixed, .absent = 1}};

/* --------------------------------------------------------------------------------------- turned */

static const wane_tensor_row turned_rows[] = {
    {.module = "net.wte", .place = WANE_EMBEDDING},
    {.module = "net.wpe", .place = WANE_POSITIONS},
    BOTH(LAYER "ln_1", WANE_NORM_ATTENTION),
    {.module = LAYER "attn.c_attn", .place = WANE_SLOT_QKV, .turned = true},
    {.module = LAYER "attn.c_attn", .place = WANE_SLOT_QKV, .bias = true},
    {.module = LAYER "attn.c_proj", .place = WANE_SLOT_O, .turned = true},
    {.module = LAYER "attn.c_proj", .place = WANE_SLOT_O, .bias = true},
    BOTH(LAYER "ln_2", WANE_NORM_MLP),
    {.module = LAYER "mlp.c_fc", .place = WANE_SLOT_UP, .turned = true},
    {.module = LAYER "mlp.c_fc", .place = WANE_SLOT_UP, .bias = true},
    {.module = LAYER "mlp.c_proj", .place = WANE_SLOT_DOWN, .turned = true},
    {.module = LAYER "mlp.c_proj", .place = WANE_SLOT_DOWN, .bias = true},
    BOTH("net.ln_f", WANE_NORM_FINAL),
    {.module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied},
};
#define TURNED                                                                                     \
    {                                                                                              \
        .norm = WANE_NORM_LAYER, .activation = WANE_ACTIVATION_GELU_TANH, .position_offset = 2     \
    }
static const wane_architecture turned = {.name = "turned",
                                         .classes = classes,
                                         .prefixes = prefixes,
                                         .keys = keys,
                                         .key_count = COUNT(keys),
                                         .rows = turned_rows,
                                         .row_count = COUNT(turned_rows),
                                         .ignored = ignored,
                                         .block = TURNED};
const wane_config made_up_turned = {
    .architecture = &turned, SIZES, CONTEXT, .layers = 2, .tied = true, .block = TURNED};

/* ------------------------------------------------------------------------------------- parallel */

#define THETA                                                                                      \
    {                                                                                              \
        .name = "rope_theta", WANE_CONFIG_MEMBER(rope.theta, rope_theta), .absent = 10000,         \
        .decides = WANE_DECIDES_NUMBERS                                                            \
    }
static const wane_config_key parallel_keys[] = {KEYS,
                                                THETA,
                                                {.name = "rotary_pct",
                                                 WANE_CONFIG_MEMBER(rope.width, rope_part),
                                                 .absent = 0.25,
                                                 .decides = WANE_DECIDES_NUMBERS}};
#define PARALLEL                                                                                   \
    {                                                                                              \
        .norm = WANE_NORM_LAYER, .activation = WANE_ACTIVATION_GELU, .qkv_by_head = true,          \
        .parallel = true                                                                           \
    }
static const wane_tensor_row parallel_rows[] = {
    {.module = "net.embed_in", .place = WANE_EMBEDDING},
    BOTH(LAYER "input_layernorm", WANE_NORM_ATTENTION),
    BOTH(LAYER "attention.query_key_value", WANE_SLOT_QKV),
    BOTH(LAYER "attention.dense", WANE_SLOT_O),
    BOTH(LAYER "post_attention_layernorm", WANE_NORM_MLP),
    BOTH(LAYER "mlp.dense_h_to_4h", WANE_SLOT_UP),
    BOTH(LAYER "mlp.dense_4h_to_h", WANE_SLOT_DOWN),
    BOTH("net.final_layer_norm", WANE_NORM_FINAL),
    {.module = "embed_out", .place = WANE_HEAD},
};
static const wane_architecture parallel = {.name = "parallel",
                                           .classes = classes,
                                           .prefixes = prefixes,
                                           .keys = parallel_keys,
                                           .key_count = COUNT(parallel_keys),
                                           .rows = parallel_rows,
                                           .row_count = COUNT(parallel_rows),
                                           .block = PARALLEL};
const wane_config made_up_parallel = {.architecture = &parallel,
                                      SIZES,
                                      CONTEXT,
                                      .layers = 2,
                                      .rope = {.theta = 20, .width = 4},
                                      .block = PARALLEL};

/* --------------------------------------------------------------------------------------- capped */

static const wane_config_key capped_keys[] = {KEYS,
                                              THETA,
                                              {.name = "rope_local",
                                               WANE_CONFIG_MEMBER(local_rope.theta, rope_theta),
                                               .absent = 10000,
                                               .decides = WANE_DECIDES_NUMBERS},
                                              {.name = "sliding_window",
                                               WANE_CONFIG_MEMBER(block.window, size),
                                               .optional = true,
                                               .most = 99,
                                               .decides = WANE_DECIDES_NUMBERS},
                                              {.name = "layer_types",
                                               WANE_CONFIG_MEMBER(block.windowed, layer_types),
                                               .decides = WANE_DECIDES_NUMBERS},
                                              {.name = "attn_logit_softcapping",
                                               WANE_CONFIG_MEMBER(block.attention_cap, number),
                                               .optional = true,
                                               .decides = WANE_DECIDES_NUMBERS},
                                              {.name = "final_logit_softcapping",
                                               WANE_CONFIG_MEMBER(block.logit_cap, number),
                                               .optional = true,
                                               .decides = WANE_DECIDES_NUMBERS}};
static const wane_tensor_row capped_rows[] = {
    {.module = "net.embed_tokens", .place = WANE_EMBEDDING},
    {.module = LAYER "input_layernorm", .place = WANE_NORM_ATTENTION},
    {.module = LAYER "self_attn.q_proj", .place = WANE_SLOT_Q},
    {.module = LAYER "self_attn.k_proj", .place = WANE_SLOT_K},
    {.module = LAYER "self_attn.v_proj", .place = WANE_SLOT_V},
    {.module = LAYER "self_attn.q_norm", .place = WANE_NORM_Q},
    {.module = LAYER "self_attn.k_norm", .place = WANE_NORM_K},
    {.module = LAYER "self_attn.o_proj", .place = WANE_SLOT_O},
    {.module = LAYER "post_attention_layernorm", .place = WANE_NORM_ATTENTION_OUT},
    {.module = LAYER "pre_feedforward_layernorm", .place = WANE_NORM_MLP},
    {.module = LAYER "mlp.gate_up_proj", .place = WANE_SLOT_GATE_UP},
    {.module = LAYER "mlp.down_proj", .place = WANE_SLOT_DOWN},
    {.module = LAYER "post_feedforward_layernorm", .place = WANE_NORM_MLP_OUT},
    {.module = "net.norm", .place = WANE_NORM_FINAL},
    {.module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied},
};
static const wane_architecture capped = {.name = "capped",
                                         .classes = classes,
                                         .prefixes = prefixes,
                                         .keys = capped_keys,
                                         .key_count = COUNT(capped_keys),
                                         .rows = capped_rows,
                                         .row_count = COUNT(capped_rows),
                                         .block = {.norm = WANE_NORM_RMS_PLUS_ONE,
                                                   .activation = WANE_ACTIVATION_GELU_TANH,
                                                   .attention_scale = 0.3,
                                                   .embedding_scale = 2.8125}};
const wane_config made_up_capped = {.architecture = &capped,
                                    SIZES,
                                    CONTEXT,
                                    .layers = 4,
                                    .tied = true,
                                    .rope = {.theta = 30},
                                    .local_rope = {.theta = 7},
                                    .block = {.norm = WANE_NORM_RMS_PLUS_ONE,
                                              .activation = WANE_ACTIVATION_GELU_TANH,
                                              .window = 3,
                                              .windowed = {{1 | 4}},
                                              .attention_scale = 0.3,
                                              .attention_cap = 1.5,
                                              .embedding_scale = 2.8125,
                                              .logit_cap = 4}};

/* --------------------------------------------------------------------------------------- behind */

#define SCALING                                                                                    \
    {                                                                                              \
        .name = "rope_scaling", WANE_CONFIG_MEMBER(rope, rope_scaling),                            \
        .decides = WANE_DECIDES_NUMBERS                                                            \
    }
static const wane_config_key behind_keys[] = {KEYS, THETA, SCALING};
#define BEHIND                                                                                     \
    {                                                                                              \
        .qk_norm_whole = true, .unturned = {{2}}, .residual_scale = 0.7, .logit_divisor = 0.6      \
    }
static const wane_tensor_row behind_rows[] = {
    {.module = "net.embed_tokens", .place = WANE_EMBEDDING},
    BOTH(LAYER "self_attn.q_proj", WANE_SLOT_Q),
    {.module = LAYER "self_attn.k_proj", .place = WANE_SLOT_K},
    BOTH(LAYER "self_attn.v_proj", WANE_SLOT_V),
    {.module = LAYER "self_attn.q_norm", .place = WANE_NORM_Q},
    {.module = LAYER "self_attn.k_norm", .place = WANE_NORM_K},
    BOTH(LAYER "self_attn.o_proj", WANE_SLOT_O),
    BOTH(LAYER "post_attention_layernorm", WANE_NORM_ATTENTION_OUT),
    {.module = LAYER "mlp.gate_proj", .place = WANE_SLOT_GATE},
    BOTH(LAYER "mlp.up_proj", WANE_SLOT_UP),
    {.module = LAYER "mlp.down_proj", .place = WANE_SLOT_DOWN},
    {.module = LAYER "post_feedforward_layernorm", .place = WANE_NORM_MLP_OUT},
    {.module = "net.norm", .place = WANE_NORM_FINAL},
    {.module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied},
};
static const wane_architecture behind = {.name = "behind",
                                         .classes = classes,
                                         .prefixes = prefixes,
                                         .keys = behind_keys,
                                         .key_count = COUNT(behind_keys),
                                         .rows = behind_rows,
                                         .row_count = COUNT(behind_rows),
                                         .block = BEHIND};
const wane_config made_up_behind = {.architecture = &behind,
                                    SIZES,
                                    CONTEXT,
                                    .layers = 3,
                                    .rope = {.theta = 30,
                                             .kind = &wane_rope_yarn,
                                             .factor = 4,
                                             .original_context = 16,
                                             .attention_factor = 1.2,
                                             .beta_fast = 2,
                                             .beta_slow = 0.75},
                                    .block = BEHIND};

/* ----------------------------------------------------------------------------------------- full */

#define FULL                                                                                       \
    {                                                                                              \
        .activation = WANE_ACTIVATION_RELU, .full = true, .window = 3, .windowed = {{1}},          \
        .residual_scale = 1.25                                                                     \
    }
static const wane_tensor_row full_rows[] = {
    {.module = "net.embed_tokens", .place = WANE_EMBEDDING},
    {.module = LAYER "norm", .place = WANE_NORM_ATTENTION},
    {.module = LAYER "q", .place = WANE_SLOT_Q},
    {.module = LAYER "k", .place = WANE_SLOT_K},
    {.module = LAYER "v", .place = WANE_SLOT_V},
    {.module = LAYER "o", .place = WANE_SLOT_O},
    {.module = LAYER "norm_2", .place = WANE_NORM_MLP},
    BOTH(LAYER "up", WANE_SLOT_UP),
    {.module = LAYER "down", .place = WANE_SLOT_DOWN},
    {.module = "net.norm", .place = WANE_NORM_FINAL},
    {.module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied},
};
static const wane_architecture full = {.name = "full",
                                       .classes = classes,
                                       .prefixes = prefixes,
                                       .keys = behind_keys,
                                       .key_count = COUNT(behind_keys),
                                       .rows = full_rows,
                                       .row_count = COUNT(full_rows),
                                       .block = FULL};
const wane_config made_up_full = {.architecture = &full,
                                  SIZES,
                                  CONTEXT,
                                  .layers = 2,
                                  .rope = {.theta = 30, .kind = &wane_rope_linear, .factor = 1.75},
                                  .block = FULL};

/* ------------------------------------------------------------------------------------ stretched */

static const wane_config_key stretched_keys[] = {KEYS,
                                                 THETA,
                                                 {.name = "partial_rotary_factor",
                                                  WANE_CONFIG_MEMBER(rope.width, rope_part),
                                                  .absent = 1,
                                                  .decides = WANE_DECIDES_NUMBERS},
                                                 SCALING};
static const wane_tensor_row stretched_rows[] = {
    {.module = "net.embed_tokens", .place = WANE_EMBEDDING},
    {.module = LAYER "norm", .place = WANE_NORM_ATTENTION},
    {.module = LAYER "qkv", .place = WANE_SLOT_QKV},
    {.module = LAYER "o", .place = WANE_SLOT_O},
    {.module = LAYER "norm_2", .place = WANE_NORM_MLP},
    {.module = LAYER "gate_up", .place = WANE_SLOT_GATE_UP},
    {.module = LAYER "down", .place = WANE_SLOT_DOWN},
    {.module = "net.norm", .place = WANE_NORM_FINAL},
    {.module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied},
};
static const wane_architecture stretched = {.name = "stretched",
                                            .classes = classes,
                                            .prefixes = prefixes,
                                            .keys = stretched_keys,
                                            .key_count = COUNT(stretched_keys),
                                            .rows = stretched_rows,
                                            .row_count = COUNT(stretched_rows)};
const wane_config made_up_stretched = {.architecture = &stretched,
                                       SIZES,
                                       CONTEXT,
                                       .layers = 2,
                                       .rope = {.theta = 30,
                                                .width = 4,
                                                .kind = &wane_rope_longrope,
                                                .original_context = 5,
                                                .attention_factor = 1.3,
                                                .short_factor = {2, {1.1, 1.4}},
                                                .long_factor = {2, {1.9, 3.5}}}};

/* ---------------------------------------------------------------------------------------- grown */

static const wane_architecture grown = {.name = "grown",
                                        .classes = classes,
                                        .prefixes = prefixes,
                                        .keys = behind_keys,
                                        .key_count = COUNT(behind_keys),
                                        .rows = full_rows,
                                        .row_count = COUNT(full_rows)};
const wane_config made_up_grown = {
    .architecture = &grown,
    SIZES,
    .context = 7,
    .layers = 2,
    .rope = {.theta = 30, .kind = &wane_rope_dynamic, .factor = 3, .original_context = 7}};

const made_up made_up_all[MADE_UP] = {
    {"turned", &made_up_turned}, {"parallel", &made_up_parallel}, {"capped", &made_up_capped},
    {"behind", &made_up_behind}, {"full", &made_up_full},         {"stretched", &made_up_stretched},
    {"grown", &made_up_grown}};
