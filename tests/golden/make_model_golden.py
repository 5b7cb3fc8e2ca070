#!/usr/bin/env python3
"""Writes model_*.json beside itself: logits, loss, every gradient and greedy continuations of tiny
models as transformers computes them. Needs scripts/setup.sh --peers.

No weights are stored: each follows from the formula in the files' "weights" field, in integer
arithmetic, so that any language makes the same floats. Everything is computed in float64, apart
from the parts that transformers forces to float32 (RMSNorm, rotary tables)."""

import json
import os
import sys

import numpy as np
import torch
import transformers
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM)

ABOUT = "Reference numbers of a tiny model from transformers, made by make_model_golden.py."
WEIGHTS = (
    "Element i (row-major, in the listed shape, which is Hugging Face's) of parameter number k "
    "(its `index`) is float32(offset + scale * (x / 2^32 - 0.5)), computed in float64 from the "
    "uint32 x = mix((i + 1) * 2654435761 ^ (k + 1) * 2246822519), where mix(x) is: x ^= x >> 15; "
    "x *= 2246822519; x ^= x >> 13; x *= 3266489917; x ^= x >> 16. All products are modulo 2^32.")
GRADIENTS = (
    "Of the mean loss over the targets that are not -1, by parameter, row-major in the parameter's "
    "shape: values[i] * max / 1000000. Parameters with scale 0 are biases that the model does not "
    "have (transformers needs them, as zeros) and have no entry.")

VOCABULARY, LENGTH, ROWS, WIDTH = 61, 12, 2, 24
COMMON = dict(vocab_size=VOCABULARY, bos_token_id=None, eos_token_id=None, pad_token_id=None,
              attn_implementation="eager")
GPT2 = dict(n_positions=16, n_embd=WIDTH, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0)
LLAMA = dict(hidden_size=WIDTH, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=16, rms_norm_eps=1e-5)


def mix(x):
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(2246822519)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(3266489917)
    return x ^ (x >> np.uint32(16))


def noise(count, index):
    """`count` numbers in [-0.5, 0.5) by the formula of WEIGHTS."""
    with np.errstate(over="ignore"):
        i = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(2654435761)
        return mix(i ^ (np.uint32(index + 1) * np.uint32(2246822519))) / 2.0**32 - 0.5


def scale_and_offset(name, shape, biases):
    if name.endswith("bias"):
        return (0.2 if biases else 0.0), 0.0
    if len(shape) == 1:
        return 0.4, 1.0  # norms
    if name.endswith(("wte.weight", "wpe.weight", "embed_tokens.weight")):
        return 1.0, 0.0
    return 0.8, 0.0


def fill(model, biases):
    described = []
    for index, (name, parameter) in enumerate(model.named_parameters()):
        shape = list(parameter.shape)
        scale, offset = scale_and_offset(name, shape, biases)
        values = (offset + scale * noise(parameter.numel(), index)).astype(np.float32)
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values.reshape(shape)).double())
        described.append(dict(name=name, shape=shape, index=index, scale=scale, offset=offset))
    return described


def tokens():
    """Inputs and next-token targets; every fifth target counts for nothing."""
    ids = ((noise(ROWS * (LENGTH + 1), 1000) + 0.5) * VOCABULARY).astype(np.int64)
    ids = ids.reshape(ROWS, LENGTH + 1)
    inputs, targets = ids[:, :-1].copy(), ids[:, 1:].copy()
    targets.reshape(-1)[4::5] = -1
    return inputs, targets


def greedy(model, prompt, count):
    """Continues without a cache; refuses a prompt where the two best logits are close."""
    ids = list(prompt)
    for _ in range(count):
        best = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 1e-3:
            raise SystemExit("greedy choice is too close to compare; choose another prompt")
        ids.append(int(best.indices[0]))
    return ids[len(prompt):]


def gradient(tensor):
    top = tensor.abs().max().item()
    return dict(max=float(f"{top:.9g}"), values=torch.round(tensor / top * 1e6).long().flatten().tolist())


def rounded(values):
    return [float(f"{x:.8g}") for x in values.flatten().tolist()]


def golden(kind, config, biases=True):
    model = kind(config).double().eval()
    parameters = fill(model, biases)
    inputs, targets = tokens()
    logits = model(torch.from_numpy(inputs), use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=-1)
    loss.backward()
    gradients = {name: gradient(p.grad) for (name, p), described
                 in zip(model.named_parameters(), parameters) if described["scale"]}
    prompt = inputs[0, :4].tolist()
    return dict(
        about=ABOUT, weights=WEIGHTS, gradients_are=GRADIENTS,
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        config={k: v for k, v in config.to_diff_dict().items() if not k.startswith("_")},
        parameters=parameters, input_ids=inputs.tolist(), targets=targets.tolist(),
        loss=float(f"{loss.item():.9g}"), logits=rounded(logits.detach()),
        greedy=dict(prompt=prompt, ids=greedy(model, prompt, 8)), gradients=gradients)


def write(path, content):
    """JSON with one line for each entry of the first two levels."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict) and key in ("config", "gradients"):
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}"
                               for k, v in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        elif key == "parameters":
            inner = ",\n".join(f"    {json.dumps(v)}" for v in value)
            lines.append(f"  {json.dumps(key)}: [\n{inner}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}")
    with open(path, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path}: {os.path.getsize(path)} bytes, loss {content['loss']}", file=sys.stderr)


def main():
    cases = {
        "gpt2": (GPT2LMHeadModel, GPT2Config(**COMMON, **GPT2)),
        "gpt2_no_bias": (GPT2LMHeadModel, GPT2Config(**COMMON, **GPT2), False),
        "llama": (LlamaForCausalLM, LlamaConfig(**COMMON, **LLAMA)),
        "mistral": (MistralForCausalLM, MistralConfig(**COMMON, **LLAMA, sliding_window=5)),
    }
    here = os.path.dirname(os.path.abspath(__file__))
    for name, case in cases.items():
        write(os.path.join(here, f"model_{name}.json"), golden(*case))


if __name__ == "__main__":
    main()
