"""What llmops writes, Python's safetensors reads the same: weights_test writes, this reads.

Usage: python tests/peers/safetensors_round_trip.py BUILD/bin/weights_test
"""

import os
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "peer.safetensors")
    subprocess.run([sys.argv[1], "[.peer]"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "LLMOPS_PEER_FILE": path})
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "note": 'a "b"\n'}, file.metadata()
        assert set(file.keys()) == {"f32", "bf16", "i64", "u8", "empty", "scalar"}, file.keys()
        large = file.get_tensor("f32")
        assert large.shape == (700, 900) and large.dtype == torch.float32
        assert torch.equal(large.flatten(), torch.arange(700 * 900).float())
        assert torch.equal(file.get_tensor("bf16"), torch.ones(3, 5, dtype=torch.bfloat16))
        assert torch.equal(file.get_tensor("i64"), torch.arange(7))
        assert torch.equal(file.get_tensor("u8"), torch.arange(5, dtype=torch.uint8))
        assert file.get_tensor("empty").shape == (4, 0)
        assert file.get_tensor("scalar").shape == ()
print("safetensors round trip: 6 tensors equal")
