/* SPDX-License-Identifier: Apache-2.0
 * The table of the classes, and which of them a folder means.
 */
#include "tasks/text/classes.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"

#define NFC "{\"type\": \"NFC\"}"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN2_WORDS                                                                                \
    CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES
#define QWEN35_WORDS                                                                               \
    CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|"                                   \
                 " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES
#define END_OF_TEXT "\"<|endoftext|>\""
#define ROBERTA_NAMES                                                                              \
    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"unk_token\": \"<unk>\", \"sep_token\": "  \
    "\"</s>\", \"pad_token\": \"<pad>\", \"cls_token\": \"<s>\", \"mask_token\": \"<mask>\"}"
#define SEQUENCE_ENDS "[\"cls_token\", \"sep_token\"]"

static const wane_class classes[] = {
    {"GPT2Tokenizer", WANE_CLASS_BYTE_LEVEL,
     " codegen dbrx gpt2 gpt_neo gptj jais2 opt phi starcoder2 ", "null", NULL,
     "{\"bos_token\": " END_OF_TEXT ", \"eos_token\": " END_OF_TEXT ", \"unk_token\": " END_OF_TEXT
     "}",
     NULL, WANE_PIECES_PLAIN},
    {"RobertaTokenizer", WANE_CLASS_BYTE_LEVEL,
     " bart data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm ", "null",
     NULL, ROBERTA_NAMES, SEQUENCE_ENDS, WANE_PIECES_PLAIN},
    {"Qwen2Tokenizer", WANE_CLASS_BYTE_LEVEL,
     " qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen3 qwen3_moe qwen3_next ", NFC, QWEN2_WORDS,
     "{\"eos_token\": " END_OF_TEXT ", \"unk_token\": " END_OF_TEXT ", \"pad_token\": " END_OF_TEXT
     "}",
     NULL, WANE_PIECES_PLAIN},
    {"Qwen3_5Tokenizer", WANE_CLASS_BYTE_LEVEL, " qwen3_5 qwen3_5_moe qwen3_5_text ", NFC,
     QWEN35_WORDS,
     "{\"eos_token\": " END_OF_TEXT ", \"unk_token\": " END_OF_TEXT ", \"pad_token\": " END_OF_TEXT
     "}",
     NULL, WANE_PIECES_PLAIN},
    {"GPTNeoXTokenizer", WANE_CLASS_BYTE_LEVEL, " gpt_neox mamba mamba2 mpt olmo olmoe rwkv ", NFC,
     NULL,
     "{\"bos_token\": " END_OF_TEXT ", \"eos_token\": " END_OF_TEXT ", \"unk_token\": " END_OF_TEXT
     ", \"pad_token\": \"<|padding|>\"}",
     NULL, WANE_PIECES_PLAIN},
    {"BertTokenizer", WANE_CLASS_WORD_PIECE,
     " bert convbert distilbert electra ernie layoutlm megatron-bert nezha squeezebert "
     "visual_bert ",
     NULL, NULL,
     "{\"unk_token\": \"[UNK]\", \"sep_token\": \"[SEP]\", \"pad_token\": \"[PAD]\", "
     "\"cls_token\": \"[CLS]\", \"mask_token\": \"[MASK]\"}",
     SEQUENCE_ENDS, WANE_PIECES_PLAIN},
    {"LlamaTokenizer", WANE_CLASS_SENTENCEPIECE, " llama mistral mixtral phi3 internlm2 ", NULL,
     NULL, NULL, NULL, WANE_PIECES_PLAIN},
    {"PreTrainedTokenizer", WANE_CLASS_SENTENCEPIECE, " ", NULL, NULL, NULL, NULL,
     WANE_PIECES_PLAIN},
    {"GemmaTokenizer", WANE_CLASS_SENTENCEPIECE,
     " gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma ", NULL, NULL,
     "{\"bos_token\": \"<bos>\", \"eos_token\": \"<eos>\", \"unk_token\": \"<unk>\", "
     "\"pad_token\": \"<pad>\", \"mask_token\": \"<mask>\"}",
     NULL, WANE_PIECES_PLAIN},
    {"T5Tokenizer", WANE_CLASS_SENTENCEPIECE, " mt5 switch_transformers t5 ", NULL, NULL,
     "{\"eos_token\": \"</s>\", \"unk_token\": \"<unk>\", \"pad_token\": \"<pad>\"}",
     "[null, \"eos_token\"]", WANE_PIECES_T5},
    {"AlbertTokenizer", WANE_CLASS_SENTENCEPIECE, " albert ", NULL, NULL,
     "{\"bos_token\": \"[CLS]\", \"eos_token\": \"[SEP]\", \"unk_token\": \"<unk>\", "
     "\"sep_token\": \"[SEP]\", \"pad_token\": \"<pad>\", \"cls_token\": \"[CLS]\", "
     "\"mask_token\": \"[MASK]\"}",
     SEQUENCE_ENDS, WANE_PIECES_ALBERT},
    {"XLMRobertaTokenizer", WANE_CLASS_SENTENCEPIECE, " xlm-roberta xmod ", NULL, NULL,
     ROBERTA_NAMES, "[\"bos_token\", \"eos_token\"]", WANE_PIECES_XLM_ROBERTA},
};
enum { CLASSES = sizeof classes / sizeof *classes };

/* Other names of the classes. */
static const char *const aliases[][2] = {
    {"BartTokenizer", "RobertaTokenizer"},       {"LEDTokenizer", "RobertaTokenizer"},
    {"LongformerTokenizer", "RobertaTokenizer"}, {"DistilBertTokenizer", "BertTokenizer"},
    {"ElectraTokenizer", "BertTokenizer"},       {"MobileBertTokenizer", "BertTokenizer"},
    {"CodeLlamaTokenizer", "LlamaTokenizer"},    {"TokenizersBackend", "PreTrainedTokenizer"}};

const wane_class *wane_class_named(const char *name)
{
    size_t length = strlen(name);
    if (wane_ends_with(name, "Fast")) length -= 4;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strncmp(aliases[i][0], name, length) == 0 && !aliases[i][0][length])
            return wane_class_named(aliases[i][1]);
    for (size_t i = 0; i < CLASSES; i++)
        if (strncmp(classes[i].name, name, length) == 0 && !classes[i].name[length])
            return &classes[i];
    return NULL;
}

/* The class of a model_type, or NULL. */
static const wane_class *class_of_model(const char *type)
{
    size_t length = strlen(type);
    for (size_t i = 0; length && i < CLASSES; i++)
        for (const char *at = classes[i].models; *at; at++)
            if (*at == ' ' && length == strcspn(at + 1, " ") && memcmp(at + 1, type, length) == 0)
                return &classes[i];
    return NULL;
}

static wane_status refuse(const wane_package *package, const char *file, const char *key,
                          const char *value, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text known = {0};
    char *path = wane_package_file(package, file);
    for (size_t i = 0; i < CLASSES; i++)
        wane_text_printf(&known, "%s%s", i ? ", " : "", classes[i].name);
    if (!path) WANE_TRY(wane_fail_memory(err, "tokenizer", file));
    WANE_TRY(wane_text_check(&known, "tokenizer", path, err));
    st = wane_fail(err, WANE_EFORMAT,
                   "tokenizer: %s: %s \"%.64s\" is not known without a tokenizer.json; "
                   "tokenizer_class in tokenizer_config.json may be %s",
                   path, key, value, known.data);
done:
    wane_free(path);
    wane_text_free(&known);
    return st;
}

wane_status wane_class_find(const wane_class **out, const wane_package *package,
                            const wane_json *config, wane_error *err)
{
    static const char key[] = "tokenizer_class", model_file[] = "config.json";
    wane_status st = WANE_OK;
    wane_json *model = NULL;
    *out = NULL;
    const char *file = "tokenizer_config.json";
    const char *name = wane_json_string(wane_json_get(config, key), NULL);
    if (!name && wane_package_has(package, model_file)) {
        WANE_TRY(wane_package_json(&model, package, model_file, err));
        file = model_file;
        name = wane_json_string(wane_json_get(model, key), NULL);
    }
    const char *type = wane_json_string(wane_json_get(model, "model_type"), NULL);
    if (name && !(*out = wane_class_named(name))) st = refuse(package, file, key, name, err);
    else if (!name && type && !(*out = class_of_model(type)))
        st = refuse(package, file, "model_type", type, err);
done:
    wane_json_free(model);
    return st;
}
