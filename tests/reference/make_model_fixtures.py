# SPDX-License-Identifier: Apache-2.0
"""Tiny random Llamas, their logits and gradients by transformers, peft and torch.

Writes tests/reference/model/NAME/{config.json,model.safetensors,expected.safetensors} and, for the
adapters, adapter-NAME.safetensors. With the folder of TinyStories-656K as argument it also writes
tests/reference/model/tinystories.safetensors: logits of a few prompts of the real model.

Needs torch, transformers, peft, safetensors (made with 2.15, 5.24, 0.21.2, 0.8.0).
"""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
SEQUENCES = [7, 1, 12, 18, 3]

MODELS = {
    "tied": dict(vocab_size=61, hidden_size=32, intermediate_size=40, num_hidden_layers=2,
                 num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                 rms_norm_eps=1e-6, tie_word_embeddings=True, rope_theta=10000.0),
    "bias": dict(vocab_size=53, hidden_size=24, intermediate_size=35, num_hidden_layers=2,
                 num_attention_heads=3, num_key_value_heads=1, head_dim=10,
                 max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
                 attention_bias=True, mlp_bias=True, rope_theta=500.0,
                 rope_scaling=dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0,
                                   high_freq_factor=4.0, original_max_position_embeddings=16)),
}

ADAPTERS = {
    "plain": dict(model="tied", r=3, lora_alpha=6, use_rslora=False, target_modules="all-linear"),
    "rslora": dict(model="bias", r=2, lora_alpha=3, use_rslora=True,
                   target_modules=["q_proj", "v_proj", "down_proj"]),
}


def make_model(name):
    torch.manual_seed(len(name))
    config = LlamaConfig(**MODELS[name], attn_implementation="eager")
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "norm" in key:
                p.copy_(1 + 0.3 * torch.randn_like(p))
            else:
                p.copy_(0.25 * torch.randn_like(p))
    return model


def batch(vocabulary):
    torch.manual_seed(5)
    return [torch.randint(0, vocabulary, (n,)) for n in SEQUENCES]


def run(model, sequences):
    """Logits at every token; nll sum at the targets: every second token with a successor."""
    logits, positions, targets, total, start = [], [], [], 0.0, 0
    for ids in sequences:
        out = model(input_ids=ids[None]).logits[0]
        logits.append(out)
        for t in range(0, len(ids) - 1, 2):
            total = total - torch.log_softmax(out[t], -1)[ids[t + 1]]
            positions.append(start + t)
            targets.append(int(ids[t + 1]))
        start += len(ids)
    return torch.cat(logits), positions, targets, total


def numbers(values):
    return torch.tensor(values, dtype=torch.float32)


def common(sequences, logits, positions, targets, loss):
    return {"ids": torch.cat(sequences).float(), "lengths": numbers(SEQUENCES),
            "logits": logits.detach().contiguous(), "positions": numbers(positions),
            "targets": numbers(targets), "loss": loss.detach().reshape(1)}


def write_model(name):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    model = make_model(name)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    if MODELS[name]["tie_word_embeddings"]:
        del state["lm_head.weight"]
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config = dict(MODELS[name], architectures=["LlamaForCausalLM"], model_type="llama",
                  hidden_act="silu", torch_dtype="float32", bos_token_id=1, eos_token_id=2)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    sequences = batch(MODELS[name]["vocab_size"])
    logits, positions, targets, loss = run(model, sequences)
    loss.backward()
    out = common(sequences, logits, positions, targets, loss)
    for key, p in model.named_parameters():
        out["grad." + key] = p.grad.contiguous()
    save_file(out, os.path.join(folder, "expected.safetensors"))


def write_adapter(name):
    spec = dict(ADAPTERS[name])
    model_name = spec.pop("model")
    model = make_model(model_name)
    torch.manual_seed(9)
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **spec))
    with torch.no_grad():
        for key, p in tuned.named_parameters():
            if "lora_" in key:
                p.copy_(0.3 * torch.randn_like(p))
    tuned.eval()
    sequences = batch(MODELS[model_name]["vocab_size"])
    logits, positions, targets, loss = run(tuned, sequences)
    loss.backward()
    out = common(sequences, logits, positions, targets, loss)
    for key, p in tuned.named_parameters():
        if "lora_" in key:
            short = key.replace("base_model.model.", "").replace(".default.weight", "")
            out[short] = p.detach().contiguous()
            out["grad." + short] = p.grad.contiguous()
    r, alpha = spec["r"], spec["lora_alpha"]
    out["scale"] = numbers([alpha / r ** 0.5 if spec["use_rslora"] else alpha / r])
    out["rank"] = numbers([r])
    save_file(out, os.path.join(HERE, f"adapter-{name}.safetensors"))


PROMPTS = ["Once upon a time", "Lily and her dog went to the park. They saw a big",
           "The sun was hot and the boy"]


def write_real(path):
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32,
                                             attn_implementation="eager").eval()
    ids = [torch.tensor(tokenizer(p)["input_ids"]) for p in PROMPTS]
    with torch.no_grad():
        logits = torch.stack([model(input_ids=i[None]).logits[0, -1] for i in ids])
        greedy = model.generate(input_ids=ids[0][None], max_new_tokens=60, do_sample=False)[0]
    print(tokenizer.decode(greedy))
    save_file({"ids": torch.cat(ids).float(), "lengths": numbers([len(i) for i in ids]),
               "logits": logits.contiguous(), "greedy": greedy.float()},
              os.path.join(HERE, "tinystories.safetensors"))


if __name__ == "__main__":
    for n in MODELS:
        write_model(n)
    for n in ADAPTERS:
        write_adapter(n)
    if len(sys.argv) > 1:
        write_real(sys.argv[1])
