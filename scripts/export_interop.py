#!/usr/bin/env python3
"""Exports small random models and loads them with the real runtimes; scripts/export-interop makes the environment.

  export_interop.py TUNE [FOLDER]     FOLDER: a float model to use as well, such as SmolLM2-135M-Instruct

Prints, for each model, scheme and runtime, the largest difference of logits from a float32 forward pass over
codes times scales with the scheme's rounding of inputs, in parts of the logits' spread, how often both have the
same first token, and how much worse the runtime's perplexity is. Exit status 1 when a runtime loads other weights or its logits are too far off.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

TEXT = "It says that space and time are not separate: they form one whole, and 2 + 2 = 4. " * 8
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"


# ---- Models ---------------------------------------------------------------------------------------------


def make_tokenizer(folder):
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    description = json.loads((folder / "tokenizer.json").read_text())
    description["model"]["ignore_merges"] = True
    (folder / "tokenizer.json").write_text(json.dumps(description))
    settings = {
        "eos_token": "<|end|>", "bos_token": "<|begin|>", "chat_template": TEMPLATE,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def make_model(folder, kind):
    torch.manual_seed(3)
    sizes = dict(
        vocab_size=448, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
    )
    if kind == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(**sizes, head_dim=64))
    else:
        model = LlamaForCausalLM(LlamaConfig(**sizes))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.mul_(4)
    model.to(torch.bfloat16).save_pretrained(folder)
    make_tokenizer(folder)


# ---- The reference --------------------------------------------------------------------------------------


def dequantized(folder):
    """The float32 weights of a folder that tune quantized, and which of them have codes."""
    config = json.loads((folder / "config.json").read_text())
    description = config["quantization_config"]
    weights, quantized = {}, set()
    for path in sorted(folder.glob("*.safetensors")):
        stored = load_file(path)
        for name, tensor in stored.items():
            scales = stored.get(name.removesuffix(".weight") + ".weight_scales") if name.endswith(".weight") else None
            if name.endswith((".weight_scales", ".weight_biases")):
                continue
            if scales is None:
                weights[name] = tensor.float()
                continue
            scheme = description.get("layers")
            if name in ("lm_head.weight", "model.embed_tokens.weight"):
                scheme = description.get("head") or description.get("embedding")
            bits = int(scheme["codes"].removeprefix("int"))
            raw = tensor.numpy()
            if bits == 4:
                raw = np.stack([raw & 15, raw >> 4], -1).reshape(raw.shape[0], -1)
            codes = torch.from_numpy(raw.astype(np.float32)) - 2 ** (bits - 1)
            group = codes.shape[1] // scales.shape[1]
            biases = stored.get(name.removesuffix(".weight") + ".weight_biases")
            if biases is not None:  # MLX's rule counts codes from 0.
                codes = codes + 2 ** (bits - 1)
            weights[name] = codes * scales.float().repeat_interleave(group, 1)
            if biases is not None:
                weights[name] += biases.float().repeat_interleave(group, 1)
            quantized.add(name)
    return weights, quantized, description


def blocks(x):
    groups = x.reshape(*x.shape[:-1], -1, 32)
    largest = groups.abs().amax(-1, keepdim=True)
    scale = (largest / 127).to(torch.float16).float()
    inverse = torch.where(largest > 0, 127 / largest, torch.zeros_like(largest))
    return ((groups * inverse).round() * scale).reshape(x.shape)


def tokens(x):
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-9) / 127.5
    return (x / scale).round().clamp(-128, 127) * scale


ROUNDING = {"int8_symmetric_blocks_of_32": blocks, "int8_symmetric_per_token": tokens, "none": None}


def reference(plain, folder, ids):
    weights, quantized, description = dequantized(folder)
    model = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.float32).eval()
    rounding = ROUNDING[description["layers"]["activations"]]
    with torch.no_grad():
        head = weights.get("lm_head.weight")
        for name, module in model.named_modules():
            weight = weights.get(name + ".weight")
            if isinstance(module, torch.nn.Linear):
                if name == "lm_head" and weight is None:
                    weight = weights["model.embed_tokens.weight"]
                module.weight = torch.nn.Parameter(weight)
                is_coded = name + ".weight" in quantized or (
                    name == "lm_head" and head is None and "model.embed_tokens.weight" in quantized
                )
                if rounding and is_coded:
                    module.register_forward_pre_hook(lambda _, inputs: (rounding(inputs[0]),))
            elif weight is not None:
                module.weight = torch.nn.Parameter(weight)
        return model(torch.tensor([ids])).logits[0].numpy()


# ---- Runtimes -------------------------------------------------------------------------------------------


def with_llama_cpp(place, ids):
    from llama_cpp import Llama

    model = Llama(model_path=str(place), n_ctx=512, logits_all=True, verbose=False)
    again = model.tokenize(TEXT.encode(), add_bos=False, special=True)
    model.eval(ids)
    return np.asarray(model.scores[: len(ids)], dtype=np.float32), list(again)


def with_mlx(place, ids):
    import mlx.core as mx
    from mlx_lm import load

    mx.set_default_device(mx.cpu)
    model, tokenizer = load(str(place))
    # Its CPU sums products in bf16 otherwise: off by 3 %.
    model.set_dtype(mx.float32)
    again = tokenizer.encode(TEXT, add_special_tokens=False)
    return np.array(model(mx.array([ids]))[0].astype(mx.float32)), list(again)


def with_transformers(place, ids):
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.bfloat16).eval()
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy(), None


def with_gptq_formula(place, ids):
    """No runtime of this layout runs on every CPU: its published formula, in numpy."""
    stored = load_file(place / "model.safetensors")
    config = json.loads((place / "config.json").read_text())
    bits = config.pop("quantization_config")["bits"]
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    for name in [name for name in stored if name.endswith(".qweight")]:
        layer = name.removesuffix(".qweight")
        words, zeros, scales, groups = (
            stored.pop(f"{layer}.{part}").numpy() for part in ("qweight", "qzeros", "scales", "g_idx")
        )
        codes = (words.view(np.uint32)[:, None, :] >> shifts[None, :, None]) & (2**bits - 1)
        codes = codes.reshape(-1, words.shape[1]).astype(np.float32)
        zeros = (zeros.view(np.uint32)[:, :, None] >> shifts) & (2**bits - 1)
        zeros = zeros.reshape(scales.shape).astype(np.float32) + 1
        weight = scales.astype(np.float32)[groups] * (codes - zeros[groups])
        stored[layer + ".weight"] = torch.from_numpy(weight.T.copy())
    with tempfile.TemporaryDirectory() as folder:
        from safetensors.torch import save_file

        save_file({name: value.float().contiguous() for name, value in stored.items()}, Path(folder) / "model.safetensors", {"format": "pt"})
        config.pop("torch_dtype", None)
        (Path(folder) / "config.json").write_text(json.dumps(config | {"dtype": "float32"}))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy(), None


# The scheme, its format, the runtime, and the largest mean difference in parts of the logits' spread: in float32 the
# order of sums; in bf16 its rounding, which grows with the layers; where inputs are rounded to int8, codes that
# fall to the other side: a change of inputs by 1e-4 moves SmolLM2's logits by 0.04.
CASES = [
    ("gguf-q4_0", "gguf", with_llama_cpp, 0.05),
    ("gguf-q8_0", "gguf", with_llama_cpp, 0.05),
    ("w4a16", "gptq", with_gptq_formula, 1e-5),
    ("w4a16", "compressed-tensors", with_transformers, 0.06),
    ("w4a8", "compressed-tensors", with_transformers, 0.2),
    ("w4a16", "torchao", with_transformers, 0.06),
    ("mlx-4bit", "mlx", with_mlx, 1e-4),
]


def main():
    tune, *others = sys.argv[1:]
    work = Path(tempfile.mkdtemp())
    failures = 0
    try:
        models = {}
        for kind in ("llama", "qwen3"):
            models[kind] = work / kind
            models[kind].mkdir()
            make_model(models[kind], kind)
        for folder in others:
            models[Path(folder).name] = Path(folder)
        for name, folder in models.items():
            for scheme, form, runtime, limit in CASES:
                if not compare(tune, work, name, folder, scheme, form, runtime, limit):
                    failures += 1
    finally:
        shutil.rmtree(work)
    sys.exit(1 if failures else 0)


def loss(logits, ids):
    logits, ids = torch.from_numpy(logits.astype(np.float32)), torch.tensor(ids[: len(logits)])
    return torch.nn.functional.cross_entropy(logits[:-1], ids[1:]).item()


def quantize(tune, work, folder, scheme):
    place = work / f"{folder.name}-{scheme}"
    if place.exists():
        return place
    config = work / "quantize.yaml"
    config.write_text(
        f"""
output_dir: {place}
model: {{_component_: swift_tune.models.checkpoint}}
checkpointer:
  _component_: torchtune.training.FullModelHFCheckpointer
  checkpoint_dir: {folder}
  checkpoint_files: [model.safetensors]
  output_dir: {place}
device: cpu
dtype: bf16
seed: 5
quantizer: {{_component_: swift_tune.quantization.Quantizer, scheme: {scheme}}}
"""
    )
    run(tune, "run", "quantize", "--config", str(config))
    return place


def run(*words):
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(words)}\n{result.stdout}{result.stderr}")


def compare(tune, work, name, folder, scheme, form, runtime, limit):
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT, add_special_tokens=False).ids
    quantized = quantize(tune, work, folder, scheme)
    place = work / f"{name}-{scheme}-{form}{'.gguf' if form == 'gguf' else ''}"
    run(tune, "export", str(quantized), "--format", form, "--output", str(place))
    run(tune, "verify", str(place), "--against", str(quantized))
    expected = reference(folder, quantized, ids[:128])
    found, again = runtime(place, ids[:128])
    spread = expected.std()
    mean = np.abs(found - expected).mean() / spread
    largest = np.abs(found - expected).max() / spread
    same = (found.argmax(-1) == expected.argmax(-1)).mean()
    worse = np.exp(loss(found, ids) - loss(expected, ids)) - 1
    good = mean <= limit and (again is None or again == ids)
    print(
        f"{name:<10}{scheme:<12}{form:<20}mean {mean:.5f}  largest {largest:.4f}  same first {100 * same:.1f} %"
        f"  perplexity {100 * worse:+.3f} %{'' if again in (None, ids) else '  OTHER TOKENS'}{'' if good else '  TOO FAR'}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    main()
