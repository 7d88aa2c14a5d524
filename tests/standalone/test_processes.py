"""The launcher core: output, exit codes, and no process left behind."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds")

from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.standalone import processes
from qtopt_agent.standalone.hooks import ros_is_installed
from qtopt_agent.standalone.processes import NodeDescription, Processes, loopback

# A node needs no middleware for this: anything with main() will do.
PROGRAMS = {
    "says": "import sys\ndef main():\n    print('hello', sys.argv[1:])\n    print('and on stderr', file=sys.stderr)\n",
    "fails": "import time\ndef main():\n    time.sleep(0.3)\n    raise SystemExit(7)\n",
    "waits": "import time\ndef main():\n    print('up')\n    time.sleep(600)\n",
    "sits": "import time\ndef main():\n    try: time.sleep(600)\n    except KeyboardInterrupt: pass\n",
    "stubborn": (
        "import signal, time\ndef main():\n"
        "    for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, lambda *_: print('no'))\n"
        "    print('up')\n    while True: time.sleep(600)\n"
    ),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(text)
    return {"PYTHONPATH": str(tmp_path), "CYCLONEDDS_URI": loopback(), "ROS_DOMAIN_ID": "100"}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


def wait_for(text: str, output: io.StringIO, times: int = 1) -> None:
    end = time.monotonic() + 20
    while output.getvalue().count(text) < times:
        assert time.monotonic() < end, output.getvalue()
        time.sleep(0.01)


def test_output_carries_the_nodes_name_and_settings_reach_the_node(environment: dict[str, str]) -> None:
    output = io.StringIO()
    node = NodeDescription("one", "says", {"gain": 1.5}, {"camera": "/wrist/camera"}, "/cell")
    with Processes([node], output=output, environment=environment) as graph:
        assert graph.wait() == 0
    lines = output.getvalue().splitlines()
    assert "[cell/one] and on stderr" in lines
    (said,) = [line for line in lines if line.startswith("[cell/one] hello")]
    for word in ("__node:=one", "__ns:=/cell", "camera:=/wrist/camera", "--params-file"):
        assert word in said


def test_the_first_failure_ends_all_and_gives_the_exit_code(environment: dict[str, str]) -> None:
    output = io.StringIO()
    nodes = [NodeDescription("patient", "waits"), NodeDescription("broken", "fails")]
    with Processes(nodes, output=output, environment=environment) as graph:
        pids = [graph.pid(node.name) for node in nodes]
        assert graph.wait() == 7
    assert "[launch] broken ended with exit code 7" in output.getvalue()
    assert not any(map(alive, pids))


def test_a_node_that_the_graph_can_do_without_is_started_again(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESPAWN_DELAY", 0.1)
    output = io.StringIO()
    nodes = [NodeDescription("patient", "waits"), NodeDescription("broken", "fails", respawn=True)]
    with Processes(nodes, output=output, environment=environment) as graph:
        pids = [graph.pid(node.name) for node in nodes]
        assert graph.wait(until=lambda: output.getvalue().count("broken ended with exit code 7") == 3) == 0
        assert graph.pid("patient") == pids[0] and graph.pid("broken") != pids[1]


def test_one_whose_settings_make_no_sense_is_not(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("def main():\n    return 2\n")
    nodes = [NodeDescription("patient", "waits"), NodeDescription("broken", "fails", respawn=True)]
    with Processes(nodes, output=io.StringIO(), environment=environment) as graph:
        assert graph.wait() == 2


def test_a_node_that_ignores_signals_is_killed(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    quick = ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
    monkeypatch.setattr(processes, "PATIENCE", quick)
    output = io.StringIO()
    with Processes([NodeDescription("stubborn", "stubborn")], output=output, environment=environment) as graph:
        pid = graph.pid("stubborn")
        wait_for("up", output)
    assert not alive(pid)


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Processes([NodeDescription("a", "waits"), NodeDescription("a", "says")])


@pytest.mark.skipif(ros_is_installed(), reason="where ROS 2 is, qtopt launch leaves all to ros2 launch")
@pytest.mark.parametrize("text", ["300", "abc", "-1", "1e1"])
def test_a_domain_that_there_is_not_is_refused_before_a_node_starts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    said = CliRunner().invoke(app, ["launch", "grasp", "simulator:=mujoco", "model:=models"])
    assert said.exit_code == 2 and f"ROS_DOMAIN_ID is '{text}', expected 0 to 232" in said.output
    assert len(said.output.splitlines()) == 1


def test_a_failure_that_is_found_with_the_end_of_the_work_still_counts(environment: dict[str, str]) -> None:
    output = io.StringIO()
    with Processes([NodeDescription("works", "fails")], output=output, environment=environment) as graph:
        while not graph.ended("works"):
            time.sleep(0.01)
        assert graph.wait(until=lambda: graph.ended("works")) == 7


def test_what_a_node_ended_of_is_said_once_and_last(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(
        "import sys\ndef main():\n    print('error: no such model', file=sys.stderr)\n    return 1\n"
    )
    (tmp_path / "waits.py").write_text(
        "import time\ndef main():\n    try: time.sleep(600)\n    finally: print('error: disturbed', flush=True)\n"
    )
    output = io.StringIO()
    nodes = [NodeDescription("patient", "waits"), NodeDescription("broken", "fails")]
    with Processes(nodes, output=output, environment=environment) as graph:
        assert graph.wait() == 1
    assert output.getvalue().count("no such model") == 1
    assert output.getvalue().splitlines()[-1] == "[launch] broken ended with exit code 1: no such model"


def test_a_node_told_to_end_while_it_starts_says_nothing(environment: dict[str, str]) -> None:
    output = io.StringIO()
    nodes = [NodeDescription(f"node{i}", "sits") for i in range(4)]
    for moment in (0.0, 0.05, 0.1):
        with Processes(nodes, output=output, environment=environment):
            time.sleep(moment)
    assert "Traceback" not in output.getvalue(), output.getvalue()


LAUNCHER = """
import sys
from qtopt_agent.standalone.processes import NodeDescription, Processes
runner = [*sys.argv[1:], sys.executable, "-m", "qtopt_agent.standalone.run"]
nodes = [NodeDescription(f"node{i}", "waits") for i in range(2)]
with Processes(nodes, output=sys.stdout, runner=runner) as graph:
    print("pids", *[graph.pid(f"node{i}") for i in range(2)], flush=True)
    sys.exit(graph.wait())
"""


PREFIX = ("sh", "-c", '"$@"; exit', "prefix")  # a process between the launcher and its nodes


@pytest.mark.parametrize(
    ("number", "code", "prefix"),
    [(signal.SIGINT, 130, ()), (signal.SIGTERM, 143, ()), (signal.SIGKILL, -9, ()), (signal.SIGKILL, -9, PREFIX)],
)
def test_no_process_outlives_its_launcher(
    environment: dict[str, str], number: signal.Signals, code: int, prefix: tuple[str, ...]
) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *prefix], env=os.environ | environment, text=True, stdout=subprocess.PIPE
    )
    assert launcher.stdout
    pids = [int(word) for word in launcher.stdout.readline().split()[1:]]
    ups = 0
    while ups < 2:
        ups += launcher.stdout.readline().endswith("up\n")
    time.sleep(0.5 if prefix else 0.0)
    assert all(map(alive, pids))
    launcher.send_signal(number)
    assert launcher.wait(20) == code
    end = time.monotonic() + 15
    while any(map(alive, pids)):
        assert time.monotonic() < end
        time.sleep(0.02)
    launcher.stdout.close()
