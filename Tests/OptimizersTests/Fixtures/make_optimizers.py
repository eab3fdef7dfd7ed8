# Makes sgd.safetensors and adamw8bit.safetensors: steps of torch.optim.SGD and of torchao's AdamW8bit
# as it really runs, compiled. Made with torch 2.13.0 (CPU), torchao 0.10.0, g++ 12.
import torch
import torchao.optim
import torchao.optim.quant_utils as quant_utils
from safetensors.torch import save_file

torch.set_num_threads(1)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SGD = {
    "plain": dict(),
    "decay": dict(weight_decay=0.1),
    "momentum": dict(momentum=0.9),
    "dampened": dict(momentum=0.9, dampening=0.5, weight_decay=0.01),
    "nesterov": dict(momentum=0.8, nesterov=True, weight_decay=0.01),
}


def sgd():
    out = {}
    for dtype_name, dtype in DTYPES.items():
        g = torch.Generator().manual_seed(11)
        start = (torch.randn(131, generator=g) * 0.05).to(dtype)
        gradients = [torch.randn(131, generator=g).to(dtype) for _ in range(4)]
        out[f"{dtype_name}.p0"] = start
        for s, gradient in enumerate(gradients):
            out[f"{dtype_name}.g{s + 1}"] = gradient
        for name, options in SGD.items():
            # On bf16 torch's fused kernel is wrong: parameters hardly move.
            for fused in (False, True) if dtype_name == "fp32" else (False,):
                p = torch.nn.Parameter(start.clone())
                optimizer = torch.optim.SGD([p], lr=0.02, fused=fused, **options)
                for gradient in gradients:
                    p.grad = gradient.clone()
                    optimizer.step()
                key = f"{dtype_name}.{name}.{'fused' if fused else 'plain'}"
                out[key + ".p4"] = p.detach().clone()
                buffer = optimizer.state[p].get("momentum_buffer") if p in optimizer.state else None
                if buffer is not None:
                    out[key + ".b4"] = buffer.clone()
    save_file(out, "sgd.safetensors")


# Quantized in 17 blocks; too small for that.
COUNTS = {"blocks": 4352, "small": 320}


def adamw_8bit():
    out = {
        "codebook.signed": torch.tensor(quant_utils.create_dynamic_map(True)),
        "codebook.unsigned": torch.tensor(quant_utils.create_dynamic_map(False)),
    }
    for count_name, count in COUNTS.items():
        g = torch.Generator().manual_seed(5)
        start = torch.randn(count, generator=g) * 0.05
        # Gradients of all sizes; in the first block mixed, then rising; one block is dead.
        size = torch.logspace(-12, 1, count)[torch.randperm(count, generator=g)]
        size[256:] = size[256:].sort().values
        if count_name == "blocks":
            size[512:768] = 0
        gradients = [(torch.randn(count, generator=g) * size).bfloat16() for _ in range(5)]
        out[f"{count_name}.p0"] = start
        for s, gradient in enumerate(gradients):
            out[f"{count_name}.g{s + 1}"] = gradient
        for dtype_name, dtype in DTYPES.items():
            p = torch.nn.Parameter(start.to(dtype, copy=True))
            optimizer = torchao.optim.AdamW8bit([p], lr=2e-3)
            for gradient in gradients:
                p.grad = gradient.to(dtype)
                optimizer.step()
            key = f"{count_name}.{dtype_name}"
            out[key + ".p5"] = p.detach().clone()
            for short, name in (("m", "exp_avg"), ("v", "exp_avg_sq")):
                state = optimizer.state[p][name]
                if count_name == "blocks":
                    out[f"{key}.{short}.codes"] = state.codes.clone()
                    out[f"{key}.{short}.scales"] = state.scale.clone()
                else:
                    out[f"{key}.{short}"] = state.clone()
    save_file(out, "adamw8bit.safetensors")


sgd()
adamw_8bit()
