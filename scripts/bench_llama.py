"""llama.cpp's side of `scripts/bench decoding`: answers a line with a line, so that both sides run in turns.

model V D F L H KV THREADS   makes a random Llama in Q4_0 (vocabulary, width, hidden width, layers, heads,
                             key-value heads) and loads it: the bytes of its weights
token START COUNT            seconds a token, COUNT of them after START
prompt COUNT                 seconds a token of a prompt

Needs llama-cpp-python and gguf; scripts/bench-peer installs them.
"""

import os
import sys
import tempfile
import time

import gguf
import llama_cpp
import numpy

KIND = gguf.GGMLQuantizationType.Q4_0
state = {}


def write(path, vocabulary, width, hidden, layers, heads, kv_heads):
    random = numpy.random.default_rng(4)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(2)
    writer.add_tokenizer_model("no_vocab")
    size = 0

    def matrix(name, rows, columns):
        nonlocal size
        values = random.standard_normal((rows, columns), dtype=numpy.float32) * 0.02
        codes = gguf.quants.quantize(values, KIND)
        size += codes.nbytes
        writer.add_tensor(name, codes, raw_dtype=KIND)

    def norm(name):
        writer.add_tensor(name, numpy.ones(width, numpy.float32))

    narrow = width // heads * kv_heads
    matrix("token_embd.weight", vocabulary, width)
    matrix("output.weight", vocabulary, width)
    norm("output_norm.weight")
    for layer in range(layers):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        norm(block + "ffn_norm.weight")
        for name, rows, columns in (
            ("attn_q", width, width), ("attn_k", narrow, width), ("attn_v", narrow, width),
            ("attn_output", width, width), ("ffn_gate", hidden, width), ("ffn_up", hidden, width),
            ("ffn_down", width, hidden),
        ):  # fmt: skip
            matrix(f"{block}{name}.weight", rows, columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return size


def model(vocabulary, width, hidden, layers, heads, kv_heads, threads):
    with tempfile.TemporaryDirectory(prefix="bench-llama-") as folder:
        path = os.path.join(folder, "model.gguf")
        size = write(path, vocabulary, width, hidden, layers, heads, kv_heads)
        loaded = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
    if not loaded:
        sys.exit("llama.cpp did not load the model")
    options = llama_cpp.llama_context_default_params()
    options.n_ctx, options.n_batch, options.n_ubatch = 1024, 512, 512
    options.n_threads = options.n_threads_batch = threads
    state["context"] = llama_cpp.llama_init_from_model(loaded, options)
    state["vocabulary"] = vocabulary
    return size


def decode(tokens):
    ids = (llama_cpp.llama_token * len(tokens))(*tokens)
    if llama_cpp.llama_decode(state["context"], llama_cpp.llama_batch_get_one(ids, len(tokens))):
        sys.exit("llama.cpp did not decode")
    llama_cpp.llama_synchronize(state["context"])


def ids(count):
    return [(i * 977 + 13) % state["vocabulary"] for i in range(count)]


def forget():
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(state["context"]), True)


def token(start, count):
    forget()
    decode(ids(start))
    logits = llama_cpp.llama_get_logits(state["context"])
    started = time.perf_counter()
    for _ in range(count):
        best = int(numpy.ctypeslib.as_array(logits, (state["vocabulary"],)).argmax())
        decode([best])
        logits = llama_cpp.llama_get_logits(state["context"])
    return (time.perf_counter() - started) / count


def prompt(count):
    forget()
    started = time.perf_counter()
    decode(ids(count))
    return (time.perf_counter() - started) / count


quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(quiet, None)
llama_cpp.llama_backend_init()
print("ready", llama_cpp.__version__, flush=True)
for line in sys.stdin:
    command, *rest = line.split()
    functions = {"model": model, "token": token, "prompt": prompt}
    if command not in functions:
        sys.exit(__doc__)
    print(functions[command](*map(int, rest)), flush=True)
