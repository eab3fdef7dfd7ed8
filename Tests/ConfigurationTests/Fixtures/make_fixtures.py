"""Writes the fixtures beside it: what OmegaConf, torchtune and PyYAML make of the same texts.

    python make_fixtures.py TUNE      with torchtune 0.6.1, OmegaConf 2.4.0 and PyYAML 6.0.3 installed,
                                      TUNE the `tune` of this package
"""
import argparse, json, math, os, pathlib, subprocess, sys, tempfile
import yaml
from omegaconf import OmegaConf
from torchtune.config._utils import _merge_yaml_and_cli_args

here = pathlib.Path(__file__).parent
tune = sys.argv[1]

SCALARS = """1e-5 2e-5 3e-4 1E5 1e+5 +1e5 -2e-3 1. .5 1.5 -0.0 1.5e3 1_000 1_000.5 0 00 07 08 0o17 017 0x1F
0b101 1:30 190:20:30 01:30 -5 +5 + . .. e5 1e 1e- e .e5 5. +.inf -.inf .inf .Inf .INF .nan .NaN nan inf Infinity
true True TRUE tRue yes Yes YES no NO on On off y n Y N null Null NULL ~ none None nil 2024-01-01 12:30:45.5
1.2.3 1,000 train[:95%] ./ a-b 0.0.0.0 1e5x 0x 0b 0xZZ _1 1_ 1__0 --5 +-5 9007199254740993 bf16 fp32 ${a}
.5e3 0_7 1.e5 1._5 -.5 -.5e3 .5e+3 00.5 09.5 -1_0.0_1e1""".split()

def plain(value):
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return {"special": repr(value)}
    if isinstance(value, dict): return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list): return [plain(v) for v in value]
    return value

scalars = []
for text in SCALARS:
    value = OmegaConf.to_container(OmegaConf.create(f"k: {text}"), resolve=False)["k"]
    scalars.append({"text": text, "type": type(value).__name__, "value": plain(value)})
(here / "scalars.json").write_text(json.dumps(scalars, indent=0) + "\n")

ENVIRONMENT = {"NAME": "value", "NUMBER": "7"}
os.environ.update(ENVIRONMENT)
BASE = """
output_dir: /out
optimizer: {_component_: torch.optim.AdamW, lr: 2e-5, fused: True}
quantizer: null
seed: null
batch_size: 2
batch_size_val: ${batch_size}
log: {dir: "${output_dir}/logs", sibling: "${.dir}", deeper: {up: "${..dir}"}}
files: [a, b]
lone: {inner: {x: 1}}
"""
CASES = [
    (BASE, []),
    (BASE, ["batch_size=8", "optimizer.lr=1e-4"]),
    (BASE, ["optimizer=torch.optim.SGD"]),
    (BASE, ["optimizer=torch.optim.SGD", "optimizer.momentum=0.9", "~optimizer.fused"]),
    (BASE, ["~seed", "~log.deeper"]),
    (BASE, ["~lone.inner.x"]),
    (BASE, ["seed=None", "batch_size=None"]),
    (BASE, ["files=[c, d, 3]"]),
    (BASE, ["files=[]", "new.key.deep=True"]),
    (BASE, ["quantizer._component_=a.B", "quantizer.groupsize=32"]),
    (BASE, ["checkpointer.checkpoint_files.max_filename=00004"]),
    (BASE, ["log={dir: /elsewhere}"]),
    (BASE, ["output_dir=/x", "output_dir=/y"]),
    (BASE, ["a=1e-5", "b=", "c='5'", 'd="x y"', "e=yes", "f=0x10"]),
    ("a: ${oc.env:NAME}\nb: ${oc.env:MISSING,fallback}\nc: x${oc.env:NUMBER}y", []),
    ("a: ${oc.decode:${oc.env:NUMBER}}\nb: ${oc.env:MISSING,${c}}\nc: 5", []),
    ("a: 1\nb: ${a}\nc: ${b}${b}\nd: ${e.f}\ne: {f: [1, 2]}", []),
    ("a: {b: {c: 3}}\nd: ${a.b}\ne: ${d.c}", []),
    ("a: 1.5\nb: 'is ${a}'\nc: True\nd: 'is ${c}'\ne: null", []),
    ("base: &x {p: 1, q: 2}\nuse: {<<: *x, q: 3}\nlist: [*x, *x]", []),
    ("k: [x, y]\nfirst: ${k.0}\nlast: ${k.1}", []),
    ("which: two\none: 1\ntwo: 2\npick: ${${which}}", []),
]
cases = []
for text, overrides in CASES:
    loaded = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    merged = _merge_yaml_and_cli_args(argparse.Namespace(**loaded), overrides)
    resolved = OmegaConf.to_container(merged, resolve=True)
    cases.append({"yaml": text, "overrides": overrides, "resolved": plain(resolved)})
(here / "compositions.json").write_text(
    json.dumps({"environment": ENVIRONMENT, "cases": cases}, indent=1) + "\n")

STRINGS = ["plain", "two words", "", " lead", "trail ", "a: b", "a:b", "a #b", "a#b", "- x", "-x", "?x", ":x",
           "#x", "&x", "*x", "!x", "|x", ">x", "'x", '"x', "%x", "@x", "`x", "[x", "{x", "x]", "x, y", "it's",
           "true", "null", "1", "1.5", "train[:95%]", "${a}/b", "tab\there", "x:", "=", "<<", "~"]
folder = here / "dumps"; folder.mkdir(exist_ok=True)
(folder / "strings.yaml").write_text(yaml.dump({"strings": STRINGS}, indent=4, width=10**6))
for name in ["llama3/8B_qat_full", "llama3/8B_full_single_device", "generation"]:
    with tempfile.TemporaryDirectory() as temporary:
        path = temporary + "/c.yaml"
        subprocess.run([tune, "cp", name, path], check=True, stdout=subprocess.DEVNULL)
        data = yaml.safe_load(open(path))
    for suffix, order in [("", False), (".sorted", True)]:
        (folder / (name.replace("/", "-") + suffix + ".yaml")).write_text(yaml.dump(
            data, default_flow_style=False, sort_keys=order, indent=4, width=80, allow_unicode=True))
