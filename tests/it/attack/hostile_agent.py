#!/usr/bin/python3
"""A program in the place of enlist's agent, as the user whose agent it is can put there. Its answers are in SCRIPT, which
tests/it/attack/hostile_agent.rs writes: a mapping of

  a module's name (or `*`)   the return values of each item; `_changed: true` and `_warnings: […]` go beside them,
                             `_fail: MSG` fails with them
  `frame`                    instead of any answer, a frame of this body: texts, or [text, times] pairs, one after another
  `hang`                     true: requests are read and never answered
  `start`                    instead of the greeting, these texts or pairs; what it prints after the word MARK
                             is the mark that the controller waits for

Every request is written to LOG, a line each."""

import json
import os
import re
import struct
import sys

SCRIPT, LOG = "/srv/hostile.json", "/tmp/hostile.log"

mark = sys.argv[1]
digest = re.search(r"agent-([0-9a-f]+)", os.path.realpath(sys.argv[0])).group(1)
script = json.load(open(SCRIPT))


def pieces(parts):
    """The bytes, in pieces: a frame may be larger than what should be held at once."""
    for part in parts:
        text, times = part if isinstance(part, list) else (part, 1)
        block = text.replace("MARK", mark).encode()
        at_once = max(1, (1 << 16) // max(1, len(block)))
        while times > 0:
            yield block * min(times, at_once)
            times -= at_once


def write(parts):
    for piece in pieces(parts):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def frame(parts):
    length = sum(len(piece) for piece in pieces(parts))
    sys.stdout.buffer.write(struct.pack(">I", length))
    write(parts)


def result(module):
    values = dict(script.get(module, script.get("*", {})))
    changed, warnings, fail = values.pop("_changed", False), values.pop("_warnings", []), values.pop("_fail", None)
    values = {"known": values, "unknown": []}
    good = {"Ok": {"values": values, "warnings": warnings, "skipped": None}}
    bad = {"Err": {"msg": fail, "hint": None, "values": values, "acted": False}}
    return {"changes": [], "changed": changed, "outcome": good if fail is None else bad}


if "start" in script:
    write(script["start"])
    sys.exit(0)
write([f"\n{mark} hello\n"])
frame([json.dumps({"uid": os.getuid(), "digest": digest})])
while len(head := sys.stdin.buffer.read(4)) == 4:
    body = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    with open(LOG, "ab") as log:
        log.write(body + b"\n")
    request = json.loads(body)
    if script.get("hang"):
        continue
    if "frame" in script:
        frame(script["frame"])
    else:
        frame([json.dumps({"Ok": {"results": [result(request["module"]) for _ in request["items"]]}})])
