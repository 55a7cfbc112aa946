#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/architectures/NAME: a tiny random model of each family, and what
transformers, peft and torch make of it: logits, gradients of all weights and of LoRA's factors on
all linear ones, and twenty AdamW steps of both. A family more is a line of MODELS under its
model_type; another model of it has a name of its own, which tests/numeric/model/test_families.c
lists. With names as arguments only those are made.

  config.json, model.safetensors   as save_pretrained writes them
  adapter/                         a fresh-looking adapter of peft, B not zero
  expected.safetensors             ids, lengths, positions, targets: the batch
                                   logits, loss, grad.TENSOR: of the sum of the targets' nll; tensors
                                   are named and shaped as in model.safetensors
                                   lora.logits, lora.loss, lora.grad.TENSOR: with the adapter, named
                                   as in adapter_model.safetensors
                                   full.losses, lora.losses: means over targets, step by step
                                   full.final, lora.final: logits afterwards

Make the sizes odd where the family lets you: heads != key heads, head width != width / heads, more
layers than one period of windows, sequences (7, 1, 12, 18, 3 tokens) longer than a window.
Needs torch, transformers, peft, safetensors (made with 2.15, 5.24, 0.21.2, 0.8.0)."""
import json
import pathlib
import shutil
import sys
import tempfile

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GPT2Config,
                          GPTNeoXConfig, GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config,
                          Phi3Config, Qwen2Config, Qwen3Config, SmolLM3Config)

OUT = pathlib.Path(__file__).resolve().parent / "architectures"
LENGTHS = [7, 1, 12, 18, 3]
STEPS = 20
SIZES = dict(vocab_size=53, hidden_size=24, num_hidden_layers=3, num_attention_heads=4,
             intermediate_size=40, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
SMALL_LLAMA = dict(vocab_size=31, hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
                   num_key_value_heads=2, head_dim=12, intermediate_size=24,
                   max_position_embeddings=64, bos_token_id=1, eos_token_id=2)


def turned(kind, theta=100.0, context=64, **settings):
    """A small Llama with rotary positions of that kind."""
    return LlamaConfig(**{**SMALL_LLAMA, "max_position_embeddings": context}, rope_parameters=dict(
        rope_type=kind, rope_theta=theta, **settings))


SMALL = dict(vocab_size=29, hidden_size=16, num_attention_heads=4, head_dim=6,
             intermediate_size=20, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
NEOX = dict(vocab_size=29, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=40, max_position_embeddings=32, bos_token_id=1, eos_token_id=2,
            rotary_pct=0.5)
PLAIN = {key: value for key, value in SMALL.items() if key != "head_dim"}

MODELS = {
    "llama": LlamaConfig(**SIZES, num_key_value_heads=2, head_dim=10, attention_bias=True,
                         tie_word_embeddings=True),
    # Rotary positions; the sequences lie on both sides of a context of 10 tokens.
    "llama_3": LlamaConfig(**SMALL_LLAMA, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0,
        high_freq_factor=4.0, original_max_position_embeddings=40)),
    "llama_linear": turned("linear", factor=2.5),
    "llama_dynamic": turned("dynamic", context=10, factor=3.0),
    "llama_yarn": turned("yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=2.0,
                         beta_slow=0.25, mscale=1.5, mscale_all_dim=0.5, truncate=False),
    "llama_longrope": turned("longrope", original_max_position_embeddings=10,
                             short_factor=[1.0, 1.0, 1.1, 1.2, 1.5, 2.0],
                             long_factor=[1.0, 1.5, 2.0, 3.5, 5.0, 7.5]),
    "gpt2": GPT2Config(vocab_size=53, n_embd=24, n_layer=3, n_head=4, n_inner=40, n_positions=29,
                       bos_token_id=1, eos_token_id=2),
    "gpt2_old": GPT2Config(vocab_size=47, n_embd=20, n_layer=2, n_head=5, n_positions=18,
                           activation_function="relu", bos_token_id=1, eos_token_id=2),
    "qwen2": Qwen2Config(**PLAIN, num_hidden_layers=3, num_key_value_heads=2,
                         use_sliding_window=True, sliding_window=5, max_window_layers=1,
                         pad_token_id=4),
    "gemma2": Gemma2Config(**SMALL, num_hidden_layers=3, num_key_value_heads=2,
                           query_pre_attn_scalar=7, sliding_window=6, pad_token_id=3,
                           attn_logit_softcapping=2.5, final_logit_softcapping=4.0),
    # One layer more than a period of six, a window of a third of the longest sequence, and among the
    # ids the one whose row of the embedding is not trained.
    "gemma3_text": Gemma3TextConfig(**SMALL, num_hidden_layers=7, num_key_value_heads=2,
                                    query_pre_attn_scalar=7, sliding_window=6, pad_token_id=3),
    "olmo2": Olmo2Config(**SMALL, num_hidden_layers=3, num_key_value_heads=2, attention_bias=True,
                         pad_token_id=3),
    "gpt_neox": GPTNeoXConfig(**NEOX),
    "gpt_neox_series": GPTNeoXConfig(**{**NEOX, "hidden_size": 24}, use_parallel_residual=False,
                                     attention_bias=False, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SMALL, num_hidden_layers=3, num_key_value_heads=2, attention_bias=True,
                         use_sliding_window=True, sliding_window=4, max_window_layers=2,
                         tie_word_embeddings=True),
    "mistral": MistralConfig(**SMALL, num_hidden_layers=2, num_key_value_heads=1, sliding_window=5),
    # Layers 1 and 3 without positions, and with a window.
    "smollm3": SmolLM3Config(**PLAIN, num_hidden_layers=5, num_key_value_heads=2, pad_token_id=None,
                             no_rope_layer_interval=2, use_sliding_window=True, sliding_window=6),
    "granite": GraniteConfig(**PLAIN, num_hidden_layers=2, num_key_value_heads=2, mlp_bias=True,
                             attention_dropout=0.1, embedding_multiplier=3.0,
                             attention_multiplier=0.3, residual_multiplier=0.22,
                             logits_scaling=0.7),
    # Sequences on both sides of the window and of the context before scaling; an id that is padding.
    "phi3": Phi3Config(**{**SMALL, "hidden_size": 32, "head_dim": 8}, num_hidden_layers=3, num_key_value_heads=2,
                       sliding_window=5, original_max_position_embeddings=10, pad_token_id=3,
                       partial_rotary_factor=0.75, rope_parameters=dict(
                           rope_type="longrope", rope_theta=100.0, short_factor=[1.0, 1.2, 1.5],
                           long_factor=[1.5, 3.5, 7.5])),
}


def as_of_old(folder):
    """GPT-2's files as they were: names without their first part, masks among the tensors, the
    tied matrix twice; config.json without what came later."""
    file, config = folder / "model.safetensors", folder / "config.json"
    said = json.loads(config.read_text())
    kept = {k: v.contiguous() for k, v in load_file(file).items()}
    old = {k.removeprefix("transformer."): v for k, v in kept.items()}
    old["lm_head.weight"] = old["wte.weight"].clone()
    n = said["n_positions"]
    for layer in range(said["n_layer"]):
        old[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(n, n)).reshape(1, 1, n, n)
        old[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(old, file, metadata={"format": "pt"})
    for key in ["n_inner", "tie_word_embeddings", "scale_attn_weights", "add_cross_attention",
                "reorder_and_upcast_attn", "scale_attn_by_inverse_layer_idx"]:
        del said[key]
    said["n_ctx"] = n
    config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")


def make_model(config):
    """Weights with some spread, norms off 1 and biases off 0."""
    torch.manual_seed(7)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p + 0.2 * torch.randn_like(p))
    return model


def batch(vocabulary):
    """Sequences; every second token with a successor is a target."""
    torch.manual_seed(5)
    rows = [torch.randint(0, vocabulary, (n,)) for n in LENGTHS]
    positions, targets, start = [], [], 0
    for ids in rows:
        for t in range(0, len(ids) - 1, 2):
            positions.append(start + t)
            targets.append(int(ids[t + 1]))
        start += len(ids)
    return rows, positions, targets


def fresh(model):
    """Rotary frequencies as a new model has them: those of dynamic ones stay those of the longest
    sequence that was seen."""
    for module in model.modules():
        if hasattr(module, "original_inv_freq"):
            module.inv_freq = module.original_inv_freq.clone()
            module.max_seq_len_cached = module.original_max_seq_len
    return model


def run(model, rows, positions, targets):
    logits = torch.cat([fresh(model)(input_ids=ids[None]).logits[0] for ids in rows])
    loss = torch.nn.functional.cross_entropy(logits[positions], torch.tensor(targets),
                                             reduction="sum")
    return logits, loss


def named_as_saved(model, values):
    """`values` (by parameter) under the names and in the shapes of the model's files."""
    kept = {p: p.detach().clone() for p in model.parameters()}
    with torch.no_grad():
        for p, value in values.items():
            p.copy_(value)
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            file = next(pathlib.Path(folder).glob("*model.safetensors"))
            out = {k: v.clone() for k, v in load_file(file).items()}
        for p, value in kept.items():
            p.copy_(value)
    return out


def gradients(model, out, prefix, data):
    model.zero_grad()
    logits, loss = run(model, *data)
    loss.backward()
    out[prefix + "logits"] = logits.detach().contiguous()
    out[prefix + "loss"] = loss.detach().reshape(1)
    grads = {p: torch.zeros_like(p) if p.grad is None else p.grad.clone()
             for p in model.parameters() if p.requires_grad}
    for name, value in named_as_saved(model, grads).items():
        out[prefix + "grad." + name] = value.contiguous()


def train(model, out, prefix, data):
    """AdamW without decay, at a constant rate, norms clipped to 1."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-3, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = run(model, *data)[1] / len(data[2])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
    out[prefix + "losses"] = torch.tensor(losses)
    with torch.no_grad():
        out[prefix + "final"] = run(model, *data)[0].contiguous()


def adapted(config):
    model = get_peft_model(make_model(config), LoraConfig(
        task_type="CAUSAL_LM", r=3, lora_alpha=5, lora_dropout=0.0, target_modules="all-linear"))
    torch.manual_seed(9)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_" in name:
                p.copy_(0.2 * torch.randn_like(p))
    return model.eval()


def make(name, config):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = batch(config.vocab_size)
    out = {"ids": torch.cat(data[0]).float(), "lengths": torch.tensor(LENGTHS).float(),
           "positions": torch.tensor(data[1]).float(), "targets": torch.tensor(data[2]).float()}
    model = make_model(config)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    gradients(model, out, "", data)
    train(model, out, "full.", data)
    if name.endswith("_old"):
        as_of_old(folder)
    model = adapted(config)
    model.save_pretrained(folder / "adapter")
    said = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    said["target_modules"].sort()
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(said, indent=2) + "\n")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    gradients(model, out, "lora.", data)
    train(model, out, "lora.", data)
    save_file(out, folder / "expected.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    for each in sys.argv[1:] or MODELS:
        make(each, MODELS[each])
