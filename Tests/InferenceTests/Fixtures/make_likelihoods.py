# Writes likelihoods.json: what torchtune 0.6.1's model and tokenizer give the answers of choices.json,
# asked by lm-evaluation-harness 0.4.13 as torchtune's eleuther_eval asks, in windows of two lengths.
# The model is CheckpointsTests/Fixtures/nano. Run: python make_likelihoods.py > likelihoods.json
import json
import os
import sys

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from torchtune.models.llama3 import llama3, llama3_tokenizer
from torchtune.training import FullModelHFCheckpointer

here = os.path.dirname(os.path.abspath(__file__))
texts = here + "/../../TokenizersTests/Fixtures/tokenizer_tiny/"
model = llama3(
    vocab_size=1056, num_layers=2, num_heads=4, num_kv_heads=2, embed_dim=128, max_seq_len=512,
    intermediate_dim=256, attn_dropout=0.0, norm_eps=1e-5, rope_base=500000,
)  # fmt: skip
checkpointer = FullModelHFCheckpointer(
    checkpoint_dir=here + "/../../CheckpointsTests/Fixtures/nano", model_type="LLAMA3",
    checkpoint_files=["model.safetensors"], output_dir=sys.argv[1] if sys.argv[1:] else "/tmp/nano",
)  # fmt: skip
model.load_state_dict(checkpointer.load_checkpoint()["model"])
model.eval()
tokenizer = llama3_tokenizer(
    texts + "tokenizer.model", special_tokens_path=texts + "tokenizer.json")


class Asked(TemplateLM):
    backend = "causal"
    eot_token_id = tokenizer.eos_id

    def __init__(self, length):
        super().__init__()
        self.length = length

    def tok_encode(self, text, **_):
        return tokenizer.encode(text=text, add_bos=False, add_eos=False)

    def _loglikelihood_tokens(self, requests, **_):
        found = []
        for _, context, answer in requests:
            tokens = torch.tensor([(context + answer)[-(self.length + 1) :][:-1]])
            with torch.no_grad():
                logs = model(tokens).float().log_softmax(-1)[0, -len(answer) :]
            found.append((logs.gather(1, torch.tensor(answer)[:, None]).double().sum().item(), False))
        return found

    def loglikelihood_rolling(self, requests, **_):
        raise NotImplementedError

    def generate_until(self, requests, **_):
        raise NotImplementedError


with open(here + "/choices.json") as file:
    tasks = json.load(file)["tasks"]
output = {}
for length in (512, 128):
    asked = Asked(length)
    output[str(length)] = {
        name: [
            value
            for value, _ in asked.loglikelihood(
                [Instance("loglikelihood", {}, (a, b), 0) for a, b, _ in task["asked"]],
                disable_tqdm=True,
            )
        ]
        for name, task in tasks.items()
    }
print(json.dumps(output, indent=1))
