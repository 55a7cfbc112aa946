#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_gguf_models.py NLL TEXT FILE.gguf...: the mean nll of 400 tokens of TEXT (its characters 2000 to
5000) under each model, by tests/tools/nll and by transformers in fp32, which also makes the ids.
Exit code 1 where they differ by more than 1e-3. Needs torch, transformers, gguf."""
import pathlib
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS = 400


def main():
    failed = False
    text = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")[2000:5000]
    for path in map(pathlib.Path, sys.argv[3:]):
        where = {"pretrained_model_name_or_path": path.resolve().parent, "gguf_file": path.name}
        ids = AutoTokenizer.from_pretrained(**where)(text)["input_ids"][:TOKENS]
        said = subprocess.run([sys.argv[1], path], input=" ".join(map(str, ids)), check=True, capture_output=True,
                              text=True).stdout.split()
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].double()
        theirs = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:])).item()
        print(f"{path.name}: {float(said[0]):.6f}, transformers {theirs:.6f}, ids {ids[:6]}")
        failed = failed or not abs(float(said[0]) - theirs) <= 1e-3
    return 1 if failed else 0


sys.exit(main())
