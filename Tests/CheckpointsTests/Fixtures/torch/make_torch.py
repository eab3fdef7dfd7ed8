# A tiny Llama's weights in every form that real programs give them. Run with torch 2.13.0 and
# torchtune 0.6.1 (for its own name maps):
#   python make_torch.py
# Writes beside itself: truth/ (safetensors, Hugging Face names), bin/ (two .bin shards and their
# index), meta/ (consolidated.00.pth and .01.pth, cut as Meta cuts Llama 3), meta1/ (one
# file), tune/ (torchtune's .pt), and hostile/ (archives that must be refused).
import collections
import json
import os
import pickle
import shutil
import torch
from safetensors.torch import save_file
from torchtune.models.convert_weights import hf_to_tune, tune_to_meta

here = os.path.dirname(os.path.abspath(__file__))
width, heads, pairs, inner, layers, vocabulary = 16, 4, 2, 24, 2, 22
head = width // heads
config = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width,
    "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
    "num_key_value_heads": pairs, "vocab_size": vocabulary, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16"}


def folder(name, with_config=True):
    path = os.path.join(here, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    if with_config:
        with open(path + "/config.json", "w") as f:
            json.dump(config, f, indent=1)
    return path + "/"


torch.manual_seed(7)
shapes = {"model.embed_tokens.weight": (vocabulary, width)}
for i in range(layers):
    p = f"model.layers.{i}."
    shapes |= {
        p + "self_attn.q_proj.weight": (width, width),
        p + "self_attn.k_proj.weight": (pairs * head, width),
        p + "self_attn.v_proj.weight": (pairs * head, width),
        p + "self_attn.o_proj.weight": (width, width),
        p + "mlp.gate_proj.weight": (inner, width), p + "mlp.up_proj.weight": (inner, width),
        p + "mlp.down_proj.weight": (width, inner),
        p + "input_layernorm.weight": (width,), p + "post_attention_layernorm.weight": (width,)}
shapes |= {"model.norm.weight": (width,), "lm_head.weight": (vocabulary, width)}
hf = {k: torch.randn(*s).bfloat16() for k, s in shapes.items()}
save_file(hf, folder("truth") + "model.safetensors", metadata={"format": "pt"})

path = folder("bin")
names = list(hf)
parts = [names[:9], names[9:]]
weight_map = {}
for i, part in enumerate(parts):
    # Parameters, a transposed view and a view into a larger storage, as models are saved.
    state = collections.OrderedDict()
    for j, k in enumerate(part):
        state[k] = torch.nn.Parameter(hf[k], requires_grad=j % 2 == 0)
        if j == 3 and hf[k].dim() == 2:
            state[k] = hf[k].t().contiguous().t()
        if j == 4:
            state[k] = torch.cat([torch.zeros_like(hf[k]), hf[k]])[hf[k].shape[0]:]
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    name = f"pytorch_model-{i + 1:05}-of-00002.bin"
    torch.save(state, path + name)
    weight_map |= {k: name for k in part}
with open(path + "pytorch_model.bin.index.json", "w") as f:
    json.dump({"metadata": {"total_size": 0}, "weight_map": weight_map}, f, indent=1)

tune = hf_to_tune(hf, num_heads=heads, num_kv_heads=pairs, dim=width, head_dim=head)
tune = {k: v.contiguous() for k, v in tune.items()}
torch.save(tune, folder("tune", with_config=False) + "model.pt")
meta = tune_to_meta(tune)
torch.save(meta, folder("meta1", with_config=False) + "consolidated.00.pth")
path = folder("meta", with_config=False)
for rank in range(2):
    shard = {}
    for k, v in meta.items():
        dim = 1 if k.endswith(("wo.weight", "w2.weight")) else 0
        shard[k] = v if v.dim() == 1 else v.chunk(2, dim)[rank].clone()
    shard["rope.freqs"] = torch.arange(2.0)
    torch.save(shard, f"{path}consolidated.{rank:02}.pth")

path = folder("hostile", with_config=False)


class Evil:
    def __reduce__(self):
        return os.system, ("echo executed > /tmp/executed",)


torch.save({"w": torch.ones(2), "x": Evil()}, path + "call.bin")
torch.save({"w": torch.ones(2)}, path + "old.bin", _use_new_zipfile_serialization=False)
torch.save({"w": torch.zeros(1).expand(1 << 20, 1 << 20)}, path + "bomb.bin")
torch.save({"model": {"w": torch.ones(2)}, "epoch": 3}, path + "state.bin")
torch.save({"w": torch.nn.Linear(2, 2)}, path + "module.bin")
torch.save(torch.ones(2), path + "tensor.bin")
with open(path + "plain.bin", "wb") as f:
    pickle.dump({"w": [1.0]}, f)
