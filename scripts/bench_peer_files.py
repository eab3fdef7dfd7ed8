"""What a comparison with the reference needs besides its packages, made in FOLDER by its own Python:

peer_recipes/ torchtune's training recipes, changed so that they run on a CPU: Gloo instead of NCCL,
           and no calls that only an accelerator answers
small/     a Llama 3 of 33.6 million random parameters with a byte-pair tokenizer of 8192 ids
texts.json instruction records of this Python's own sources, each longer than any sequence measured,
           so that both sides train on the same number of tokens

    python scripts/bench_peer_files.py FOLDER
"""

import base64
import glob
import importlib.util
import json
import os
import random
import sys
import sysconfig

LAYERS, WIDTH, HIDDEN, HEADS, KV_HEADS, WORDS, SPECIAL = 8, 512, 1536, 8, 4, 7936, 256
NAMED = (
    "begin_of_text end_of_text reserved_special_token_0 reserved_special_token_1"
    " finetune_right_pad_id step_id start_header_id end_header_id eom_id eot_id python_tag image video"
).split()
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def patch_recipes(folder):
    os.makedirs(folder, exist_ok=True)
    source = os.path.dirname(importlib.util.find_spec("recipes").origin)
    on_accelerators = 'self._device.type != "cpu"'
    changes = [
        ('init_process_group("cuda:nccl,cpu:gloo")', 'init_process_group("gloo")'),
        (
            "        if self._is_rank_zero:\n            memory_stats = training.get_memory_stats",
            f"        if self._is_rank_zero and {on_accelerators}:\n"
            "            memory_stats = training.get_memory_stats",
        ),
        (
            "        training.cleanup_before_training()",
            f"        if {on_accelerators}:\n            training.cleanup_before_training()",
        ),
    ]
    for name in ("qat_distributed", "full_finetune_distributed"):
        with open(os.path.join(source, name + ".py")) as file:
            text = file.read()
        for old, new in changes:
            text = text.replace(old, new)
        with open(os.path.join(folder, name + ".py"), "w") as file:
            file.write(text)


def sources():
    library = sysconfig.get_paths()["stdlib"]
    paths = sorted(glob.glob(library + "/*.py") + glob.glob(library + "/*/*.py"))
    texts = []
    for path in paths:
        if "site-packages" in path or "/test" in path:
            continue
        with open(path, encoding="utf-8", errors="ignore") as file:
            texts.append(file.read())
    return texts


def make_tokenizer(folder, texts):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text[:20_000] for text in texts][:400], trainer)
    # The byte that each of the byte-level characters stands for.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    bytes_of = {chr(byte): byte for byte in plain}
    bytes_of |= {chr(256 + index): byte for index, byte in enumerate(others)}
    with open(folder + "/tokenizer.model", "w") as file:
        for token, rank in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]):
            word = bytes(bytes_of[character] for character in token)
            file.write(f"{base64.b64encode(word).decode()} {rank}\n")
    names = NAMED + [f"reserved_special_token_{2 + i}" for i in range(SPECIAL - len(NAMED))]
    added = [{"id": WORDS + i, "content": f"<|{name}|>"} for i, name in enumerate(names)]
    with open(folder + "/tokenizer.json", "w") as file:
        json.dump({"added_tokens": added}, file)


def make_model(folder):
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(42)
    words, kv_width = WORDS + SPECIAL, WIDTH // HEADS * KV_HEADS

    def drawn(*shape):
        return torch.randn(shape) * 0.02

    weights = {"model.embed_tokens.weight": drawn(words, WIDTH)}
    for layer in range(LAYERS):
        shapes = {
            "self_attn.q_proj": (WIDTH, WIDTH),
            "self_attn.k_proj": (kv_width, WIDTH),
            "self_attn.v_proj": (kv_width, WIDTH),
            "self_attn.o_proj": (WIDTH, WIDTH),
            "mlp.gate_proj": (HIDDEN, WIDTH),
            "mlp.up_proj": (HIDDEN, WIDTH),
            "mlp.down_proj": (WIDTH, HIDDEN),
        }
        for name, shape in shapes.items():
            weights[f"model.layers.{layer}.{name}.weight"] = drawn(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = torch.ones(WIDTH)
    weights["model.norm.weight"] = torch.ones(WIDTH)
    weights["lm_head.weight"] = drawn(words, WIDTH)
    save_file(weights, folder + "/model.safetensors", metadata={"format": "pt"})
    configuration = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": words,
        "hidden_size": WIDTH, "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": WIDTH // HEADS,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float32",
        "attention_bias": False, "mlp_bias": False,
    }  # fmt: skip
    with open(folder + "/config.json", "w") as file:
        json.dump(configuration, file, indent=2)


def make_texts(path, texts):
    random.seed(1234)
    long = [text for text in texts if len(text) > 10_000]
    records = []
    for _ in range(256):
        text = random.choice(long)
        start = random.randrange(len(text) - 9_000)
        answer = text[start : start + 8_000]
        records.append({"instruction": "Continue.", "input": "", "output": answer, "text": ""})
    with open(path, "w") as file:
        json.dump(records, file)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    patch_recipes(folder + "/peer_recipes")
    if os.path.exists(folder + "/texts.json"):
        return
    os.makedirs(folder + "/small", exist_ok=True)
    texts = sources()
    make_tokenizer(folder + "/small", texts)
    make_model(folder + "/small")
    make_texts(folder + "/texts.json", texts)


main()
