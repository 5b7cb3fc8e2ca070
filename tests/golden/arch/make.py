"""Writes config.json and the saved tensors' names and shapes of small transformers models.

Run with the peers' Python: python tests/golden/arch/make.py
Made with transformers 5.23.0, torch 2.11.0, safetensors 0.8.0.
"""

import json
import pathlib
import tempfile

from safetensors import safe_open
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig

HERE = pathlib.Path(__file__).parent
SMALL = dict(vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2)
MODELS = {
    "gpt2": GPT2Config(vocab_size=11, n_positions=16, n_embd=8, n_layer=2, n_head=2),
    "gpt2_untied": GPT2Config(
        vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=2, n_inner=12,
        activation_function="gelu", tie_word_embeddings=False, bos_token_id=3, eos_token_id=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    "llama": LlamaConfig(
        **SMALL, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        attention_bias=True, mlp_bias=True, rope_theta=500000.0),
    "llama_plain": LlamaConfig(
        **SMALL, num_attention_heads=2, max_position_embeddings=64, tie_word_embeddings=True),
    "mistral": MistralConfig(
        **SMALL, num_attention_heads=2, num_key_value_heads=1, head_dim=6, sliding_window=4,
        max_position_embeddings=64),
}

for name, config in MODELS.items():
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        saved = json.loads(pathlib.Path(folder, "config.json").read_text())
        (HERE / f"{name}.config.json").write_text(json.dumps(saved, indent=2) + "\n")
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            lines = [
                " ".join([key, *map(str, file.get_slice(key).get_shape())]) for key in file.keys()
            ]
        (HERE / f"{name}.tensors.txt").write_text("\n".join(sorted(lines)) + "\n")
