# Three questions in the columns and types of TruthfulQA's multiple_choice/validation file on the Hub.
# Run with pyarrow 26.0.1:
#   python make_questions.py
import json
import os

import pyarrow
import pyarrow.parquet

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../../InferenceTests/Fixtures/choices.json")) as file:
    records = json.load(file)["tasks"]["truthfulqa_mc2"]["records"]
answers = pyarrow.struct(
    [("choices", pyarrow.list_(pyarrow.string())), ("labels", pyarrow.list_(pyarrow.int32()))])
schema = pyarrow.schema(
    [("question", pyarrow.string()), ("mc1_targets", answers), ("mc2_targets", answers)])
pyarrow.parquet.write_table(
    pyarrow.Table.from_pylist(records, schema), os.path.join(here, "questions.parquet"))
