#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs stacked adapters under `head: reprobe` and `head: linear` on parts of real tasks and compares
every score with transformers, peft and scikit-learn.

    check_protocols.py WANE MODEL TASK TASK [--rows N] [--tests N]

WANE is the program, MODEL a Hugging Face folder, a TASK a folder with train.jsonl and test.jsonl
(text, label). Features are those of the base with the stage's adapter, the stack as one adapter of
summed rank, computed by transformers and peft in float32; the probe is scikit-learn's. Exit status 1
when a prediction whose margin exceeds 1e-3 or a loss beyond 1e-3 differs.
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import numpy as np
import torch
from peft import PeftModel
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

L2, LONGEST = 1e-3, 100


def part_of(task, out, rows, tests, tokenizer):
    """The first rows that need not be cut, the same words in train and test left out."""
    out.mkdir()
    kept, seen, labels = {}, set(), set()
    for split, most in (("train", rows), ("test", tests)):
        kept[split] = []
        for line in (task / f"{split}.jsonl").read_text().splitlines():
            row = json.loads(line)
            words = " ".join(row["text"].split()).casefold()
            if len(kept[split]) == most or words in seen or not words:
                continue
            if len(tokenizer.encode(row["text"] + "\nLabel: A").ids) > LONGEST:
                continue
            seen.add(words)
            labels.add(int(row["label"]))
            kept[split].append({"text": row["text"], "label": int(row["label"])})
        (out / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in kept[split]))
    return kept, sorted(labels)


def features(model, tokenizer, rows):
    inner = model.base_model.model.model if isinstance(model, PeftModel) else model.model
    out = []
    with torch.no_grad():
        for row in rows:
            ids = tokenizer.encode(row["text"] + "\nLabel: A").ids[:-1]  # " A" is one token
            out.append(inner(input_ids=torch.tensor([ids])).last_hidden_state[0, -1].numpy())
    return np.array(out, dtype=np.float64)


def classifier(base, adapter, labels, tokenizer, rows):
    """Logits of the kept adapter as a sequence classifier, its head with it."""
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels, dtype=torch.float32)
    model.config.pad_token_id = None
    # Checkpoints of tied models may hold the embeddings under the name of the other head alone.
    model.model.load_state_dict(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).model.state_dict())
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        return np.concatenate([model(input_ids=torch.tensor([tokenizer.encode(r["text"] + "\nLabel: A").ids[:-1]]))
                               .logits.double().numpy() for r in rows])


def log_softmax(scores):
    top = scores.max(1, keepdims=True)
    return scores - top - np.log(np.exp(scores - top).sum(1, keepdims=True))


def probe(train, labels, test, classes):
    scaler = StandardScaler().fit(train)
    n, k = len(labels), len(set(labels))
    fit = LogisticRegression(C=(2 if k == 2 else 1) / (L2 * n), tol=1e-8, max_iter=20000)
    fit.fit(scaler.transform(train), labels)
    out = np.full((len(test), classes), -np.inf)
    out[:, fit.classes_] = fit.predict_log_proba(scaler.transform(test))
    return out


def compare(name, db, stage, task, log_p, labels):
    rows = db.execute("SELECT predicted, label FROM example WHERE stage = ? AND task = ? ORDER BY row",
                      (stage, task)).fetchall()
    loss, = db.execute("SELECT value FROM score WHERE stage = ? AND task = ? AND metric = 'loss'",
                       (stage, task)).fetchone()
    assert [r[1] for r in rows] == list(labels)
    order = np.sort(log_p, 1)
    firm = order[:, -1] - order[:, -2] > 1e-3
    ours = np.array([r[0] for r in rows])
    differ = int((ours != log_p.argmax(1))[firm].sum())
    wanted = -log_p[np.arange(len(labels)), labels].mean()
    bad = differ > 0 or not abs(loss - wanted) <= 1e-3 * wanted
    print(f"{'FAIL' if bad else 'ok  '} {name}: {differ} of {firm.sum()} predictions differ, loss {loss:.8f} "
          f"against {wanted:.8f}")
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wane")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("tasks", nargs=2, type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--tests", type=int, default=100)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names, data, lines = [], [], []
        for i, task in enumerate(args.tasks):
            names.append(f"task{i}")
            rows, labels = part_of(task, folder / names[i], args.rows, args.tests, tokenizer)
            data.append((rows, labels))
            words = ", ".join(f'{label}: " {chr(65 + k)}"' for k, label in enumerate(labels))
            lines.append(f'  - {{path: {names[i]}, template: "{{text}}\\nLabel:", labels: {{{words}}}}}\n')
        (folder / "x.yaml").write_text(
            f"name: x\nmodel: {args.model.resolve()}\ntasks:\n{''.join(lines)}methods:\n"
            "  - {name: lora, kind: lora, rank: 4, learning_rate: 5e-3}\n"
            "training: {epochs: 2, batch_size: 16, max_seq_length: 128}\nkeep: all\n")
        for head in ("reprobe", "linear"):
            path = folder / f"{head}.db"
            subprocess.run([args.wane, "run", folder / "x.yaml", "protocol.adapter=stack",
                            f"protocol.head={head}", "--db", path], check=True, capture_output=True)
            db = sqlite3.connect(path)
            stages = [s for s, in db.execute("SELECT stage FROM run_stage ORDER BY position")]
            tasks = dict(db.execute("SELECT name, id FROM task"))
            files = {(s, k): p for s, k, p in db.execute("SELECT stage, kind, path FROM artifact")}
            heads = {}
            for position, stage in enumerate(stages):
                model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
                kept = files.get((stage, "stack")) or files.get((stage, "adapter"))
                if kept:
                    model = PeftModel.from_pretrained(model, f"{path}.artifacts/{kept}")
                if head == "linear" and position:
                    heads[position - 1] = load_file(f"{path}.artifacts/{files[stage, 'head']}")["score.weight"]
                for t, (rows, labels) in enumerate(data):
                    index = {label: k for k, label in enumerate(labels)}
                    gold = np.array([index[r["label"]] for r in rows["test"]])
                    if head == "linear" and t not in heads:
                        continue
                    test = features(model, tokenizer, rows["test"])
                    if head == "linear":
                        log_p = log_softmax(test @ heads[t].T.astype(np.float64))
                        if t == position - 1:
                            whole = classifier(args.model, f"{path}.artifacts/{kept}", len(labels), tokenizer,
                                               rows["test"])
                            apart = np.abs(log_softmax(whole) - log_p).max()
                            failures += apart > 1e-3
                            print(f"{'FAIL' if apart > 1e-3 else 'ok  '} peft's classifier, stage {position}: "
                                  f"log-probabilities within {apart:.2g}")
                    else:
                        train = np.array([index[r["label"]] for r in rows["train"]])
                        log_p = probe(features(model, tokenizer, rows["train"]), train, test, len(labels))
                    failures += compare(f"{head}, stage {position}, {args.tasks[t].name}", db, stage,
                                        tasks[names[t]], log_p, gold)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
