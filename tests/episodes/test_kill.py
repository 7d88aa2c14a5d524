"""kill -9 at random moments: what was complete stays, the cut episode keeps every step that `append` returned from."""

import subprocess
import sys

from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.repair import Outcome, repair
from qtopt_agent.episodes.verify import verify

STEPS = 8
# Forks the writers, so that only one process has to import anything.
PROGRAM = """
import importlib.util, os, random, signal, sys, time
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from qtopt_agent.episodes.writer import EpisodeWriter, new_episode_id

def record(root, ready):
    writer = EpisodeWriter(root, sync=False)
    episode = made._make(steps=int(sys.argv[3]), size=(32, 32))
    about = {"profile": "compact", "policy": "scripted", "seed": 7, "objects": ("box",)}
    os.write(ready, b"!")
    while True:
        name = new_episode_id()
        recording = writer.open(name, **about)
        for i, step in enumerate(episode.steps):
            recording.append(step)
            os.write(1, f"step {name} {i + 1}\\n".encode())
        recording.close(episode.final, success=True)
        os.write(1, f"closed {name}\\n".encode())

random.seed(0)
EpisodeWriter(sys.argv[2]).write(made._make("first"))
for _ in range(20):
    heard, ready = os.pipe()
    writer = os.fork()
    if writer == 0:
        record(sys.argv[2], ready)
    os.read(heard, 1)
    time.sleep(random.uniform(0, 0.05))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
"""


def test_twenty_kills_lose_nothing_that_was_written(tmp_path):
    made = __file__.replace("test_kill.py", "conftest.py")
    arguments = [sys.executable, "-c", PROGRAM, made, str(tmp_path), str(STEPS)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    closed, steps = set(), {}
    for line in done.stdout.splitlines():
        word, name, *count = line.split()
        if word == "closed":
            closed.add(name)
        else:
            steps[name] = int(*count)
    assert closed

    whole = {folder.name: folder for folder in find_episodes(tmp_path)}
    assert closed <= whole.keys()
    assert all(verify(folder) == [] for folder in whole.values())
    cut = {folder.name.removeprefix(".partial-") for folder in find_partial(tmp_path)}
    assert cut
    assert steps.keys() <= whole.keys() | cut

    results = repair(tmp_path)
    assert {result.outcome for result in results} <= {Outcome.REPAIRED, Outcome.REMOVED}
    assert {result.path.name.removeprefix(".partial-") for result in results} == cut
    assert not list(find_partial(tmp_path))
    for result in results:
        if result.outcome == Outcome.REMOVED:
            # Of its steps only the first can have been complete, and nobody saw what came of that.
            assert steps.get(result.path.name.removeprefix(".partial-"), 0) < 2
        else:
            assert verify(result.path) == []
            kept = len(read_episode(result.path).steps)
            assert steps[result.path.name] - 1 <= kept <= STEPS
    assert repair(tmp_path) == []
    assert all(read_episode(folder).success for folder in whole.values())
