"""Writes endings.json: templates that end the last message unlike the others, with the ids of transformers (5.24) and the
mask of what the assistant says, which transformers makes of the same template with {% generation %}.

    python make_endings.py
"""
import json
import os
import tempfile

from transformers import AutoTokenizer

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../tokenizers/hugging_face.json")) as file:
    base = next(case["tokenizer"] for case in json.load(file)["cases"] if case["name"] == "digits")

TEMPLATES = {
    # As gpt-oss: the last message ends in a token of its own.
    "return": """\
<|start|>system<|message|>jumps<|end|>
{%- for message in messages %}
{%- if message.role == 'assistant' %}<|start|>assistantBEGIN<|channel|>final<|message|>{{ message.content }}
{%- if loop.last and not add_generation_prompt %}<|return|>{% else %}<|end|>{% endif %}END
{%- else %}<|start|>{{ message.role }}<|message|>{{ message.content }}<|end|>{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|start|>assistant{% endif %}""",
    # As Phi-3.5: the whole text ends in the end-of-text token, where no answer is asked for.
    "end of text": """\
{% for message in messages %}
{%- if message.role == 'assistant' %}<|assistant|>
BEGIN{{ message.content }}<|end|>
END{% else %}<|{{ message.role }}|>
{{ message.content }}<|end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% else %}BEGIN{{ eos_token }}END{% endif %}""",
}
turns = ["the dog?", "lazy", "and the fox?", "jumps over", "over", "<|end|>", "the", "the end"]
roles = [{"role": ["user", "assistant"][i % 2], "content": turn} for i, turn in enumerate(turns)]
CONVERSATIONS = {
    "one": roles[:2], "three": roles[:6], "four": roles, "the same twice": roles[:2] + roles[:2],
    "system": [{"role": "system", "content": "quick"}] + roles[:4],
}
recorded = []
for kind, template in TEMPLATES.items():
    with tempfile.TemporaryDirectory() as folder:
        json.dump(base, open(os.path.join(folder, "tokenizer.json"), "w"))
        json.dump({"eos_token": "</s>", "additional_special_tokens": ["<|end|>", "<|return|>"]},
                  open(os.path.join(folder, "tokenizer_config.json"), "w"))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template.replace("BEGIN", "{% generation %}").replace("END", "{% endgeneration %}")
    plain = template.replace("BEGIN", "").replace("END", "")
    for name, messages in CONVERSATIONS.items():
        both = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        text = tokenizer.apply_chat_template(messages, tokenize=False, chat_template=plain)
        assert text == tokenizer.apply_chat_template(messages, tokenize=False)
        recorded.append({"case": f"{name} ({kind})", "template": plain, "messages": messages,
                         "ids": both["input_ids"], "mask": both["assistant_masks"]})
with open(os.path.join(here, "endings.json"), "w") as file:
    json.dump({"cases": recorded}, file, separators=(",", ":"))
