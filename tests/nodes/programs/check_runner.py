"""Runs every `check_*` function of a module and prints, as JSON, what each of them said: null, or its traceback."""

import importlib
import json
import sys
import traceback


def main():
    module = importlib.import_module(sys.argv[1])
    said = {}
    for name in [name for name in vars(module) if name.startswith("check_")]:
        try:
            getattr(module, name)()
            said[name] = None
        except Exception:
            said[name] = traceback.format_exc()
        print(name, said[name] or "ok", file=sys.stderr, flush=True)
    print("RESULTS", json.dumps(said), flush=True)
