#!/usr/bin/env python3
"""Writes blocks.gguf beside this script: for each type that is read, a tensor of random blocks, and what the
`gguf` package dequantizes it to as `<type>.expected`."""
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

TYPES = [T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K]
# Where half-precision scales lie in a block.
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
random = np.random.default_rng(7)
writer = gguf.GGUFWriter(Path(__file__).parent / "blocks.gguf", "blocks")
for type_ in TYPES:
    size, count = gguf.GGML_QUANT_SIZES[type_]
    blocks = 2048 // size if size == 1 else 3072 // size
    data = random.integers(0, 256, (blocks, count), dtype=np.uint8)
    # Some blocks keep scales of any bits, with infinities and numbers that are none; the rest get usual ones.
    for offset in SCALES.get(type_, []):
        scales = random.normal(0, 0.02, blocks).astype(np.float16)
        data[blocks // 4:, offset:offset + 2] = scales[blocks // 4:].view(np.uint8).reshape(-1, 2)
    rows = data.reshape(1, -1)
    with np.errstate(all="ignore"):
        values = gguf.quants.dequantize(rows.view(np.float16) if type_ == T.F16 else rows, type_)
    writer.add_tensor(type_.name, rows.view(np.float16) if type_ == T.F16 else rows,
                      raw_shape=None if type_ == T.F16 else rows.shape, raw_dtype=None if type_ == T.F16 else type_)
    writer.add_tensor(type_.name + ".expected", values.astype(np.float32).reshape(-1))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
