"""How much of the time of collectives is hidden behind compute, from the traces of a run.

    python3 scripts/bench_overlap.py FOLDER...      folders or files of rankR_trace.json

A run writes them with profiler.enabled=True. A collective lasts from its start to its end; what the
work waited for it is not hidden. Collectives of a track that overlap are counted once.
"""

import glob
import json
import os
import sys


def covered(spans):
    """Microseconds that any of the spans covers."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def read(path):
    """Spans by track, and what the work waited for, by track."""
    with open(path) as file:
        events = json.load(file)["traceEvents"]
    collectives, waits, begun, work = {}, {}, {}, []
    for event in events:
        if event["ph"] == "b":
            begun[event["id"]] = event
        elif event["ph"] == "e":
            start = begun.pop(event["id"])
            collectives.setdefault(event["cat"], []).append((start["ts"], event["ts"]))
        elif event["ph"] == "X":
            span = (event["ts"], event["ts"] + event["dur"])
            work.append(span)
            if event["name"].startswith("wait for "):
                name = event["name"][len("wait for ") :].split(" ")[0]
                waits.setdefault(name, []).append(span)
    return collectives, waits, work


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    paths = []
    for name in sys.argv[1:]:
        found = glob.glob(os.path.join(name, "**", "rank*_trace.json"), recursive=True)
        paths += sorted(found) if os.path.isdir(name) else [name]
    if not paths:
        sys.exit("bench_overlap: there is no trace in " + " ".join(sys.argv[1:]))
    print(f"{'trace':<24} {'collective':<18} {'ms':>9} {'waited ms':>10} {'hidden':>7} {'of all time':>12}")
    for path in paths:
        collectives, waits, work = read(path)
        whole = max(end for _, end in work) - min(start for start, _ in work) if work else 0
        label = "/".join(path.split(os.sep)[-2:]).replace("_trace.json", "")
        for kind, spans in sorted(collectives.items()):
            name = kind if kind in waits else "all-reduce"
            time, waited = covered(spans), covered(waits.get(name, []))
            hidden = max(0.0, 1 - waited / time) if time else 0
            print(
                f"{label:<24} {kind:<18} {time / 1e3:9.1f} {waited / 1e3:10.1f} {hidden:7.0%}"
                f" {time / whole:12.0%}"
            )
        everything = covered([span for spans in collectives.values() for span in spans])
        waited = covered([span for spans in waits.values() for span in spans])
        if everything:
            print(
                f"{label:<24} {'all':<18} {everything / 1e3:9.1f} {waited / 1e3:10.1f}"
                f" {max(0.0, 1 - waited / everything):7.0%} {everything / whole:12.0%}"
            )


main()
