#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/train: learning rates of transformers' schedules, AdamW and clipping of
torch on loose tensors, and twenty fine-tuning steps of torch and peft on the tiny Llama that
make_adapter_fixtures.py made. Needs torch, transformers, peft and safetensors."""
import json
import math
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaForCausalLM, get_scheduler
from transformers.trainer_pt_utils import get_parameter_names

FIXTURES = pathlib.Path(__file__).resolve().parent
TINY = FIXTURES / "tensors" / "tiny-llama"
OUT = FIXTURES / "train"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS = 20


def warmup_steps(total, ratio):
    """transformers' TrainingArguments.get_warmup_steps, which takes a share of the steps so."""
    return math.ceil(total * ratio)


def schedules():
    rows = []
    for name in ("constant", "linear", "cosine"):
        for total, ratio in ((10, 0.0), (10, 0.06), (37, 0.3), (100, 0.07), (7, 1.0), (1, 0.0), (3, 0.5)):
            parameter = torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([parameter], lr=3e-4)
            warmup = warmup_steps(total, ratio)
            kind = "constant_with_warmup" if name == "constant" and warmup else name
            scheduler = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=total)
            rates = []
            for _ in range(total + 2):
                rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
            rows.append({"schedule": name, "total": total, "ratio": ratio, "rates": rates})
    return rows


def loose(out):
    """Six AdamW steps on three tensors, one without decay, norms clipped to 1 (some are below)."""
    torch.manual_seed(11)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in ((7, 9), (13,), (3, 5))]
    optimizer = torch.optim.AdamW(
        [{"params": parameters[::2], "weight_decay": 0.1}, {"params": parameters[1:2], "weight_decay": 0.0}],
        lr=1.0, betas=(0.9, 0.98), eps=1e-6)
    for i, p in enumerate(parameters):
        out[f"start.{i}"] = p.detach().clone()
    norms, rates = [], [0.1, 0.05, 0.02, 0.02, 0.3, 0.001]
    for step, rate in enumerate(rates):
        for i, p in enumerate(parameters):
            p.grad = torch.randn_like(p) * (0.03 if step % 2 else 2.0)
            out[f"gradient.{step}.{i}"] = p.grad.clone()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).item())
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        for i, p in enumerate(parameters):
            out[f"value.{step}.{i}"] = p.detach().clone()
    return {"rates": rates, "norms": norms}


def batches():
    """Rows of varied length, whose last few tokens are labelled. Step s uses batch s % 4."""
    generator = torch.Generator().manual_seed(5)
    steps = []
    for _ in range(4):
        rows = []
        for _ in range(4):
            length = int(torch.randint(4, 15, (1,), generator=generator))
            ids = torch.randint(3, 64, (length,), generator=generator).tolist()
            rows.append({"ids": ids, "labelled": int(torch.randint(1, 4, (1,), generator=generator))})
        steps.append(rows)
    return steps


def train(model, parameters, rows_of_step, settings):
    decayed = set(get_parameter_names(model, [torch.nn.LayerNorm], ["bias", "norm"]))
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    assert len(named) == len(parameters)
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in named if n in decayed], "weight_decay": settings["weight_decay"]},
         {"params": [p for n, p in named if n not in decayed], "weight_decay": 0.0}],
        lr=settings["learning_rate"], betas=(0.9, 0.999), eps=1e-8)
    scheduler = get_scheduler(settings["schedule"], optimizer,
                              num_warmup_steps=warmup_steps(STEPS, settings["warmup_ratio"]),
                              num_training_steps=STEPS)
    losses, norms = [], []
    for step in range(STEPS):
        rows = rows_of_step[step % len(rows_of_step)]
        total = sum(row["labelled"] for row in rows)
        value = 0
        for row in rows:
            ids = torch.tensor([row["ids"]])
            logits = model(input_ids=ids).logits[0]
            n = row["labelled"]
            value = value + torch.nn.functional.cross_entropy(
                logits[-1 - n:-1], ids[0, -n:], reduction="sum")
        loss = value / total
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for _, p in named], settings["clip"]).item())
        losses.append(loss.item())
        optimizer.step()
        scheduler.step()
    return {"losses": losses, "norms": norms, **settings}


def tiny():
    return LlamaForCausalLM.from_pretrained(TINY, dtype=torch.float32)


def final(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([[1, 17, 42, 3, 60, 9]])).logits[0].contiguous()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    tensors = {}
    result = {"schedules": schedules(), "loose": loose(tensors), "batches": batches(), "runs": {}}
    settings = {"learning_rate": 1e-2, "weight_decay": 0.05, "clip": 1.0, "schedule": "linear",
                "warmup_ratio": 0.1}

    model = tiny()
    result["runs"]["full"] = train(model, list(model.parameters()), result["batches"], settings)
    tensors["full.logits"] = final(model)

    model = tiny()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in ALL)
    chosen = [p for p in model.parameters() if p.requires_grad]
    result["runs"]["full-matrices"] = train(model, chosen, result["batches"],
                                            {**settings, "schedule": "cosine", "weight_decay": 0.0})
    tensors["full-matrices.logits"] = final(model)

    for name, folder, extra in (("lora", "adapter-start", {}), ("dora", "adapter-start-dora", {"use_dora": True})):
        torch.manual_seed(9)
        model = get_peft_model(tiny(), LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.0,
                                                  target_modules=ALL, **extra))
        model.save_pretrained(OUT / folder)
        path = OUT / folder / "adapter_config.json"
        config = json.loads(path.read_text())
        config["base_model_name_or_path"] = "tiny-llama"
        config["target_modules"].sort()
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        (OUT / folder / "README.md").unlink(missing_ok=True)
        chosen = [p for p in model.parameters() if p.requires_grad]
        result["runs"][name] = train(model, chosen, result["batches"],
                                     {**settings, "schedule": "constant", "warmup_ratio": 0.0})
        tensors[f"{name}.logits"] = final(model)

    (OUT / "training.json").write_text(json.dumps(result) + "\n")
    save_file(tensors, OUT / "tensors.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
