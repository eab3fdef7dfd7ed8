"""Writes small data files and builders.json: what torchtune's dataset builders make of them.

Needs torchtune 0.6.1 with `datasets` and pyarrow. Run in this folder; ../tokenizer_tiny is the tokenizer. torchtune
passes max_seq_len on to load_dataset in wikitext_dataset and cnn_dailymail_articles_dataset, which fails; for these the
builder they stand for is run: text completion of the column `page` or `article`.
"""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
from torchtune.datasets import (
    alpaca_dataset, chat_dataset, grammar_dataset, instruct_dataset, samsum_dataset,
    slimorca_dataset, text_completion_dataset,
)
from torchtune.models.llama3 import llama3_tokenizer

TINY = "../../../TokenizersTests/Fixtures/tokenizer_tiny/"


def tokenizer(limit=None):
    return llama3_tokenizer(TINY + "tokenizer.model", special_tokens_path=TINY + "tokenizer.json", max_seq_len=limit)


ALPACA = [
    {"instruction": "Name a fox", "input": "", "output": "Rob"},
    {"instruction": 'Say "yes", twice', "input": "a,b\nand a second line", "output": "yes\n\nyes"},
    {"instruction": "Count", "input": "one two", "output": "  2 "},
]
SAMSUM = [{"dialogue": "A: hi\r\nB: hello\r\n", "summary": "They greet."}, {"dialogue": "A: no", "summary": "A denies."}]
GRAMMAR = [{"input": "he go", "output": "He goes."}, {"input": "it are", "output": "It is."}]
ORCA = [
    {"conversations": [{"from": "system", "value": "Be brief"}, {"from": "human", "value": "why"},
                       {"from": "gpt", "value": "because"}]},
    {"conversations": [{"from": "human", "value": " a "}, {"from": "gpt", "value": "b"},
                       {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]},
]
PARTS = [
    {"messages": [
        {"role": "system", "content": [{"type": "text", "text": "Look well "}, {"type": "text", "text": " and long"}]},
        {"role": "user", "content": [{"type": "text", "text": "Which fox "}, {"type": "text", "text": " is it?\n"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "the brown"}]}]},
]
TOOLS = [
    {"messages": [{"role": "user", "content": "weather"}, {"role": "ipython", "content": "{\"t\": 3}"},
                  {"role": "user", "content": "well?"}, {"role": "assistant", "content": "cold"},
                  {"role": "tool", "content": "42"}, {"role": "user", "content": "and?"},
                  {"role": "assistant", "content": "42"}]},
]
PAGES = [{"page": "= Fox =\n\nThe fox is quick.\n", "article": "A fox ran."}, {"page": "= Dog =", "article": "It slept."}]


def lines(name, records):
    with open(name, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def table(records):
    return pa.Table.from_pylist(records)


def rows(dataset):
    return [{key: [int(x) for x in sample[key]] for key in sample if key != "mask"} for sample in dataset]


def main():
    with open("alpaca.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["instruction", "input", "output"], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(ALPACA)
    lines("samsum.jsonl", SAMSUM)
    with open("samsum.jsonl", "rb") as plain, open("samsum.jsonl.gz", "wb") as packed:
        packed.write(gzip.compress(plain.read(), mtime=0))
    with open("grammar.json", "w") as file:
        json.dump(GRAMMAR, file, indent=1)
    with open("grammar.json", "rb") as plain, open("grammar.json.zst", "wb") as packed:
        data = plain.read()
        packed.write(pa.compress(data, codec="zstd", asbytes=True))
    pq.write_table(table(ORCA), "orca.parquet", compression="zstd", store_schema=False, write_statistics=False)
    lines("parts.jsonl", PARTS)
    lines("tools.jsonl", TOOLS)
    with open("pages.tsv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["page", "article"], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(PAGES)

    results = []

    def case(name, builder, source, file, limit=None, load=None, **arguments):
        dataset = builder(tokenizer(limit), source=source, data_files=load or file, **arguments)
        results.append(
            {"builder": name, "source": source, "file": file, "max_seq_len": limit, "args": arguments,
             "samples": rows(dataset)})

    for train in (True, False):
        case("alpaca", alpaca_dataset, "csv", "alpaca.csv", train_on_input=train)
        for system in (None, "Answer"):
            both = {"train_on_input": train, "new_system_prompt": system}
            case("samsum", samsum_dataset, "json", "samsum.jsonl.gz", **both)
            # `datasets` reads no zstd by itself.
            case("grammar", grammar_dataset, "json", "grammar.json.zst", load="grammar.json", **both)
            case("slimorca", slimorca_dataset, "parquet", "orca.parquet", **both)
            case("openai", chat_dataset, "json", "parts.jsonl", conversation_column="messages",
                 conversation_style="openai", **both)
            case("openai", chat_dataset, "json", "tools.jsonl", conversation_column="messages",
                 conversation_style="openai", **both)
    case("slimorca", slimorca_dataset, "parquet", "orca.parquet", limit=24)
    for limit in (None, 6):
        for name, column in (("wikitext", "page"), ("cnn", "article")):
            dataset = text_completion_dataset(
                tokenizer(limit), source="csv", data_files="pages.tsv", sep="\t", column=column)
            results.append({"builder": name, "source": "csv", "file": "pages.tsv", "max_seq_len": limit, "args": {},
                            "samples": rows(dataset)})
    case("instruct", instruct_dataset, "csv", "alpaca.csv", column_map={"input": "instruction", "output": "output"})
    with open("builders.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in results) + "\n]\n")


main()
