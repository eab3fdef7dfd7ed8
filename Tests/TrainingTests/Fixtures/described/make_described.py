"""Writes described.json: losses of transformers for the golden model under other values of config.json.

  python make_described.py      torch, transformers 5, tokenizers

Each case is a config.json, whose weights are those of CheckpointsTests/Fixtures/nano (a tied head is
left out), and the loss of each text as text_completion_dataset makes it: BOS, the text, EOS.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent.parent
NANO = TESTS / "CheckpointsTests/Fixtures/nano"
TEXTS = [
    "The loss of a step is the mean over its labels: 12 or 34567 of them, whatever the batch was.",
    "Positions count from 0 within a sample. A rotary frequency turns each pair of numbers by its own "
    "angle, so that the product of a query and a key depends on their distance, not on where they are.",
]
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
CASES = {
    # 1e-5 as float32: what transformers writes for every model that it reads out of a GGUF file.
    "norm_eps_from_gguf": dict(rms_norm_eps=9.999999747378752e-06),
    # A length extension of a model of 64 positions.
    "rope_llama3_original_length": dict(
        max_position_embeddings=512, rope_scaling=LLAMA3 | dict(original_max_position_embeddings=64)
    ),
    "rope_llama3_usual_length": dict(
        max_position_embeddings=512, rope_scaling=LLAMA3 | dict(original_max_position_embeddings=8192)
    ),
    # Tied embeddings with plain rotary frequencies, as SmolLM2 has them.
    "tied_without_rope_scaling": dict(tie_word_embeddings=True, rope_theta=100000.0),
}


def losses(config, weights, samples):
    model = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(**config), attn_implementation="eager"
    ).eval()
    if config["tie_word_embeddings"]:
        weights = weights | {"lm_head.weight": weights["model.embed_tokens.weight"]}
    model.load_state_dict(weights)
    with torch.no_grad():
        return [
            F.cross_entropy(model(input_ids=sample[None]).logits[0, :-1].float(), sample[1:]).item()
            for sample in samples
        ]


def main():
    tokenizer = Tokenizer.from_file(str(TESTS / "TextTests/Fixtures/tokenizer_tiny/tokenizer.json"))
    begin, end = (tokenizer.token_to_id(f"<|{name}_of_text|>") for name in ("begin", "end"))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    samples = [torch.tensor([begin, *sample, end]) for sample in ids]
    weights = load_file(NANO / "model.safetensors")
    plain = json.loads((NANO / "config.json").read_text())
    result = {"texts": TEXTS, "cases": {}}
    for name, changes in CASES.items():
        config = plain | changes
        result["cases"][name] = {"config": config, "losses": losses(config, weights, samples)}
        print(name, result["cases"][name]["losses"])
    (HERE / "described.json").write_text(json.dumps(result, indent=1) + "\n")


main()
