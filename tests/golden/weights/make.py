"""Writes a small safetensors file of every dtype as hexadecimal text, and float16 values as float32.

Run with the peers' Python: python tests/golden/weights/make.py
Made with safetensors 0.8.0, torch 2.11.0.
"""

import pathlib

import torch
from safetensors.torch import save

HERE = pathlib.Path(__file__).parent
DTYPES = {
    "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}

# Tensor "x.DTYPE" counts 0, 1, 2 … in shape [2, 3]; "scalar" is 7, "empty" has shape [0, 4].
tensors = {f"x.{name}": torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in DTYPES.items()}
tensors["scalar"] = torch.tensor(7.0)
tensors["empty"] = torch.zeros(0, 4)
tensors["naïve \"name\"\n"] = torch.ones(1)
text = save(tensors, metadata={"format": "pt", "note": "line\nbreak"}).hex()
lines = [text[i : i + 96] for i in range(0, len(text), 96)]
(HERE / "every_dtype.safetensors.hex").write_text("\n".join(lines) + "\n")

# "f16 F16_BITS FLOAT_BITS" by widening.
halves = torch.cat([torch.arange(0, 65536, 509), torch.tensor([1, 0x3FF, 0x400, 0x7BFF, 0x7C00,
                                                              0xFC00, 0x8000, 0x8001])])
halves = halves.to(torch.int32).to(torch.int16).view(torch.float16)
halves = halves[~halves.isnan()]
lines = [
    f"f16 {h & 0xFFFF:04x} {f & 0xFFFFFFFF:08x}"
    for h, f in zip(halves.view(torch.int16).tolist(),
                    halves.to(torch.float32).view(torch.int32).tolist())
]
(HERE / "conversions.txt").write_text("\n".join(lines) + "\n")
