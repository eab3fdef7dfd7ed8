"""Writes three tokenizer.json of a few hundred tokens, and the ids that Hugging Face's tokenizers gives.

  python make_tokenizer_reports.py      tokenizers

digits          Digits(individual) before ByteLevel, as in SmolLM and SmolLM2
missing_bytes   the same, and bytes that the training text lacks have no token: they are left out
nfc             NFC, then Qwen 2's pattern: a syllable without final and a final jamo are one character
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXT = [
    "Room 12345, year 2024. The room of the year has 12 doors and 345 windows.",
    "plain words only, and the other words that the plain text has: don't, we'll.",
    "\uac01 \uac01 \uc871 \u1100\u1161 caf\u00e9 caf\u00e9 \u0ccb \u0ccb stra\u00dfe",
]
ASKED = [
    "Room 12345, year 2024.", "plain words only", "12 345 6", "v2.0-rc10", "x\u0663\u0664\u06f5y", "\u00bd \u00b2 \u2167 1\u00bd",
    "7", "", " 7 8  9", "a\n12\n\n34", "don't 1st 22nd", "\u4e09\u5341", "1" * 40,
    "a \uac00\u11a8 b", "a \uc870\u11ab b", "a \u1100\u1161\u11a8 b", "x \u0cca\u0cd5 y", "x \u0cc6\u0cc2\u0cd5 y", "\uac00\u11a7\uac00\u11a8\u11a8",
    "\uac01\u11a8", "\u1100\uac00\u11a8", "e\u0301\u0323 \u1e69 s\u0323\u0307 s\u0307\u0323 A\u030a \u212b \u2126", "\u0344 \u0958 \ufb1d \u2adc",
    "caf\u00e9 cafe\u0301", "\U0001f600 \u00fe \u3042 \U000e0041", "stra\u00dfe\u0000\u007f",
]  # fmt: skip


def make(name, normalizer, splitter, alphabet):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    tokenizer.add_special_tokens(SPECIAL)
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False) + "\n")
    read = Tokenizer.from_file(str(path))
    return [{"text": text, "ids": read.encode(text, add_special_tokens=False).ids} for text in ASKED]


def main():
    bytes_of_all = pre_tokenizers.ByteLevel.alphabet()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    qwen = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"), plain])
    ids = {
        "digits": make("digits", None, digits, bytes_of_all),
        "missing_bytes": make("missing_bytes", None, digits, []),
        "nfc": make("nfc", normalizers.NFC(), qwen, bytes_of_all),
    }
    assert any(not case["ids"] and case["text"] for case in ids["missing_bytes"])
    configuration = {"bos_token": None, "eos_token": SPECIAL[0], "pad_token": SPECIAL[0]}
    (HERE / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n")
    (HERE / "ids.json").write_text(json.dumps(ids, indent=1) + "\n")


main()
