"""Writes configured.json: what transformers (5.24, tokenizers 0.23.3) makes of folders whose other files name tokens
that tokenizer.json lacks. The tokenizers are those of hugging_face.json.

    python make_configured.py
"""
import json
import os
import tempfile

from transformers import AutoTokenizer

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "hugging_face.json")) as file:
    tokenizers = {case["name"]: case["tokenizer"] for case in json.load(file)["cases"]}
STRINGS = ["over <|a|> x<|b|> 12", "the <mark>  <|b|>  dog</s><s>", "", "a<|a|><|b|>b"]


def token(content, **flags):
    plain = dict(lstrip=False, rstrip=False, single_word=False, normalized=False, special=True)
    return {"content": content} | plain | flags


def files(config=None, special=None, added=None):
    names = {"tokenizer_config.json": config, "special_tokens_map.json": special, "added_tokens.json": added}
    return {name: value for name, value in names.items() if value is not None}


END = {"eos_token": "</s>"}
LEFT = {key: value for key, value in token("<|a|>", lstrip=True).items() if key != "special"}
CASES = {
    "nothing new": ("digits", files(END)),
    "named": ("digits", files({"eos_token": "<|a|>", "pad_token": "<|b|>"})),
    "an ordinary text": ("digits", files({"eos_token": "over"})),
    "decoder": (
        "digits",
        files({"eos_token": "<|a|>", "added_tokens_decoder": {
            "143": token("<|b|>", lstrip=True, special=False), "142": token("<|a|>")}}),
    ),
    "flags": ("digits", files(END | {"added_tokens_decoder": {"141": token("</s>", rstrip=True)}})),
    "decoder says less": ("added", files(END | {"added_tokens_decoder": {}, "pad_token": "<mark>"})),
    "old files say special": ("added", files(END | {"pad_token": "<mark>"})),
    "list": (
        "digits",
        files(END | {"additional_special_tokens": ["<|a|>", token("<|b|>", __type="AddedToken", rstrip=True)]}),
    ),
    "extra list": ("digits", files(END | {"extra_special_tokens": ["<|b|>"], "additional_special_tokens": ["<|a|>"]})),
    "extra names": ("digits", files(END | {"extra_special_tokens": {"image_token": "<|a|>"}})),
    "another name": ("digits", files(END | {"image_token": "<|a|>"})),
    "map": ("digits", files(END, {"pad_token": LEFT, "additional_special_tokens": ["<|b|>"]})),
    "map goes first": ("digits", files(END, {"eos_token": "<|a|>"})),
    "map is not read": ("digits", files(END | {"added_tokens_decoder": {}}, {"eos_token": "<|a|>"})),
    "added": ("digits", files(END, None, {"<|b|>": 143, "<|a|>": 142})),
    "added and special": ("digits", files({"eos_token": "<|b|>"}, None, {"<|a|>": 142, "<|b|>": 143})),
    "unigram": ("unigram", files(END | {"bos_token": "<s>", "pad_token": "<|a|>"})),
    "fallback": ("fallback", files(END | {"added_tokens_decoder": {"360": token("<|a|>")}})),
    "post-processor": ("unigram", files(END | {"bos_token": "<s>", "add_bos_token": False})),
    "no text": ("digits", files(END | {"pad_token": ""})),
}


def load(name, folder_files):
    with tempfile.TemporaryDirectory() as folder:
        for path, value in (folder_files | {"tokenizer.json": tokenizers[name]}).items():
            with open(os.path.join(folder, path), "w") as file:
                json.dump(value, file)
        return AutoTokenizer.from_pretrained(folder)


recorded = []
for label, (name, folder_files) in CASES.items():
    tokenizer = load(name, folder_files)
    assert type(tokenizer).__name__ == "TokenizersBackend"
    encoded = [tokenizer(text).input_ids for text in STRINGS]
    recorded.append({
        "case": label, "tokenizer": name, "files": folder_files,
        "added": {str(id): [t.content, t.special, t.normalized, t.lstrip, t.rstrip, t.single_word]
                  for id, t in tokenizer.added_tokens_decoder.items()},
        "eos": tokenizer.eos_token_id, "bos": tokenizer.bos_token_id, "pad": tokenizer.pad_token_id,
        "ids": encoded, "plain": [tokenizer(t, add_special_tokens=False).input_ids for t in STRINGS],
        "bare": [tokenizer.decode(ids, skip_special_tokens=True) for ids in encoded]})
with open(os.path.join(here, "configured.json"), "w") as file:
    json.dump({"strings": STRINGS, "cases": recorded}, file, separators=(",", ":"))
