# The records of TrainingTests/Fixtures/alpaca.json in two Parquet files, as the Hub has datasets.
# Run with pyarrow 26.0.1:
#   python make_instructions.py
import json
import os

import pyarrow
import pyarrow.parquet

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../../TrainingTests/Fixtures/alpaca.json")) as file:
    records = json.load(file)
for index in range(2):
    part = pyarrow.Table.from_pylist(records[index * 10:index * 10 + 10])
    pyarrow.parquet.write_table(
        part, os.path.join(here, f"train-{index:05}-of-00002.parquet"), row_group_size=6)
