"""Reads what `llmops train --export-batches FILE` writes: a raw little-endian file of
"LLMBATCH", int32 version, steps, rows, length, then per step inputs and targets, int32."""

import numpy as np

MAGIC = b"LLMBATCH"
HEADER_BYTES = len(MAGIC) + 4 * 4


def read_batches(path):
    """Two int32 arrays [steps, rows, length]: inputs and targets (-1 = no loss)."""
    with open(path, "rb") as file:
        magic = file.read(len(MAGIC))
        version, steps, rows, length = np.frombuffer(file.read(16), "<i4")
    if magic != MAGIC or version != 1:
        raise SystemExit(f"{path}: not an export of batches, version 1")
    data = np.memmap(path, "<i4", "r", offset=HEADER_BYTES)
    if data.size != steps * 2 * rows * length:
        raise SystemExit(f"{path}: {data.size} numbers, {steps * 2 * rows * length} announced")
    data = data.reshape(steps, 2, rows, length)
    return data[:, 0], data[:, 1]


def write_batches(path, inputs, targets):
    steps, rows, length = inputs.shape
    with open(path, "wb") as file:
        file.write(MAGIC + np.array([1, steps, rows, length], "<i4").tobytes())
        file.write(np.stack([inputs, targets], 1).astype("<i4").tobytes())
