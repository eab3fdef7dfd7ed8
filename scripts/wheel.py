#!/usr/bin/env python3
"""What scripts/bootstrap needs to know of Python wheels; it uses the standard library only and never
imports torch.

  wheel.py installed               prints the folder of an installed torch, or fails
  wheel.py unpack WHEEL TREE       unpacks what a C++ build needs
  wheel.py bundle TREE             prints the bundle that the torch in TREE requires and TREE lacks
  wheel.py provider TREE LIBRARY   prints the requirement, as pip takes it, that brings LIBRARY
"""

import importlib.util
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

# From the stem of a shared library to the NVIDIA wheel that holds it, without its suffix -cu12 or -cu13.
PROVIDERS = {
    "cudart": "cuda-runtime", "cupti": "cuda-cupti", "nvrtc": "cuda-nvrtc", "nvrtc-builtins": "cuda-nvrtc",
    "nvToolsExt": "nvtx", "cublas": "cublas", "cublasLt": "cublas", "cudnn": "cudnn", "cufft": "cufft",
    "cufile": "cufile", "curand": "curand", "cusolver": "cusolver", "cusparse": "cusparse",
    "cusparseLt": "cusparselt", "nccl": "nccl", "nvJitLink": "nvjitlink", "nvshmem_host": "nvshmem",
}
# The Python side of torch is not needed; its licences and metadata are kept.
WANTED = re.compile(r"torch/(include|lib)/|[^/]+\.libs/|[^/]+\.dist-info/|nvidia/")
UNWANTED = re.compile(r"torch/lib/libtorch_python\.so$|.*\.py[ci]?$|.*\.dist-info/RECORD$")


def installed():
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(1)
    print(os.path.realpath(list(spec.submodule_search_locations)[0]))


def unpack(wheel, tree):
    root = Path(tree)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if entry.is_dir() or not WANTED.match(name) or UNWANTED.match(name):
                continue
            if ".." in name.split("/"):
                sys.exit(f"wheel.py: {wheel}: the entry {name} leads outside")
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # A file is whole or absent, also when this is interrupted.
            partial = target.with_name(target.name + ".partial")
            with archive.open(entry) as source, open(partial, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            os.replace(partial, target)


def requirements(tree, pattern):
    """(name, version specifier) of each requirement that the distributions matching `pattern` name."""
    found = []
    for path in sorted(Path(tree).glob(pattern + ".dist-info/METADATA")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line:
                break  # The description follows.
            match = re.match(r"Requires-Dist: *([\w.-]+) *(?:\[[^]]*\])? *\(?([<>=!~][^;)]*)", line)
            if match:
                name = re.sub(r"[-_.]+", "-", match[1]).lower()
                found.append((name, match[2].replace(" ", "")))
    return found


def bundle(tree):
    if any(Path(tree).glob("cuda_toolkit-*.dist-info")):
        return
    for name, version in requirements(tree, "torch-*"):
        if name == "cuda-toolkit":
            print(f"{name}{version}")
            return


def provider(tree, library):
    stem = re.match(r"lib([\w-]+?)\.so", library)
    wheel = PROVIDERS.get(stem[1]) if stem else None
    if wheel is None:
        return  # bootstrap's last check names what stays missing.
    for pattern in ("torch-*", "cuda_toolkit-*"):
        for name, version in requirements(tree, pattern):
            if re.fullmatch(rf"nvidia-{wheel}(-cu\d+)?", name):
                print(f"{name}{version}")
                return


COMMANDS = {
    "installed": (installed, 0), "unpack": (unpack, 2), "bundle": (bundle, 1), "provider": (provider, 2),
}

if __name__ == "__main__":
    command, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if command not in COMMANDS or len(arguments) != COMMANDS[command][1]:
        sys.exit(__doc__)
    COMMANDS[command][0](*arguments)
