# Writes choices.json with lm-evaluation-harness 0.4.13: for made-up records in the shape of the
# datasets of its multiple-choice tasks, what it asks a model, and, for log likelihoods that depend on
# the text alone, its scores and its table. Run: python make_choices.py > choices.json
import contextlib
import json
import os
import sys
import tempfile
import zlib

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
import lm_eval.tasks
from lm_eval.tasks._yaml_loader import load_yaml
from lm_eval.utils import make_table

TRUTHFUL = [
    {
        "question": "What do pigeons read?",
        "mc1_targets": {"choices": ["Nothing.", "Timetables", "The évening news"], "labels": [1, 0, 0]},
        "mc2_targets": {
            "choices": ["Nothing.", "They cannot read", "Timetables", "The évening news"],
            "labels": [1, 1, 0, 0],
        },
    },
    {
        "question": " Is 3 > 2? ",
        "mc1_targets": {"choices": ["Yes", "No"], "labels": [1, 0]},
        # Not in order: the share counts labels.
        "mc2_targets": {"choices": ["No", "Yes", "Only on Sundays"], "labels": [0, 1, 0]},
    },
    {
        "question": "{{ question }} und “Straße”\nhow?",
        "mc1_targets": {"choices": ["日本", "a  b"], "labels": [1, 0]},
        "mc2_targets": {"choices": ["日本", "a  b"], "labels": [1, 0]},
    },
]
SWAG = [
    {
        "activity_label": "Baking bread", "ctx_a": "A woman kneads dough.", "ctx_b": "she",
        "endings": ["lets it rise.", "paints it  blue.", "[substeps] Sings [title] to it .", "leaves"],
        "label": "0",
    },
    {
        "activity_label": "Home and Garden",
        "ctx_a": "[header] How to prune [title] Look first. [step] Then [unclosed", "ctx_b": "",
        "endings": ["[step] Cut [ not\nclosed] it", "ÉCOUTE [a] [b]", "no", "   wide    space"],
        "label": "3",
    },
    {
        "activity_label": "Étude", "ctx_a": " x ", "ctx_b": "ǆUNGLA and STRASSE ΌΣΑ",
        "endings": ["one", "two two two", "three [x [y] z] three", "4"], "label": "1",
    },
]
ARC = [
    {
        "question": "Which is a gas?", "answerKey": "B",
        "choices": {"text": ["iron", "helium", "sand", "ice"], "label": ["A", "B", "C", "D"]},
    },
    {
        "question": "How many?\n", "answerKey": "3",
        "choices": {"text": ["one", "two", "three"], "label": ["1", "2", "3"]},
    },
]
TASKS = {
    "truthfulqa/truthfulqa_mc1": ("validation", TRUTHFUL),
    "truthfulqa/truthfulqa_mc2": ("validation", TRUTHFUL), "hellaswag/hellaswag": ("validation", SWAG),
    "arc/arc_easy": ("test", ARC), "arc/arc_challenge": ("test", ARC),
}


def likelihood(context, continuation):
    """-0.05 to -12.85, with two digits, so that a sum shows nothing of the order."""
    return -(5 + zlib.crc32((context + continuation).encode()) % 1281) / 100


class Reader(LM):
    def __init__(self):
        super().__init__()
        self.asked = []

    def loglikelihood(self, requests, disable_tqdm=False):
        self.asked += [list(request.args) for request in requests]
        return [(likelihood(*request.args), False) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        return [-len(request.args[0]) / 2 for request in requests]

    def generate_until(self, requests, disable_tqdm=False):
        raise NotImplementedError


def tasks(folder, names, limit=None):
    found = []
    for name in names:
        split, records = TASKS[name]
        path = f"{folder}/{os.path.basename(name)}.jsonl"
        with open(path, "w") as file:
            file.writelines(json.dumps(record) + "\n" for record in records[:limit])
        task = load_yaml(f"{os.path.dirname(lm_eval.tasks.__file__)}/{name}.yaml")
        task.pop("tag")
        task |= {"dataset_path": "json", "dataset_kwargs": {"data_files": {split: path}}}
        task |= {"dataset_name": None, "training_split": None, "validation_split": None}
        found.append(task | {"test_split": None, f"{split}_split": split})
    return found


def evaluate(names, limit=None):
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        results = simple_evaluate(
            model=reader, tasks=tasks(folder, names, limit), bootstrap_iters=1, verbosity="ERROR"
        )
    return reader.asked, results


output = {"tasks": {}}
for name, (_, records) in TASKS.items():
    asked, results = evaluate([name])
    short = os.path.basename(name)
    output["tasks"][short] = {
        "records": records,
        "asked": [[context, text, likelihood(context, text)] for context, text in asked],
        "results": {key: value for key, value in results["results"][short].items() if "," in key},
    }
output["table"] = make_table(evaluate(["truthfulqa/truthfulqa_mc2", "hellaswag/hellaswag", "arc/arc_easy"])[1])
output["single"] = make_table(evaluate(["truthfulqa/truthfulqa_mc2"], limit=1)[1])
print(json.dumps(output, ensure_ascii=False, indent=1))
