# Tiny random models of each family and their logits as transformers computes them on the CPU in fp32.
# Run with transformers 5.23.0 and torch 2.13.0:
#   python make_families.py
# Writes <family>/config.json, <family>/model.safetensors and <family>/logits.safetensors.
import os
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers import Qwen3Config, Qwen3ForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
sizes = dict(
    vocab_size=67, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
families = {
    # Llama 2: as many key as query heads, the old rotary base.
    "llama2": (LlamaForCausalLM, LlamaConfig(
        **{**sizes, "num_key_value_heads": 4}, rope_theta=1e4, rms_norm_eps=1e-5)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(
        **sizes, rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=True)),
    # Heads wider than the model's width shared among them.
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(
        **sizes, head_dim=16, rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=False)),
}
for name, (kind, config) in families.items():
    torch.manual_seed(11)
    config.initializer_range = 0.2
    model = kind(config).float().eval()
    with torch.no_grad():
        # Fresh norms are ones and fresh biases zeros, which would hide where they are applied.
        for key, value in model.named_parameters():
            if "norm" in key:
                value.copy_(1 + 0.3 * torch.randn_like(value))
            if key.endswith("bias"):
                value.copy_(0.5 * torch.randn_like(value))
        ids = torch.randint(0, config.vocab_size, (2, 12))
        logits = model(ids).logits
    folder = os.path.join(here, name)
    model.save_pretrained(folder)
    if os.path.exists(folder + "/generation_config.json"):
        os.remove(folder + "/generation_config.json")
    save_file({"ids": ids, "logits": logits}, folder + "/logits.safetensors")
