"""Makes tokenizer.json files of every kind with the real `tokenizers` library and encodes strings.

    python hugging_face.py FOLDER [TOKENIZER.json ...]

FOLDER/strings holds the texts (a little-endian int32 length before each). For each tokenizer NAME
FOLDER/NAME.json is written, and NAME.ids, NAME.special (with what the post-processor adds), NAME.text
and NAME.bare (decoded with and without special tokens) of each string, and NAME.random (ids at random)
with their NAME.randomtext. Files named on the command line are copied and used as they are.
FOLDER/names lists the tokenizers; FOLDER/forms has strings in Unicode's four normalization forms.
Needs tokenizers and sentencepiece.
"""
import io
import os
import random
import struct
import sys
import unicodedata

import sentencepiece
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
    trainers)

folder = sys.argv[1]
chance = random.Random(5)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


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
sentences = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "It's 10,000 years since they've said what we'll say; I'm sure you'd agree.",
    "def main(arguments):\n    return sum(x * x for x in arguments)  # squares",
    "Wenn Fliegen hinter Fliegen fliegen, fliegen Fliegen Fliegen nach.",
]
corpus = [s for s in strings[::8] if len(s) < 300] + sentences * 40
names = []


def record(name, tokenizer, count=len(strings)):
    tokenizer.save(os.path.join(folder, name + ".json"))
    # As loaded, because that is what is compared with.
    tokenizer = Tokenizer.from_file(os.path.join(folder, name + ".json"))
    names.append(name)
    plain = [e.ids for e in tokenizer.encode_batch(strings[:count], add_special_tokens=False)]
    special = [e.ids for e in tokenizer.encode_batch(strings[:count])]
    write(name + ".ids", plain)
    write(name + ".special", special)
    decode = tokenizer.decode_batch
    write(name + ".text", [t.encode() for t in decode(special, skip_special_tokens=False)])
    write(name + ".bare", [t.encode() for t in decode(special, skip_special_tokens=True)])
    highest = max(tokenizer.get_vocab().values()) + 3
    rows = [[chance.randrange(highest) for _ in range(chance.randrange(1, 30))] for _ in range(200)]
    write(name + ".random", rows)
    try:
        texts = decode(rows, skip_special_tokens=True)
    except BaseException:  # Its Strip decoder panics on an empty token.
        os.remove(os.path.join(folder, name + ".random"))
    else:
        write(name + ".randomtext", [t.encode() for t in texts])


def train(name, model, trainer, special=(), added=(), **parts):
    tokenizer = Tokenizer(model)
    for key, value in parts.items():
        if key != "post_processor":
            setattr(tokenizer, key, value)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens(list(special))
    tokenizer.add_tokens(list(added))
    if "post_processor" in parts:
        tokenizer.post_processor = parts["post_processor"](tokenizer)
    record(name, tokenizer)
    return tokenizer


def bpe(size=1500, **options):
    return trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)


def template(single, *tokens):
    return lambda t: processors.TemplateProcessing(
        single=single, special_tokens=[(n, t.token_to_id(n)) for n in tokens])


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(pattern, behavior, invert)


byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

# SmolLM2's shape: bytes that the corpus lacks have no token.
train("smol", models.BPE(), bpe(special_tokens=chat),
      pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2]),
      decoder=decoders.ByteLevel())
train("digits_together", models.BPE(unk_token="<|endoftext|>"), bpe(special_tokens=chat),
      pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.Digits(), gpt2]),
      decoder=decoders.ByteLevel())
train("gpt2", models.BPE(), bpe(initial_alphabet=alphabet), special=["<|endoftext|>", "<s>", "</s>"],
      pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=decoders.ByteLevel(),
      post_processor=lambda t: processors.RobertaProcessing(
          ("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))))
train("llama3", models.BPE(ignore_merges=True), bpe(initial_alphabet=alphabet),
      special=["<|begin_of_text|>", "<|eot_id|>"],
      pre_tokenizer=pre_tokenizers.Sequence([split(Regex(LLAMA3)), byte_level]),
      decoder=decoders.ByteLevel(),
      post_processor=lambda t: processors.Sequence([
          processors.ByteLevel(trim_offsets=True),
          template("<|begin_of_text|> $A", "<|begin_of_text|>")(t)]))
train("gpt4o", models.BPE(), bpe(initial_alphabet=alphabet), special=chat,
      pre_tokenizer=pre_tokenizers.Sequence([split(Regex(GPT4O)), byte_level]),
      decoder=decoders.ByteLevel())
train("deepseek", models.BPE(), bpe(initial_alphabet=alphabet), special=chat,
      normalizer=normalizers.Sequence([]),
      pre_tokenizer=pre_tokenizers.Sequence([
          split(Regex(r"[\r\n]")), split(Regex(r"\s?\p{L}+")), split(Regex(r"\s?\p{P}+")),
          split(Regex("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7a3]+")),
          pre_tokenizers.Digits(individual_digits=True), byte_level]),
      decoder=decoders.ByteLevel())
llama2_decoder = decoders.Sequence([
    decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
    decoders.Strip(" ", 1, 0)])
byte_names = [f"<0x{b:02X}>" for b in range(256)]
train("llama2", models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
      bpe(special_tokens=["<unk>", "<s>", "</s>"] + byte_names, limit_alphabet=300),
      normalizer=normalizers.Sequence([
          normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]),
      decoder=llama2_decoder, post_processor=template("<s> $A", "<s>"))
train("gemma", models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
      bpe(special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"] + byte_names[:200], limit_alphabet=200),
      normalizer=normalizers.Replace(" ", "\u2581"),
      pre_tokenizer=split(" ", "merged_with_previous"),
      decoder=decoders.Sequence([
          decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]),
      post_processor=template("<bos> $A", "<bos>"))
for fuses in [False, True]:
    train(f"unknown_{fuses}", models.BPE(fuse_unk=fuses, unk_token="<unk>"),
          bpe(special_tokens=["<unk>"], limit_alphabet=80),
          pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first"),
          decoder=decoders.Metaspace(prepend_scheme="first"))
train("clip", models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"),
      bpe(special_tokens=chat, end_of_word_suffix="</w>", limit_alphabet=200),
      normalizer=normalizers.Sequence([
          normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
      pre_tokenizer=split(Regex(r"'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True),
      decoder=decoders.BPEDecoder("</w>"))
train("subwords", models.BPE(continuing_subword_prefix="##", unk_token="[UNK]"),
      bpe(special_tokens=["[UNK]"], continuing_subword_prefix="##"),
      pre_tokenizer=pre_tokenizers.Whitespace(), decoder=decoders.WordPiece("##", cleanup=False))

processor = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(corpus), model_writer=processor, vocab_size=2000, hard_vocab_limit=False,
    minloglevel=2, normalization_rule_name="nmt_nfkc")
message, charsmap = processor.getvalue(), None
position = 0
while position < len(message):  # Fields of ModelProto; normalizer_spec is field 3.
    field, position = message[position] >> 3, position + 1
    size = shift = 0
    while True:
        byte, position = message[position], position + 1
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body, position = message[position : position + size], position + size
    if field == 3:
        start = body.index(b"nmt_nfkc") + 8 + 1
        length = shift = 0
        while True:
            byte, start = body[start], start + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        charsmap = body[start : start + length]
precompiled = normalizers.Precompiled(charsmap)
unigram = dict(vocab_size=1200, show_progress=False, unk_token="<unk>")
train("t5", models.Unigram(), trainers.UnigramTrainer(special_tokens=["<pad>", "</s>", "<unk>"], **unigram),
      normalizer=precompiled, pre_tokenizer=pre_tokenizers.Metaspace(),
      decoder=decoders.Metaspace(), post_processor=template("$A </s>", "</s>"))
train("xlm", models.Unigram(),
      trainers.UnigramTrainer(special_tokens=["<s>", "<pad>", "</s>", "<unk>"], **unigram),
      normalizer=normalizers.Sequence([
          normalizers.Nmt(), precompiled, normalizers.Replace(Regex(" {2,}"), " "),
          normalizers.Strip(left=False, right=True)]),
      pre_tokenizer=pre_tokenizers.Sequence([
          pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]),
      decoder=decoders.Metaspace(), post_processor=template("<s> $A </s>", "<s>", "</s>"))
base = train("unigram_never", models.Unigram(),
             trainers.UnigramTrainer(special_tokens=["<unk>"], **unigram),
             normalizer=normalizers.NFKC(),
             pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
             decoder=decoders.Metaspace(prepend_scheme="never"))
vocabulary = sorted(base.get_vocab().items(), key=lambda x: x[1])
pieces = [(name, -chance.random() * 12) for name, _ in vocabulary] + [(n, -20.0) for n in byte_names]
fallback = Tokenizer(models.Unigram(pieces, 0, byte_fallback=True))
fallback.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
fallback.decoder = llama2_decoder
fallback.add_special_tokens(["<s>"])
record("unigram_bytes", fallback)

bert = dict(special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], vocab_size=1500,
            show_progress=False)
for lowercase in [True, False]:
    train(f"bert_{lowercase}", models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=50),
          trainers.WordPieceTrainer(limit_alphabet=300, **bert),
          normalizer=normalizers.BertNormalizer(lowercase=lowercase),
          pre_tokenizer=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece(),
          post_processor=lambda t: processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)))
train("words", models.WordLevel(unk_token="[UNK]"),
      trainers.WordLevelTrainer(special_tokens=["[UNK]", "<pad>", "|"], show_progress=False),
      normalizer=normalizers.Sequence([
          normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]),
      pre_tokenizer=pre_tokenizers.Whitespace(), decoder=decoders.CTC())
train("flags", models.BPE(), bpe(), pre_tokenizer=gpt2, normalizer=normalizers.NFKC(),
      special=[AddedToken("<s>", lstrip=True), AddedToken("</s>", rstrip=True),
               AddedToken("<pad>", lstrip=True, rstrip=True), AddedToken("<0x41>", single_word=True)],
      added=[AddedToken("user", single_word=True), AddedToken("K-token", normalized=True),
             AddedToken("<mark>", normalized=False, rstrip=True), AddedToken("  ", normalized=True),
             AddedToken("the", lstrip=True, single_word=True), AddedToken("1", normalized=True),
             AddedToken("\ufb01", normalized=True), AddedToken("<think>", single_word=True, rstrip=True)])


def every_piece(name, normalizer, pre_tokenizer, decoder=None):
    """A token for each different piece of the strings, so that ids show how they are cut."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    vocab = {"?": 0}
    for string in strings[:600]:
        text = normalizer.normalize_str(string) if normalizer else string
        cut = pre_tokenizer.pre_tokenize_str(text) if pre_tokenizer else [(text, 0)]
        for piece, _ in cut:
            vocab.setdefault(piece, len(vocab))
    vocab.pop("", None)
    tokenizer = Tokenizer(models.WordLevel({k: i for i, k in enumerate(vocab)}, unk_token="?"))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder:
        tokenizer.decoder = decoder
    record(name, tokenizer, 600)


for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    for invert in [False, True]:
        every_piece(f"split_{behavior}_{invert}", None,
                    split(Regex(r"\d+|[[:punct:]]|\b(?m:.)\h?"), behavior, invert))
    every_piece(f"text_{behavior}", None, split(" ", behavior))
    every_piece(f"punctuation_{behavior}", None, pre_tokenizers.Punctuation(behavior))
for number, pattern in enumerate([
        r"\w+|\W", r"(?=\d)", r"\p{N}{1,3}+", r"[a-c[x-z]\d]{2}?|^.|.$", r"\S+\s{,2}", r"(?i)THE|[\s\v]|",
        r"\p{Han}+|\p{^L}", r"(?<!a)b\B", r"[^\S\n]+", r"a*+\w??"]):
    every_piece(f"pattern_{number}", None, split(Regex(pattern)))
every_piece("delimiter", None, pre_tokenizers.CharDelimiterSplit("a"))
every_piece("whitespace", None, pre_tokenizers.Whitespace())
every_piece("whitespace_split", None, pre_tokenizers.WhitespaceSplit())
every_piece("scripts", None, pre_tokenizers.UnicodeScripts())
every_piece("fixed", None, pre_tokenizers.FixedLength(3))
every_piece("metaspace_digits", None, pre_tokenizers.Sequence([
    pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Metaspace(prepend_scheme="first")]))
every_piece("bert_pieces", None, pre_tokenizers.BertPreTokenizer())
for name, normalizer in {
        "nfc": normalizers.NFC(), "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(),
        "nfkd": normalizers.NFKD(), "lowercase": normalizers.Lowercase(), "nmt": normalizers.Nmt(),
        "strip": normalizers.Strip(), "strip_left": normalizers.Strip(True, False),
        "accents": normalizers.StripAccents(), "precompiled": precompiled,
        "bert": normalizers.BertNormalizer(), "byte_level": normalizers.ByteLevel(),
        "bert_clean": normalizers.BertNormalizer(True, False, False, False),
        "bert_chinese": normalizers.BertNormalizer(False, True, True, False),
        "replace_all": normalizers.Replace("", "-"), "replace": normalizers.Replace(Regex("[aeiou ]*"), "_"),
        "prepend": normalizers.Sequence([normalizers.Prepend("x"), normalizers.Replace("x1", "")])}.items():
    every_piece("normal_" + name, normalizer, None)

for path in sys.argv[2:]:
    record("file_" + os.path.basename(path).removesuffix(".json"), Tokenizer.from_file(path))

open(os.path.join(folder, "names"), "w").write("\n".join(names))

# Every character of Python's Unicode and marks in any order, each in the four forms.
assigned = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
marks = [c for c in assigned if unicodedata.combining(c)]
starters = [c for c in assigned if unicodedata.decomposition(c)] + [chr(c) for c in range(0x1100, 0x1200)]
starters += [chr(chance.randrange(0xAC00, 0xD7A4)) for _ in range(500)]
finals = [chr(c) for c in range(0x11A7, 0x11C3)] + [chr(c) for c in range(0x1161, 0x1176)]
mixed = ["".join(assigned[i : i + 50]) for i in range(0, len(assigned), 50)]
for _ in range(6_000):
    text = ""
    for _ in range(chance.randrange(1, 6)):
        text += chance.choice([chance.choice(starters), chance.choice("aeiouAEIOUKs<=>"),
                               unicodedata.normalize("NFD", chance.choice(starters))])
        text += "".join(chance.choice(marks) for _ in range(chance.randrange(4)))
        text += chance.choice(["", "", chance.choice(finals)])
    mixed.append(text)
write("forms", [s.encode() for s in mixed])
for form in ["NFC", "NFD", "NFKC", "NFKD"]:
    write("forms." + form, [unicodedata.normalize(form, s).encode() for s in mixed])
