# The arguments that torchtune 0.6.1's model builders hand to their families, as JSON.
#   python make_models.py > models.json
import ast
import json
import os
import torchtune

root = os.path.join(os.path.dirname(torchtune.__file__), "models")
found = {}
for family in ["llama2", "llama3", "llama3_1", "llama3_2", "llama3_3", "qwen2", "qwen2_5"]:
    with open(f"{root}/{family}/_model_builders.py") as f:
        tree = ast.parse(f.read())
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        call = next((n.value for n in function.body if isinstance(n, ast.Return)), None)
        if not isinstance(call, ast.Call) or function.name.startswith(("lora", "qlora")):
            continue
        values = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
        if "num_layers" in values:
            found[f"torchtune.models.{family}.{function.name}"] = {
                "family": call.func.id, **values}
found = {k: v for k, v in found.items() if "classifier" not in k and "reward" not in k}
print("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()) + "\n}")
