/* SPDX-License-Identifier: Apache-2.0
 * The table of tokenizer.ggml.pre. Expressions are those of the families' tokenizer.json, of which
 * llama.cpp has what its engine can read.
 */
#include <string.h>

#include "tasks/text/gguf_tokenizer.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define MARKS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3 CONTRACTIONS "|" LETTERS "\\p{N}{1,3}|" MARKS LINES
#define QWEN2 CONTRACTIONS "|" LETTERS "\\p{N}|" MARKS LINES
#define QWEN35                                                                                     \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+"       \
                 "[\\r\\n]*|" LINES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASES(behind)                                                                              \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" behind "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER  \
    "*" behind "|"
#define MARKS_SLASH " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"

static const wane_gguf_words table[] = {
    {" default ", {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}, 0, 0, 0},
    {" llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     {LLAMA3},
     .ignore_merges = true,
     .add_bos = true},
    {" dbrx smaug-bpe glm4 chatglm-bpe ", {LLAMA3}, 0, 0, 0},
    {" qwen2 deepseek-r1-qwen megrez ", {QWEN2}, .nfc = true},
    {" stablelm2 hunyuan solar-open grok-2 kormo f2llmv2 ", {QWEN2}, 0, 0, 0},
    {" qwen35 ", {QWEN35}, .nfc = true},
    {" gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert exaone4 jais "
     "trillion granite-docling gigachat ",
     {GPT2},
     0,
     0,
     0},
    {" mpt olmo ", {GPT2}, .nfc = true}, /* the tokenizer of GPT-NeoX */
    {" starcoder refact command-r smollm codeshell exaone minerva-7b mellum2 ",
     {"\\p{N}", GPT2},
     0,
     0,
     0},
    {" falcon ", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}, 0, 0, 0},
    {" tekken ", {CASES("") "\\p{N}|" MARKS_SLASH LINES}, .ignore_merges = true, .add_bos = true},
    {" gpt-4o llama4 kanana2 talkie minimax-m2 ",
     {CASES(CONTRACTIONS "?") "\\p{N}{1,3}|" MARKS_SLASH LINES},
     0,
     0,
     0},
    {" deepseek-v3 hunyuan-dense joyai-llm ",
     {"\\p{N}{1,3}",
      "[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
      "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINES},
     0,
     0,
     0},
};

const wane_gguf_words *wane_gguf_words_named(const char *name, size_t bytes)
{
    for (size_t i = 0; bytes && i < sizeof table / sizeof *table; i++)
        for (const char *at = table[i].names; *at; at++)
            if (*at == ' ' && bytes == strcspn(at + 1, " ") && memcmp(at + 1, name, bytes) == 0)
                return &table[i];
    return NULL;
}
