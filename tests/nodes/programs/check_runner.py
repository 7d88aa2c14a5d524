"""Runs `check_*` functions of a module, all or those named, and prints as JSON what each said: null or a traceback."""

import importlib
import json
import sys
import traceback


def main():
    module = importlib.import_module(sys.argv[1])
    said = {}
    for name in sys.argv[2:] or [name for name in vars(module) if name.startswith("check_")]:
        try:
            getattr(module, name)()
            said[name] = None
        except Exception:
            said[name] = traceback.format_exc()
        print(name, said[name] or "ok", file=sys.stderr, flush=True)
    print("RESULTS", json.dumps(said), flush=True)
