#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_dora.py WANE BASE TEXT [ADAPTER]: ADAPTER, a folder with DoRA that wane wrote (without it one
that peft trains here for some steps), as PeftModel.from_pretrained computes with it and as wane
does: nll of TEXT's beginning, and ||dW|| of each matrix against peft's merged weights. Prints the
largest relative differences; exit code 1 beyond 1e-5. Needs torch, transformers, tokenizers, peft."""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

TOKENS = 400


def base_model(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def nll(model, ids):
    loss = torch.nn.functional.cross_entropy
    return loss(model(input_ids=torch.tensor([ids])).logits[0, :-1].double(), torch.tensor(ids[1:]))


def train(base, ids, folder):
    torch.manual_seed(3)
    model = get_peft_model(base_model(base), LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.1, use_dora=True, use_rslora=True,
        target_modules=["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"])).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(20):
        optimizer.zero_grad()
        nll(model, ids).backward()
        optimizer.step()
    model.save_pretrained(folder)


def wane(*arguments):
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def main():
    program, base, text = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        tokenizer = Tokenizer.from_file(str(pathlib.Path(base) / "tokenizer.json"))
        words = pathlib.Path(text).read_text()[:4000].split()
        while len(tokenizer.encode(" ".join(words), add_special_tokens=False).ids) > TOKENS:
            words.pop()
        (scratch / "text.txt").write_text(" ".join(words))
        bos = json.loads((pathlib.Path(base) / "config.json").read_text())["bos_token_id"]
        ids = [bos] + tokenizer.encode(" ".join(words), add_special_tokens=False).ids
        adapter = sys.argv[4] if len(sys.argv) > 4 else scratch / "trained"
        if len(sys.argv) <= 4:
            train(base, ids, adapter)
        model = PeftModel.from_pretrained(base_model(base), adapter).eval()
        with torch.no_grad():
            theirs, plain = nll(model, ids).item(), nll(base_model(base), ids).item()
        said = wane(program, "perplexity", base, scratch / "text.txt", "--documents", "whole",
                    "--adapter", adapter, "--json")
        assert said["tokens"] == len(ids) - 1, (said["tokens"], len(ids) - 1)
        off = abs(said["nll"] / theirs - 1)
        merged = dict(model.merge_and_unload().named_parameters())
        before = dict(base_model(base).named_parameters())
        matrices = wane(program, "intruders", base, adapter, "--no-null", "--json")["matrices"]
        worst, compared = 0, 0
        for one in matrices:
            change = (merged[one["name"]] - before[one["name"]]).double().norm().item()
            if change:
                worst = max(worst, abs(one["delta_frobenius"] / change - 1))
                compared += 1
    print(f"nll {theirs:.6f} (base {plain:.6f}), relative difference {off:.2g}; "
          f"||dW|| of {compared} matrices within {worst:.2g}")
    return 1 if off > 1e-5 or worst > 1e-5 or plain == theirs or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
