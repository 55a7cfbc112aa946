# SPDX-License-Identifier: Apache-2.0
"""Checks `wane perplexity --like` against the tools' rules carried out with transformers.

usage: python3 check_like.py WANE MODEL_FOLDER WIKITEXT_FILE [BYTES]

The first BYTES (60000) of the file are cut by each rule here, in Python with the re module, run
through the model in PyTorch, and compared: tokens and words exactly, nll within 1e-5 relative. Needs
torch, transformers, tokenizers. Exit status 1 when a number differs.
"""
import json
import re
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

WORDS = [(" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), (" : ", ": "), (" ; ", "; "),
         (" . ", ". "), (" ! ", "! "), (" ? ", "? "), (" , ", ", ")]
PAIRS = [(r"\(", r"\)", "()"), (r"\[", r"\]", "[]"), ("{", "}", "{}"), ('"', '"', '""'),
         ("'", "'", "''")]
ENDS = [("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u00b0 ", "\u00b0"), (" \n", "\n"),
        ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s")]


def detokenise(text):
    text = re.sub(r"/' [0-9]/", "/'[0-9]/", text.replace("s '", "s'"))
    for old, new in WORDS:
        text = text.replace(old, new)
    for left, right, both in PAIRS:
        text = re.sub(rf"{left}\s*([^{right}]*?)\s*{right}", lambda m: both[0] + m[1] + both[1], text)
    for old, new in ENDS:
        text = text.replace(old, new)
    return text


def pages_of(text):
    pages, lines = [], []
    for line in text.split("\n"):
        bare = line.replace("= = =", "===").replace("= =", "==").strip()
        if bare.startswith("= ") and bare.endswith(" ="):
            pages.append("\n".join(lines))
            lines = []
        lines.append(line)
    return [page for page in pages if page.strip()] + ["\n".join(lines)]


def nll_of(model, inputs, targets):
    """Sum of -log p of `targets`, predicted at the last len(targets) inputs."""
    with torch.no_grad():
        logits = model(torch.tensor([inputs])).logits[0, -len(targets):].double()
    return -logits.log_softmax(1).gather(1, torch.tensor(targets)[:, None]).sum().item()


def lm_eval(model, encode, bos, text, window):
    nll = tokens = words = size = 0
    for page in pages_of(text):
        ids = encode(detokenise(page), False)
        words += len(re.split(r"\s+", page))
        size += len(page.encode())
        whole, done = [bos] + ids, 0
        while done < len(ids):
            end = min(done + window, len(ids))
            inputs = whole[max(0, end - window):end]
            nll += nll_of(model, inputs, ids[done:end])
            tokens += end - done
            done = end
    return nll, tokens, words, size


def gptq(model, encode, bos, text, window):
    rows = [line if line.strip() else "" for line in text.splitlines(keepends=True)]
    ids = encode("\n\n".join(rows), True)
    pieces = [ids[i:i + window] for i in range(0, len(ids) - window + 1, window)]
    return (sum(nll_of(model, p, p[1:] + [0]) - nll_of(model, p, [0]) for p in pieces),
            len(pieces) * (window - 1), None, None)


def llama_cpp(model, encode, bos, text, window):
    ids = encode(text[:-1] if text.endswith("\n") else text, True)
    nll = tokens = 0
    for i in range(len(ids) // window):
        piece = ids[i * window:(i + 1) * window]
        if ids[0] == bos:
            piece[0] = bos
        targets = piece[window // 2 + 1:]
        nll += nll_of(model, piece[:-1], targets)
        tokens += len(targets)
    return nll, tokens, None, None


def main():
    program, folder, path = sys.argv[1:4]
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else 60000
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    encode = lambda text, special: tokenizer.encode(text, add_special_tokens=special).ids
    bos, context = model.config.bos_token_id, model.config.max_position_embeddings
    with open(path, "rb") as file:
        text = file.read(limit).decode(errors="ignore")
    failures = 0
    rules = {"lm-eval-wikitext": (lm_eval, context), "gptq": (gptq, min(2048, context)),
             "llama.cpp": (llama_cpp, min(512, context))}
    with tempfile.NamedTemporaryFile("w", suffix=".txt", newline="") as file:
        file.write(text)
        file.flush()
        for name, (rule, usual) in rules.items():
            for window in (usual, 100):
                result = subprocess.run([program, "perplexity", folder, file.name, "--like", name,
                                         "--window", str(window), "--json"], check=True,
                                        capture_output=True, text=True)
                told = json.loads(result.stdout)
                nll, tokens, words, size = rule(model, encode, bos, text, window)
                error = abs(told["nll"] * tokens / nll - 1)
                bad = (told["tokens"], told["words"], told["bytes"]) != (tokens, words, size)
                bad = bad or error > 1e-5
                failures += bad
                print(f"{'FAIL' if bad else 'ok  '} {name}, window {window}: {tokens} tokens, "
                      f"nll {told['nll']:.6f}, relative error {error:.1e}")
    sys.exit(1 if failures else 0)


main()
