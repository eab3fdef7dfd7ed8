#!/usr/bin/env python3
"""Writes the GGUF files beside this script, and with --check, imports them and compares.

  make_models.py LLAMA_CPP              a small random model of each architecture, by transformers,
                                        converted by llama.cpp's own converter
  make_models.py LLAMA_CPP --check TUNE imports each with the program `tune` and loads the folder with
                                        transformers: weights, logits and configuration must be equal

LLAMA_CPP is a checkout of llama.cpp (b7000 or later). Needs torch, transformers, tokenizers and
sentencepiece. The tokenizers are trained here; the converter is told their pre-tokenizer, since it knows
published ones only.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import tokenizers
import torch
import transformers as hf

HERE = Path(__file__).parent
SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=2)
LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192, "rope_theta": 500000.0}
GEMMA = SIZES | dict(head_dim=8, query_pre_attn_scalar=8, sliding_window=64, num_key_value_heads=1, bos_token_id=2,
                     eos_token_id=1, pad_token_id=0)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 1000000.0}
LONG = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
        "original_max_position_embeddings": 512, "long_factor": [1.0, 2.3, 9.9], "short_factor": [1.0, 1.05, 1.25]}
GEMMA3 = {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
          "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}

# name: (configuration, tokenizer, type of the file's weights)
MODELS = {
    "llama": (hf.LlamaConfig(**SIZES, rms_norm_eps=1e-5), "scored", "f32"),
    "llama3": (hf.LlamaConfig(**SIZES | dict(head_dim=16), tie_word_embeddings=True, rms_norm_eps=1e-5,
                              rope_parameters=LLAMA3), "bytes", "f32"),
    "llama_bias": (hf.LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True), "bytes", "f32"),
    "llama_q8": (hf.LlamaConfig(**SIZES | dict(hidden_size=32, intermediate_size=64)), "bytes", "q8_0"),
    "llama_f16": (hf.LlamaConfig(**SIZES, tie_word_embeddings=True), "bytes", "f16"),
    "llama_bf16": (hf.LlamaConfig(**SIZES, tie_word_embeddings=True), "bytes", "bf16"),
    "mistral": (hf.MistralConfig(**SIZES | dict(head_dim=8), sliding_window=None), "bytes", "f32"),
    "qwen2": (hf.Qwen2Config(**SIZES, tie_word_embeddings=True, rope_parameters=YARN), "bytes", "f32"),
    "qwen3": (hf.Qwen3Config(**SIZES | dict(head_dim=8)), "bytes", "f32"),
    "gemma2": (hf.Gemma2Config(**GEMMA), "gemma", "f32"),
    "gemma3": (hf.Gemma3TextConfig(**GEMMA | dict(num_hidden_layers=7), rope_parameters=GEMMA3), "gemma", "f32"),
    "phi3": (hf.Phi3Config(**SIZES, sliding_window=100, original_max_position_embeddings=512), "bytes", "f32"),
    "phi3_long": (hf.Phi3Config(**SIZES | dict(hidden_size=32, max_position_embeddings=2048),
                                original_max_position_embeddings=512, rope_parameters=LONG), "bytes", "f32"),
    "olmo2": (hf.Olmo2Config(**SIZES), "bytes", "f32"),
    "granite": (hf.GraniteConfig(**SIZES, attention_multiplier=0.0625, embedding_multiplier=12.0,
                                 residual_multiplier=0.22, logits_scaling=8.0, tie_word_embeddings=True),
                "bytes", "f32"),
    "smollm3": (hf.SmolLM3Config(**SIZES | dict(num_hidden_layers=4)), "bytes", "f32"),
}
USER_DEFINED = ["<mask>", "\n", "\n\n", "▁▁", "▁▁▁", "▁▁▁▁", "\t\t", "<table>"]
CONTROLS = ["<start_of_turn>", "<end_of_turn>"]
TEXT = ("The quick brown fox jumps over the lazy dog, and it's 12345 times that we've told you so. "
        "Größe, naïve café; 漢字 かな 한글.\t\t\tx\n\n\ny    z\n") * 40


def make_tokenizers(folder):
    """bytes.json, scored.model and gemma.model."""
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    pre = tokenizers.pre_tokenizers
    bpe.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])
    bpe.decoder = tokenizers.decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe.train_from_iterator([TEXT], tokenizers.trainers.BpeTrainer(
        vocab_size=320, special_tokens=specials, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False))
    bpe.save(str(folder / "bytes.json"))
    (folder / "text").write_text(TEXT)
    common = dict(input=str(folder / "text"), model_type="bpe", byte_fallback=True, split_digits=True,
                  normalization_rule_name="identity", remove_extra_whitespaces=False,
                  allow_whitespace_only_pieces=True, minloglevel=2, character_coverage=0.999)
    train = sentencepiece.SentencePieceTrainer.train
    train(model_prefix=str(folder / "scored"), vocab_size=340, **common)
    train(model_prefix=str(folder / "gemma"), vocab_size=360, add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2,
          unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", user_defined_symbols=USER_DEFINED,
          control_symbols=CONTROLS, **common)


def put_tokenizer(kind, tokens, folder):
    """The files that the converter reads. Returns the number of tokens."""
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"
    if kind == "bytes":
        shutil.copy(tokens / "bytes.json", folder / "tokenizer.json")
        settings = dict(bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>",
                        add_bos_token=False, chat_template=template, tokenizer_class="GPT2Tokenizer")
        size = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    else:
        shutil.copy(tokens / f"{kind}.model", folder / "tokenizer.model")
        pieces = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model"))
        size = pieces.get_piece_size()
        settings = dict(add_bos_token=True, add_eos_token=False, chat_template=template, tokenizer_class="LlamaTokenizer",
                        bos_token="<s>", eos_token="</s>", unk_token="<unk>")
        if kind == "gemma":
            names = CONTROLS + ["<bos>", "<eos>", "<pad>", "<unk>"]
            settings |= dict(bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")
            settings["added_tokens_decoder"] = {
                str(pieces.piece_to_id(name)): dict(content=name, special=name in names) for name in USER_DEFINED + names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return size


def make_model(config, size, folder, kind):
    config.vocab_size = size + 3  # Padding, as many models have it.
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.3 if weight.dim() == 1 else 0.2)
            if weight.dim() == 1 and "bias" not in name:
                weight.add_(1.0)
            # What the file can hold.
            weight.copy_(weight.to({"bf16": torch.bfloat16, "f16": torch.float16}.get(kind, torch.float32)))
    model.save_pretrained(folder)
    if config.model_type == "phi3":
        path = folder / "config.json"
        settings = json.loads(path.read_text())
        settings["rope_parameters"].setdefault("original_max_position_embeddings", 512)
        path.write_text(json.dumps(settings))
    return model


def convert(llama_cpp, folder, path, kind):
    program = (
        "import runpy, sys; sys.path[:0] = [sys.argv[1], sys.argv[1] + '/gguf-py']; import conversion.base as base\n"
        "base.TextModel.get_vocab_base_pre = lambda self, tokenizer: 'smollm'\n"
        "sys.argv[:2] = [sys.argv[1] + '/convert_hf_to_gguf.py']; runpy.run_path(sys.argv[0], run_name='__main__')\n")
    subprocess.run([sys.executable, "-c", program, llama_cpp, str(folder), "--outfile", str(path), "--outtype", kind],
                   check=True, capture_output=True)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def through_codes(values):
    """What Q8_0 holds of a matrix."""
    if values.ndim < 2:
        return values
    codes = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
    return gguf.quants.dequantize(codes, gguf.GGMLQuantizationType.Q8_0)


def expected(model, name, kind):
    """Name, shape and checksum of each tensor of the folder that is to be made."""
    entries = {}
    for key, weight in model.state_dict().items():
        if key == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        values = weight.numpy().astype(np.float32)
        if name.startswith("gemma") and "norm" in key:
            values = (values + np.float32(1)) - np.float32(1)  # All that the file has of them.
        if kind == "q8_0":
            values = through_codes(values)
        dtype = {"f16": torch.float16, "bf16": torch.bfloat16}.get(kind, torch.float32)
        stored = torch.from_numpy(values).to(dtype).view(torch.uint8).numpy().tobytes()
        entries[key] = [list(values.shape), fnv(stored)]
    return entries


def check(tune, name, model, kind, folder):
    subprocess.run([tune, "import", str(HERE / f"{name}.gguf"), "--output", str(folder)], check=True,
                   capture_output=True)
    loaded, info = hf.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    if kind == "q8_0":
        with torch.no_grad():
            for weight in model.parameters():
                weight.copy_(torch.from_numpy(through_codes(weight.numpy())))
    ids = torch.randint(0, model.config.vocab_size, (2, 100))
    with torch.no_grad():
        difference = (loaded(ids).logits - model(ids).logits).abs().max().item()
    print(f"{name}: logits differ by {difference}")
    assert difference <= 1e-4, name
    mine, original = loaded.config.to_dict(), model.config.to_dict()
    known = {"_name_or_path", "architectures", "dtype", "transformers_version", "bos_token_id", "eos_token_id",
             "pad_token_id"}
    for key in sorted(set(mine) | set(original)):
        if key not in known and mine.get(key) != original.get(key):
            print(f"  {key}: {mine.get(key)}, originally {original.get(key)}")


def main():
    llama_cpp, tune = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None
    checksums = {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        make_tokenizers(scratch)
        for name, (config, kind, dtype) in MODELS.items():
            folder = scratch / name
            folder.mkdir()
            size = put_tokenizer(kind, scratch, folder)
            model = make_model(config, size, folder, dtype)
            if tune:
                check(tune, name, model, dtype, scratch / f"{name}.out")
            else:
                convert(llama_cpp, folder, HERE / f"{name}.gguf", dtype)
                checksums[name] = expected(model, name, dtype)
        if not tune:
            for file in ("bytes.json", "scored.model", "gemma.model"):
                shutil.copy(scratch / file, HERE / file)
            (HERE / "weights.json").write_text(json.dumps(checksums, indent=1) + "\n")


main()
