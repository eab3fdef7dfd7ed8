"""Writes CSV, JSON and JSON lines files with Python's own writers, plain and packed in several ways.

  write_texts.py FOLDER

FOLDER/NAME and FOLDER/NAME.expected: its rows as JSON lines. A name says what a reader has to know: `-tab`,
`-semicolon`.
"""

import csv
import gzip
import io
import itertools
import json
import random
import sys
from pathlib import Path

import pyarrow as pa

SIGNS = ["a", "b c", '"', "'", ",", ";", "\t", "\n", "\r\n", "é", "日本", "🎉", "\\", "]", "}", "[{", " ", "x" * 30]
NAMES = ["text", "in put", 'quo"te', "é"]


def table(random, rows):
    return [{name: "".join(random.choices(SIGNS, k=random.randint(0, 6))) for name in NAMES} for _ in range(rows)]


def as_csv(rows, delimiter, quoting, end):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, NAMES, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows, lines, indent, ascii):
    if lines:
        return "".join(json.dumps(row, ensure_ascii=ascii) + "\n" for row in rows).encode()
    return json.dumps(rows, indent=indent, ensure_ascii=ascii).encode()


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {
    "": lambda data: data,
    ".gz": lambda data: gzip.compress(data, 9),
    # Two members, two frames, and an empty one.
    ".2.gz": lambda data: gzip.compress(data[: len(data) // 2], 0) + gzip.compress(data[len(data) // 2 :], 1),
    ".zst": zstd,
    ".2.zst": lambda data: zstd(data[:100]) + zstd(b"") + zstd(data[100:]),
}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    plain = {}
    for number, ((name, delimiter), quoting, end) in enumerate(
        itertools.product(
            [("comma", ","), ("tab", "\t"), ("semicolon", ";")], [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ["\n", "\r\n"]
        )
    ):
        rows = table(random.Random(number), 25)
        plain[f"csv{number}-{name}", ".csv"] = rows, as_csv(rows, delimiter, quoting, end)
    for number, (lines, indent, ascii) in enumerate([(1, None, 0), (1, None, 1), (0, None, 0), (0, 2, 1), (0, 0, 0)]):
        rows = table(random.Random(100 + number), 25)
        plain[f"json{number}", ".jsonl" if lines else ".json"] = rows, as_json(rows, lines, indent, ascii)
    for (name, suffix), (rows, data) in plain.items():
        for packing, pack in PACKERS.items():
            file = name + suffix + packing
            (folder / file).write_bytes(pack(data))
            (folder / (file + ".expected")).write_bytes(as_json(rows, True, None, False))


main(Path(sys.argv[1]))
