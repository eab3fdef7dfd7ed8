# Renders templates as Hugging Face transformers 5.24 sets Jinja2 up, for the tests of chat templates.
#   record.py constructs.json           records what each of the file's templates gives
#   record.py constructs.json OUTPUT    the same into another file, with what installed packages bring
# constructs.json: variables, the time for strftime_now, and cases of one construct of the language each.
import contextlib, datetime, json, pathlib, sys, sysconfig
import jinja2, jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Tracker(jinja2.ext.Extension):
    """{% generation %}: notes where what the assistant says stands."""
    tags = {"generation"}
    blocks, indices = [], []

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller):
        text = caller()
        start = len("".join(Tracker.blocks))
        Tracker.indices.append((start, start + len(text)))
        return text


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            Namespace.check(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        Namespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if name.startswith("_"):
            raise jinja2.exceptions.SecurityError(name)


def environment(now):
    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Tracker, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = lambda f: datetime.datetime.fromtimestamp(now).strftime(f)
    env.globals["namespace"] = Namespace
    return env


def rendered(env, source, variables):
    Tracker.blocks, Tracker.indices = [], []
    try:
        for block in env.from_string(source).generate(**variables):
            Tracker.blocks.append(block)
    except Exception as error:
        return {"template": source, "raises": f"{type(error).__name__}: {error}".split("\n")[0]}
    text = "".join(Tracker.blocks)
    case = {"template": source, "text": text}
    if Tracker.indices:
        case["generated"] = [[len(text[:i].encode()) for i in pair] for pair in Tracker.indices]
    return case


def installed():
    """The templates that Python packages bring as files."""
    for path in sorted(pathlib.Path(sysconfig.get_paths()["purelib"]).rglob("*.jinja")):
        with contextlib.suppress(UnicodeDecodeError):
            source = path.read_text(encoding="utf-8")
            if "messages" in source:
                yield source


def conversations():
    say = lambda role, content, **more: {"role": role, "content": content, **more}
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1, "b": "é"}}}
    tools = [{"type": "function", "function": {"name": "f", "description": "<b>", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}]
    talks = [
        [say("user", "Hi")],
        [say("system", "Be brief."), say("user", " 日本 "), say("assistant", "ok\n"), say("user", "")],
        [say("user", "x"), say("assistant", "", tool_calls=[call]), say("tool", "1", name="f")],
    ]
    for messages in talks:
        for prompt in (False, True):
            for given in (None, tools):
                yield {"messages": messages, "tools": given, "documents": None, "bos_token": "<s>",
                       "eos_token": "</s>", "add_generation_prompt": prompt}


def main():
    path = pathlib.Path(sys.argv[1])
    file = json.loads(path.read_text(encoding="utf-8"))
    env = environment(file["now"])
    file["cases"] = [rendered(env, c["template"], file["variables"]) for c in file["cases"]]
    if len(sys.argv) > 2:
        path = pathlib.Path(sys.argv[2])
        for source in installed():
            for variables in conversations():
                file["cases"].append({**rendered(env, source, variables), "variables": variables})
    path.write_text(json.dumps(file, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
