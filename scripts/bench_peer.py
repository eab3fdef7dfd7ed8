"""Python's side of the benchmarks: answers a line with a line, so that both sides run in turns.

add N                  seconds of a one-element add, mean of N
tokenizer MODEL TEXTS  takes a tokenizer.model and a JSON list of texts: "ready", or why not
encode                 seconds to encode all texts once
linear DTYPE M K N     seconds of one linear layer without a bias, x [M, K] and weight [N, K]
int_mm M K N           seconds of one product of int8 matrices to int32
"""

import base64
import json
import sys
import time

import torch

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
clock = time.process_time if "--cpu-time" in sys.argv else time.perf_counter
a, b = torch.ones(1), torch.ones(1)
encoding, texts = None, []


def add(count):
    started = clock()
    for _ in range(count):
        a + b
    return (clock() - started) / count


def tokenizer(model, corpus):
    global encoding, texts
    try:
        import tiktoken
    except ImportError:
        return "this Python has no tiktoken to compare with"
    with open(model) as lines:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, lines)}
    encoding = tiktoken.Encoding("bench", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    with open(corpus) as file:
        texts = json.load(file)
    return "ready"


def encode():
    started = clock()
    for text in texts:
        encoding.encode_ordinary(text)
    return clock() - started

cases = {}


def timed(key, make, product):
    if key not in cases:
        cases[key] = make()
    started = clock()
    product(*cases[key])
    return clock() - started


def linear(dtype, m, k, n):
    kind = getattr(torch, dtype)
    make = lambda: (torch.randn(m, k).to(kind), (torch.randn(n, k) * 0.02).to(kind))
    return timed(("linear", dtype, m, k, n), make, torch.nn.functional.linear)


def int_mm(m, k, n):
    codes = lambda *shape: torch.randint(-8, 8, shape, dtype=torch.int8)
    return timed(("int_mm", m, k, n), lambda: (codes(m, k), codes(n, k).t()), torch._int_mm)


torch.set_grad_enabled(False)
print("ready", torch.__version__, flush=True)
for line in sys.stdin:
    command, *rest = line.split()
    if command == "add":
        print(add(int(rest[0])), flush=True)
    elif command == "tokenizer":
        print(tokenizer(*rest), flush=True)
    elif command == "encode":
        print(encode(), flush=True)
    elif command == "linear":
        print(linear(rest[0], *map(int, rest[1:])), flush=True)
    elif command == "int_mm":
        print(int_mm(*map(int, rest)), flush=True)
    else:
        sys.exit(__doc__)
