#!/usr/bin/env python3
"""Writes the goldens of decoder architectures: tiny models run by the real transformers and torchao.

  python scripts/make-architecture-goldens.py [CASE ...]     torch (CPU), transformers 5, torchao 0.18

Each case is a folder of Tests/CheckpointsTests/Fixtures/architectures, which README.md there describes.
The cases stand in architecture_cases.py. A case also lists mutations of its configuration; each must move
the logits, so that a decoder which ignores the setting cannot pass.
"""

import copy
import json
import sys
import types
from pathlib import Path

import torch
import torch.nn.functional as F
import torchao
import transformers
from safetensors.torch import save_file
from torchao.quantization.qat.fake_quantize_config import IntxFakeQuantizeConfig
from torchao.quantization.qat.linear import FakeQuantizedLinear

sys.path.insert(0, str(Path(__file__).resolve().parent))
from architecture_cases import CASES  # noqa: E402

FOLDER = Path(__file__).resolve().parent.parent / "Tests/CheckpointsTests/Fixtures/architectures"
LENGTH = 24  # longer than every sliding window, which is 8
GROUP_SIZE = 32
SMALLEST_SCALE = torch.finfo(torch.float32).eps
MAXIMUM_CASE_BYTES = 250_000
LARGEST_NOISE = 1e-5
SMALLEST_MOVE = 1e-3  # of a logit, for each mutation


def make_model(config):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return model.float().eval()


def randomize(model, scales, seed):
    """Random weights under which every tensor matters: norms away from 1 and 0, biases away from 0."""
    generator = torch.Generator().manual_seed(seed)
    gemma = "gemma" in model.config.model_type
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            value = 1 + 0.3 * noise.clamp(-2, 2) - (1 if gemma else 0)
        elif name.endswith(".bias"):
            value = 0.2 * noise
        elif "embed_tokens" in name:
            value = scales.get("embedding", 0.5) * noise
        elif any(part in name for part in ("q_proj", "k_proj", "qkv_proj")):
            value = scales.get("query", 1.5) * noise / parameter.shape[-1] ** 0.5
        else:
            value = 1.2 * noise / parameter.shape[-1] ** 0.5
        parameter.data.copy_(value)


def make_batch(vocabulary, length, seed):
    """Tokens [2, T], and labels[b, t]: the target of position t, -100 where there is none."""
    tokens = torch.randint(0, vocabulary, (2, length), generator=torch.Generator().manual_seed(seed))
    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = tokens[:, 1:]
    labels[0, :5] = -100
    labels[1, 9:12] = -100
    return tokens, labels


def logits_of(model, tokens):
    return model(input_ids=tokens, use_cache=False).logits


def run(model, tokens, labels):
    """Logits, mean cross entropy over the labels, and the gradient of each parameter."""
    model.zero_grad(set_to_none=True)
    logits = logits_of(model, tokens)
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1), ignore_index=-100)
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    return {"logits": logits.detach(), "loss": loss.detach()} | {f"grad.{k}": v for k, v in gradients.items()}


# ---- Fake quantization: torchao's modules, compared with the formulas of docs/numerics.md ----------------


def fake_quantized(model):
    """A copy whose linear layers, the head included, are torchao's; a tied head shares the embedding."""
    inputs = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False, eps=SMALLEST_SCALE)
    weights = IntxFakeQuantizeConfig(torch.int4, group_size=GROUP_SIZE, is_symmetric=True, eps=SMALLEST_SCALE)
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and module.in_features % GROUP_SIZE == 0:
            linear = FakeQuantizedLinear.from_linear(module, inputs, weights)
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, linear)
    return model


def quantized_input(x):
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    scale = ((high - low) / 255).clamp(min=SMALLEST_SCALE)
    below, above = low / scale, high / scale
    zero = torch.where((-128 + below) + (127 + above) > 0, -128 - below, 127 - above)
    zero = zero.clamp(-128, 127).round()
    return (((x * (1 / scale)).round() + zero).clamp(-128, 127) - zero) * scale


def quantized_weight(w):
    groups = w.reshape(w.shape[0], -1, GROUP_SIZE)
    scale = (groups.abs().amax(-1, keepdim=True) / 7.5).clamp(min=SMALLEST_SCALE)
    return ((groups * (1 / scale)).round().clamp(-8, 7) * scale).reshape(w.shape)


class StraightThrough(torch.autograd.Function):
    """The second value with the gradient of the first: grad_x = grad_y W_fq and grad_W = grad_y^T x_fq."""

    @staticmethod
    def forward(context, x, quantized):
        return quantized.detach().clone()

    @staticmethod
    def backward(context, gradient):
        return gradient, None


straight_through = StraightThrough.apply


def reference_forward(self, x):
    """torchao's values with plain straight-through gradients. Its own 0.18 differentiates through the scales and
    stops the gradient of a value that its clamp moved; torchao 0.10, which docs/numerics.md follows, did neither."""
    w = straight_through(self.weight, self.weight_fake_quantizer(self.weight))
    return F.linear(straight_through(x, self.activation_fake_quantizer(x)), w, self.bias)


def formula_forward(self, x):
    w = straight_through(self.weight, quantized_weight(self.weight))
    return F.linear(straight_through(x, quantized_input(x)), w, self.bias)


def double_forward(self, x):
    """The same formulas in a model of doubles: as legitimate as the golden, so its distance is the tolerance."""
    w = straight_through(self.weight, quantized_weight(self.weight.float()).double())
    x = straight_through(x.double(), quantized_input(x.float()).double())
    return F.linear(x, w, self.bias)


def with_forward(model, forward):
    for module in model.modules():
        if isinstance(module, FakeQuantizedLinear):
            module.forward = types.MethodType(forward, module)
    return model


def distances(one, other):
    worst = max((one[k] - other[k]).abs().max().item() / one[k].abs().max().item() for k in one if "grad." in k)
    return [(one[k] - other[k]).abs().max().item() for k in ("logits", "loss")] + [worst]


# ---- A case ---------------------------------------------------------------------------------------------


def configuration(values):
    return transformers.AutoConfig.for_model(**copy.deepcopy(values))


def check_mutations(case, model, tokens, logits):
    for mutation in case.get("mutations", []):
        other = make_model(configuration(case["config"] | mutation))
        other.load_state_dict(model.state_dict(), strict=False)
        move = (logits_of(other, tokens) - logits).abs().max().item()
        assert move > SMALLEST_MOVE, f"{mutation} moves the logits by {move} only"


def write_configurations(case, folder, model, tokens, logits):
    """config.json of transformers 5, and config-4.json, which transformers must read as the same model."""
    model.config.architectures = [type(model).__name__]
    model.config.dtype = torch.float32
    model.config.save_pretrained(folder)
    names = ["config.json"]
    if "version4" in case:
        text = json.dumps(case["version4"] | {"architectures": [type(model).__name__], "torch_dtype": "float32"}, indent=2)
        (folder / "config-4.json").write_text(text + "\n")
        names.append("config-4.json")
    for name in names:
        config = transformers.AutoConfig.for_model(**json.loads((folder / name).read_text()))
        again = make_model(config)
        again.load_state_dict(model.state_dict())
        assert torch.equal(logits_of(again, tokens), logits), f"{folder.name}/{name} is another model"


def make_golden(case, seed):
    """The model, its golden, and how far the golden of fake quantization is from one made in doubles."""
    model = make_model(configuration(case["config"]))
    randomize(model, case.get("scales", {}), seed)
    tokens, labels = make_batch(model.config.vocab_size, LENGTH, seed)
    golden = {"tokens": tokens, "labels": labels} | run(model, tokens, labels)
    prepared = run(with_forward(fake_quantized(model), reference_forward), tokens, labels)
    formula = run(with_forward(fake_quantized(model), formula_forward), tokens, labels)
    assert all(torch.equal(prepared[key], formula[key]) for key in prepared), distances(prepared, formula)
    doubles = run(with_forward(fake_quantized(model), double_forward).double(), tokens, labels)
    return model, golden | {f"qat.{key}": value for key, value in prepared.items()}, distances(prepared, doubles)


def make_case(name, case):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    seed = case.get("seed", sum(map(ord, name)))
    model, golden, noise = make_golden(case, seed)
    while max(noise) > LARGEST_NOISE:  # An activation on the edge between two codes: another rounding moves it.
        seed += 1
        model, golden, noise = make_golden(case, seed)
    tokens, logits = golden["tokens"], golden["logits"]
    with torch.no_grad():
        write_configurations(case, folder, model, tokens, logits)
        check_mutations(case, model, tokens, logits)
        if "short" in case:  # A new model: dynamic frequencies remember the longest sequence.
            fresh = make_model(configuration(case["config"]))
            fresh.load_state_dict(model.state_dict())
            golden["short.tokens"] = tokens[:, : case["short"]].clone()
            golden["short.logits"] = logits_of(fresh, golden["short.tokens"])
    written = model.state_dict()
    if model.config.tie_word_embeddings:
        del written["lm_head.weight"]
    save_file({k: v.contiguous() for k, v in written.items()}, folder / "model.safetensors", {"format": "pt"})
    save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors")
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < MAXIMUM_CASE_BYTES, f"{name} has {size} bytes"
    quantized = [f"{golden['qat.loss']:.4f}"] + [f"{value:.0e}" for value in noise]
    line = " | ".join([f"| {name}", str(seed), f"{golden['loss']:.4f}"] + quantized) + " |"
    print(line, size, flush=True)
    return line


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    lines = [make_case(name, CASES[name]) for name in (sys.argv[1:] or CASES)]
    if len(sys.argv) == 1:
        versions = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, torchao {torchao.__version__}"
        text = (FOLDER / "README.md").read_text()
        head, _, _ = text.partition("<!-- table -->\n")
        header = "| case | seed | loss | QAT loss | noise: QAT logits | QAT loss | QAT gradients |\n|---|---|---|---|---|---|---|\n"
        (FOLDER / "README.md").write_text(f"{head}<!-- table -->\nMade by {versions}.\n\n{header}" + "\n".join(lines) + "\n")


main()
