"""A checkpoint that llmops wrote is a Hugging Face model: transformers loads it without a missing or
unknown tensor, computes the same loss and goes on with the same greedy ids, and saves it in a form
that llmops reads with the same loss again, in one file and in shards.

Usage: python tests/peers/checkpoint_loads.py LLMOPS
"""

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM

LENGTH, TOKENS = 32, 16
RECIPE = """\
version: 1
model:
  arch: %(arch)s
  config: {hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 4%(more)s}
tokenizer: {type: %(tokenizer)s, vocab_size: 300}
data:
  train: [{synth: {kind: stories, documents: 200}}]
  max_seq_length: 32
train: {micro_batch_size: 8, max_steps: 40, precision: fp32, device: cpu}
"""
SHAPES = {
    "gpt2": "",
    "gpt2, no bias": ", bias: false",
    "llama": ", num_key_value_heads: 2",
    "mistral": ", num_key_value_heads: 2, sliding_window: 8",
}
PROMPTS = ["Once upon a", "The", "there was "]
TEXT = "Once upon a time there was a small fox. The fox was happy and went to the river.\n" * 4


def command(llmops, folder, *arguments):
    done = subprocess.run([llmops, *arguments], cwd=folder, text=True, capture_output=True,
                          env=os.environ | {"LLMOPS_STORE": os.path.join(folder, "store")})
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stderr[-2000:]}"
    return json.loads(done.stdout)


def token_ids(model_folder, text):
    from tokenizers import Tokenizer
    return Tokenizer.from_file(os.path.join(model_folder, "tokenizer.json")).encode(text).ids


def end_token(model_folder):
    """[id] of the token that ends a document, [] for a tokenizer without one."""
    from transformers import AutoTokenizer
    end = AutoTokenizer.from_pretrained(model_folder).eos_token_id
    return [] if end is None else [end]


def mean_loss(model, ids):
    """As `llmops eval`: windows that do not overlap, every token once, the end token included."""
    total = 0.0
    for start in range(0, len(ids) - 1, LENGTH):
        window = torch.tensor([ids[start:start + LENGTH + 1]])
        logits = model(window[:, :-1]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="sum").item()
    return total / (len(ids) - 1)


def check(llmops, folder, name, tokenizer):
    recipe = os.path.join(folder, "recipe.yaml")
    with open(recipe, "w") as file:
        file.write(RECIPE % dict(arch=name.split(",")[0], more=SHAPES[name], tokenizer=tokenizer))
    with open(os.path.join(folder, "text.txt"), "w") as file:
        file.write(TEXT)
    trained = command(llmops, folder, "train", recipe, "--json", "--quiet")
    saved = os.path.join(folder, trained["checkpoint"])

    model, report = AutoModelForCausalLM.from_pretrained(
        saved, dtype=torch.float32, output_loading_info=True)
    problems = {kind: list(report[kind]) for kind in ("missing_keys", "unexpected_keys") if report[kind]}
    assert not problems, problems
    model.eval()

    def our_loss(path):
        return command(llmops, folder, "eval", "--model", path, "--data", "text.txt",
                       "--max-seq-length", str(LENGTH), "--precision", "fp32", "--json")

    ours, ids = our_loss(saved), token_ids(saved, TEXT) + end_token(saved)
    theirs = mean_loss(model, ids)
    assert ours["tokens"] == len(ids) - 1, (ours["tokens"], len(ids))
    assert math.isclose(ours["loss"], theirs, rel_tol=1e-5), (ours["loss"], theirs)

    for prompt in PROMPTS:
        generated = command(llmops, folder, "generate", saved, prompt, "--temperature", "0",
                            "--max-tokens", str(TOKENS), "--precision", "fp32", "--json")
        start = torch.tensor([token_ids(saved, prompt)])
        expected = model.generate(start, max_new_tokens=TOKENS, do_sample=False)
        expected = [i for i in expected[0, start.shape[1]:].tolist() if i not in end_token(saved)]
        assert generated["token_ids"] == expected, (prompt, generated["token_ids"], expected)

    for name_again, largest in ("again", "5GB"), ("shards", "20KB"):
        again = os.path.join(folder, name_again)
        model.save_pretrained(again, max_shard_size=largest)
        shards = [name for name in os.listdir(again) if name.endswith(".safetensors")]
        assert (len(shards) > 1) == (name_again == "shards"), shards
        for file_name in ("tokenizer.json", "tokenizer_config.json"):
            os.link(os.path.join(saved, file_name), os.path.join(again, file_name))
        assert our_loss(again)["loss"] == ours["loss"], f"another loss after save_pretrained: {name_again}"
    print(f"{name}, {tokenizer}: loss {theirs:.6f} of {ours['tokens']} tokens, {TOKENS} greedy ids of {len(PROMPTS)} prompts")


def main():
    llmops = os.path.abspath(sys.argv[1])
    with torch.no_grad():
        for name, tokenizer in itertools.product(SHAPES, ["char", "byte", "bpe"]):
            with tempfile.TemporaryDirectory() as folder:
                check(llmops, folder, name, tokenizer)


if __name__ == "__main__":
    main()
