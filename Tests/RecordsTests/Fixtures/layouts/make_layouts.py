"""Writes layouts.json: which files of a folder Hugging Face's `datasets` takes for which split. Needs datasets 5.2."""

import json
import tempfile
from pathlib import Path

from datasets.data_files import DataFilesDict
from datasets.load import LocalDatasetModuleFactory

CARD = "---\nconfigs:\n{}---\n# A dataset\n"
LAYOUTS = [
    ({}, ["train.jsonl", "test.jsonl"]),
    ({}, ["a.jsonl", "b.jsonl"]),
    ({}, ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet",
          "extra.parquet"]),
    ({}, ["data/my_split-00000-of-00001-0123abcd.parquet", "README.md"]),
    ({}, ["train/a.csv", "train/b.csv", "validation/a.csv", "c.csv"]),
    ({}, ["dev.json", "train.json", "eval.json"]),
    ({}, ["my-training-data.txt", "my_val.txt", "plain.txt"]),
    ({}, ["training.csv.gz", "testing.csv.gz"]),
    ({}, ["trainer.json", "contest.json", "latest.json"]),
    ({}, ["train1.csv", "train2.csv", "val 3.csv"]),
    ({}, ["sub/deeper/train_part.jsonl", "sub/test.jsonl"]),
    ({}, [".hidden/train.json", "__cache__/train.json", "train.json", ".test.json"]),
    ({}, ["train.json", "notes.txt", "config.json", "dataset_info.json"]),
    ({}, ["raw_train_x/one.csv", "raw-test/two.csv"]),
    ({"configs": "- config_name: default\n  data_files: b.csv\n"}, ["a.csv", "b.csv"]),
    ({"configs": "- config_name: en\n  data_files:\n  - split: train\n    path: en/a*.csv\n  - split: test\n"
                 "    path:\n    - en/b.csv\n    - en/c.csv\n"},
     ["en/a1.csv", "en/a2.csv", "en/b.csv", "en/c.csv", "de/a.csv"]),
    ({"configs": "- config_name: all\n  data_files: 'parts/**/*.jsonl'\n"},
     ["parts/x/1.jsonl", "parts/y/z/2.jsonl", "other.jsonl"]),
    ({"configs": "- config_name: one\n  data_dir: one\n"}, ["one/train.json", "one/test.json", "two/train.json"]),
]


def main():
    results = []
    for card, files in LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            for name in files:
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
            if card:
                Path(folder, "README.md").write_text(CARD.format(card["configs"]))
            module = LocalDatasetModuleFactory(folder).get_module()
            config = module.builder_configs_parameters.builder_configs[0]
            data_files = config.data_files
            if not isinstance(data_files, DataFilesDict):
                data_files = data_files.resolve(base_path=str(Path(folder, config.data_dir or "")))
            splits = {
                str(split): sorted(str(Path(path).relative_to(Path(folder).resolve())) for path in paths)
                for split, paths in data_files.items()
            }
            results.append({"files": files, "card": CARD.format(card["configs"]) if card else None, "splits": splits})
    with open("layouts.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r) for r in results) + "\n]\n")


main()
