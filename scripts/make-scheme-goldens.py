#!/usr/bin/env python3
"""Writes Tests/QuantizationTests/Fixtures/schemes.safetensors: what gguf, torchao and compressed-tensors make of a
few weights. Needs gguf, torchao 0.18, compressed-tensors and safetensors.

    python scripts/make-scheme-goldens.py
"""

import pathlib

import gguf
import numpy
import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file
from torchao.prototype.mx_formats.config import ScaleCalculationMode
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor, per_tensor_amax_to_scale
from torchao.quantization import Float8Tensor, PerRow
from torchao.quantization.utils import (
    get_groupwise_affine_qparams,
    groupwise_affine_quantize_tensor_from_qparams,
)

torch.manual_seed(7)
weight = torch.randn(8, 128) * 0.05
weight[1] *= 100
weight[2] *= 1e-2
weight[3, :32] = 0
found = {"weight": weight}


def ggml(kind, name):
    packed = gguf.quants.quantize(weight.numpy(), kind)
    size = {"q4_0": 18, "q8_0": 34}[name]
    blocks = packed.reshape(-1, size)
    scales = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
    if name == "q4_0":
        codes = numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).astype(numpy.int8) - 8
    else:
        codes = blocks[:, 2:].copy().view(numpy.int8)
    found[name + ".codes"] = torch.tensor(codes.reshape(8, 128).astype(numpy.int8))
    found[name + ".scales"] = torch.tensor(scales.reshape(8, 4))
    found[name + ".values"] = torch.tensor(gguf.quants.dequantize(packed, kind))


ggml(gguf.GGMLQuantizationType.Q4_0, "q4_0")
ggml(gguf.GGMLQuantizationType.Q8_0, "q8_0")

scales, zeros = get_groupwise_affine_qparams(weight, 4, 32, torch.bfloat16)
codes = groupwise_affine_quantize_tensor_from_qparams(weight, scales, zeros, 4, 32)
found["tinygemm.codes"] = (codes - 8).to(torch.int8)
found["tinygemm.scales"], found["tinygemm.zeros"] = scales, zeros

nvfp4 = NVFP4Tensor.to_nvfp4(weight, per_tensor_scale=per_tensor_amax_to_scale(weight.abs().max()))
found["nvfp4.values"] = nvfp4.dequantize(torch.float32)
mxfp4 = MXTensor.to_mx(weight, torch.float4_e2m1fn_x2, 32, ScaleCalculationMode.FLOOR)
found["mxfp4.values"] = mxfp4.dequantize(torch.float32)
fp8 = Float8Tensor.from_hp(weight, granularity=PerRow())
found["fp8.values"], found["fp8.scales"] = fp8.dequantize(torch.float32), fp8.scale

# Every e4m3 code, and numbers around all of them, rounded by torch.
bits = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).to(torch.float32)
found["e4m3.table"] = torch.nan_to_num(bits, nan=0)
near = torch.cat([bits[~bits.isnan()] * f for f in (0.97, 0.999, 1, 1.01, 1.03, 1.0625)])
near = torch.cat([near.clamp(-448, 448), torch.rand(512) * 2 ** (torch.rand(512) * 20 - 12)])
near = near.clamp(-448, 448)
found["e4m3.numbers"], found["e4m3.rounded"] = near, near.to(torch.float8_e4m3fn).to(torch.float32)

args = QuantizationArgs(num_bits=4, group_size=32, strategy="group", symmetric=True)
groups = weight.reshape(8, 4, 32)
scale, zero = calculate_qparams(groups.amin(-1), groups.amax(-1), args)
found["w4a16.scales"], found["w4a16.values"] = scale, fake_quantize(weight, scale, zero, args)

place = pathlib.Path(__file__).parent.parent / "Tests/QuantizationTests/Fixtures/schemes.safetensors"
save_file({name: tensor.contiguous() for name, tensor in found.items()}, place)
