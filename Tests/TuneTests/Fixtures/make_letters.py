# A SentencePiece model of single characters, small enough for the model of
# CheckpointsTests/Fixtures/torch, which has 22 ids. Run with sentencepiece 0.2.3:
#   python make_letters.py
import os

import sentencepiece

here = os.path.dirname(os.path.abspath(__file__))
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(["the rain in spain stays on the plain", "soft gulls chased them"] * 20),
    model_prefix=os.path.join(here, "letters"), model_type="char", vocab_size=22,
    character_coverage=1.0, normalization_rule_name="identity", minloglevel=2)
os.remove(os.path.join(here, "letters.vocab"))
