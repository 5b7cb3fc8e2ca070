#!/usr/bin/env python3
"""The peer: a GPT of nanoGPT's shape trained by plain PyTorch or by transformers, or a Llama by
transformers.

Reads weights and batches that llmops exported, so that both do the same work, and prints one JSON
line per step: {"step", "loss", "seconds"}. The numbers are final when the line appears.

  peer_gpt.py --init FOLDER --batches FILE [--compile | --transformers] [--steps N] ...
  peer_gpt.py --shape L,H,C,V,T --rows B ...        random weights and tokens, for speed alone
  peer_gpt.py --llama F,tied --shape L,H,C,V,T ...  a Llama with this width of the feed-forward
"""

import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from exports import read_batches


class Block(nn.Module):
    def __init__(self, width, heads, bias, gelu):
        super().__init__()
        self.heads, self.gelu = heads, gelu
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.up = nn.Linear(width, 4 * width, bias=bias)
        self.down = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x):
        rows, length, width = x.shape
        split = lambda t: t.view(rows, length, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = map(split, self.qkv(self.norm1(x)).split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate=self.gelu))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, vocab, context, bias=False, gelu="tanh"):
        super().__init__()
        self.tokens = nn.Embedding(vocab, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, bias, gelu) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=bias)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets):
        places = torch.arange(ids.shape[1])
        x = self.tokens(ids) + self.positions(places)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)  # tied
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


class HuggingFaceModel(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, targets):
        # shift_labels are used as they are; `labels` would drop one position of each row.
        labels = torch.where(targets < 0, -100, targets)
        return self.model(ids, labels=labels, shift_labels=labels, use_cache=False).loss


# Ours -> Hugging Face's names; GPT-2 keeps its products as [in, out] (Conv1D).
NAMES = {"norm1": "ln_1", "qkv": "attn.c_attn", "out": "attn.c_proj", "norm2": "ln_2",
         "up": "mlp.c_fc", "down": "mlp.c_proj"}


def hugging_face_name(name):
    head, _, rest = name.partition(".")
    if head == "blocks":
        layer, module, kind = rest.split(".")
        return f"transformer.h.{layer}.{NAMES[module]}.{kind}", module[:4] != "norm" and kind == "weight"
    return f"transformer.{ {'tokens': 'wte', 'positions': 'wpe', 'norm': 'ln_f'}[head]}.{rest}", False


def load_plain(folder):
    from safetensors.torch import load_file
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    saved = load_file(os.path.join(folder, "model.safetensors"))
    if not any(name.startswith("transformer.") for name in saved):
        saved = {"transformer." + name: tensor for name, tensor in saved.items()}
    bias = any(name.endswith(".bias") and tensor.abs().max() > 0 for name, tensor in saved.items())
    gelu = "none" if config["activation_function"] == "gelu" else "tanh"
    model = Gpt(config["n_layer"], config["n_head"], config["n_embd"], config["vocab_size"],
                config["n_positions"], bias, gelu)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            theirs, transposed = hugging_face_name(name)
            parameter.copy_(saved[theirs].t() if transposed else saved[theirs])
    return model


def make_model(args):
    shape = args.shape and [int(n) for n in args.shape.split(",")]
    if args.llama:
        from transformers import LlamaConfig, LlamaForCausalLM
        layers, heads, width, vocab, context = shape
        inner, tied = args.llama.split(",")
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=vocab, max_position_embeddings=context, hidden_size=width,
            intermediate_size=int(inner), num_hidden_layers=layers, num_attention_heads=heads,
            tie_word_embeddings=tied == "tied", bos_token_id=None, eos_token_id=None))
        model.train()
        return HuggingFaceModel(model)
    if args.transformers:
        from transformers import GPT2Config, GPT2LMHeadModel
        off = dict(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
        if args.init:
            model = GPT2LMHeadModel.from_pretrained(args.init, dtype=torch.float32, **off)
        else:
            layers, heads, width, vocab, context = shape
            model = GPT2LMHeadModel(GPT2Config(
                vocab_size=vocab, n_positions=context, n_embd=width, n_layer=layers, n_head=heads,
                bos_token_id=None, eos_token_id=None, **off))
        model.train()
        return HuggingFaceModel(model)
    return load_plain(args.init) if args.init else Gpt(*shape)


def make_batches(args):
    if args.batches:
        return read_batches(args.batches)
    *_, vocab, context = map(int, args.shape.split(","))
    ids = np.random.default_rng(1).integers(0, vocab, (args.steps, args.rows, context + 1))
    return ids[:, :, :-1], ids[:, :, 1:]


def learning_rate(args, step):
    """Of the step counted from 0, as in nanoGPT: a linear rise, then a cosine to the floor."""
    if step < args.warmup:
        return args.lr * (step + 1) / (args.warmup + 1)
    progress = min(1.0, (step - args.warmup) / max(1, args.decay_steps - args.warmup))
    floor = args.lr * args.min_lr_ratio
    return floor + (args.lr - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--init", help="Hugging Face folder with the weights to start from")
    parser.add_argument("--batches", help="file of `llmops train --export-batches`")
    parser.add_argument("--shape", help="layers,heads,width,vocabulary,context instead of --init")
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--transformers", action="store_true")
    parser.add_argument("--llama", metavar="F,tied|untied", help="transformers LlamaForCausalLM")
    parser.add_argument("--bf16", action="store_true", help="autocast of the forward pass")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--min-lr-ratio", type=float, default=0.1)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--decay-steps", type=int, default=2000)
    parser.add_argument("--beta2", type=float, default=0.99)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--max-grad-norm", type=float, default=1.0)
    parser.add_argument("--save", help="file for the final weights, safetensors")
    args = parser.parse_args()
    if not args.init and not args.shape:
        parser.error("--init or --shape is needed")
    if args.llama and not args.shape:
        parser.error("--llama needs --shape")
    return args


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = make_model(args)
    inputs, targets = make_batches(args)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": args.weight_decay},
         {"params": others, "weight_decay": 0.0}],
        lr=args.lr, betas=(0.9, args.beta2), eps=1e-8, fused=True)
    parameters = matrices + others
    compute = torch.compile(model) if args.compile else model

    for step in range(min(args.steps, len(inputs))):
        start = time.perf_counter()
        ids = torch.from_numpy(inputs[step].astype(np.int64))
        wanted = torch.from_numpy(targets[step].astype(np.int64))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(args, step)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss = compute(ids, wanted)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, args.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        line = {"step": step + 1, "loss": loss.item(), "seconds": time.perf_counter() - start}
        print(json.dumps(line), flush=True)

    if args.save:
        from safetensors.torch import save_file
        save_file({name: p.detach().clone() for name, p in model.named_parameters()}, args.save)


if __name__ == "__main__":
    main()
