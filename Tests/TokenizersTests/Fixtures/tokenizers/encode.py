"""Trains small tokenizers with the real libraries and encodes strings with them.

    python encode.py FOLDER

FOLDER/strings and FOLDER/bytes hold the texts (a little-endian int32 length before each); for each
tokenizer its files are written, NAME.ids and NAME.text (ids and decoded text of each string), and
for SentencePiece NAME.byteids (the ids of each text in `bytes`). Needs sentencepiece and tokenizers.
"""
import io
import os
import struct
import sys
import unicodedata

import sentencepiece
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

folder = sys.argv[1]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read(name):
    data = open(os.path.join(folder, name), "rb").read()
    position, rows = 0, []
    while position < len(data):
        (count,) = struct.unpack_from("<i", data, position)
        rows.append(data[position + 4 : position + 4 + count])
        position += 4 + count
    return rows


def write(name, rows):
    with open(os.path.join(folder, name), "wb") as file:
        for row in rows:
            if not isinstance(row, bytes):
                row = struct.pack(f"<{len(row)}i", *row)
            file.write(struct.pack("<i", len(row)) + row)


strings = [row.decode() for row in read("strings")]
broken = read("bytes")
sentences = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "It's 10,000 years since they've said what we'll say; I'm sure you'd agree.",
    "def main(arguments):\n    return sum(x * x for x in arguments)  # squares",
    "Wenn Fliegen hinter Fliegen fliegen, fliegen Fliegen Fliegen nach.",
]
# Few enough that most of the strings hold characters that the models do not know.
corpus = [s for s in strings[::8] if len(s) < 300] + sentences * 40

llama2 = dict(
    model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
    remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True,
    character_coverage=0.98, vocab_size=3000)
kinds = {
    "llama2": llama2,
    "bpe_nmt": dict(
        model_type="bpe", vocab_size=3000, character_coverage=0.99,
        user_defined_symbols=["<mark>", "qu", "1"]),
    "bpe_suffix": dict(
        llama2, treat_whitespace_as_suffix=True, split_by_whitespace=False, pad_id=3),
    "bpe_across": dict(llama2, split_by_whitespace=False, control_symbols=["<tool_call>", "e"]),
    "unigram": dict(
        model_type="unigram", byte_fallback=True, vocab_size=3000, normalization_rule_name="nfkc",
        user_defined_symbols=["<mark>", "qu"], add_dummy_prefix=False),
    "unigram_nmt": dict(model_type="unigram", vocab_size=3000, character_coverage=0.98),
    "unigram_casefold": dict(
        model_type="unigram", vocab_size=2000, byte_fallback=True,
        normalization_rule_name="nmt_nfkc_cf", remove_extra_whitespaces=False),
    "word": dict(model_type="word", vocab_size=3000),
    "char": dict(model_type="char", vocab_size=3000, user_defined_symbols=["<mark>"]),
}
for name, options in kinds.items():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, hard_vocab_limit=False,
        minloglevel=2, num_threads=2, **options)
    open(os.path.join(folder, name + ".model"), "wb").write(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = [processor.encode(s) for s in strings]
    write(name + ".ids", ids)
    write(name + ".text", [processor.decode(row).encode() for row in ids])
    write(name + ".byteids", [processor.encode(row) for row in broken])

qwen = tokenizers.Tokenizer(models.BPE())
qwen.normalizer = normalizers.NFC()
qwen.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(tokenizers.Regex(QWEN), behavior="isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
qwen.decoder = decoders.ByteLevel()
qwen.train_from_iterator(corpus, trainers.BpeTrainer(
    vocab_size=2000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
qwen.add_special_tokens(special)
qwen.add_tokens([
    tokenizers.AddedToken("<think>", normalized=False), tokenizers.AddedToken("</think>"),
    tokenizers.AddedToken("K-token", normalized=True)])
qwen.save(os.path.join(folder, "tokenizer.json"))
qwen.model.save(folder)
ids = [qwen.encode(s).ids for s in strings]
write("qwen.ids", ids)
write("qwen.text", [qwen.decode(row, skip_special_tokens=False).encode() for row in ids])
write("qwen.bare", [qwen.decode(row, skip_special_tokens=True).encode() for row in ids])
# With vocab.json and merges.txt torchtune composes the whole text before it looks for special tokens.
ids = [qwen.encode(unicodedata.normalize("NFC", s)).ids for s in strings]
write("qwen_files.ids", ids)
