#!/bin/sh
cat <<'J'
{"_meta": {"hostvars": {"d1": {"ansible_host": "10.0.0.1", "n": [1, {"a": null}]}, "stranger": {"x": 1}}},
 "web": {"hosts": ["d1", "d2"], "vars": {"port": 80}, "children": ["sub"]},
 "sub": {"hosts": ["d3"]},
 "plain": ["d4", "d1"],
 "lonehost": {"v": 1}}
J
