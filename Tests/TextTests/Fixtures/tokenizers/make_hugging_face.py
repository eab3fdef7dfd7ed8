"""Writes hugging_face.json: small tokenizers of the real `tokenizers` library (0.23.3) with the ids
and decoded texts of some strings, for tests without Python.

    python make_hugging_face.py
"""
import json
import os

from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

corpus = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "It's 10,000 years since they've said what we'll say; I'm sure you'd agree.",
    "Caf\u00e9 na\u00efve \u00fcber \ud55c\uad6d\uc5b4 \u4f60\u597d",
] * 5
strings = [
    "", " ", "the dog's 12345 foxes\n\n  jump", "Caf\u00e9 cafe\u0301 \uac00\u11a8 \u0cca\u0cd5",
    "<s>over<mark> the</s> lazy", "\u4f60\u597d, \U0001f600 \ufb01n\u00adal\t\u3000x", "don't  we'll 3.14!",
    "\u0000\u007f\u200b \u2581 <0x41> \u00bd\u00b2", "UPPER lower \u0130\u017f \u1e9e",
]
byte_names = [f"<0x{b:02X}>" for b in range(256)]
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)


def bpe(size=140, **options):
    return trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)


def make(model, trainer, added=(), single=None, **parts):
    tokenizer = Tokenizer(model)
    for key, value in parts.items():
        setattr(tokenizer, key, value)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens(list(added))
    if single:
        names = [n for n in single.split() if n[0] != "$"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])
    return tokenizer


special = [AddedToken(n, special=True) for n in ["<s>", "</s>"]]
unigram = dict(vocab_size=120, show_progress=False, unk_token="<unk>")
tokenizers = {
    "digits": make(
        models.BPE(), bpe(), special, pre_tokenizer=pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), byte_level]),
        decoder=decoders.ByteLevel()),
    "fallback": make(
        models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
        bpe(360, special_tokens=["<unk>", "<s>", "</s>"] + byte_names), single="<s> $A",
        normalizer=normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]),
        decoder=decoders.Sequence([
            decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
            decoders.Strip(" ", 1, 0)])),
    "unigram": make(
        models.Unigram(), trainers.UnigramTrainer(special_tokens=["<s>", "</s>", "<unk>"], **unigram),
        single="<s> $A </s>", normalizer=normalizers.NFKC(),
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first"),
        decoder=decoders.Metaspace(prepend_scheme="first")),
    "word_piece": make(
        models.WordPiece(unk_token="[UNK]"),
        trainers.WordPieceTrainer(vocab_size=120, show_progress=False, special_tokens=["[UNK]", "<s>"]),
        normalizer=normalizers.BertNormalizer(), pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.WordPiece(), single="<s> $A"),
    "word_level": make(
        models.WordLevel(unk_token="[UNK]"),
        trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False),
        normalizer=normalizers.Sequence(
            [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        pre_tokenizer=pre_tokenizers.Whitespace()),
    "added": make(
        models.BPE(), bpe(), [
            AddedToken("<s>", special=True, lstrip=True), AddedToken("</s>", special=True, rstrip=True),
            AddedToken("the", single_word=True), AddedToken("<mark>", normalized=True, rstrip=True),
            AddedToken("\ufb01", normalized=True)],
        normalizer=normalizers.NFKC(), pre_tokenizer=byte_level, decoder=decoders.ByteLevel()),
    "suffixes": make(
        models.BPE(end_of_word_suffix="</w>", unk_token="<s>"),
        bpe(special_tokens=["<s>"], end_of_word_suffix="</w>"),
        pre_tokenizer=pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", True),
        decoder=decoders.BPEDecoder()),
}
cases = []
for name, tokenizer in tokenizers.items():
    ids = [e.ids for e in tokenizer.encode_batch(strings)]
    cases.append({
        "name": name, "tokenizer": json.loads(tokenizer.to_str()), "ids": ids,
        "plain": [e.ids for e in tokenizer.encode_batch(strings, add_special_tokens=False)],
        "text": tokenizer.decode_batch(ids, skip_special_tokens=False),
        "bare": tokenizer.decode_batch(ids, skip_special_tokens=True)})
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hugging_face.json")
with open(path, "w") as file:
    json.dump({"strings": strings, "cases": cases}, file, separators=(",", ":"))
