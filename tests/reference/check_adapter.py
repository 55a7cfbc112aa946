#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_adapter.py BASE ADAPTER [OTHER]: loads ADAPTER (a folder wane wrote) with peft on BASE and
compares logits with those of OTHER (the adapter folder it was made from), or, without OTHER, with
BASE's weights plus scale B A of the folder's own numbers. Exit code 1 beyond 1e-5 of the largest."""
import json
import math
import pathlib
import re
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def base_model(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def adapted(base, adapter):
    return PeftModel.from_pretrained(base_model(base), adapter).eval()


def merged_by_hand(base, adapter):
    """The same arithmetic without peft."""
    model = base_model(base)
    config = json.loads((pathlib.Path(adapter) / "adapter_config.json").read_text())
    factors = load_file(pathlib.Path(adapter) / "adapter_model.safetensors")

    def setting(patterns, module, otherwise):
        return next((v for k, v in patterns.items() if re.match(rf"(.*\.)?({k})$", module)), otherwise)

    weights = dict(model.named_parameters())
    for name, a in factors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        rank = setting(config["rank_pattern"], module, config["r"])
        alpha = setting(config["alpha_pattern"], module, config["lora_alpha"])
        scale = alpha / (math.sqrt(rank) if config["use_rslora"] else rank)
        b = factors[name.replace("lora_A", "lora_B")]
        with torch.no_grad():
            change = scale * (b.float() @ a.float())
            weights[module + ".weight"] += change.T if config["fan_in_fan_out"] else change
    return model


def main():
    base, adapter = sys.argv[1:3]
    model = adapted(base, adapter)
    other = adapted(base, sys.argv[3]) if len(sys.argv) > 3 else merged_by_hand(base, adapter)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.config.vocab_size, (4, 24), generator=generator)
    with torch.no_grad():
        ours, theirs = model(input_ids=ids).logits, other(input_ids=ids).logits
        plain = base_model(base)(input_ids=ids).logits
    difference = (ours - theirs).abs().max().item()
    largest = theirs.abs().max().item()
    moved = (ours - plain).abs().max().item()
    print(f"max |difference| {difference:.3g} of max |logit| {largest:.3g}; "
          f"the adapter moves logits by up to {moved:.3g}")
    return 1 if difference > 1e-5 * largest or moved == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
