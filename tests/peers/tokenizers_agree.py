"""A tokenizer.json that llmops wrote is read by `tokenizers` with the same ids and the same text: on
stories, and on random strings of any characters. What our char tokenizer refuses, theirs refuses.

Usage: python tests/peers/tokenizers_agree.py LLMOPS [SEED]
"""

import json
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

RECIPE = """\
version: 1
model:
  arch: gpt2
  config: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2}
tokenizer: {type: %s, vocab_size: 600}
data:
  train: [{path: train.txt}]
  eval: [{path: eval.txt}]
  max_seq_length: 64
train: {micro_batch_size: 2, max_steps: 1, device: cpu}
eval: {max_batches: 1}
"""
PIECES = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "'", "'s", "'ll", "'LL", "don't", "a", "the",
          "12", "½", "!!", "<|", "|>", "e\u0301", "ß", "字", "\U0001f600", "\u200d", "\x00", "\x7f"]
UNSEEN = "\U0001fbf9"


def run(llmops, folder, *arguments):
    return subprocess.run([llmops, *arguments], cwd=folder, text=True, capture_output=True,
                          env=os.environ | {"LLMOPS_STORE": os.path.join(folder, "store")})


def command(llmops, folder, *arguments):
    done = run(llmops, folder, *arguments)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stderr[-2000:]}"
    return done.stdout


def random_character(rng):
    while True:
        value = rng.randrange(rng.choice([0x80, 0x800, 0x10000, 0x110000]))
        if not 0xD800 <= value < 0xE000 and chr(value) != UNSEEN:
            return chr(value)


def random_string(rng):
    return "".join(rng.choice(PIECES) if rng.random() < 0.7 else random_character(rng)
                   for _ in range(rng.randrange(1, 60)))


def our_ids(llmops, folder):
    """The tokens of the eval text: the first input, then every target."""
    rows = json.loads(command(llmops, folder, "data", "show", "recipe.yaml", "--eval", "--json",
                              "--rows", str(10**9)))
    return rows[0]["inputs"][:1] + [t for row in rows for t in row["targets"] if t != -1]


def check(llmops, folder, kind, text):
    with open(os.path.join(folder, "recipe.yaml"), "w") as file:
        file.write(RECIPE % kind)
    trained = json.loads(command(llmops, folder, "train", "recipe.yaml", "--json", "--quiet",
                                 f"output_dir={kind}"))
    theirs = Tokenizer.from_file(os.path.join(folder, trained["checkpoint"], "tokenizer.json"))
    expected = theirs.encode(text).ids
    ids = our_ids(llmops, folder)
    if kind != "char":  # the document ends with the end token
        expected.append(theirs.token_to_id("<|endoftext|>"))
    differ = next((i for i, (a, b) in enumerate(zip(ids, expected)) if a != b), None)
    assert ids == expected, (f"{len(ids)} ids and {len(expected)}, first difference at {differ}",
                             ids[differ or 0:][:9], expected[differ or 0:][:9])
    assert theirs.decode(ids, skip_special_tokens=True) == text
    if kind == "char":
        refuse_unseen(llmops, folder, trained["checkpoint"], theirs)
    print(f"{kind}: {len(ids)} ids equal, vocabulary {theirs.get_vocab_size()}")


def refuse_unseen(llmops, folder, model, theirs):
    try:
        ids = theirs.encode("a" + UNSEEN).ids
    except Exception as error:
        ids = None
        assert "unk" in str(error).lower(), error
    assert ids is None, ids
    ours = run(llmops, folder, "generate", model, "a" + UNSEEN)
    assert ours.returncode == 2 and "U+1FBF9" in ours.stderr, (ours.returncode, ours.stderr)


def main():
    llmops = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    print(f"seed {seed}")
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        command(llmops, folder, "data", "synth", "stories", "--documents", "300", "-o", "train.txt")
        stories = command(llmops, folder, "data", "synth", "stories", "--documents", "50",
                          "--seed", "9")
        text = stories + "".join(random_string(rng) for _ in range(1000))
        with open(os.path.join(folder, "eval.txt"), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        # A char tokenizer knows the characters of the training text alone.
        with open(os.path.join(folder, "train.txt"), "a", encoding="utf-8", newline="") as file:
            file.write("".join(sorted(set(text))))
        for kind in ["char", "byte", "bpe"]:
            check(llmops, folder, kind, text)


if __name__ == "__main__":
    main()
