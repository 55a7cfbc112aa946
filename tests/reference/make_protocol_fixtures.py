#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/reference/protocols: twenty steps of torch, transformers and peft on the tiny Llama with
a linear head (LlamaForSequenceClassification, full and LoRA), with the heads of two tasks at once, and
with a fresh adapter over a frozen one; and last-token features. Uses the batches and the adapter that
make_training_fixtures.py made. Needs torch, transformers, peft and safetensors."""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, LlamaForSequenceClassification

FIXTURES = pathlib.Path(__file__).resolve().parent
TINY = FIXTURES / "tensors" / "tiny-llama"
START = FIXTURES / "train" / "adapter-start"
OUT = FIXTURES / "protocols"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, LABELS, RATE = 20, 3, 1e-2
PROMPTS = [[1, 17, 42, 3, 60, 9], [5], [33, 2, 2, 61], [7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [63, 63]]


def classifier(labels=LABELS):
    torch.manual_seed(21)
    model = LlamaForSequenceClassification.from_pretrained(TINY, num_labels=labels, dtype=torch.float32)
    model.config.pad_token_id = None
    with torch.no_grad():
        model.score.weight.normal_(0, 0.2)
    return model


def train(parameters, loss_of_row, batches):
    """Mean over the rows of a step, constant rate, decay 0.05 on matrices, norm clipped to 1."""
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.05},
         {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}],
        lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    losses, norms = [], []
    for step in range(STEPS):
        rows = batches[step % len(batches)]
        loss = sum(loss_of_row(row, r) for r, row in enumerate(rows)) / len(rows)
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).item())
        losses.append(loss.item())
        optimizer.step()
    return {"losses": losses, "norms": norms}


def label_of(row):
    return sum(row["ids"]) % LABELS


def of_class(model):
    def loss(row, _):
        logits = model(input_ids=torch.tensor([row["ids"]])).logits
        return torch.nn.functional.cross_entropy(logits, torch.tensor([label_of(row)]))
    return loss


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    batches = json.loads((FIXTURES / "train" / "training.json").read_text())["batches"]
    tensors, result = {}, {"batches": batches, "prompts": PROMPTS, "labels": LABELS, "rate": RATE, "runs": {}}

    model = classifier()
    with torch.no_grad():
        tensors["features"] = torch.cat([model.model(input_ids=torch.tensor([p])).last_hidden_state[:, -1]
                                         for p in PROMPTS])
        tensors["logits"] = torch.cat([model(input_ids=torch.tensor([p])).logits for p in PROMPTS])
    tensors["score"] = model.score.weight.detach().clone()
    result["runs"]["full"] = train(list(model.parameters()), of_class(model), batches)
    tensors["full.score"] = model.score.weight.detach().clone()

    lora = PeftConfig.from_pretrained(START)
    lora.task_type = None  # a plain PeftModel, which takes any model
    model = PeftModel.from_pretrained(classifier(), START, config=lora, is_trainable=True)
    score = model.base_model.model.score.weight
    score.requires_grad = True
    result["runs"]["lora"] = train([p for p in model.parameters() if p.requires_grad], of_class(model), batches)
    tensors["lora.score"] = score.detach().clone()

    # Two tasks with a head each: rows take turns, each sees the classes of its own task alone.
    model = classifier(2 + LABELS)
    tensors["joint.start"] = model.score.weight.detach().clone()

    def joint(row, r):
        logits = model(input_ids=torch.tensor([row["ids"]])).logits
        part, label = (logits[:, :2], sum(row["ids"]) % 2) if r % 2 == 0 else (logits[:, 2:], label_of(row))
        return torch.nn.functional.cross_entropy(part, torch.tensor([label]))

    result["runs"]["joint"] = train(list(model.parameters()), joint, batches)
    tensors["joint.score"] = model.score.weight.detach().clone()

    # A fresh adapter over a frozen one, both at work.
    torch.manual_seed(31)
    frozen = get_peft_model(LlamaForCausalLM.from_pretrained(TINY, dtype=torch.float32),
                            LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=6, lora_dropout=0.0,
                                       target_modules=ALL, init_lora_weights=False))
    frozen.save_pretrained(OUT / "adapter-frozen")
    path = OUT / "adapter-frozen" / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "tiny-llama"
    config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (OUT / "adapter-frozen" / "README.md").unlink(missing_ok=True)
    weights = load_file(OUT / "adapter-frozen" / "adapter_model.safetensors")
    save_file({n: 0.1 * t for n, t in weights.items()}, OUT / "adapter-frozen" / "adapter_model.safetensors",
              metadata={"format": "pt"})
    model = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(TINY, dtype=torch.float32),
                                      OUT / "adapter-frozen", adapter_name="frozen")
    model.load_adapter(START, adapter_name="fresh", is_trainable=True)
    model.base_model.set_adapter(["frozen", "fresh"])
    for name, parameter in model.named_parameters():
        parameter.requires_grad = ".fresh." in name

    def of_token(row, _):
        ids = torch.tensor([row["ids"]])
        logits = model(input_ids=ids).logits[0]
        return torch.nn.functional.cross_entropy(logits[-2:-1], ids[0, -1:])

    result["runs"]["stack"] = train([p for p in model.parameters() if p.requires_grad], of_token, batches)
    with torch.no_grad():
        tensors["stack.logits"] = model(input_ids=torch.tensor([PROMPTS[0]])).logits[0].contiguous()

    (OUT / "protocols.json").write_text(json.dumps(result) + "\n")
    save_file(tensors, OUT / "tensors.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
