"""Prints the keys and tensors of a GGUF file as the `gguf` package reads them, and writes the weights as float32."""

import os
import sys

from gguf import GGUFReader, dequantize

place, folder = sys.argv[1:]
os.makedirs(folder)
reader = GGUFReader(place)
for name, field in reader.fields.items():
    value = field.contents()
    print(name, value if not isinstance(value, list) else len(value))
for tensor in reader.tensors:
    print(tensor.name, tensor.tensor_type.name, [int(size) for size in tensor.shape])
    dequantize(tensor.data, tensor.tensor_type).astype("<f4").tofile(os.path.join(folder, tensor.name))
