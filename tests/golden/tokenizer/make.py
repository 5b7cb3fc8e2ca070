"""Writes the files beside this script: what `tokenizers` makes of texts.

Usage: python make.py
"""

import json
import pathlib
import random

import tokenizers
from tokenizers import ByteLevelBPETokenizer, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
SPLIT = pre_tokenizers.ByteLevel(add_prefix_space=False)


def write(name, text):
    (HERE / name).write_text(text, encoding="utf-8", newline="")


def count(text):
    return len(SPLIT.pre_tokenize_str(text))


def char_class(c):
    """L, N, S or O: with what a character joins into one word."""
    for name, neighbour in (("L", "a"), ("N", "1"), ("O", "!")):
        if count(neighbour + c) == 1:
            return name
    return "S"


def classes():
    """Runs of code points of one class that is not O: first, last, class."""
    runs = []
    for value in (v for v in range(0x110000) if not 0xD800 <= v < 0xE000):
        kind = "S" if value == 0x20 else char_class(chr(value))  # " !" is one word
        if runs and runs[-1][1] == value - 1 and runs[-1][2] == kind:
            runs[-1][1] = value
        else:
            runs.append([value, value, kind])
    return "".join(f"{a:X} {b:X} {k}\n" for a, b, k in runs if k != "O")


PIECES = [" ", "  ", "\n", "\n\n", "\t", "\r\n", "a", "b", "don't", "we're", "'ll", "'S", "'", "''",
          "I'd", "x=1;", "123", "½", "!!", "...", "_", "é", "漢字", "नमस्ते", "😀", "\u3000", "\u00a0",
          "\u2028", "\u200b", "e\u0301", "Straße", "’s", "\x00", "\x7f", "３", "Ⅷ", "<|endoftext|"]


def words(rng):
    lines = []
    for _ in range(200):
        text = "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12)))
        spans = [end for _, (_, end) in SPLIT.pre_tokenize_str(text)]
        lines.append(json.dumps({"text": text, "ends": spans}))
    return "\n".join(lines) + "\n"


def corpus(rng):
    """Words of syllables in sentences, so that pairs have many equal counts."""
    syllables = ["ka", "lo", "mi", "ra", "tu", "shi", "en", "an", "or", "ing", "th", "é", "ß", "字"]
    vocabulary = ["".join(rng.choice(syllables) for _ in range(rng.randrange(1, 5)))
                  for _ in range(400)]
    sentences = []
    for _ in range(600):
        chosen = [vocabulary[int(len(vocabulary) * rng.random() ** 2)] for _ in range(rng.randrange(3, 12))]
        if rng.random() < 0.2:
            chosen.insert(0, str(rng.randrange(3000)))
        if rng.random() < 0.2:
            chosen[-1] += "'s"
        sentences.append(" ".join(chosen).capitalize() + rng.choice(".!?") + rng.choice(["\n", " ", "\n\n"]))
    return "".join(sentences)


def main():
    rng = random.Random(1)
    write("versions.txt", f"tokenizers {tokenizers.__version__}\n")
    write("classes.txt", classes())
    write("words.jsonl", words(rng))
    text = corpus(rng)
    write("corpus.txt", text)

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = SPLIT
    trained.decoder = decoders.ByteLevel()
    trained.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    write("bpe.json", trained.to_str() + "\n")
    write("bpe_ids.txt", "".join(f"{i}\n" for i in trained.encode(text).ids))

    wrapped = ByteLevelBPETokenizer()
    wrapped.train_from_iterator([text], vocab_size=500, show_progress=False,
                                special_tokens=["<|endoftext|>"])
    write("byte_level_bpe.json", wrapped._tokenizer.to_str() + "\n")
    write("byte_level_bpe_ids.txt", "".join(f"{i}\n" for i in wrapped.encode(text).ids))


if __name__ == "__main__":
    main()
