#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/peft: three small Llamas (untied, tied, with biases) and a GPT-2 (Conv1D),
adapters on them in the forms that peft and its users write, and the logits of each as PeftModel.from_pretrained reads
it; of one with magnitudes the gradients and
the merged weights too. Needs torch, transformers, peft and safetensors."""
import json
import pathlib
import shutil
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

warnings.simplefilter("ignore")
OUT = pathlib.Path(__file__).resolve().parent / "peft"
IDS = [1, 17, 22, 3, 9, 9, 5]
BASES = {"untied": dict(), "tied": dict(tie_word_embeddings=True),
         "biased": dict(attention_bias=True), "gpt2": None}
SEEDS = ["biased", "tied", "untied", "gpt2"]
QV = ["q_proj", "v_proj"]
REGEX = r"(?P<all>model\.layers\.(?P<n>\d)\.)(?:self_attn\.[qk]_proj|mlp\.(?P<m>up|down)_proj)\Z"
# base, LoraConfig, and what is done to the folder afterwards
CASES = {
    "head": ("untied", dict(target_modules=["q_proj", "lm_head"]), None),
    "embed": ("untied", dict(target_modules=["q_proj", "embed_tokens"]), None),
    "both": ("untied", dict(target_modules=["embed_tokens", "lm_head"], use_rslora=True,
                            rank_pattern={"lm_head": 3}, alpha_pattern={"embed_tokens": 3}), None),
    "saved": ("untied", dict(target_modules=QV, modules_to_save=["lm_head", "norm"]), None),
    "saved-embed": ("untied", dict(target_modules=QV, modules_to_save=["embed_tokens"]), None),
    "saved-lora": ("untied", dict(target_modules=["q_proj", "up_proj"],
                                  modules_to_save=["layers.1.self_attn.q_proj"]), None),
    "layers": ("untied", dict(target_modules=QV, layers_to_transform=[1]), None),
    "parents": ("untied", dict(target_modules=QV, layers_to_transform=0,
                               layers_pattern=["h", "layers"]), None),
    "regex": ("untied", dict(target_modules=REGEX, exclude_modules=r".*\.1\.mlp\..*",
                             rank_pattern={r"(?<!x)layers\.(?=0).*q_proj": 3,
                                           r"(?P<a>self)_attn\.(q|k)_proj": 1},
                             alpha_pattern={r"^model\.layers\.[[:1:]]\.mlp": 9,
                                            r"[^.]{2,}\.(?P<u>u)(?P=u)?p_proj": 3}), None),
    "linear": ("untied", dict(target_modules="all-linear"), "linear"),
    "bias-none": ("untied", dict(target_modules=QV, bias="all"), None),
    "named": ("untied", dict(target_modules=["q_proj", "lm_head", "embed_tokens"]), "named"),
    "state": ("untied", dict(target_modules=QV, modules_to_save=["lm_head"]), "state"),
    "narrowed": ("untied", dict(target_modules=QV), "narrowed"),
    "flags": ("untied", dict(target_modules=QV), "flags"),
    "tied-head": ("tied", dict(target_modules=["q_proj", "lm_head"]), None),
    "tied-embed": ("tied", dict(target_modules=["q_proj", "embed_tokens"]), None),
    "tied-both": ("tied", dict(target_modules=["embed_tokens", "lm_head"]), None),
    "tied-saved": ("tied", dict(target_modules=QV, modules_to_save=["lm_head"]), None),
    "tied-saved-embed": ("tied", dict(target_modules=QV, modules_to_save=["embed_tokens"]), None),
    "tied-ensured": ("tied", dict(target_modules=["q_proj", "embed_tokens"],
                                  ensure_weight_tying=True), None),
    "tied-plain": ("tied", dict(target_modules=QV), "plain"),
    "bias-all": ("biased", dict(target_modules=QV, bias="all"), None),
    "bias-lora": ("biased", dict(target_modules=QV, bias="lora_only"), None),
    "dora": ("untied", dict(target_modules=["q_proj", "up_proj", "lm_head"], use_dora=True,
                            rank_pattern={"up_proj": 3}), None),
    "dora-rslora": ("biased", dict(target_modules="all-linear", use_dora=True, use_rslora=True), None),
    "dora-saved": ("tied", dict(target_modules=QV, modules_to_save=["lm_head"], use_dora=True), None),
    "conv1d": ("gpt2", dict(), None),  # peft's own choice: c_attn
    "conv1d-linear": ("gpt2", dict(target_modules="all-linear", use_rslora=True), None),
    "conv1d-one": ("gpt2", dict(target_modules=["attn.c_proj", "h.1.mlp.c_proj"],
                                rank_pattern={"mlp.c_proj": 3}), None),
    "conv1d-both": ("gpt2", dict(target_modules=["c_proj"], bias="lora_only"), None),
    "conv1d-head": ("gpt2", dict(target_modules=["c_fc", "lm_head"], modules_to_save=["wpe"]), None),
    "conv1d-saved": ("gpt2", dict(target_modules=["c_fc"], modules_to_save=["attn.c_proj", "ln_f"]),
                     None),
    "conv1d-dora": ("gpt2", dict(target_modules=["c_attn", "c_proj"], use_dora=True), None),
}


def base(name):
    torch.manual_seed(SEEDS.index(name))
    sizes = dict(vocab_size=24, initializer_range=0.3, bos_token_id=1, eos_token_id=2)
    if name == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(n_embd=8, n_inner=12, n_layer=2, n_head=2,
                                           n_positions=32, **sizes)).float().eval()
    else:
        model = LlamaForCausalLM(LlamaConfig(
            hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=32, **sizes, **BASES[name])).float().eval()
    for key, value in model.named_parameters():
        if key.endswith("bias"):
            value.data.normal_(0, 0.3)
    return model


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].contiguous()


def change(model):
    """Everything that training would have changed, by a fixed amount."""
    for key, value in model.named_parameters():
        if "lora_" in key or "modules_to_save" in key or value.requires_grad:
            value.data += 0.2 * torch.randn_like(value)


def gradients(model, name):
    """Of the sum of nll of IDS, by what peft calls A, B and the magnitude of each weight."""
    logits = model(input_ids=torch.tensor([IDS])).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits, torch.tensor(IDS[1:]), reduction="sum").backward()
    made = {}
    for key, value in model.named_parameters():
        for infix, part in ((".lora_A.", "A"), (".lora_B.", "B"), (".lora_magnitude_vector.", "m")):
            if infix in key:
                module = key.split(infix)[0].removeprefix("base_model.model.")
                made[f"{name}.gradient.{module}.weight.{part}"] = value.grad.clone()
    return made


def rename(folder, model, edit):
    """Does `edit` to the adapter's files; returns the name that peft has to load it under."""
    config, tensors = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    said = json.loads(config.read_text())
    name = "default"
    if edit == "named":  # the names of a state dict, of an adapter called otherwise
        name = "expert"
        state = {k.replace(".default", ".expert"): v for k, v in model.state_dict().items()
                 if "lora_" in k or "base_layer" in k}
        save_file({k: v.clone() for k, v in state.items()}, tensors)
    if edit == "state":  # a whole state dict; peft has no way to load its modules_to_save names
        state = {k: v.clone() for k, v in model.state_dict().items()}
        save_file(state, tensors)
    if edit == "narrowed":
        said["target_modules"] = ["q_proj"]
    if edit == "flags":
        said.update(use_rslora="false", fan_in_fan_out=1, init_lora_weights="Gaussian",
                    inference_mode="yes", lora_bias=0, ensure_weight_tying=[])
    if edit == "linear":
        said["target_modules"] = "All-Linear"
    if edit == "plain":  # save_embedding_layers=True after the base's own embedding was tuned
        state = load_file(tensors)
        weight = 1.25 * model.get_input_embeddings().weight.data
        state["base_model.model.model.embed_tokens.weight"] = weight.clone()
        save_file(state, tensors)
    config.write_text(json.dumps(said))
    return name


def tidy(folder):
    path = folder / "adapter_config.json"
    said = {k: v for k, v in json.loads(path.read_text()).items() if v is not None}
    said["base_model_name_or_path"] = "base"
    if isinstance(said["target_modules"], list):
        said["target_modules"].sort()
    path.write_text(json.dumps(said, sort_keys=True) + "\n")
    (folder / "README.md").unlink(missing_ok=True)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    expected = {}
    for name in BASES:
        base(name).save_pretrained(OUT / f"base-{name}")
        (OUT / f"base-{name}" / "generation_config.json").unlink(missing_ok=True)
        expected[f"base-{name}"] = logits(base(name))
    for seed, (name, (on, settings, edit)) in enumerate(CASES.items()):
        folder = OUT / name
        torch.manual_seed(100 + seed)
        settings = dict(r=2, lora_alpha=4, task_type="CAUSAL_LM") | settings
        model = get_peft_model(base(on), LoraConfig(**settings)).eval()
        change(model)
        model.save_pretrained(folder)
        adapter = rename(folder, model, edit)
        read = model if edit == "state" else PeftModel.from_pretrained(base(on), folder, adapter)
        expected[name] = logits(read.eval())
        if name == "dora-rslora":
            expected |= gradients(model, name)
            expected |= {f"{name}.merged.{k}": v.detach().clone()
                         for k, v in read.merge_and_unload().named_parameters() if "_proj.weight" in k}
        tidy(folder)
    save_file(expected, OUT / "expected.safetensors", metadata={"format": "pt"})
    (OUT / "cases.json").write_text(
        json.dumps({name: on for name, (on, _, _) in CASES.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
