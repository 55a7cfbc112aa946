# SPDX-License-Identifier: Apache-2.0
"""Writes tests/reference/text: small tokenizers and what the `tokenizers` library makes of texts.

    python3 make_tokenizer_fixtures.py [--data DATA] [NAME...]

The tokenizers have the very pre-tokenizers, normalizers, post-processors and decoders of well-known
models; their merges are learned here, on made-up text. NAME.json is a tokenizer.json,
NAME-expected.json a list of texts (`text`, or `hex` where it is no UTF-8) with `ids`, and `decoded`.
Needs `sentencepiece` for its tables of characters.
With DATA, the folder of real inputs, the expected ids of its tokenizers too, and digests of the ids
of its corpora.
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import struct

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers  # noqa: E402
from tokenizers import pre_tokenizers, processors, trainers  # noqa: E402

import tokenizer_strings  # noqa: E402
from charsmaps import charsmap_of  # noqa: E402

HERE = pathlib.Path(__file__).parent / "text"
TEXT = """Once upon a time there was a little girl named Lily who lived in a small house with her mom,
her dad and her dog Spot. One day, Lily wanted to play in the park. "Can we go to the park?" she
asked. Her mom said, "Yes, we can, but it's raining, so don't forget your boots!" They'd been there
before; they'll be there again. I'm sure we've all seen 1,234 or 56789 raindrops since 2021.
Der Fluss f\u00fchrt Wasser, l'\u00e9t\u00e9 est fini, \u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440,
\u4f60\u597d\u4e16\u754c, \u3053\u3093\u306b\u3061\u306f, \U0001f600\U0001f600 def f(x):\n    return x + 1\n"""
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
          r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(regex, **options):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex, **options)


def split(expression):
    return pre_tokenizers.Split(Regex(expression), "isolated", invert=False)


def train(tokenizer, size, special, alphabet=()):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False,
                                  initial_alphabet=list(alphabet))
    lines = TEXT.split("\n")
    tokenizer.train_from_iterator(lines + [" ".join(lines)] * 3, trainer)
    return tokenizer


def special(content):
    return AddedToken(content, special=True, normalized=False)


def gpt2():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = byte_level(True)
    train(made, 700, [], pre_tokenizers.ByteLevel.alphabet())
    made.add_special_tokens([special("<|endoftext|>")])
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    return made


def llama3():
    made = Tokenizer(models.BPE(ignore_merges=True))
    made.pre_tokenizer = pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)])
    train(made, 700, [], pre_tokenizers.ByteLevel.alphabet())
    made.add_special_tokens([special(f"<|{name}|>") for name in
                             ("begin_of_text", "end_of_text", "start_header_id", "eot_id")])
    begin = made.token_to_id("<|begin_of_text|>")
    made.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A",
                                      pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                                      special_tokens=[("<|begin_of_text|>", begin)])])
    made.decoder = decoders.ByteLevel()
    return made


def smollm2():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), byte_level(True)])
    train(made, 700, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"],
          pre_tokenizers.ByteLevel.alphabet())
    made.decoder = decoders.ByteLevel()
    return made


def qwen2():
    made = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([split(QWEN2), byte_level(False)])
    train(made, 700, [], pre_tokenizers.ByteLevel.alphabet())
    made.add_special_tokens([special("<|endoftext|>"), special("<|im_start|>")])
    made.add_tokens([AddedToken("<tool_call>", special=False, normalized=False)])
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    return made


def sentencepiece(made, size):
    """Learns merges, then gives the model byte tokens, as conversions of SentencePiece have them."""
    train(made, size, ["<unk>", "<s>", "</s>"])
    parsed = json.loads(made.to_str())
    model = parsed["model"]
    learned = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    tokens = learned[:3] + [f"<0x{byte:02X}>" for byte in range(256)] + learned[3:]
    model.update(vocab={token: i for i, token in enumerate(tokens)}, byte_fallback=True,
                 fuse_unk=True, unk_token="<unk>")
    made = Tokenizer.from_str(json.dumps(parsed))
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    made.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0)])
    return made


def llama2():
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"),
                                            normalizers.Replace(" ", "\u2581")])
    return sentencepiece(made, 500)


def mistral():
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="first", split=False)
    return sentencepiece(made, 500)


def words():
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(),
                                            normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(),
                                                  pre_tokenizers.Punctuation()])
    made.train_from_iterator(TEXT.split("\n"), trainers.WordLevelTrainer(
        special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    return made


def pattern(made, *cuts):
    """A tokenizer of bytes with these pre-tokenizers before."""
    made.pre_tokenizer = pre_tokenizers.Sequence([*cuts, byte_level(False)])
    train(made, 330, [], pre_tokenizers.ByteLevel.alphabet())
    made.add_special_tokens([special("<|endoftext|>")])
    made.decoder = decoders.ByteLevel()
    return made


def cl100k():  # Phi-4, Granite 4
    return pattern(Tokenizer(models.BPE()), split(CL100K))


def o200k():  # Phi-4-mini
    return pattern(Tokenizer(models.BPE(ignore_merges=True)), split(O200K))


def tekken():  # Mistral NeMo
    return pattern(Tokenizer(models.BPE(ignore_merges=True)), split(TEKKEN))


def deepseek():
    return pattern(Tokenizer(models.BPE()), split(r"\p{N}{1,3}"),
                   split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK))


def falcon():
    return pattern(Tokenizer(models.BPE()), pre_tokenizers.Punctuation("contiguous"),
                   pre_tokenizers.Digits(False), split("[0-9][0-9][0-9]"))


def neox():
    """GPT-NeoX and OLMo: runs of spaces are tokens, added and normalized."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = byte_level(True)
    train(made, 330, ["<|endoftext|>", "<|padding|>"], pre_tokenizers.ByteLevel.alphabet())
    made.add_tokens([AddedToken(" " * n, special=False, normalized=True) for n in range(12, 1, -1)])
    made.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B:1")
    made.decoder = decoders.ByteLevel()
    return made


def gemma():
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.Replace(" ", "\u2581")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous", invert=False)
    made = sentencepiece(made, 300)
    made.add_special_tokens([special("<start_of_turn>")])
    made.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    return made


def bert():
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    lines = TEXT.split("\n")
    made.train_from_iterator(lines + [" ".join(lines)] * 3, trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False))
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.decoder = decoders.WordPiece()
    return made


# What sentencepiece's own tables do: widths, ligatures, marks, controls, line ends, nothing at all.
RULES = [("\uff21", "A"), ("\ufb01", "fi"), ("\u00bd", "1\u20442"), ("e\u0301", "\u00e9"), ("\t", " "),
         ("\n", " "), ("\r", " "), ("\u200b", ""), ("\x01", ""), ("\u2581", " "), ("\u0958", "\u0915"),
         ("\u1e9b\u0323", "\u1e69"), ("\u3000", " "), ("\u2026", "..."), ("\uff41", "a")]


def unigram(made, size, **options):
    lines = TEXT.split("\n")
    made.train_from_iterator(lines + [" ".join(lines)] * 3, trainers.UnigramTrainer(
        vocab_size=size, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False))
    parsed = json.loads(made.to_str())
    parsed["model"].update(options)
    return Tokenizer.from_str(json.dumps(parsed))


def t5():
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Precompiled(base64.b64decode(charsmap_of(RULES)))
    made.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="always")
    made = unigram(made, 250)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    made.decoder = decoders.Metaspace("\u2581", prepend_scheme="always")
    return made


def albert():
    """With bytes for what is unknown."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("\'\'", '"'), normalizers.Nmt(),
        normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
        normalizers.Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("\u2581")])
    made = unigram(made, 200)
    parsed = json.loads(made.to_str())
    parsed["model"]["vocab"] += [[f"<0x{byte:02X}>", 0.0] for byte in range(256)]
    parsed["model"]["byte_fallback"] = True
    made = Tokenizer.from_str(json.dumps(parsed))
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("\u2581")])
    return made


def scripts():
    """What else there is: scripts, pieces of fixed length, the decoder CTC."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=3))
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.UnicodeScripts(), pre_tokenizers.FixedLength(length=3)])
    made.train_from_iterator(TEXT.split("\n"), trainers.WordPieceTrainer(
        vocab_size=250, special_tokens=["[UNK]", "<pad>"], show_progress=False))
    made.decoder = decoders.Sequence([decoders.WordPiece("##", cleanup=False),
                                      decoders.CTC("o", "e", cleanup=True)])
    return made


def expected(tokenizer, count, seed):
    contents = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    left_out = {i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}
    rows = []
    for text in tokenizer_strings.made(count * 2, seed, contents):
        if len(text) > 90 or len(rows) == count:
            continue
        unicode = text.decode("utf-8", "replace")
        ids = tokenizer.encode(unicode).ids
        row = {"hex": text.hex()} if unicode.encode() != text else {"text": unicode}
        row["ids"] = ids
        row["decoded"] = tokenizer.decode([i for i in ids if i not in left_out])
        rows.append(row)
    return rows


def write_rows(path, rows):
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def digest(tokenizer, texts):
    """Number and SHA-256 (as 4 bytes each, little end first) of the ids of all texts in a row."""
    ids = [i for text in texts for i in tokenizer.encode(text).ids]
    return {"ids": len(ids), "sha256": hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()}


def real(root):
    stories = json.loads((root / "corpora/tinystories-1000.json").read_text())
    wiki = (root / "corpora/wikitext-2-valid.txt").read_text()
    digests = []
    for name, count in (("models/TinyStories-656K", 400), ("tokenizers/gpt2", 250)):
        tokenizer = Tokenizer.from_file(str(root / name / "tokenizer.json"))
        rows = f"real-{name.split('/')[1].lower()}-expected.json"
        write_rows(HERE / rows, expected(tokenizer, count, 77))
        digests.append({"tokenizer": name, "expected": rows,
                        "tinystories": digest(tokenizer, stories), "wikitext": digest(tokenizer, [wiki])})
    (HERE / "real.json").write_text(json.dumps(digests, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    few = [cl100k, o200k, tekken, deepseek, falcon, neox, gemma, bert, t5, albert, scripts]
    for make in [gpt2, llama3, smollm2, qwen2, llama2, mistral, words] + few:
        if options.only and make.__name__ not in options.only:
            continue
        tokenizer = make()
        parsed = json.loads(tokenizer.to_str())
        (HERE / f"{make.__name__}.json").write_text(
            json.dumps(parsed, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        tokenizer = Tokenizer.from_file(str(HERE / f"{make.__name__}.json"))
        write_rows(HERE / f"{make.__name__}-expected.json",
                   expected(tokenizer, 120 if make in few else 300, make.__name__))
    if options.data:
        real(pathlib.Path(options.data))


if __name__ == "__main__":
    main()
