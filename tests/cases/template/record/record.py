#!/usr/bin/env python3
"""Evaluates every case of tests/cases/template/*.yml with ansible-core and writes the result beside it.

    python3 -m venv venv && venv/bin/pip install ansible-core==2.19.14 passlib
    venv/bin/python tests/cases/template/record/record.py

Each file holds `vars` and `cases`. A case is `expr` (an expression), `text` (a text with braces) or `when` (a
condition); the script sets `gives` (the result as JSON) or `fails: true`, and leaves `differs` (a known difference,
with its reason) alone. Other keys and comments outside of `cases` are kept; each case is one line.
"""

import json
import pathlib
import re
import sys

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display

Display.warning = Display.deprecated = lambda *args, **kwargs: None


def trusted(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trusted(item) for item in value]
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return value


def plain(value):
    """JSON's kinds only, so that a set or a date stands out."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def evaluate(templar, case):
    if "expr" in case:
        return templar.template(trust_as_template("{{ " + case["expr"] + " }}"))
    if "text" in case:
        return templar.template(trust_as_template(case["text"]))
    return templar.evaluate_conditional(trust_as_template(case["when"]))


def recorded(templar, case):
    kept = {key: case[key] for key in ("expr", "text", "when") if key in case}
    try:
        kept["gives"] = plain(evaluate(templar, case))
    except Exception as error:  # whatever the reason, the playbook would stop here
        kept["fails"] = True
        if "-v" in sys.argv:
            print(case, "\n   ", re.sub(r"\s+", " ", str(error))[:300])
    if "differs" in case:
        kept["differs"] = case["differs"]
    return kept


def main():
    init_plugin_loader()
    for path in sorted(pathlib.Path(__file__).parents[1].glob("*.yml")):
        text = path.read_text()
        content = yaml.safe_load(text)
        templar = Templar(loader=DataLoader(), variables=trusted(content.get("vars") or {}))
        lines = [json.dumps(recorded(templar, case), ensure_ascii=False) for case in content["cases"]]
        head = text[: text.index("\ncases:")]
        path.write_text(head + "\ncases:\n" + "".join(f"  - {line}\n" for line in lines))
        print(f"{path.name}: {len(lines)} cases")


main()
