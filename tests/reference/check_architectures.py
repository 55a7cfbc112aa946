#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random models of every architecture against transformers: sizes, options, windows, rotary
positions, ties, half precision, old spellings of config.json, shards, and adapters of peft.

    python3 check_architectures.py [--wane build/release/wane] [--count 20] [--seed 0] [FAMILY...]
    python3 check_architectures.py --training build/dev/tests/test_model_families [...]

Each model is saved by transformers, loaded again by transformers and by wane, and its mean
likelihood on ten texts of 2 to 90 tokens compared (`wane perplexity`), as it is and with an adapter,
and as transformers reads what wane writes. With --training random models take the places of the
fixtures, and that test is run on them: logits, gradients of all weights and of LoRA's factors,
twenty steps of both (by the limits of the fixtures: torch in double precision may be as far off).

Prints the worst difference of each family, and how to make every model again that differs or is
refused; exits 1 when there is one. Needs torch, transformers, peft, safetensors."""
import argparse
import contextlib
import copy
import io
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import make_architecture_fixtures as fixtures

warnings.filterwarnings("ignore")
transformers.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()

TOLERANCE = 1e-4
LONGEST = 90
ACTIVATIONS = ["silu", "silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "relu", "swish"]


# ------------------------------------------------------------------------------- random configurations


def rotary(draw, pairs, kinds=("default", "linear", "dynamic", "llama3", "yarn")):
    """Rotary parameters of any kind; `pairs` numbers are turned with their partners."""
    kinds = [kind for kind in kinds if pairs > 1 or kind != "dynamic"]
    out = {"rope_type": draw.choice(kinds), "rope_theta": round(10 ** draw.uniform(1, 6), 2)}
    kind, factor = out["rope_type"], round(draw.uniform(1.2, 9), 2)
    original = draw.randint(8, 64)
    if kind in ("linear", "dynamic"):
        out["factor"] = factor
    if kind == "llama3":
        low = round(draw.uniform(0.5, 2), 2)
        out |= dict(factor=factor, low_freq_factor=low, high_freq_factor=low + draw.randint(1, 4),
                    original_max_position_embeddings=original)
    if kind == "yarn":
        out |= dict(factor=factor, original_max_position_embeddings=original)
        for key, value in [("beta_fast", draw.uniform(2, 40)), ("beta_slow", draw.uniform(0.2, 1.5)),
                           ("mscale", draw.uniform(0.5, 2)), ("mscale_all_dim", draw.uniform(0.5, 2)),
                           ("attention_factor", draw.uniform(0.5, 2)),
                           ("truncate", draw.random() < 0.5)]:
            if draw.random() < 0.3:
                out[key] = value
    if kind == "longrope":
        out |= dict(short_factor=[round(draw.uniform(1, 2), 3) for _ in range(pairs)],
                    long_factor=[round(draw.uniform(1, 9), 3) for _ in range(pairs)])
        if draw.random() < 0.3:
            out["attention_factor"] = draw.uniform(0.5, 2)
        if draw.random() < 0.5:
            out["factor"] = factor
    return out


def sizes(draw, apart=True, grouped=True, divides=False):
    """Sizes of a decoder: odd ones, where a head's width stands apart (`apart`)."""
    times = draw.choice([1, 1, 1, 1, 7])
    kv = draw.randint(1, 3)
    heads = kv * draw.randint(1, 3) if grouped else draw.randint(1, 5)
    head, apart = 2 * times * draw.randint(1, 8), apart and draw.random() < 0.7
    width = times * draw.randint(5, 40) * (heads if divides else 1) if apart else heads * head
    out = dict(vocab_size=draw.randint(258, 290), hidden_size=width, num_attention_heads=heads,
               num_hidden_layers=draw.randint(1, 7), intermediate_size=times * draw.randint(1, 60),
               max_position_embeddings=draw.randint(LONGEST + 2, 200),
               tie_word_embeddings=draw.random() < 0.5, pad_token_id=draw.choice([None, None, 7]),
               bos_token_id=1, eos_token_id=draw.choice([2, [2, 3], None]))
    if apart:
        out["head_dim"] = head
    if grouped:
        out["num_key_value_heads"] = draw.choice([kv, heads, None]) if heads == kv else kv
    return out, head


def decoder(draw, config, epsilon="rms_norm_eps", activation="hidden_act", kinds=None, **more):
    """A configuration of the class `config` by those sizes and options."""
    options = {key: more.pop(key) for key in ("apart", "grouped", "divides") if key in more}
    out, head = sizes(draw, **options)
    more = {key: value(out, head) if callable(value) else value for key, value in more.items()}
    if kinds != ():
        out["rope_parameters"] = rotary(draw, head // 2, **({"kinds": kinds} if kinds else {}))
    out |= {epsilon: 10 ** draw.uniform(-7, -3), activation: draw.choice(ACTIVATIONS)} | more
    if out.get("num_key_value_heads", 0) is None and config in (transformers.MistralConfig,
                                                               transformers.Gemma2Config,
                                                               transformers.Gemma3TextConfig):
        del out["num_key_value_heads"]
        out["num_key_value_heads"] = out["num_attention_heads"]
    return config(**out)


def maybe(draw, share=0.5):
    return draw.random() < share


def layer_types(draw, layers):
    return [draw.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]


def switched(draw, layers=True):
    """Windows behind a flag."""
    on = maybe(draw, 0.7)
    out = dict(use_sliding_window=on, sliding_window=draw.choice([None, 1, 2, 3, 5, 9, 200]))
    if layers:
        out["max_window_layers"] = draw.randint(0, 4)
    if on and out["sliding_window"] and maybe(draw, 0.3):
        out["layer_types"] = lambda size, head: layer_types(draw, size["num_hidden_layers"])
    return out


def llama(draw):
    return decoder(draw, transformers.LlamaConfig, divides=True, attention_bias=maybe(draw),
                   mlp_bias=maybe(draw))


def qwen2(draw):
    return decoder(draw, transformers.Qwen2Config, **switched(draw))


def qwen3(draw):
    return decoder(draw, transformers.Qwen3Config, attention_bias=maybe(draw),
                   head_dim=lambda size, head: head, **switched(draw))


def mistral(draw):
    return decoder(draw, transformers.MistralConfig,
                   sliding_window=draw.choice([None, 1, 2, 4, 7, 4096]))


def smollm3(draw):
    more = switched(draw, layers=False)
    if maybe(draw):
        more["no_rope_layers"] = lambda size, head: [
            draw.randint(0, 1) for _ in range(size["num_hidden_layers"])]
    else:
        more["no_rope_layer_interval"] = draw.randint(1, 5)
    return decoder(draw, transformers.SmolLM3Config, attention_bias=maybe(draw),
                   mlp_bias=maybe(draw), **more)


def granite(draw):
    return decoder(draw, transformers.GraniteConfig, attention_bias=maybe(draw),
                   mlp_bias=maybe(draw), attention_dropout=draw.choice([0.0, 0.1]),
                   embedding_multiplier=draw.choice([1, 12.0, draw.uniform(0.2, 5)]),
                   attention_multiplier=draw.uniform(0.01, 1.5),
                   residual_multiplier=draw.choice([1.0, 0.22, draw.uniform(0.1, 3)]),
                   logits_scaling=draw.choice([1, 8.0, draw.uniform(0.3, 9)]))


def gemma(draw, config, **more):
    more |= dict(query_pre_attn_scalar=draw.randint(1, 300), attention_bias=maybe(draw, 0.3),
                 sliding_window=draw.choice([1, 3, 6, 40]))
    if maybe(draw, 0.3):
        more["layer_types"] = lambda size, head: layer_types(draw, size["num_hidden_layers"])
    return decoder(draw, config, activation="hidden_activation", divides=True,
                   head_dim=lambda size, head: head, **more)


def gemma2(draw):
    return gemma(draw, transformers.Gemma2Config,
                 final_logit_softcapping=draw.choice([None, 30.0, draw.uniform(1, 9)]),
                 attn_logit_softcapping=draw.choice([None, 50.0, draw.uniform(0.5, 5)]))


def gemma3(draw):
    kinds = ("default", "linear", "llama3", "yarn")
    return gemma(draw, transformers.Gemma3TextConfig, kinds=(), rope_parameters=lambda size, head: {
        "full_attention": rotary(draw, head // 2, kinds),
        "sliding_attention": rotary(draw, head // 2, ("default",))})


def olmo2(draw):
    return decoder(draw, transformers.Olmo2Config, apart=False, attention_bias=maybe(draw))


def gpt_neox(draw):
    def parameters(size, head):
        kinds = ("default", "linear", "dynamic")
        share = draw.choice([0.25, 0.5, 1.0])
        while int(head * share) % 2 or int(head * share) < 2:
            share = 1.0
        return rotary(draw, int(head * share) // 2, kinds) | {"partial_rotary_factor": share}
    return decoder(draw, transformers.GPTNeoXConfig, epsilon="layer_norm_eps", grouped=False,
                   apart=False, kinds=(), attention_bias=maybe(draw),
                   use_parallel_residual=maybe(draw), rope_parameters=parameters)


def phi3(draw):
    def parameters(size, head):
        share = draw.choice([1.0, 0.5, 0.75])
        if int(head * share) % 2 or int(head * share) < 2:
            share = 1.0
        kind = draw.choice(["default", "longrope"])
        return rotary(draw, int(head * share) // 2, (kind,)) | {"partial_rotary_factor": share}
    return decoder(draw, transformers.Phi3Config, apart=False, kinds=(), rope_parameters=parameters,
                   original_max_position_embeddings=draw.randint(8, 64),
                   sliding_window=draw.choice([None, 3, 20]))


def gpt2(draw):
    heads = draw.randint(1, 5)
    return transformers.GPT2Config(
        vocab_size=draw.randint(258, 290), n_embd=heads * draw.randint(1, 9), n_head=heads,
        n_layer=draw.randint(1, 6), n_inner=draw.choice([None, 17, 40]), n_positions=LONGEST + 9,
        activation_function=draw.choice(ACTIVATIONS[1:]), bos_token_id=1, eos_token_id=2,
        layer_norm_epsilon=10 ** draw.uniform(-7, -3), tie_word_embeddings=maybe(draw))


FAMILIES = {"llama": llama, "gpt2": gpt2, "qwen2": qwen2, "qwen3": qwen3, "mistral": mistral,
            "smollm3": smollm3, "granite": granite, "gemma2": gemma2, "gemma3_text": gemma3,
            "olmo2": olmo2, "gpt_neox": gpt_neox, "phi3": phi3}


# ------------------------------------------------------------------------------------------ files


def make_model(config, spread=1.4):
    """Weights with so much spread that every part of the computation shows."""
    torch.manual_seed(7)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn_like(p)
            p.copy_(noise * spread / math.sqrt(p.shape[-1]) if p.dim() > 1 else p + 0.2 * noise)
    return model


def older(draw, folder):
    """config.json as transformers 4 wrote it, where nothing is lost by that."""
    file = folder / "config.json"
    said = json.loads(file.read_text())
    rope = said.get("rope_parameters")
    if not rope or any(isinstance(value, dict) for value in rope.values()):
        return
    del said["rope_parameters"]
    said["rope_theta"] = rope.pop("rope_theta")
    part = rope.pop("partial_rotary_factor", None)
    if part is not None:
        said["rotary_pct" if said["model_type"] == "gpt_neox" else "partial_rotary_factor"] = part
    if said["model_type"] == "gpt_neox":
        said["rotary_emb_base"] = said.pop("rope_theta")
    if rope["rope_type"] == "default":
        said["rope_scaling"] = None
    else:
        if maybe(draw):
            rope["type"] = rope.pop("rope_type")
        said["rope_scaling"] = rope
    said["torch_dtype"] = said.pop("dtype", "float32")
    file.write_text(json.dumps(said))


def write_tokenizer(folder, bos):
    """Bytes as tokens, 0 to 255."""
    shown = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    names = {byte: chr(byte) for byte in shown}
    for byte in range(256):
        names.setdefault(byte, chr(256 + len(names) - len(shown)))
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": False}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": 256, "content": "<s>", "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}],
        "pre_tokenizer": level, "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "byte_fallback": False, "merges": [],
                  "vocab": {names[byte]: byte for byte in range(256)} | {"<s>": 256}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "add_bos_token": True} if bos else {}))


def write_texts(draw, file):
    """Lines {"text": ...} of printable characters; returns their bytes."""
    texts = ["".join(chr(draw.randint(63, 126)) for _ in range(draw.choice([2, 5, 17, 40, LONGEST])))
             for _ in range(10)]
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return [list(text.encode()) for text in texts]


def write_adapter(draw, folder, model):
    names = sorted({name.split(".")[-1] for name, part in model.named_modules()
                    if isinstance(part, (torch.nn.Linear, transformers.pytorch_utils.Conv1D))
                    and name.split(".")[-1] not in ("lm_head", "embed_out")})
    some = "all-linear" if maybe(draw) else draw.sample(names, draw.randint(1, len(names)))
    adapted = get_peft_model(model, LoraConfig(
        task_type="CAUSAL_LM", r=draw.randint(1, 4), lora_alpha=draw.randint(1, 9),
        use_rslora=maybe(draw), use_dora=maybe(draw, 0.2), target_modules=some)).eval()
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_B" in name:
                p.copy_(0.3 * torch.randn_like(p))
    adapted.save_pretrained(folder)
    return adapted


# -------------------------------------------------------------------------------------- likelihoods


def nll_of(model, texts, bos):
    """Mean over the tokens of all texts, each on its own: a model that lengthens its rotary
    positions remembers the longest text."""
    total, count = 0.0, 0
    for text in texts:
        ids = torch.tensor([[256] * bos + text])
        with torch.no_grad():
            logits = copy.deepcopy(model)(input_ids=ids, use_cache=False).logits[0, :-1].double()
        total += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return total / count, count


def by_wane(wane, folder, texts, adapter):
    call = [wane, "perplexity", folder, texts, "--json", "--threads", "1",
            "--window", str(LONGEST + 2)]
    done = subprocess.run(call + (["--adapter", adapter] if adapter else []),
                          capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    out = json.loads(done.stdout)
    return out["nll"], out["tokens"]


def as_written(wane, model, where, ids, bos):
    """What transformers makes of the model as wane writes it."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.copy_(torch.randn_like(p))
    other.save_pretrained(where / "base")
    done = subprocess.run([wane, "scale", where / "base", where / "model", "--lambda", "1",
                           "--epsilon", "0.99", "-o", where / "written"],
                          capture_output=True, text=True)
    if done.returncode:
        return 0.0 if "nothing is written" in done.stderr else done.stderr.strip()
    again = AutoModelForCausalLM.from_pretrained(where / "written", attn_implementation="eager")
    wanted = nll_of(model, ids, bos)[0]
    return abs(nll_of(again.eval(), ids, bos)[0] - wanted) / wanted


WAYS = [" as wane writes it", "", " with its adapter"]


def check(wane, family, number, where):
    """One model in those ways: relative differences, or what is wrong."""
    draw = random.Random(f"{family} {number}")
    folder, texts = where / "model", where / "texts.jsonl"
    bos = maybe(draw)
    model = make_model(FAMILIES[family](draw))
    model.to(draw.choice([torch.float32, torch.float32, torch.bfloat16, torch.float16]))
    model.save_pretrained(folder, max_shard_size=draw.choice(["5GB", "20KB"]))
    if maybe(draw):
        older(draw, folder)
    write_tokenizer(folder, bos)
    ids = write_texts(draw, texts)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    out = [as_written(wane, model, where, ids, bos)]
    for adapter in [None, where / "adapter"]:
        if adapter:
            model = write_adapter(draw, adapter, model)
        wanted, count = nll_of(model, ids, bos)
        got, tokens = by_wane(wane, folder, texts, adapter)
        if got is None:
            out.append(tokens)
        elif tokens != count:
            out.append(f"{tokens} tokens, not {count}")
        else:
            out.append(abs(got - wanted) / wanted)
    return out


# ----------------------------------------------------------------------------------------- training


def tiny(draw, family):
    """A configuration for the test of the fixtures, whose ids are those of its vocabulary: not so
    far out that torch's own rounding decides what twenty steps give."""
    config = FAMILIES[family](draw)
    while config.hidden_size < 12 or config.num_hidden_layers > 4:
        config = FAMILIES[family](draw)
    config.vocab_size = draw.randint(11, 40)
    config.attention_dropout = 0.0
    if family == "granite":
        config.attention_multiplier = draw.uniform(0.05, 0.4)
        config.embedding_multiplier = draw.uniform(0.5, 2)
    return config


def check_training(program, number, families):
    """The test of the fixtures on random models of the same names; its messages."""
    with tempfile.TemporaryDirectory() as folder:
        fixtures.OUT = pathlib.Path(folder) / "reference" / "architectures"
        fixtures.make_model = lambda config: make_model(config, 0.8)
        for name in fixtures.MODELS:
            config = fixtures.MODELS[name]
            if name in families:
                config = tiny(random.Random(f"training {name} {number}"), config.model_type)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                fixtures.make(name, config)
        done = subprocess.run([program], cwd=folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--wane", default="build/release/wane", type=pathlib.Path)
    parser.add_argument("--training", type=pathlib.Path, metavar="TEST")
    parser.add_argument("--count", default=20, type=int, help="models of each family")
    parser.add_argument("--seed", default=0, type=int, help="number of the first model")
    parser.add_argument("family", nargs="*", choices=[[], *FAMILIES])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    families, failed = asked.family or list(FAMILIES), 0
    if asked.training:
        for number in range(asked.seed, asked.seed + asked.count):
            code, said = check_training(asked.training.resolve(), number, families)
            lines = said.splitlines()
            print(f"{number}: exit {code}")
            print("\n".join("  " + line for line in lines if code or "differ by" in line))
            failed += code != 0
        return failed > 0
    for family in families:
        worst, wrong = 0.0, []
        for number in range(asked.seed, asked.seed + asked.count):
            if wrong and f'"{family}" is not supported' in wrong[0]:
                break
            with tempfile.TemporaryDirectory() as folder:
                for what, one in zip(WAYS,
                                     check(asked.wane.resolve(), family, number,
                                           pathlib.Path(folder))):
                    if isinstance(one, float) and one <= TOLERANCE:
                        worst = max(worst, one)
                    else:
                        wrong.append(f"  --seed {number} --count 1 {family}{what}: {one}")
        print(f"{family}: {asked.count} models, likelihoods within {worst:.2g}, {len(wrong)} wrong",
              flush=True)
        print("\n".join(wrong), end="\n" if wrong else "", flush=True)
        failed += len(wrong)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
