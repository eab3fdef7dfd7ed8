"""Pickles that a checkpoint must never be read from: scripts/attack puts each into an archive of torch.save."""

import struct

FUNCTIONS = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"),
    ("__builtin__", "eval"), ("subprocess", "Popen"), ("subprocess", "check_output"), ("runpy", "_run_code"),
    ("importlib", "import_module"), ("shutil", "rmtree"), ("pickle", "loads"), ("torch", "load"),
    ("torch.hub", "load"), ("operator", "attrgetter"), ("webbrowser", "open"),
]


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def calls(canary):
    """Each function called in each of the ways that pickle has."""
    argument = text(f"touch {canary}")
    for module, name in FUNCTIONS:
        line = f"{module}\n{name}\n".encode()
        yield b"\x80\x02c" + line + argument + b"\x85R."
        yield b"\x80\x04" + text(module) + text(name) + b"\x93" + argument + b"\x85R."
        yield b"(" + argument + b"i" + line + b"."
        yield b"(c" + line + argument + b"o."
        yield b"\x80\x02c" + line + argument + b"\x85\x81."
        yield b"\x80\x04c" + line + argument + b"\x85}\x92."
        yield b"\x80\x02ccollections\nOrderedDict\n)R(" + text("w") + b"c" + line + argument + b"\x85Ru."
        yield b"\x80\x02}(" + text("w") + b"c" + line + b")R" + argument + b"bu."


def lies():
    """Sizes that are not true, what is not there, and nesting without end."""
    tensor = lambda shape, strides, offset, count, key="0": (
        b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
        + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(count) + b"tQ" + number(offset)
        + b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, strides))
        + b"t\x89ccollections\nOrderedDict\n)RtRs.")
    edge = [2**31, 2**32, 2**40, 2**60, 2**61, 2**62, 2**63 - 1, -1, -(2**63)]
    for value in edge:
        yield tensor([value], [1], 0, 16)
        yield tensor([2, 2], [value, 1], 0, 16)
        yield tensor([4], [1], value, 16)
        yield tensor([value, 0], [1, 1], 0, value)
    yield tensor([4], [1], 0, 16, "../../etc/passwd")
    yield tensor([1] * 100, [1] * 100, 0, 1)
    for code in (b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\xff",
                 b"\x8e" + b"\xff" * 7 + b"\x7f", b"B\xff\xff\xff\xff", b"\x95" + b"\xff" * 8, b"\x8a\xff"):
        yield b"\x80\x04" + code + b"."
    yield b""
    yield b"\x80\x02"
    yield b"."
    yield b"\x80\x02}r\xff\xff\xff\xff."
    yield b"\x80\x02j\xff\xff\xff\xff."
    yield b"\x80\x02" + b"]" * 2_000_000 + b"."
    yield b"\x80\x02" + b"(" * 2_000_000 + b"."
    yield b"\x80\x02]" + b"\x85" * 2_000_000 + b"."
    yield b"\x80\x02]" + b"2" * 2_000_000 + b"."
    yield b"\x80\x02]q\x00" + b"h\x00a" * 1_000_000 + b"."
    yield b"\x80\x02}q\x00h\x00h\x00s."
    yield b"\x80\x02}" + (text("w") + b"}s") * 300_000 + b"."
    yield b"\x80\x02" + b"".join(b"Nr" + struct.pack("<I", i) + b"0" for i in range(600_000)) + b"N."
    yield b"\x80\x02P0\n."
    yield b"\x80\x02\x82\x01."
    yield b"\x80\x02\x84\xff\xff\xff\x7f."
    yield b"\x80\x02I" + b"9" * 1_000_000 + b"\n."
    yield b"\x80\x02V" + b"\\u0041" * 100_000 + b"\n."
