"""Writes tools.json: conversations with tools, what transformers (5.24) renders of them, their ids and the mask of what
the assistant says. Each template is given with {% generation %}, of which transformers makes the mask, and without.

    python make_tools.py
"""
import json
import os
import tempfile

from transformers import AutoTokenizer

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../tokenizers/hugging_face.json")) as file:
    base = next(case["tokenizer"] for case in json.load(file)["cases"] if case["name"] == "digits")

# Calls between tags, tools in the system's turn, answers of several tools in one turn of the user.
TAGS = """\
{%- if tools %}<|start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}
{% endif %}<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools><|end|>
{% elif messages[0].role == 'system' %}<|start|>system
{{ messages[0].content }}<|end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'user' %}<|start|>user
{{ message.content }}<|end|>
{% elif message.role == 'assistant' %}<|start|>assistant
BEGIN{{ message.content or '' }}
{%- for call in message.tool_calls %}{% set call = call.function or call %}
<call>{"name": {{ call.name | tojson }}, "arguments": {{ call.arguments if call.arguments is string else call.arguments | tojson }}}</call>
{%- endfor %}<|end|>
END{% elif message.role == 'tool' %}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}<|start|>user{% endif %}
<answer>{{ message.name }}{{ message.content }}</answer>
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}<|end|>
{% endif %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|start|>assistant
{% endif %}"""
# One call a message; the last user's message has the tools before it.
BEFORE = """\
{%- set ns = namespace(last=-1) %}
{%- for message in messages %}{% if message.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
{%- if message.role == 'user' %}
{%- if tools and loop.index0 == ns.last %}[TOOLS]{{ tools | tojson }}[/TOOLS]{% endif %}[INST]{{ message.content }}[/INST]
{%- elif message.role == 'tool' %}[RESULT]{"content": {{ message.content | tojson }}, "id": "{{ message.tool_call_id }}"}[/RESULT]
{%- elif message.tool_calls %}BEGIN[CALLS][{% for call in message.tool_calls %}{{ call.function | tojson }}{{ ', ' if not loop.last }}{% endfor %}]</s>END
{%- elif message.role == 'assistant' %}BEGIN{{ message.content }}</s>END
{%- endif %}
{%- endfor %}"""


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": sorted(properties)}
    return {"type": "function", "function": {"name": name, "description": f"Tells {name}.", "parameters": parameters}}


def call(name, arguments, id="call00001"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


TOOLS = [tool("weather", city={"type": "string"}), tool("time", zone={"type": "string", "enum": ["a", "b"]}, hours={"type": "number"})]
ask = {"role": "user", "content": "the weather?"}
said = {"role": "assistant", "content": "the dog is lazy"}
CONVERSATIONS = {
    "a call": [ask, {"role": "assistant", "content": None, "tool_calls": [call("weather", {"city": "Z\u00fcrich"})]},
               {"role": "tool", "tool_call_id": "call00001", "name": "weather", "content": "12 <b>"}, said],
    "two calls and words": [
        {"role": "system", "content": "over"}, ask,
        {"role": "assistant", "content": "jumps", "tool_calls": [
            call("weather", {"city": "a b", "n": [1, 2.5, None, True]}), call("time", {"zone": "a", "hours": 1e3}, "call00002")]},
        {"role": "tool", "tool_call_id": "call00001", "name": "weather", "content": "1"},
        {"role": "tool", "tool_call_id": "call00002", "name": "time", "content": "{\"h\": 2}"}, said,
        {"role": "user", "content": "and the fox?"}, {"role": "assistant", "content": "quick"}],
    "ends with a call": [ask, {"role": "assistant", "content": "", "tool_calls": [call("time", {})]}],
    "tools unused": [ask, said],
}
recorded = []
for template_name, template in {"tags": TAGS, "before": BEFORE}.items():
    for name, messages in CONVERSATIONS.items():
        if template_name == "before" and name.startswith("two"):
            continue  # Its tools move to another message, so that no prefix of the text stays.
        with tempfile.TemporaryDirectory() as folder:
            json.dump(base, open(os.path.join(folder, "tokenizer.json"), "w"))
            json.dump({"eos_token": "</s>", "bos_token": "<s>"}, open(os.path.join(folder, "tokenizer_config.json"), "w"))
            tokenizer = AutoTokenizer.from_pretrained(folder)
        marked = template.replace("BEGIN", "{% generation %}").replace("END", "{% endgeneration %}")
        plain = template.replace("BEGIN", "").replace("END", "")
        tokenizer.chat_template = marked
        both = tokenizer.apply_chat_template(
            messages, tools=TOOLS, return_dict=True, return_assistant_tokens_mask=True)
        text = tokenizer.apply_chat_template(messages, tools=TOOLS, tokenize=False, chat_template=plain)
        assert text == tokenizer.apply_chat_template(messages, tools=TOOLS, tokenize=False)
        recorded.append({"case": f"{name} ({template_name})", "marked": marked, "plain": plain, "messages": messages,
                         "text": text, "ids": both["input_ids"], "mask": both["assistant_masks"]})
with open(os.path.join(here, "tools.json"), "w") as file:
    json.dump({"tools": TOOLS, "cases": recorded}, file, separators=(",", ":"))
for case in recorded:
    print(case["case"], sum(case["mask"]), repr(case["text"][-160:]))
