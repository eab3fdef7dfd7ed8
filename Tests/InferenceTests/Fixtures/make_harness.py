# Writes harness.json with lm-evaluation-harness 0.4.13: its rolling windows, its clean-up of WikiText
# pages and its counts. Run: python make_harness.py > harness.json
import json

from lm_eval.tasks.wikitext.preprocess_wikitext import process_results, wikitext_detokenizer
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

PAGES = [
    " = Robert Boulter = \n \n Robert Boulter is an English film , television and theatre actor . "
    "He had a guest @-@ starring role on the television series The Bill in 2000 ; 1 @,@ 000 people "
    "( and 2 @.@ 5 others ) saw it ! \n = = Career = = \n = = = 2000 – 2005 = = = \n = = = = Deep = = = = \n",
    " He said : \" well , it 's ' fine ' \" and [ sic ] { x } left . The boys ' dog / ' 5/ N 20 ° C ? \n \n"
    " ( nested ( inner ) outer ) \" unclosed \n",
    "Tabs\tand\u00a0no-break\u3000spaces , e\u0301 \u0301x . ( \u0301a ) end",
    " /' 7/ and /' 12/ \n",
    "", " ", "word", " lead and trail \n\n",
]

FILE = "\n = One = \n\n text , one . \n = = Part = = \n more . \n\n = Two = \n\n text two \n = not a title\n"


def pages(text):
    """As the loader of EleutherAI/wikitext_document_level cuts a file."""
    result, lines = [], []
    for line in text.split("\n"):
        joined = line.replace("= = =", "===").replace("= =", "==").strip()
        if joined.startswith("= ") and joined.endswith(" ="):
            if "\n".join(lines).strip():
                result.append("\n".join(lines))
            lines = []
        lines.append(line)
    return result + ["\n".join(lines)]


def windows(count, length):
    tokens = list(range(1, count + 1))
    found = get_rolling_token_windows(tokens, 0, length, 1)
    return [
        {"input": (a + b)[:-1], "targets": b} for a, b in map(make_disjoint_window, found)
    ]


def counts(page):
    done = process_results({"page": page}, (0.0,))
    return {"words": done["word_perplexity"][1], "bytes": done["byte_perplexity"][1]}


print(
    json.dumps(
        {
            "windows": [
                {"count": count, "length": length, "windows": windows(count, length)}
                for count in (0, 1, 2, 3, 4, 7, 8, 9)
                for length in (1, 2, 3, 4, 8)
            ],
            "pages": [
                {"page": p, "text": wikitext_detokenizer({"page": p}), **counts(p)} for p in PAGES
            ],
            "file": {"text": FILE, "pages": pages(FILE)},
        },
        indent=1,
    )
)
