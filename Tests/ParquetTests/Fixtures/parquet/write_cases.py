"""Writes Parquet files with pyarrow in many ways, and beside each its rows as JSON lines.

  write_cases.py FOLDER [--small]

FOLDER/NAME.parquet and FOLDER/NAME.jsonl: what a reader must make of it. --small writes the few tiny files that
are committed. Values that JSON has not are written as the reader documents them: decimals, dates and times as
text, NaN as null, bytes that are no text as {"base64": ..}, maps as lists of keys and values.
"""

import base64
import datetime
import decimal
import itertools
import json
import math
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["", "a", "cat", "naïve", "日本語", "🎉", "line\nbreak", 'quote"d', "back\\slash", "tab\t", "x" * 70, "\x01\x7f"]
TURN = pa.struct([("from", pa.string()), ("value", pa.string())])


def columns(rows, random):
    """Name -> (arrow type, values, some of them None)."""

    def some(make, nulls=0.2):
        return [None if random.random() < nulls else make() for _ in range(rows)]

    def integer(bits, signed=True):
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return lambda: random.choice([low, high, 0, 1, random.randint(low, high), random.randint(0, 40)])

    def word():
        return random.choice(WORDS) + random.choice(WORDS)

    def listed(make, most=4):
        return lambda: [make() for _ in range(random.randint(0, most))]

    def maybe(make):
        return lambda: None if random.random() < 0.25 else make()

    def turn():
        return {"from": random.choice(["human", "gpt"]), "value": maybe(word)()}

    def digits(precision, scale):
        whole = random.randint(-(10**precision) + 1, 10**precision - 1)
        # A context of its own: the usual one rounds to 28 digits.
        return decimal.Context(prec=80).scaleb(decimal.Decimal(whole), -scale)

    def moment():
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(
            days=random.randint(-60000, 60000), milliseconds=random.randint(0, 86399999)
        )

    def clock():
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=random.randint(0, 86399999))).time()

    return {
        "bool": (pa.bool_(), some(lambda: random.random() < 0.5)),
        "i8": (pa.int8(), some(integer(8))),
        "i16": (pa.int16(), some(integer(16))),
        "i32": (pa.int32(), some(integer(32))),
        "i64": (pa.int64(), some(integer(64))),
        "u8": (pa.uint8(), some(integer(8, False))),
        "u16": (pa.uint16(), some(integer(16, False))),
        "u32": (pa.uint32(), some(integer(32, False))),
        "u64": (pa.uint64(), some(integer(53, False))),
        "f32": (pa.float32(), some(lambda: random.choice([0.1, -2.5, math.inf, math.nan, random.random()]))),
        "f64": (pa.float64(), some(lambda: random.choice([0.1, 1e300, math.nan, random.random()]))),
        "text": (pa.string(), some(word)),
        "required": (pa.string(), some(word, nulls=0)),
        "large": (pa.large_string(), some(word)),
        "dictionary": (pa.dictionary(pa.int32(), pa.string()), some(word)),
        "binary": (pa.binary(), some(lambda: random.choice([b"", b"plain", b"\xff\xfe\x00"]))),
        "fixed": (pa.binary(5), some(lambda: random.choice([b"five5", b"\xff\x00\x01\x02\x03"]))),
        "decimal": (pa.decimal128(7, 2), some(lambda: digits(7, 2))),
        "decimal18": (pa.decimal128(18, 0), some(lambda: digits(18, 0))),
        "decimal38": (pa.decimal128(38, 10), some(lambda: digits(38, 10))),
        "decimal76": (pa.decimal256(70, 5), some(lambda: digits(70, 5))),
        "date": (pa.date32(), some(lambda: moment().date())),
        "ms": (pa.timestamp("ms"), some(moment)),
        "us": (pa.timestamp("us", tz="UTC"), some(moment)),
        "t32": (pa.time32("ms"), some(clock)),
        "t64": (pa.time64("us"), some(clock)),
        "nothing": (pa.null(), [None] * rows),
        "numbers": (pa.list_(pa.int32()), some(listed(maybe(integer(32))))),
        "texts": (pa.list_(pa.string()), some(listed(maybe(word)))),
        "deep": (pa.list_(pa.list_(pa.string())), some(listed(maybe(listed(maybe(word)))))),
        "turns": (pa.list_(TURN), some(listed(maybe(turn)))),
        "record": (
            pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.string()), ("d", pa.list_(pa.float64()))]))]),
            some(lambda: {"a": maybe(integer(64))(), "b": maybe(lambda: {"c": word(), "d": listed(random.random)()})()}),
        ),
        "nested": (
            pa.list_(pa.struct([("tags", pa.list_(pa.string())), ("turn", TURN)])),
            some(listed(lambda: {"tags": maybe(listed(word))(), "turn": maybe(turn)()})),
        ),
        "map": (pa.map_(pa.string(), pa.int64()), some(lambda: [(word() + str(i), maybe(integer(64))()) for i in range(3)])),
    }


def wanted(value, kind):
    """The value as the reader gives it."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        value = float(pa.scalar(value, kind).as_py())
        return value if math.isfinite(value) else None
    if pa.types.is_decimal(kind):
        return format(value.quantize(decimal.Decimal(1).scaleb(-kind.scale), context=decimal.Context(prec=80)), "f")
    if pa.types.is_date(kind):
        return value.isoformat()
    if pa.types.is_time(kind):
        return clock_text(value, kind.unit)
    if pa.types.is_timestamp(kind):
        return value.date().isoformat() + "T" + clock_text(value.time(), kind.unit) + ("Z" if kind.tz else "")
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if pa.types.is_map(kind):
        return [{"key": wanted(k, kind.key_type), "value": wanted(v, kind.item_type)} for k, v in value]
    if pa.types.is_list(kind):
        return [wanted(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: wanted(value.get(field.name), field.type) for field in kind}
    return value


def clock_text(time, unit):
    digits = {"ms": 3, "us": 6, "ns": 9}[unit]
    fraction = f"{time.microsecond:06d}000"[:digits]
    return time.strftime("%H:%M:%S") + ("." + fraction if time.microsecond else "")


def write(folder, name, table_columns, **options):
    schema = pa.schema([pa.field(n, kind, nullable=n != "required") for n, (kind, _) in table_columns.items()])
    table = pa.table({n: pa.array(values, kind) for n, (kind, values) in table_columns.items()}, schema=schema)
    pq.write_table(table, folder / f"{name}.parquet", **options)
    rows = len(next(iter(table_columns.values()))[1])
    with open(folder / f"{name}.jsonl", "w") as lines:
        for row in range(rows):
            record = {n: wanted(values[row], kind) for n, (kind, values) in table_columns.items()}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")


ENCODINGS = {
    "delta": {
        "i8": "DELTA_BINARY_PACKED", "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED",
        "u32": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "required": "DELTA_LENGTH_BYTE_ARRAY",
        "large": "DELTA_LENGTH_BYTE_ARRAY", "fixed": "DELTA_BYTE_ARRAY", "bool": "RLE", "decimal38": "DELTA_BYTE_ARRAY",
        "binary": "DELTA_BYTE_ARRAY", "date": "DELTA_BINARY_PACKED",
    },
    "split": {
        "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT", "i32": "BYTE_STREAM_SPLIT",
        "i64": "BYTE_STREAM_SPLIT", "fixed": "BYTE_STREAM_SPLIT",
    },
}


def all_cases(folder):
    for seed, (codec, version, dictionary) in enumerate(
        itertools.product(["none", "snappy", "gzip", "zstd"], ["1.0", "2.0"], [True, False])
    ):
        # Small pages and row groups: their seams are what goes wrong.
        write(
            folder, f"{codec}-{version}-{'dictionary' if dictionary else 'plain'}", columns(72, random.Random(seed)),
            compression=codec, data_page_version=version, use_dictionary=dictionary, row_group_size=[72, 31][seed % 2],
            data_page_size=[64, 400, 1 << 20][seed % 3], write_batch_size=[7, 33, 1024][seed % 3],
        )
    for seed, (name, version) in enumerate(itertools.product(ENCODINGS, ["1.0", "2.0"])):
        table = columns(300, random.Random(50 + seed))
        # Dictionaries and encodings exclude each other in a column.
        del table["dictionary"]
        write(
            folder, f"{name}-{version}", table, compression="zstd", data_page_version=version, use_dictionary=False,
            column_encoding=ENCODINGS[name], data_page_size=[700, 1 << 20][seed % 2],
        )
    old = {n: v for n, v in columns(60, random.Random(99)).items() if n not in ("nothing", "us")}
    write(
        folder, "old", old, version="1.0", use_compliant_nested_type=False, store_schema=False,
        use_deprecated_int96_timestamps=False,
    )
    integers = {n: v for n, v in columns(60, random.Random(98)).items() if n.startswith("decimal")}
    write(folder, "decimals", integers, store_decimal_as_integer=True)
    moments = [datetime.datetime(1965, 3, 4, 5, 6, 7, 250000), None, datetime.datetime(2024, 2, 29, 23, 59, 59)]
    write(folder, "int96", {"ns": (pa.timestamp("ns"), moments)}, use_deprecated_int96_timestamps=True)
    write(folder, "empty", {"text": (pa.string(), [])})
    long = ["word " * 50000, None, "x"]
    write(folder, "long", {"text": (pa.string(), long), "n": (pa.int32(), [1, 2, 3])}, compression="snappy")


def small_cases(folder):
    def cut(seed, *names):
        table = columns(12, random.Random(seed))
        return {n: table[n] for n in names}

    # Unpacked where mutations are to reach what is inside the pages.
    common = {"store_schema": False, "write_statistics": False}
    write(folder, "chat", cut(1, "text", "turns", "i32"), compression="snappy", data_page_version="1.0",
          row_group_size=7, **common)
    write(folder, "nested", cut(2, "record", "deep", "decimal", "us"), compression="none", data_page_version="2.0",
          data_page_size=60, write_batch_size=3, **common)
    write(folder, "delta", cut(3, "text", "required", "i64", "bool", "f32"), compression="none", use_dictionary=False,
          column_encoding={"text": "DELTA_BYTE_ARRAY", "required": "DELTA_LENGTH_BYTE_ARRAY",
                           "i64": "DELTA_BINARY_PACKED", "bool": "RLE", "f32": "BYTE_STREAM_SPLIT"}, **common)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    (small_cases if "--small" in sys.argv else all_cases)(target)
