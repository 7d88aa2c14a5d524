"""Every command of docs/tutorial/first-grasps.md, typed in its order, with a rehearsal in the place of the arm."""

import ast
import importlib.util
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

pytest.importorskip("cyclonedds", reason="nodes run on the stand-in, which needs qtopt_agent[standalone]")

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.cli.main import app
from qtopt_agent.core.shared_files import shared
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.graph.description import build
from qtopt_agent.models.current import read_current
from qtopt_agent.safety.arm_profile import read_parameters
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.standalone.hooks import ros_is_installed

from ..cells.rendered import boards_seen, photograph, poses_yaml, save, tips_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ros2_ws/src/qtopt_agent/qtopt_agent"
PAGE = (ROOT / "docs/tutorial/first-grasps.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
COMMANDS = re.findall(r"^    (\S.*)$", FENCED.sub("", PAGE), re.M)
SLOW = re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1]
LIMIT = 900.0  # s for a grasp or two on a busy machine

# What is typed here in the place of what the page says: the arm of a rehearsal, and few of everything.
INSTEAD = {
    r"ros2 launch qtopt_agent (\w+)\.launch\.py": r"qtopt launch \1",
    r"arm:=arm\.yaml": "simulator:=mujoco rehearse:=true cell:=lab.yaml",
    r"teleop --arm arm\.yaml": "teleop --arm mujoco",
    r"grasps:=\d+": "grasps:=1",
    r"--simulate \d+": "--simulate 1",
}
FEW = (
    "steps=1 optimizer.batch_size=8 replay.capacity=2000 maximizer.cem_samples=8 maximizer.cem_elites=2 "
    "collection.min_episodes=1 collection.episodes_per_1000_steps=0 housekeeping.evaluate_episodes=0"
)
# A machine that is busy with other tests is no faulty camera.
PATIENT = {
    "ages": dict.fromkeys(("camera", "gripper", "pose", "command"), 10.0),
    "age": 10.0,
    "image_age": 5.0,
    "mismatch": 1.0,
    "input_timeout": 30.0,
    "status_timeout": 10.0,
    "status_time": 10.0,
    "silence": 60.0,
    "least_aperture": 0.5,
}

_spec = importlib.util.spec_from_file_location("contract_backends", ROOT / "tests/contract/conftest.py")
assert _spec and _spec.loader
backends = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(backends)
domain = backends.domain


def until(condition, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return found


def started(command, **streams):
    """A process that has a terminal of its own, as far as Ctrl-C goes."""
    heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, start_new_session=True, **heeded, **streams)


def ended(process):
    """Ctrl-C, if it has not ended, and more where that does not do."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)


class Lab:
    """Types commands in `folder`. A launch goes on in the background until the next command that is not beside it."""

    def __init__(self, folder):
        self.folder, self.launch, self.ends, self.log = folder, None, False, folder / "launch.log"
        (folder / "patient.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": PATIENT}}))
        slow = yaml.safe_load(SLOW)
        slow["/**"]["ros__parameters"] |= PATIENT
        (folder / "slow.yaml").write_text(yaml.safe_dump(slow))

    def types(self, command, armed_by_hand=False):
        for said, instead in INSTEAD.items():
            command = re.sub(said, instead, command)
        words = shlex.split(command)
        if words[:2] == ["qtopt", "launch"]:
            self.finish()
            self.launches(words if armed_by_hand else [*words, "arm_on_start:=true"])
        elif words[:3] == ["ros2", "service", "call"]:
            self.calls(*words[3:])
        elif words[:2] == ["qtopt", "teleop"]:
            self.jogs()
        else:
            if words != ["qtopt", "doctor"] and "--topic" not in words:
                self.finish()
            self.runs(words[1:])

    def launches(self, words):
        # A dry run is watched and then ended by Ctrl-C; so is one that waits for somebody.
        self.ends = any(word.startswith("grasps:=") for word in words) and "params:=slow.yaml" not in words
        words += [] if "params:=slow.yaml" in words else ["params:=patient.yaml"]
        with self.log.open("w") as out:
            command = [sys.executable, "-m", "qtopt_agent.cli.main", *words[1:]]
            self.launch = started(command, stdout=out, stderr=subprocess.STDOUT)

    def says(self, text):
        """Wait for `text` in the log of the launch."""

        def said():
            assert self.launch.poll() is None, self.log.read_text()
            return text in self.log.read_text()

        until(said, f"{text}\n{self.log.read_text()}")

    def finish(self):
        """Let the launch come to its end, if it has one; it is told to go on where a busy machine was held up."""
        if self.launch is None:
            return
        end = time.monotonic() + LIMIT
        while self.ends and self.launch.poll() is None:
            assert time.monotonic() < end, self.log.read_text()
            states = re.findall(r"\[cycle\]: (\w+)", self.log.read_text())
            if states and states[-1] == "holding":
                self.calls("/cycle/resume", "std_srvs/srv/Trigger", "{}", "once")
            time.sleep(1.0)
        self.close()
        assert self.launch.returncode == (0 if self.ends else 130), self.log.read_text()
        self.launch = None

    def close(self):
        if self.launch is not None:
            ended(self.launch)

    def calls(self, *words):
        backend = backends.standalone()
        paths = [str(Path(__file__).parent / "programs"), dict(backend.environment)["PYTHONPATH"]]
        done = subprocess.run(
            [*backend.command, "call_service", *words],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 or "once" in words, f"{done.stderr}\n{self.log.read_text()}"

    def jogs(self):
        """Keys are pressed until it says where the tips are."""
        terminal, end_of_it = pty.openpty()
        command = [sys.executable, "-m", "qtopt_agent.cli.main", "teleop", "--arm", "mujoco"]
        said = self.folder / "teleop.log"
        with said.open("w") as out:
            teleop = started(command, stdin=end_of_it, stdout=out, stderr=out)
            try:

                def jogged():
                    assert teleop.poll() is None, said.read_text()
                    for _ in range(3):
                        os.write(terminal, b"f")
                        time.sleep(0.1)
                    time.sleep(2.0)
                    return "the tips are at" in said.read_text()

                until(jogged, f"{said.read_text()}\n{self.log.read_text()}")
            finally:
                ended(teleop)
        os.close(terminal)
        os.close(end_of_it)

    def runs(self, words):
        few = [word for each in FEW.split() for word in ("--set", each)] if words[0] == "train" else []
        done = CliRunner().invoke(app, [*words, *few])
        codes = [0]
        if words[:2] == ["models", "compare"]:
            codes = [1]  # nothing is better after one step
        elif words == ["doctor"]:
            codes = [0, 1]  # a busy machine does have something wrong with it
        assert done.exit_code in codes, f"{' '.join(words)}\n{done.output}\n{done.exception}"


@pytest.fixture
def lab(tmp_path, monkeypatch, domain):
    if ros_is_installed():
        pytest.skip("ROS 2 is here: the page was NOT rehearsed on it")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    monkeypatch.setenv("CYCLONEDDS_URI", backends.loopback())
    found = Lab(tmp_path)
    yield found
    found.close()


def measured(lab):
    """The cell's file as somebody has it who has measured, and the pictures of a board."""
    cell = load_cell("lab.yaml")
    low, high = cell.workspace.low, cell.workspace.high
    text = Path("lab.yaml").read_text()
    for end in (low, high):
        own = [round(0.95 * end[0], 3), round(0.95 * end[1], 3), end[2]]
        text = text.replace(str([float(each) for each in end]), str(own))
    Path("lab.yaml").write_text(text)
    assert load_cell("lab.yaml").workspace.low[0] == pytest.approx(0.95 * low[0])
    folder, camera, tips = Path("board"), cell.camera, {}
    folder.mkdir()
    for number, board in enumerate(boards_seen(camera, 10, np.random.default_rng(0))):
        tips[f"{number:02}.png"] = tips_of(camera, board)
        save(photograph(camera, board), folder / f"{number:02}.png")
    (folder / "poses.yaml").write_text(poses_yaml(tips))
    arm = shared("config/arms/ur_servo.yaml").read_text()
    Path("arm.yaml").write_text(arm.replace("cell: d435_wrist", f"cell: {Path('lab.yaml').resolve()}"))


def many():
    """More episodes of the one that was recorded, so that some are held back and some are not."""
    (found,) = [read_episode(each) for each in find_episodes(Path("episodes"))]
    writer = EpisodeWriter(Path("episodes"))
    for number in range(12):
        writer.write(replace(found, episode_id=f"copy-{number}"))
    return found.episode_id


def won():
    """A comparison that the candidate has won, as after a hundred grasps more."""
    file = Path("candidates/next/comparison.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"won": True}))


@pytest.mark.usefixtures("unmeasured")
def test_every_command_does_what_the_page_says_in_a_rehearsal(lab):
    recorded = ""
    for command, after in pairwise([*COMMANDS, ""]):
        print(time.strftime("%H:%M:%S"), command, flush=True)
        if "/cycle/pause" in command:
            lab.says("[cycle]: starting")
        lab.types(command.replace(" ID", f" {recorded}"), "/arm_driver/arm" in after)
        if command.startswith("qtopt cell new"):
            measured(lab)
        elif "overlay.png" in command:
            assert Path("overlay.png").stat().st_size > 1000
        elif "/cycle/pause" in command:
            lab.says("[cycle]: paused: paused by a person")
        elif "episodes stats" in command:
            recorded = many()
        elif "episodes label" in command:
            (labelled,) = [each for each in find_episodes(Path("episodes")) if each.name == recorded]
            assert read_label(labelled).success is False
        elif "models compare" in command:
            won()
        elif "models promote" in command:
            assert read_current(Path("lab-models")).version == "next"
        elif "models rollback" in command:
            assert read_current(Path("lab-models")).version == "first"
    lab.finish()


def test_the_dry_run_is_a_tenth_as_fast_and_has_the_time_that_this_takes(tmp_path):
    (tmp_path / "slow.yaml").write_text(SLOW)
    given = {"simulator": "mujoco", "rehearse": "true", "cell": "d435_wrist", "policy": "random-script", "grasps": "3"}
    told = {node.name: node.parameters for node in build("grasp", given | {"params": str(tmp_path / "slow.yaml")})}
    speed, yaw_rate = (told["arm_driver"][f"limits.{name}"] for name in ("speed", "yaw_rate"))
    for arm in ("ur_servo", "franka_cartesian"):
        usual = read_parameters(shared(f"config/arms/{arm}.yaml"))
        assert (speed, yaw_rate) == pytest.approx((0.1 * usual["limits.speed"], 0.1 * usual["limits.yaw_rate"]))
        longest = max(usual["limits.step_translation"] * 3**0.5 / speed, usual["limits.step_yaw"] / yaw_rate)
        assert told["agent"]["motion_timeout"] > 2 * longest and told["cycle"]["motion_time"] > 2 * longest
    assert told["cycle"]["move_time"] > 4 * np.pi / yaw_rate


def reasons():
    """What the cycle says when it waits or holds: of each text, the first part that is always the same."""
    for name in ("cycle", "hand"):
        for node in ast.walk(ast.parse((PACKAGE / f"agent/{name}.py").read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                fixed = [part.value for part in ast.walk(node.exc.args[0]) if isinstance(part, ast.Constant)]
                texts = [part.strip(" :,") for part in fixed if isinstance(part, str)]
                if any(texts):
                    yield next(text for text in texts if text)


def test_all_that_the_cycle_waits_or_holds_for_is_on_the_page():
    found = set(reasons())
    assert len(found) > 12 and "something clings to the open jaw: take it out" in found
    rows = [row.replace("`", "").split("|")[1].strip() for row in PAGE.splitlines() if row.startswith("| `")]
    named = {"node agent is silent": "node ...", "and the bin is not empty": "attempts in a row held nothing"}
    for reason in found:
        said = named.get(reason, reason)
        assert any(said.startswith(part) or part.startswith(said) for part in rows), reason


def test_all_that_the_driver_stops_for_is_on_the_page():
    cuts = {Reason.WORKSPACE, Reason.TRANSLATION, Reason.YAW, Reason.NOT_ARMED, Reason.OLD}
    assert not [reason for reason in set(Reason) - cuts if f"| `{reason}` |" not in PAGE]
