#!/usr/bin/env python3
"""Bytes that F.cross_entropy on a Linear's output needs beyond inputs and gradients: the growth of
this process's peak memory over one forward and backward, less the two gradients."""

import json
import sys

import torch
import torch.nn.functional as F

from memory_peak import reset_peak, status_bytes


def extra_bytes(rows, width, vocabulary):
    x = torch.randn(rows, width, requires_grad=True)
    head = torch.nn.Linear(width, vocabulary, bias=False)
    targets = torch.randint(vocabulary, (rows,))
    F.cross_entropy(head(x[:64]), targets[:64]).backward()  # libraries make their buffers
    x.grad = head.weight.grad = None
    reset_peak()
    before = status_bytes("VmRSS")
    F.cross_entropy(head(x), targets).backward()
    gradients = x.grad.nbytes + head.weight.grad.nbytes
    return status_bytes("VmHWM") - before - gradients


if __name__ == "__main__":
    n, c, v = map(int, sys.argv[1:4])
    print(json.dumps({"extra_bytes": extra_bytes(n, c, v)}))
