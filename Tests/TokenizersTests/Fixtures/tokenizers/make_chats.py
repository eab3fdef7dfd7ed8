"""Makes the fixtures beside this file: a small SentencePiece model, a small Qwen vocabulary, and what
torchtune 0.6.1 makes of conversations with them (chats.json).

    python make_chats.py   (needs torchtune 0.6.1, sentencepiece, and `tokenizers` for the vocabulary)
"""
import io
import json
import os
import random

import sentencepiece
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torchtune.config._utils import _get_component_from_path
from torchtune.data import Message
from torchtune.models.llama2 import llama2_tokenizer
from torchtune.models.qwen2 import qwen2_tokenizer
from torchtune.models.qwen2_5 import qwen2_5_tokenizer

here = os.path.dirname(os.path.abspath(__file__))
place = lambda name: os.path.join(here, name)
random.seed(5)
words = "the rain in spain stays mainly plain it is what user assistant system tool says 42 caf\u00e9".split()
corpus = [" ".join(random.choices(words, k=12)) + random.choice([".", "!", "\n"]) for _ in range(300)]

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(corpus), model_writer=model, model_type="bpe", vocab_size=400,
    byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
    split_digits=True, hard_vocab_limit=False, minloglevel=2)
open(place("tokenizer.model"), "wb").write(model.getvalue())

qwen = Tokenizer(models.BPE())
qwen.normalizer = normalizers.NFC()
qwen.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
qwen.train_from_iterator(corpus, trainers.BpeTrainer(
    vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
qwen.model.save(here)

conversations = [
    [("system", "Be  kind. "), ("user", " the rain "), ("assistant", "in spain"), ("user", "what"),
     ("assistant", "")],
    [("user", "it is\n"), ("assistant", "plain <|im_end|> cafe\u0301 ")],
    [("user", "call", {}), ("assistant", "f(42)", {"ipython": True}), ("ipython", "7"),
     ("ipython", "8 \u4f60"), ("assistant", "It is 7")],
    [("system", "s"), ("user", ["the", " rain ", ""]), ("assistant", ["in", "spain "]),
     ("user", "one more")],
]
templates = [
    None, "torchtune.models.llama2.Llama2ChatTemplate", "torchtune.data.ChatMLTemplate",
    "torchtune.data.SummarizeTemplate", "torchtune.data.GrammarErrorCorrectionTemplate",
    "torchtune.data.QuestionAnswerTemplate",
    {"user": ["U: ", "\n"], "assistant": ["", "!"], "system": ["S ", ""]},
]


def messages(rows):
    made = []
    for row in rows:
        role, content = row[:2]
        extra = row[2] if len(row) > 2 else {}
        parts = [content] if isinstance(content, str) else content
        made.append(Message(
            role=role, content=[{"type": "text", "content": part} for part in parts],
            masked=role != "assistant", eot=not extra.get("ipython", False), **extra))
    return made


cases = []
for family in ["llama2", "qwen2", "qwen2_5"]:
    for template in templates:
        for limit in [None, 9] + ([200] if template is None else []):
            for ends in [True, False]:
                for index, rows in enumerate(conversations):
                    if "Llama2" in str(template) and any(row[0] == "ipython" for row in rows):
                        continue  # torchtune repeats the message before here
                    if family == "qwen2" and "Llama2" in str(template) and rows[0][0] == "system":
                        continue  # torchtune counts a message that the template took away
                    if family == "llama2":
                        tokenizer = llama2_tokenizer(place("tokenizer.model"), limit, template)
                        tokens, mask = tokenizer.tokenize_messages(messages(rows), add_end_tokens=ends)
                    elif "ChatML" in str(template):
                        continue  # refused
                    else:
                        make = {"qwen2": qwen2_tokenizer, "qwen2_5": qwen2_5_tokenizer}[family]
                        tokenizer = make(
                            place("vocab.json"), place("merges.txt"), max_seq_len=limit,
                            prompt_template=template)
                        tokens, mask = tokenizer.tokenize_messages(messages(rows), add_eos=ends)
                    cases.append({
                        "family": family, "template": template, "max_seq_len": limit, "ends": ends,
                        "conversation": index, "tokens": tokens,
                        "mask": "".join("01"[bit] for bit in mask)})

texts = ["", "the rain", "<|im_start|>user\n<|im_end|>", "<s> </s>", "cafe\u0301 42", " x "]
encoded = []
for text in texts:
    row = {"text": text}
    for family, tokenizer in [
        ("llama2", llama2_tokenizer(place("tokenizer.model"))),
        ("qwen2_5", qwen2_5_tokenizer(place("vocab.json"), place("merges.txt")))]:
        row[family] = tokenizer.encode(text, add_bos=True, add_eos=True)
        row[family + "_decoded"] = tokenizer.decode(row[family])
    encoded.append(row)
rows = [[list(row[:2]) + [bool(row[2:] and row[2])] for row in rows] for rows in conversations]
with open(place("chats.json"), "w") as file:
    file.write('{"conversations": %s,\n"texts": %s,\n"cases": [\n%s\n]}\n' % (
        json.dumps(rows), json.dumps(encoded),
        ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)))
