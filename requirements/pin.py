"""Write demo.txt, test.txt, compare.txt and ray.txt: every package that the extras need, at the version installed here.

    .venv/bin/python requirements/pin.py

torch has a file of its own, torch.txt.
"""

from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
FILES = {
    "demo.txt": "sim,train,view,standalone,camera",
    "test.txt": "sim,train,view,standalone,camera,dev",
    "compare.txt": "sim,train,compare",
    "ray.txt": "sim,train,camera,ray",
}
BUILD = ("setuptools",)  # builds the package itself, without a download


def closure(requirements: Iterable[Requirement], python: str) -> set[str]:
    """Names of all packages that `requirements` bring in under Python version `python`."""
    found: set[str] = set()
    pending = list(requirements)
    seen: set[tuple[str, str]] = set()
    while pending:
        wanted = pending.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            found.add(name)
            environment = default_environment() | {"python_version": python, "python_full_version": f"{python}.0"}
            for line in distribution(name).requires or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({**environment, "extra": extra}):
                    pending.append(needed)
    return found - {"qtopt-agent", "torch"}


def main() -> None:
    """Write the files."""
    for file, extras in FILES.items():
        wanted = [Requirement(f"qtopt_agent[{extras}]"), *map(Requirement, BUILD)]
        needed = {python: closure(wanted, python) for python in PYTHONS}
        lines = [f"# qtopt_agent[{extras}], written by pin.py; torch is in torch.txt."]
        for name in sorted(set.union(*needed.values())):
            pythons = [python for python in PYTHONS if name in needed[python]]
            marker = "" if len(pythons) == len(PYTHONS) else f' ; python_version <= "{pythons[-1]}"'
            lines.append(f"{name}=={distribution(name).version}{marker}")
        (HERE / file).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
