#!/usr/bin/env python3
"""Writes schedules.json beside itself: learning rates of transformers' schedules as shares of the
peak, from the end of the warmup on (the rise itself is defined otherwise there). Needs
scripts/setup.sh --peers."""

import json
import os

import torch
import transformers

WARMUP, TOTAL, DECAY, FLOOR = 10, 110, 22, 0.1
STEPS = [10, 11, 35, 60, 87, 88, 89, 100, 109]
CASES = {
    "constant": ("constant_with_warmup", {}, 1.0),
    "linear": ("linear", {}, 0.0),
    "cosine": ("cosine", {}, 0.0),
    "cosine, floor": ("cosine_with_min_lr", dict(min_lr_rate=FLOOR), FLOOR),
    "wsd": ("warmup_stable_decay", dict(num_decay_steps=DECAY, min_lr_ratio=FLOOR,
                                        decay_type="linear"), FLOOR),
}


def rates(name, more):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = transformers.get_scheduler(name, optimizer, num_warmup_steps=WARMUP,
                                          num_training_steps=TOTAL, scheduler_specific_kwargs=more)
    return [schedule.lr_lambdas[0](step) for step in STEPS]


if __name__ == "__main__":
    content = dict(
        about="Learning rates of transformers' schedules, made by make_schedules.py.",
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        warmup=WARMUP, total=TOTAL, decay_ratio=DECAY / TOTAL, steps=STEPS,
        cases=[dict(name=name.split(",")[0], min_lr_ratio=floor, rates=rates(kind, more))
               for name, (kind, more, floor) in CASES.items()])
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.json"), "w") as file:
        file.write(json.dumps(content, indent=1) + "\n")
