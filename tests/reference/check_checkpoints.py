#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wane intruders and diff on checkpoints as transformers, peft and torch really write them.

    python3 check_checkpoints.py [--wane build/release/wane]

For small random GPT-2 (Conv1D), BERT, T5 and Llama models: a PEFT adapter on each (GPT-2's under
fan_in_fan_out, BERT's with its classifier saved whole), the merged model as safetensors, in shards,
as pytorch_model.bin and in the format before torch 1.6, wrapped by DataParallel and torch.compile
prefixes, in half precision, and in archives. Every form must give the counts, norms and singular
values of NumPy on the weights as torch holds them (outputs x inputs). Exits 1 when anything differs.
Needs torch, transformers, peft, safetensors, numpy.
"""
import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import numpy
import peft
import torch
import transformers
from safetensors.torch import load_file

WIDTH, LAYERS = 192, 2


def models():
    t = transformers
    common = dict(vocab_size=64, num_attention_heads=4, num_hidden_layers=LAYERS, hidden_size=WIDTH)
    yield ("gpt2", t.GPT2LMHeadModel(t.GPT2Config(vocab_size=64, n_embd=WIDTH, n_layer=LAYERS, n_head=4)),
           dict(target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True))
    yield ("bert", t.BertForSequenceClassification(t.BertConfig(intermediate_size=256, **common)),
           dict(target_modules=["query", "value", "dense"], task_type="SEQ_CLS"))
    yield ("t5", t.T5ForConditionalGeneration(t.T5Config(
        vocab_size=64, d_model=WIDTH, d_kv=48, d_ff=256, num_layers=LAYERS, num_heads=4)),
        dict(target_modules=["q", "v", "wo"]))
    yield ("llama", t.LlamaForCausalLM(t.LlamaConfig(intermediate_size=256, **common)),
           dict(target_modules="all-linear", use_rslora=True))


def linear_weights(model):
    """Name to outputs x inputs, of the Linear and Conv1D modules but heads."""
    out = {}
    for name, module in model.named_modules():
        conv = isinstance(module, transformers.pytorch_utils.Conv1D)
        if not conv and not isinstance(module, torch.nn.Linear):
            continue
        if name.split(".")[0] in ("lm_head", "classifier"):
            continue
        weight = module.weight.detach().to(torch.float64).numpy()
        out[name + ".weight"] = weight.T if conv else weight
    return out


def reference(base, tuned):
    u0, s0, _ = numpy.linalg.svd(base, full_matrices=False)
    u, s, _ = numpy.linalg.svd(tuned, full_matrices=False)
    return {"delta": float(numpy.linalg.norm(tuned - base)), "sigma": s[:10],
            "cosine": numpy.abs(u0.T @ u[:, :10]).max(axis=0),
            "intruders": int((numpy.abs(u0.T @ u[:, :10]).max(axis=0) < 0.5).sum())}


class Checker:
    def __init__(self, wane):
        self.wane, self.wrong, self.pairs, self.matrices, self.worst = wane, 0, 0, 0, 0.0

    def compare(self, what, base, tuned, expected, prefix, tolerance, *options):
        """expected: name to reference; `prefix`: what the program leaves out of those names."""
        run = subprocess.run([self.wane, "intruders", str(base), str(tuned), "--json", *options],
                             capture_output=True, text=True)
        if run.returncode:
            return self.fail(what, run.stderr)
        answer = {m["name"]: m for m in json.loads(run.stdout)["matrices"]}
        names = {n.removeprefix(prefix): r for n, r in expected.items()}
        if set(answer) != set(names):
            return self.fail(what, f"matrices {sorted(set(answer) ^ set(names))[:4]}")
        self.pairs += 1
        for name, want in names.items():
            got = answer[name]
            self.matrices += 1
            if abs(got["delta_frobenius"] - want["delta"]) > tolerance * max(1, want["delta"]):
                self.fail(what, f"{name}: ||dW|| {got['delta_frobenius']} not {want['delta']}")
            if want["delta"] == 0:
                continue
            for d, sigma, cosine in zip(got["directions"], want["sigma"], want["cosine"]):
                self.worst = max(self.worst, abs(d["max_cosine"] - cosine))
                if abs(d["sigma"] - sigma) > tolerance * sigma or abs(d["max_cosine"] - cosine) > 1e-3:
                    self.fail(what, f"{name}: direction {d} not {sigma} {cosine}")
            if numpy.abs(want["cosine"] - 0.5).min() > 1e-3 and got["intruders"] != want["intruders"]:
                self.fail(what, f"{name}: {got['intruders']} intruders not {want['intruders']}")
        run = subprocess.run([self.wane, "diff", str(base), str(tuned), *options], capture_output=True)
        if run.returncode:
            self.fail(what, run.stderr.decode())

    def fail(self, what, why):
        print(f"{what}: {why.strip()}")
        self.wrong += 1


def pack(folder, target):
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
            for file in folder.iterdir():
                z.write(file, f"{folder.name}/{file.name}")
    else:
        with tarfile.open(target, "w:gz") as t:
            t.add(folder, folder.name)


def check(name, model, settings, folder, checker):
    torch.manual_seed(len(name))
    base = linear_weights(model)
    model.save_pretrained(folder / "base")
    prefix = {"gpt2": "transformer.", "bert": "bert.", "t5": "", "llama": ""}[name]
    task = settings.pop("task_type", None)
    adapted = peft.get_peft_model(copy.deepcopy(model), peft.LoraConfig(
        r=8, lora_alpha=32, task_type=task, **settings))
    for n, p in adapted.named_parameters():
        if "lora_" in n:
            torch.nn.init.normal_(p, std=0.1)
    adapted.save_pretrained(folder / "adapter")
    merged = adapted.merge_and_unload()
    expected = {n: reference(w, linear_weights(merged)[n]) for n, w in base.items()}
    compare = checker.compare
    compare(f"{name} adapter", folder / "base", folder / "adapter", expected, "", 1e-5)
    (folder / "pickled").mkdir()
    (folder / "pickled" / "adapter_config.json").write_bytes(
        (folder / "adapter" / "adapter_config.json").read_bytes())
    torch.save(load_file(folder / "adapter" / "adapter_model.safetensors"),
               folder / "pickled" / "adapter_model.bin")
    compare(f"{name} adapter_model.bin", folder / "base", folder / "pickled", expected, "", 1e-5)
    merged.save_pretrained(folder / "merged")
    compare(f"{name} merged", folder / "base", folder / "merged", expected, "", 1e-6)
    merged.save_pretrained(folder / "shards", max_shard_size="400KB")
    compare(f"{name} shards", folder / "base", folder / "shards", expected, "", 1e-6)
    pack(folder / "merged", folder / "merged.zip")
    pack(folder / "base", folder / "base.tar.gz")
    compare(f"{name} archives", folder / "base.tar.gz", folder / "merged.zip", expected, "", 1e-6)
    state = merged.state_dict()
    torch.save({f"module._orig_mod.{k}": v for k, v in state.items()}, folder / "wrapped.pt")
    compare(f"{name} wrapped", folder / "base", folder / "wrapped.pt", expected, "", 1e-6)
    torch.save(state, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    compare(f"{name} legacy", folder / "base", folder / "legacy.bin", expected, "", 1e-6)
    torch.save({"model": state, "optimizer": {"state": {0: {"m": torch.zeros(2)}}}, "step": 3},
               folder / "trainer.pt")
    compare(f"{name} trainer", folder / "trainer.pt", folder / "merged", {
        n: reference(linear_weights(merged)[n], linear_weights(merged)[n]) for n in base}, "", 1e-6)
    inner = {k.removeprefix(prefix): v for k, v in state.items()}
    if prefix:  # the bare model without its head's class
        torch.save(inner, folder / "inner.pt")
        compare(f"{name} inner", folder / "base", folder / "inner.pt", expected, prefix, 1e-6)
    for dtype in (torch.float16, torch.bfloat16):
        half = copy.deepcopy(merged).to(dtype)
        half.save_pretrained(folder / str(dtype))
        rounded = {n: reference(w, linear_weights(half)[n]) for n, w in base.items()}
        compare(f"{name} {dtype}", folder / "base", folder / str(dtype), rounded, "", 1e-6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wane", default="build/release/wane")
    checker = Checker(parser.parse_args().wane)
    torch.manual_seed(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name, model, settings in models():
        for p in model.parameters():
            if p.dim() == 2:
                torch.nn.init.normal_(p, std=1 / WIDTH ** 0.5)
        with tempfile.TemporaryDirectory() as folder:
            check(name, model, settings, pathlib.Path(folder), checker)
    print(f"{checker.pairs} pairs, {checker.matrices} matrices, worst difference of a max_cosine "
          f"{checker.worst:.2g}; {checker.wrong} wrong")
    sys.exit(checker.wrong > 0)


if __name__ == "__main__":
    main()
