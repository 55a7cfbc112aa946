#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/tensors: a tiny random Llama saved by transformers, adapters saved by peft,
the weights peft merges them to, and logits. Needs torch, transformers, peft and safetensors."""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parent / "tensors"
IDS = [1, 17, 42, 3, 60, 9, 9, 33, 2, 51, 28, 5]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS = {
    "plain": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "patterns": dict(
        r=4,
        lora_alpha=8,
        lora_dropout=0.05,
        target_modules=ALL,
        rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.(down|up)_proj": 6},
        alpha_pattern={"^model.layers.0.self_attn.v_proj": 12, r".*\.1\..*down_proj": 3},
    ),
    "rslora": dict(
        r=4,
        lora_alpha=6,
        use_rslora=True,
        target_modules=ALL,
        rank_pattern={"o_proj": 3},
        alpha_pattern={"up_proj": 5},
    ),
}


def tiny():
    """Untied, grouped-query, with norms that are not all one."""
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        initializer_range=0.2, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
    )
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "norm" in name:
                value.add_(0.1 * torch.randn_like(value))
    return model


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].contiguous()


def adapt(folder, settings, seed):
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.copy_(0.1 * torch.randn_like(value))
    return model


def forget_machine(folder):
    """Leaves out what depends on where the script ran, and the empty model card."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "tiny-llama"
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "README.md").unlink(missing_ok=True)


def pattern_matches():
    """Which module names peft takes each key of rank_pattern to mean."""
    keys = ["q_proj", "self_attn.q_proj", "layers.1.self_attn.q_proj", r"layers\.[0-9]\.mlp\.up_proj",
            "^model.layers.0.self_attn.v_proj", r".*\.1\..*", "(q|k|v)_proj", "(?:gate|up)_proj",
            r"model\.layers\.\d+\.mlp\.\w+", "layers.[^0].mlp.down_proj", ".*?down_proj", "proj",
            "_proj", "^layers.0.mlp.up_proj", "q_proj$", "layers.1?.mlp.up_proj", "(up_proj)+", ""]
    modules = [f"model.layers.{layer}.{part}" for layer in (0, 1, 11)
               for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                            "mlp.up_proj", "mlp.down_proj", "mlp.gate_proj")] + ["q_proj", "lm_head"]
    matches = [[get_pattern_key([key], module) == key for module in modules] for key in keys]
    return {"keys": keys, "modules": modules, "matches": matches}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    model = tiny()
    model.save_pretrained(OUT / "tiny-llama")
    expected = {"base.logits": logits(model)}
    for seed, (name, settings) in enumerate(ADAPTERS.items()):
        tuned = adapt(OUT / "tiny-llama", settings, seed)
        tuned.save_pretrained(OUT / f"adapter-{name}")
        forget_machine(OUT / f"adapter-{name}")
        expected[f"{name}.logits"] = logits(tuned)
        before = load_file(OUT / "tiny-llama" / "model.safetensors")
        merged = {k: v.contiguous() for k, v in tuned.merge_and_unload().state_dict().items()}
        changed = {k: v for k, v in merged.items() if not torch.equal(v, before[k])}
        save_file(changed, OUT / f"merged-{name}.safetensors", metadata={"format": "pt"})
    # The same adapter in half precision, and the model in bf16 shards.
    plain = load_file(OUT / "adapter-plain" / "adapter_model.safetensors")
    shutil.copytree(OUT / "adapter-plain", OUT / "adapter-bf16")
    save_file({k: v.bfloat16() for k, v in plain.items()},
              OUT / "adapter-bf16" / "adapter_model.safetensors", metadata={"format": "pt"})
    model.bfloat16().save_pretrained(OUT / "tiny-llama-shards", max_shard_size="5KB")
    for half in (OUT / "tiny-llama-shards", OUT / "tiny-llama"):
        (half / "generation_config.json").unlink(missing_ok=True)
    torch.manual_seed(3)
    values = torch.randn(3, 5, dtype=torch.float64)
    save_file({"f64": values, "f32": values.float(), "f16": values.half(),
               "bf16": values.bfloat16(), "i64": torch.arange(4), "scalar": torch.tensor(2.5),
               "empty": torch.zeros(0, 7), "flags": torch.tensor([True, False, True])},
              OUT / "dtypes.safetensors", metadata={"note": "d\u00e9j\u00e0"})
    codes = torch.arange(256, dtype=torch.uint8)  # every number of eight bits, and what torch widens it to
    for name, kind in (("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)):
        save_file({name: codes.view(kind), "wide": codes.view(kind).float()}, OUT / f"{name}.safetensors")
    (OUT / "patterns.json").write_text(json.dumps(pattern_matches()) + "\n")
    expected["ids"] = torch.tensor(IDS)
    save_file(expected, OUT / "expected.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
