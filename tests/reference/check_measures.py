#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the measuring commands of wane print with transformers, peft and NumPy.

    check_measures.py WANE MODEL [--corpus FILE ...] [--task FOLDER ...] [--adapter FOLDER ...]
                      [--tensors FILE ...] [--tokens N] [--limit N]

WANE is the program, MODEL a Hugging Face folder, a corpus a JSON list of texts or plain text with
blank lines between documents, a task a folder with test.jsonl (text, label), an adapter or a
safetensors file of tuned tensors something that was trained on MODEL. Exit status 1 when a number
differs beyond its tolerance.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

failures = 0


def check(name, value, wanted, tolerance, relative=True):
    global failures
    error = abs(value - wanted) / (abs(wanted) if relative and wanted else 1)
    bad = not error <= tolerance
    failures += bad
    print(f"{'FAIL' if bad else 'ok  '} {name}: {value:.10g} against {wanted:.10g}, error {error:.2g}")


def wane(program, *words):
    result = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {result.stderr}")
    return result.stdout


# ------------------------------------------------------------------------------------ likelihood


def documents_of(path):
    if path.suffix == ".json":
        return [t for t in json.loads(path.read_text()) if t.strip()]
    parts, lines = [], []
    for line in path.read_text().split("\n") + [""]:
        if line.strip():
            lines.append(line)
        elif lines:
            parts.append("\n".join(lines))
            lines = []
    return parts


def corpus_nll(model, tokenizer, texts, window, stride, most):
    """Every token once, given those before it in its window; the first document that reaches `most`
    tokens is the last."""
    unknown = tokenizer.token_to_id("<unk>")
    total = tokens = words = size = unknowns = 0
    for text in texts:
        if tokens >= most:
            break
        ids = tokenizer.encode(text).ids
        words += len(text.split())
        size += len(text.encode())
        scored, start = 1, 0
        while scored < len(ids):
            piece = ids[start : start + window]
            logits = model(torch.tensor([piece])).logits[0].double()
            log_p = torch.log_softmax(logits, -1)
            for place in range(scored - start, len(piece)):
                total -= log_p[place - 1, piece[place]].item()
                unknowns += piece[place] == unknown
                tokens += 1
            scored = start + len(piece)
            start += stride
    return total, tokens, words, size, unknowns


def check_corpus(options, model, tokenizer, path, adapter=None, rules=((0, 0), (64, 32), (100, 0))):
    context = model.config.max_position_embeddings
    for ascii_only in (True, False) if path.suffix == ".json" and not adapter else (True,):
        texts = [t for t in documents_of(path) if t.isascii() or not ascii_only]
        for window, stride in rules:
            words = ["perplexity", options.model, path, "--json", "--tokens", options.tokens]
            words += ["--filter", "ascii"] if ascii_only else []
            words += ["--window", window] if window else []
            words += ["--stride", stride] if stride else []
            words += ["--adapter", adapter] if adapter else []
            mine = json.loads(wane(options.wane, *words))
            w = window or context
            total, tokens, words, size, unknowns = corpus_nll(
                model, tokenizer, texts, w, stride or w - 1, options.tokens
            )
            name = f"{path.name}{' ascii' if ascii_only else ''} window {w} stride {stride or w - 1}"
            for key, wanted in (("tokens", tokens), ("words", words), ("bytes", size),
                                ("unk_tokens", unknowns), ("window", w), ("stride", stride or w - 1)):
                check(f"{name} {key}", mine[key], wanted, 0)
            check(f"{name} nll", mine["nll"], total / tokens, 1e-6)
            check(f"{name} token_perplexity", mine["token_perplexity"], math.exp(total / tokens), 1e-5)
            for key, wanted in (("word_perplexity", math.exp(total / words)),
                                ("byte_perplexity", math.exp(total / size)),
                                ("bits_per_byte", total / size / math.log(2))):
                if unknowns:
                    check(f"{name} {key} is null", mine[key] is None, True, 0)
                else:
                    check(f"{name} {key}", mine[key], wanted, 1e-5)


# -------------------------------------------------------------------------------------- accuracy


def label_scores(model, tokenizer, prompt, verbalizers):
    """log p of each label's tokens after the prompt, each label with the prompt as one text."""
    whole = [tokenizer.encode(prompt + v).ids for v in verbalizers]
    shared = len(tokenizer.encode(prompt).ids)
    while any(w[:shared] != whole[0][:shared] for w in whole):
        shared -= 1
    scores = []
    for ids in whole:
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        scores.append(sum(log_p[i - 1, ids[i]].item() for i in range(shared, len(ids))))
    return scores


def check_task(options, model, tokenizer, folder, verbalizers, template, extra):
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    rows = rows[: options.limit]
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "examples.jsonl"
        mine = json.loads(
            wane(options.wane, "eval", options.model, "--tasks", folder, "--limit", len(rows),
                 "--examples", file, "--json", *extra)
        )[0]
        examples = [json.loads(line) for line in file.read_text().splitlines()]
    name = f"{folder.name} {verbalizers[0]!r}..."
    check(f"{name} n", mine["n"], len(rows), 0)
    right = margins = losses = loss = differing = 0
    for row, example in zip(rows, examples, strict=True):
        scores = label_scores(model, tokenizer, template.format(text=row["text"]), verbalizers)
        own = scores[row["label"]]
        margin = own - max(s for i, s in enumerate(scores) if i != row["label"])
        row_loss = math.log(sum(math.exp(s - own) for s in scores))
        best = max(range(len(scores)), key=lambda i: (scores[i], -i))
        ranked = sorted(scores)
        if ranked[-1] - ranked[-2] > 1e-4:
            differing += str(best) != example["predicted"]
        differing += str(row["label"]) != example["label"]
        margins = max(margins, abs(margin - example["margin"]))
        losses = max(losses, abs(row_loss - example["loss"]))
        right += best == row["label"]
        loss += row_loss / len(rows)
    p = right / len(rows)
    check(f"{name} predictions that differ", differing, 0, 0)
    check(f"{name} largest error of a margin", margins, 0, 1e-4)
    check(f"{name} largest error of a loss", losses, 0, 1e-4)
    check(f"{name} accuracy", mine["accuracy"], p, 1e-12)
    check(f"{name} stderr", mine["stderr"], math.sqrt(p * (1 - p) / len(rows)), 1e-12)
    check(f"{name} loss", mine["loss"], loss, 1e-5)


# --------------------------------------------------------------------------------------- spectra


def tensors_of(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}


def tuned_weights(base, path):
    """Pairs (base, tuned) in double of every weight of a layer's linear maps."""
    linear = {n: w for n, w in base.items() if n.endswith("proj.weight")}
    if path.is_file():
        given = tensors_of(path)
        return {n: (w, given.get(n, w)) for n, w in linear.items()}
    config = json.loads((path / "adapter_config.json").read_text())
    factors = tensors_of(path / "adapter_model.safetensors")
    scale = config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    pairs = {}
    for name, weight in linear.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{module}.lora_A.weight" in factors:
            product = factors[f"{module}.lora_B.weight"] @ factors[f"{module}.lora_A.weight"]
            pairs[name] = (weight, weight + scale * product)
        else:
            pairs[name] = (weight, weight)
    return pairs


def check_intruders(options, path, k=10, epsilon=0.5):
    base = tensors_of(pathlib.Path(options.model) / "model.safetensors")
    pairs = tuned_weights(base, path)
    for side in ("u", "v"):
        mine = json.loads(
            wane(options.wane, "intruders", options.model, path, "-k", k, "--epsilon", epsilon,
                 "--side", side, "--json")
        )
        total = worst = sigma_error = span_error = norm_error = rank_error = energy_error = 0
        compared = ambiguous = 0
        for matrix in mine["matrices"]:
            before, after = pairs[matrix["name"]]
            delta = np.linalg.svd(after - before, compute_uv=False)
            if not delta.any():
                check(f"{path.name} {matrix['name']} unchanged", matrix["intruders"], 0, 0)
                continue
            u0, s0, v0 = np.linalg.svd(before, full_matrices=False)
            u, s, v = np.linalg.svd(after, full_matrices=False)
            cosines = np.abs(u.T @ u0 if side == "u" else v @ v0.T)
            largest = cosines.max(axis=1)[:k]
            total += int((largest < epsilon).sum())
            ambiguous += int((np.abs(largest - epsilon) < 1e-3).sum())
            gaps = np.minimum(np.diff(s, prepend=2 * s[0]) * -1, -np.diff(s, append=0)) / s
            for j, direction in enumerate(matrix["directions"]):
                sigma_error = max(sigma_error, abs(direction["sigma"] / s[j] - 1))
                span_error = max(span_error, abs(direction["span"] - (cosines[j] ** 2).sum()))
                if gaps[j] >= 1e-3:
                    compared += 1
                    worst = max(worst, abs(direction["max_cosine"] - largest[j]))
            energy = (s[:k] ** 2)[largest < epsilon].sum() / (s[:k] ** 2).sum()
            energy_error = max(energy_error, abs(matrix["energy"] - energy))
            norm = np.linalg.norm(after - before)
            norm_error = max(norm_error, abs(matrix["delta_frobenius"] / norm - 1))
            p = delta[delta > 0] / delta.sum()
            rank = math.exp(-(p * np.log(p)).sum())
            rank_error = max(rank_error, abs(matrix["effective_rank"] / rank - 1))
        name = f"{path.name[:20]} side {side}"
        print(f"     {name}: {compared} directions compared, {ambiguous} within 1e-3 of epsilon")
        if not ambiguous:
            check(f"{name} total", mine["total"], total, 0)
        check(f"{name} max_cosine", worst, 0, 1e-3)
        check(f"{name} sigma, relative", sigma_error, 0, 1e-6)
        check(f"{name} span", span_error, 0, 1e-6)
        check(f"{name} energy", energy_error, 0, 1e-6)
        check(f"{name} ||dW||, relative", norm_error, 0, 1e-6)
        check(f"{name} effective rank, relative", rank_error, 0, 1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wane")
    parser.add_argument("model")
    for name in ("corpus", "task", "adapter", "tensors"):
        parser.add_argument(f"--{name}", action="append", default=[], type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=5000)
    parser.add_argument("--limit", type=int, default=200)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    tokenizer = Tokenizer.from_file(str(pathlib.Path(options.model) / "tokenizer.json"))
    load = lambda: AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    model = load()
    for corpus in options.corpus:
        check_corpus(options, model, tokenizer, corpus)
    for task in options.task:
        names = {}
        for line in (task / "train.jsonl").read_text().splitlines():
            row = json.loads(line)
            names[row["label"]] = row["label_name"]
        letters = [f" {chr(65 + i)}" for i in range(len(names))]
        template = "{text}\nLabel:"
        labels = ",".join(f"{i}={v}" for i, v in enumerate(letters))
        check_task(options, model, tokenizer, task, letters, template,
                   ["--template", template, "--labels", labels])
        # the names of the data, of one token or several
        check_task(options, model, tokenizer, task, [f" {names[i]}" for i in range(len(names))],
                   template, [])
    for path in options.adapter + options.tensors:
        check_intruders(options, path)
    for adapter in options.adapter:
        from peft import PeftModel

        tuned = PeftModel.from_pretrained(load(), adapter).eval()
        for corpus in options.corpus[:1]:
            check_corpus(options, tuned, tokenizer, corpus, adapter, ((0, 0),))
    sys.exit(1 if failures else 0)


main()
