"""Encodes hard strings with the tokenizers of imported folders and with those that the GGUF files were made
from, by the real libraries. Prints the strings on which they differ.

  compare_tokenizers.py bytes|scored|gemma TOKENIZER_JSON ORIGINAL
"""
import random
import sys

import sentencepiece
import tokenizers

kind, imported, original = sys.argv[1:]
chooser = random.Random(5)
alphabet = list("abcdefgh XYZ 0123 \n\t\r.,!?'\"é漢字かな한글🦙\u200d\u0301\u00a0ſﬁ٣०")
alphabet += ["\n\n", "\r\n", "  ", "    ", "\t\t", " the", "'re", "1234", "\u1100\u1161", "the quick brown fox"]
alphabet += {"bytes": ["<|im_start|>", "<|im_end|>"], "scored": [], "gemma": ["<table>", "<mask>"]}[kind]
strings = ["", " ", "hello world", " x", "x "]
strings += ["".join(chooser.choice(alphabet) for _ in range(chooser.randint(1, 40))) for _ in range(2000)]

mine = tokenizers.Tokenizer.from_file(imported)
if kind == "bytes":
    theirs = tokenizers.Tokenizer.from_file(original)
    reference = lambda text: theirs.encode(text).ids
    decoded = lambda ids: theirs.decode(ids, skip_special_tokens=False)
else:
    pieces = sentencepiece.SentencePieceProcessor(original)
    reference, decoded = pieces.encode, pieces.decode
different = 0
for text in strings:
    ids = mine.encode(text, add_special_tokens=False).ids
    expected = reference(text)
    if ids != expected or mine.decode(ids, skip_special_tokens=False) != decoded(expected):
        different += 1
        print(repr(text), ids, expected, file=sys.stderr)
whole = mine.encode("a").ids
print(len(strings), different, whole[0] if len(whole) > len(mine.encode("a", add_special_tokens=False).ids) else None)
