"""Writes torchtune.json beside it: every value of torchtune's configurations that ours are named after.

    python make_torchtune.py MAIN     with torchtune 0.6.1 and OmegaConf 2.4.0 installed, MAIN the folder
                                      recipes/configs of torchtune's main branch

What release 0.6.1 has is read from the installed package; what is newer from MAIN, each file as it was
at the commit named here. A value that most files of a recipe have is written once for them all.
"""
import collections, json, pathlib, sys
import torchtune
from omegaconf import OmegaConf
from torchtune import _recipe_registry

main = pathlib.Path(sys.argv[1])
release = pathlib.Path(torchtune.__file__).parents[1] / "recipes" / "configs"
listed = {c.name: r.name for r in _recipe_registry.get_all_recipes() for c in r.configs}

OF_RELEASE = """
llama2/7B_full_low_memory llama2/7B_full llama2/7B_lora_single_device llama2/7B_lora llama2/7B_qat_full
llama3/8B_full_single_device llama3/8B_full llama3/8B_lora_single_device llama3/8B_lora llama3/8B_qat_full
llama3/8B_qat_lora llama3_1/8B_full_single_device llama3_1/8B_full llama3_1/8B_lora_single_device
llama3_1/8B_lora llama3_1/8B_qat_lora llama3_2/1B_full_single_device llama3_2/1B_full
llama3_2/1B_lora_single_device llama3_2/1B_lora llama3_2/1B_qat_lora llama3_2/3B_full_single_device
llama3_2/3B_full llama3_2/3B_lora_single_device llama3_2/3B_lora llama3_2/3B_qat_lora
qwen2_5/1.5B_full_single_device qwen2_5/1.5B_full qwen2_5/1.5B_lora_single_device qwen2_5/1.5B_lora
qwen2_5/3B_full_single_device qwen2_5/3B_full qwen2_5/3B_lora_single_device qwen2_5/3B_lora
generation eleuther_evaluation quantization""".split()

OF_MAIN = {
    "llama2/1B_qat_single_device": "9153a5b16057a61852f59c5b83da226e37eaef53",
    "llama3_1/8B_qat_full": "407a69d2c7c0253514e99813b81643578e180040",
    "llama3_2/3B_qat_full": "37d9e04659c84fe8d9d8982a7d16c7d115052438",
    "qwen2_5/1.5B_qat_single_device": "c82effe5564c0f5f61f1caa206c4994befa0d7cb",
    "qwen2_5/3B_qat_single_device": "b4bf352ae58a543421cd60057465f9088dd03891",
    "qwen3/0.6B_full": "0e4371241a3469d4d6c635267306dbc61d5f022a",
    "qwen3/0.6B_full_single_device": "57c91fb2868a139f6b29fb5525298eb7ff930f0e",
    "qwen3/0.6B_lora": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/0.6B_lora_single_device": "489bc4a81960ac799dcbc814f3d6318afb446646",
    "qwen3/0.6B_qat_full": "30cec99c6974c5b16cb2ff9820b114fbb662cdf7",
    "qwen3/0.6B_qat_lora": "cc71d4e5cc0167f66652ed6608287ecb1e4861a6",
    "qwen3/1.7B_full": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/1.7B_full_single_device": "4a9d1062770333e43997732b73649cc68aa5f181",
    "qwen3/1.7B_lora": "d2a5e912888668141f2c5d1966326ae7fed7a104",
    "qwen3/1.7B_lora_single_device": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/1.7B_qat_full": "7b849f1d33f10aacf03ba42900729a0f39549f86",
    "qwen3/1.7B_qat_lora": "cc71d4e5cc0167f66652ed6608287ecb1e4861a6",
    "qwen3/32B_lora": "c82effe5564c0f5f61f1caa206c4994befa0d7cb",
    "qwen3/32B_qat_lora": "a064ae9a7b9e0498505be49d53f3e94366f21ae4",
    "qwen3/4B_full": "57c91fb2868a139f6b29fb5525298eb7ff930f0e",
    "qwen3/4B_full_single_device": "489bc4a81960ac799dcbc814f3d6318afb446646",
    "qwen3/4B_lora": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/4B_lora_single_device": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/4B_qat_full": "cc71d4e5cc0167f66652ed6608287ecb1e4861a6",
    "qwen3/4B_qat_lora": "617d5e898ea74f8f8605a02c541d9e62ba7a5f97",
    "qwen3/8B_full": "dc7b2828df68389eba3e1c4b8efce40e649b6e7d",
    "qwen3/8B_full_single_device": "f7858160532f4bea45943325e98b72ff9239ac5b",
    "qwen3/8B_lora": "37d9e04659c84fe8d9d8982a7d16c7d115052438",
    "qwen3/8B_lora_single_device": "c82effe5564c0f5f61f1caa206c4994befa0d7cb",
    "qwen3/8B_qat_full": "15c508385483ea7deefcf91baa128d1dca9bfc98",
    "qwen3/8B_qat_lora": "8d2fe4a7cf7826639b93e6f35ce128e25a540617",
}
RECIPES = {"full_single_device": "full_finetune_single_device", "full": "full_finetune_distributed",
           "lora_single_device": "lora_finetune_single_device", "lora": "lora_finetune_distributed",
           "qat_full": "qat_distributed", "qat_single_device": "qat_single_device",
           "qat_lora": "qat_lora_finetune_distributed"}

def flat(map, prefix=""):
    values = {}
    for key, value in map.items():
        values.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return values

def read(path):
    return flat(OmegaConf.to_container(OmegaConf.load(path), resolve=False))

files = {name: ("0.6.1", listed[name], read(release / (name + ".yaml"))) for name in OF_RELEASE}
for name, commit in OF_MAIN.items():
    recipe = RECIPES[name.split("/")[1].split("_", 1)[1]]
    files[name] = (commit, recipe, read(main / (name + ".yaml")))

common = {}
for recipe in dict.fromkeys(recipe for _, recipe, _ in files.values()):
    of_recipe = [values for _, r, values in files.values() if r == recipe]
    counts = collections.Counter((k, json.dumps(v)) for values in of_recipe for k, v in values.items())
    common[recipe] = {k: json.loads(v) for (k, v), n in counts.items() if 2 * n > len(of_recipe)}

written = {}
for name, (source, recipe, values) in sorted(files.items()):
    shared = common[recipe]
    written[name] = {
        "source": source, "recipe": recipe,
        "values": {k: v for k, v in values.items() if k not in shared or shared[k] != v},
        "absent": [k for k in shared if k not in values]}
lines = ["{" + '"common": {']
lines += [f'{json.dumps(k)}: {json.dumps(v)},' for k, v in common.items()]
lines[-1] = lines[-1][:-1] + "},"
lines += ['"files": {'] + [f'{json.dumps(k)}: {json.dumps(v)},' for k, v in written.items()]
lines[-1] = lines[-1][:-1] + "}}"
pathlib.Path(__file__).with_name("torchtune.json").write_text("\n".join(lines) + "\n")
