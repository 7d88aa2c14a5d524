"""A rehearsal, and whether what it recorded agrees with what the embedded world really did.

    python benchmarks/rehearsal.py --cycles 100 --cell d435_wrist --out /tmp/rehearsal
    python benchmarks/rehearsal.py --cycles 30 --kill agent,arm_driver,trainer train:=true --out /tmp/killed
    python benchmarks/rehearsal.py --check /tmp/rehearsal

Starts the graph by `qtopt launch grasp`, or by `ros2 launch` where ROS 2 is sourced; --kill ends these nodes with -9 in
turn, one every --every seconds. A cycle is an episode that came to its end. Held is what is above the bin's walls when
the hand, its jaw closed, is up for the last time before it opens.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import read_json
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.standalone.run import LAUNCHER

NEAR = 0.015  # m from a start pose: an arm has arrived at 1 cm, and a line of truth is up to 0.1 s old
HIGH = 0.02  # m below the lowest start pose, above which the hand is up
OPEN = 0.9  # of the jaw's aperture
ASIDE = 0.01  # m: an object's middle so far beyond the inner side of a wall is out of the bin


@dataclass(frozen=True)
class Line:
    """One of the simulator's file of truth, in the bin's frame; objects: x, y, z of the middle, and the bottom, m."""

    stamp: float
    tips: list[float]
    aperture: float
    closed: bool
    objects: list[list[float]]


def read_truth(file: Path) -> list[Line]:
    """All whole lines; the last of a killed simulator may be cut."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Line(**json.loads(line)) for line in lines if line.endswith("}")]


def begins_well(line: Line, cell: Cell) -> bool:
    """Whether the jaw is open and the hand at a start pose."""
    (x, y, z), attempt = line.tips, cell.attempt
    lowest, highest = attempt.start_height
    at_start = max(abs(x), abs(y)) <= attempt.start_spread + NEAR and lowest - NEAR <= z <= highest + NEAR
    return at_start and not line.closed and line.aperture >= OPEN * cell.jaw.aperture


def held(lines: Sequence[Line], cell: Cell) -> bool | None:
    """Of the lines from an attempt's end on: what the jaw carried before it opened; None where it did not open."""
    opened = next((index for index, line in enumerate(lines) if not line.closed), None)
    if opened is None:
        return None
    up = [line for line in lines[:opened] if line.tips[2] >= cell.attempt.start_height[0] - HIGH]
    return bool(up) and any(bottom > cell.bin.wall_height for *_, bottom in up[-1].objects)


def outside(line: Line, cell: Cell) -> int:
    """How many objects are not in the bin."""
    half = [side / 2 + ASIDE for side in cell.bin.size]
    return sum(abs(x) > half[0] or abs(y) > half[1] for x, y, *_ in line.objects)


def compared(truth: Sequence[Line], episodes: Sequence[Episode], cell: Cell) -> dict[str, Any]:
    """Counts over the episodes that came to their end, in the order in which they were made."""
    stamps = [line.stamp for line in truth]
    ended = sorted((each for each in episodes if not each.truncated), key=lambda each: each.steps[0].observation.stamp)
    starts = [bisect_left(stamps, each.steps[0].observation.stamp) - 1 for each in ended]
    counts: dict[str, Any] = {"cycles": len(ended), "begun_well": 0, "agree": 0, "unknown": 0, "stayed": 0}
    wrong = []
    for episode, (start, after) in zip(ended, pairwise([*starts, len(truth) - 1]), strict=True):
        end = bisect_left(stamps, episode.final.stamp) - 1
        counts["begun_well"] += begins_well(truth[start], cell)
        counts["stayed"] += outside(truth[after], cell) <= outside(truth[start], cell)
        really = held(truth[end : after + 1], cell)
        counts["unknown"] += really is None
        counts["agree"] += really == episode.success
        if really is not None and really != episode.success:
            wrong.append(f"{episode.episode_id} {'held something' if really else 'held nothing'}")
    counts["successes"] = sum(each.success for each in ended)
    counts["cut"] = len(episodes) - len(ended)
    counts["cut_successes"] = sum(each.success for each in episodes if each.truncated)
    return counts | {"wrong": wrong}


def check(folder: Path, cell: Cell) -> dict[str, Any]:
    """What `folder` holds of a rehearsal in `cell`: truth.jsonl, and episodes."""
    folders = list(find_episodes(folder / "episodes"))
    problems = {each.name: found for each in folders if (found := verify(each))}
    episodes = [read_episode(each) for each in folders if each.name not in problems]
    truth = read_truth(folder / "truth.jsonl")
    result = compared(truth, episodes, cell)
    result |= {"verified": len(episodes), "episodes": len(folders), "problems": problems}
    result |= {"partial": len(list(find_partial(folder / "episodes")))}
    result["labelled"] = sum(read_label(each) is not None for each in folders)
    result["seconds_a_cycle"] = round((truth[-1].stamp - truth[0].stamp) / max(result["cycles"], 1), 1)
    return result


def table(result: dict[str, Any]) -> str:
    """For people."""
    cycles = result["cycles"]
    rows = {
        "cycles": cycles,
        "begun at a start pose with an open jaw": f"{result['begun_well']} of {cycles}",
        "labels that agree with the truth": f"{result['agree']} of {cycles - result['unknown']}",
        "of these by jaw and pictures": result["labelled"],
        "in which all objects stayed in the bin": f"{result['stayed']} of {cycles}",
        "successes": f"{result['successes']} of {cycles}",
        "episodes that verify": f"{result['verified']} of {result['episodes']}",
        "cut episodes, of these called a success": f"{result['cut']}, {result['cut_successes']}",
        "left half written": result["partial"],
        "seconds a cycle": result["seconds_a_cycle"],
    }
    lines = [f"{name:<42} {value}" for name, value in rows.items()]
    return "\n".join([*lines, *result["wrong"], *(f"{name}: {text}" for name, text in result["problems"].items())])


def node_process(launch: int, name: str) -> int | None:
    """Process id of a node that the launch with process id `launch` has started."""
    mark = f"{LAUNCHER}={launch}".encode()
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0")
            if ours and f"__node:={name}".encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
        except OSError:  # it has just ended, or is not ours
            continue
    return None


def rehearse(arguments: argparse.Namespace) -> int:
    """Run the graph to its end; returns its exit code. What it says goes to output.txt."""
    out: Path = arguments.out
    out.mkdir(parents=True)
    given = {
        "simulator": "mujoco",
        "rehearse": "true",
        "arm_on_start": "true",
        "cell": arguments.cell,
        "grasps": arguments.cycles,
        "record": out / "episodes",
        "truth": out / "truth.jsonl",
        "result": out / "result.json",
    }
    words = [f"{name}:={value}" for name, value in given.items()]
    optional = {"model": arguments.model, "params": arguments.params}
    words += [f"{name}:={value}" for name, value in optional.items() if value]
    words += arguments.more
    ros2 = shutil.which("ros2") if "AMENT_PREFIX_PATH" in os.environ else None
    command = (
        [sys.executable, ros2, "launch", "qtopt_agent", "grasp.launch.py", *words]
        if ros2
        else [sys.executable, "-m", "qtopt_agent.cli.main", "launch", "grasp", *words]
    )
    victims = cycle(arguments.kill.split(",")) if arguments.kill else None
    with (out / "output.txt").open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as launch:
        try:
            due = time.monotonic() + arguments.every
            while launch.poll() is None:
                time.sleep(0.2)
                if victims and time.monotonic() > due:
                    due += arguments.every
                    victim = next(victims)
                    if (pid := node_process(launch.pid, victim)) is not None:
                        os.kill(pid, signal.SIGKILL)
                        print(f"killed {victim}", file=sys.stderr, flush=True)
        except BaseException:
            launch.send_signal(signal.SIGINT)
            raise
        return launch.returncode


def main() -> None:
    """Rehearse, compare, write the data and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("more", nargs="*", metavar="NAME:=VALUE", help="more launch arguments")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--model", default="", help="folder of a model or a store; by default the newest for the cell")
    parser.add_argument("--cell", default="d435_wrist")
    parser.add_argument("--params", type=Path, help="parameter file, such as one with long ages for a busy machine")
    parser.add_argument("--kill", default="", help="nodes to end with -9 in turn, with commas between")
    parser.add_argument("--every", type=float, default=60.0, help="s between two kills")
    parser.add_argument("--out", type=Path, default=Path("rehearsal"), help="new folder for all that comes of it")
    parser.add_argument("--check", type=Path, help="a folder that an earlier rehearsal has made: only compare")
    parser.add_argument("--json", type=Path, help="data to write")
    arguments = parser.parse_intermixed_args()
    folder, code = arguments.check or arguments.out, 0
    if not arguments.check:
        code = rehearse(arguments)
    result = check(folder, load_cell(arguments.cell)) | {"exit_code": code}
    if (folder / "result.json").exists():
        result["result"] = read_json(folder / "result.json")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
    if code:
        raise SystemExit(f"the graph ended with exit code {code}: see {folder / 'output.txt'}")


if __name__ == "__main__":
    try:
        main()
    except InvalidInput as error:
        raise SystemExit(str(error)) from error
