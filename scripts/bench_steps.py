"""Whole training runs, ours and the reference's in turns: tokens/s, CPU seconds, peak memory.

    python3 scripts/bench_steps.py [options]

    --peer FOLDER        what scripts/bench-peer made (.build/peer); without it ours runs alone
    --tune PROGRAM       .build/release/tune
    --rows WORD...       only rows with these words, of fp32 bf16, checkpointing keeping, 1x2 2x1:
                         processes x threads
    --sequences N...     256 512
    --rounds N           runs of each contender, in turns (2)
    --steps N            steps timed in a run, after two that are not (3)
    --batch N            samples a process (2)
    --slow-steps N       timed steps of the reference in a run, after one that is not (5), in bf16 on
                         a processor without products for it, which take it up to a minute a step
    --slow-batch N       samples a process there, for both sides (1)
    --slow-rounds N      runs of each contender there (1)
    --overlap            instead: one traced run of two processes, and the share of its collectives
                         that compute hides

Both sides run the recipes qat_distributed and full_finetune_distributed on the same model and texts,
each sample cut to the sequence's length, so that every token is a label. Steps are timed from
outside, between the lines that appear in the metric log; CPU time and peak resident memory are those
of the rank processes in /proc, the latter the largest of the ranks.
"""

import argparse
import glob
import itertools
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from bench_configuration import configuration

TICKS = os.sysconf("SC_CLK_TCK")


def has_bf16_products():
    with open("/proc/cpuinfo") as file:
        flags = file.read()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def descendants(root):
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            pass
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def usage(process):
    """Peak resident MiB and CPU seconds so far."""
    try:
        with open(f"/proc/{process}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (OSError, StopIteration):
        return 0.0, 0.0
    return peak / 1024, (int(fields[11]) + int(fields[12])) / TICKS


class Run:
    """One training run, watched until it has logged its steps, and then ended."""

    def __init__(self, command, folder, ranks, warm, steps, environment, place, limit=1200):
        self.seconds, self.cpu, self.peak = [], 0.0, 0.0
        with open(folder + "/output.txt", "w") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment, cwd=place,
                start_new_session=True,
            )
        try:
            self.watch(process, folder, ranks, warm, steps, time.monotonic() + limit)
        finally:
            for end in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, end)
                except ProcessLookupError:
                    break
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
            for child in getattr(self, "ranks", []):
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def watch(self, process, folder, ranks, warm, steps, deadline):
        seen, last, cpu_before = 0, None, 0.0
        while seen < warm + steps:
            lines = 0
            for path in glob.glob(folder + "/out/logs/*"):
                with open(path) as file:
                    lines = file.read().count("\n")
            now = time.monotonic()
            if lines > seen:
                if seen >= warm:
                    self.seconds += [(now - last) / (lines - seen)] * (lines - seen)
                seen, last = lines, now
                self.ranks = sorted(descendants(process.pid), key=lambda p: -usage(p)[0])[:ranks]
                used = [usage(rank) for rank in self.ranks]
                self.peak = max(peak for peak, _ in used)
                cpu = sum(seconds for _, seconds in used) / ranks
                if seen <= warm:
                    cpu_before, first = cpu, seen
                else:
                    self.cpu = (cpu - cpu_before) / (seen - first)
            elif process.poll() is not None or now > deadline:
                with open(folder + "/output.txt") as file:
                    tail = "".join(file.readlines()[-40:])
                raise RuntimeError(f"a run ended or hung before its last step:\n{tail}")
            time.sleep(0.01)


def is_slow(row):
    return row[0] == "bf16" and not has_bf16_products()


def batch(options, row):
    return options.slow_batch if is_slow(row) else options.batch


def contender(options, side, qat, row, sequence, folder, extra=()):
    """The command and environment of one run."""
    dtype, saving, processes = row
    ranks, threads = map(int, processes.split("x"))
    recipe = "qat_distributed" if qat else "full_finetune_distributed"
    path = folder + "/run.yaml"
    with open(path, "w") as file:
        file.write(configuration(
            folder=folder, peer=os.path.abspath(options.peer), qat=qat, dtype=dtype,
            checkpointing=saving == "checkpointing", sequence=sequence,
            batch=batch(options, row),
        ))  # fmt: skip
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1")
    environment["HF_DATASETS_CACHE"] = os.path.abspath(options.peer) + "/cache"
    if side == "ours":
        command = [os.path.abspath(options.tune), "run", "--nproc_per_node", str(ranks), recipe]
    else:
        python = os.path.abspath(options.peer) + "/venv/bin"
        environment["PATH"] = python + ":" + environment["PATH"]
        # Its launcher makes a module of the path, which must be relative.
        script = f"peer_recipes/{recipe}.py"
        command = [python + "/tune", "run", "--nproc_per_node", str(ranks), script]
    return command + ["--config", path, *extra], environment, ranks


def measure(options, side, qat, row, sequence):
    slow = is_slow(row)
    warm, steps = (1, options.slow_steps) if slow and side == "reference" else (2, options.steps)
    if slow and side == "ours":
        steps = max(steps, options.slow_steps)
    folder = tempfile.mkdtemp(prefix="bench-steps-")
    try:
        command, environment, ranks = contender(options, side, qat, row, sequence, folder)
        return Run(command, folder, ranks, warm, steps, environment, options.peer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Figures:
    def __init__(self, runs, tokens):
        seconds = [time for run in runs for time in run.seconds]
        self.count = len(seconds)
        self.step = statistics.median(seconds)
        self.rate = tokens / self.step
        self.cpu = statistics.median(run.cpu for run in runs)
        self.peak = statistics.median(run.peak for run in runs)


HEADER = (
    f"{'row':<34}{'numerics':<9}|{'tok/s':>7}{'ref':>7}{'x':>6} |{'cpu s':>7}{'ref':>7}"
    f" |{'MiB':>6}{'ref':>7}{'x':>6} |{'QAT/plain':>10}{'ref':>6}{'MiB':>6}{'ref':>6} | steps"
)


def show(row, sequence, samples, figures):
    label = f"{row[0]} {row[1]} {row[2]} {samples} x {sequence}"
    for qat in (False, True):
        ours, theirs = figures[("ours", qat)], figures.get(("reference", qat))
        text = f"{label:<34}{'QAT' if qat else 'plain':<9}|{ours.rate:7.0f}"
        text += f"{theirs.rate:7.0f}{ours.rate / theirs.rate:6.2f}" if theirs else f"{'-':>7}{'-':>6}"
        text += f" |{ours.cpu:7.2f}" + (f"{theirs.cpu:7.2f}" if theirs else f"{'-':>7}")
        text += f" |{ours.peak:6.0f}"
        text += f"{theirs.peak:7.0f}{ours.peak / theirs.peak:6.2f}" if theirs else f"{'-':>7}{'-':>6}"
        if qat:
            plain, plain_theirs = figures[("ours", False)], figures.get(("reference", False))
            text += f" |{ours.step / plain.step:10.2f}"
            text += f"{theirs.step / plain_theirs.step:6.2f}" if theirs else f"{'-':>6}"
            text += f"{ours.peak / plain.peak:6.2f}"
            text += f"{theirs.peak / plain_theirs.peak:6.2f}" if theirs else f"{'-':>6}"
        else:
            text += f" |{'':28}"
        print(f"{text} | {ours.count}, {theirs.count if theirs else '-'}", flush=True)


def overlap(options):
    folder = tempfile.mkdtemp(prefix="bench-overlap-")
    try:
        extra = [
            "max_steps_per_epoch=6", "profiler.enabled=True", "profiler.wait_steps=3",
            "profiler.warmup_steps=0", "profiler.active_steps=2",
            f"profiler.output_dir={folder}/traces",
        ]  # fmt: skip
        for qat in (False, True):
            row, sequence = ("fp32", "checkpointing", "2x1"), options.sequences[0]
            command, environment, _ = contender(options, "ours", qat, row, sequence, folder, extra)
            subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
            print(f"\n{'QAT' if qat else 'Plain'}, two processes of one thread, T={sequence}")
            here = os.path.dirname(os.path.abspath(__file__))
            script = [sys.executable, here + "/bench_overlap.py", folder + "/traces"]
            subprocess.run(script, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def options():
    parser = argparse.ArgumentParser(
        usage=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", default=".build/peer")
    parser.add_argument("--tune", default=".build/release/tune")
    parser.add_argument("--rows", nargs="*", default=[])
    parser.add_argument("--sequences", nargs="*", type=int, default=[256, 512])
    defaults = {"rounds": 2, "steps": 3, "batch": 2}
    defaults |= {"slow-rounds": 1, "slow-steps": 5, "slow-batch": 1}
    for name, default in defaults.items():
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--overlap", action="store_true")
    return parser.parse_args()


def main():
    o = options()
    if not os.path.exists(o.peer + "/texts.json"):
        sys.exit(f"bench_steps: {o.peer} is not there. Run: scripts/bench-peer {o.peer}")
    if o.overlap:
        return overlap(o)
    sides = ["ours", "reference"] if os.path.exists(o.peer + "/venv/bin/tune") else ["ours"]
    print(HEADER, flush=True)
    kinds = itertools.product(("fp32", "bf16"), ("checkpointing", "keeping"), ("1x2", "2x1"))
    for row in kinds:
        # Words of one kind are alternatives.
        groups = (("fp32", "bf16"), ("checkpointing", "keeping"), ("1x2", "2x1"))
        wanted = [set(group) & set(o.rows) or set(group) for group in groups]
        if not all(word in group for word, group in zip(row, wanted)):
            continue
        for sequence in o.sequences:
            runs = {}
            rounds = o.slow_rounds if is_slow(row) else o.rounds
            for _, qat, side in itertools.product(range(rounds), (False, True), sides):
                runs.setdefault((side, qat), []).append(measure(o, side, qat, row, sequence))
            samples = batch(o, row)
            tokens = int(row[2].split("x")[0]) * samples * sequence
            show(row, sequence, samples, {key: Figures(values, tokens) for key, values in runs.items()})
    if not has_bf16_products():
        print(
            "No bf16 products in this processor, so the reference takes up to a minute a step in "
            f"bf16: those rows have {o.slow_batch} sample a process and {o.slow_rounds} run a side."
        )


main()
