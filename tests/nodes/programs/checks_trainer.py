"""The trainer node: a folder of episodes becomes a candidate, and its status says how far it is."""

import os
import signal
import subprocess

import numpy as np
from attempt import episode
from graph_tools import Spinning, folder, running, until
from qtopt_msgs.msg import TrainerStatus
from qtopt_msgs.srv import LoadModel
from rclpy.qos import DurabilityPolicy, QoSProfile

from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.folder import load
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function

SMALL = "batch_size=8 capacity=500 target_lag=8 cem_samples=8 cem_elites=2 symmetry=false auxiliary_weight=0"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def model(root):
    """The model that runs: one that has learned nothing."""
    store = root / "models"
    if not store.exists():
        search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
        publish(store, "running", COMPACT, make_q_function(COMPACT), search, {})
    return store / "running"


def trainer(root, **more):
    folders = {name: str(root / name) for name in ("episodes", "candidates", "run")} | {
        "model": str(model(root).parent)
    }
    settings = {"preset": "compact", "settings": SMALL, "steps": 100, "min_episodes": 2, "new_episodes": 2}
    alone = {"period": 0.2, "hold_back": 0.0, "simulate": 0, "actors": 0}
    return ("trainer", {**folders, **settings, **alone, **more})


def listen(node):
    heard = []
    node.create_subscription(TrainerStatus, "/qtopt/trainer", heard.append, LATCHED)
    return heard


def check_it_publishes_a_candidate_and_leaves_the_agent_and_its_models_alone():
    with folder() as root, Spinning("agent") as probe:
        asked, heard = [], listen(probe.node)

        def on_load(request, response):
            asked.append(request.folder)
            return response

        probe.node.create_service(LoadModel, "/agent/load_model", on_load)
        store = model(root).parent
        with running(trainer(root)) as graph:
            until(lambda: heard and heard[-1].state == TrainerStatus.WAITING, "it waits")
            until(lambda: "yet, the next round begins at 2 episodes" in graph.said(), "and says what for")
            writer = EpisodeWriter(root / "episodes")
            for i in range(2):
                writer.write(episode(f"e{i}"))
            until(lambda: heard[-1].state == TrainerStatus.TRAINING, "it trains")
            until(lambda: heard[-1].state == TrainerStatus.WAITING and heard[-1].version, "a candidate", 240.0)
            until(lambda: "qtopt models promote" in graph.said(), "says how it is put in force")
        last = heard[-1]
        assert (last.episodes, last.steps) == (2, 100) and np.isfinite(last.loss) and last.steps_per_second > 0
        (candidate,) = (root / "candidates").iterdir()
        assert candidate.name == last.version and load(candidate, COMPACT).name == candidate.name
        assert asked == [] and [each.name for each in store.iterdir()] == ["running"]


def check_what_cannot_be_learned_from_is_said():
    with folder() as root, Spinning("probe") as probe:
        heard = listen(probe.node)
        for i in range(2):
            made = episode(f"e{i}")
            object.__setattr__(made, "profile", "paper")
            EpisodeWriter(root / "episodes").write(made)
        with running(trainer(root)):
            until(lambda: heard and heard[-1].state == TrainerStatus.FAILED, "it fails", 240.0)
        assert "no episodes to learn from" in heard[-1].text and heard[-1].version == ""


def children(pid):
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in said.stdout.split()]


def check_killed_with_9_its_round_ends_too():
    with folder() as root, Spinning("probe") as probe:
        heard = listen(probe.node)
        for i in range(2):
            EpisodeWriter(root / "episodes").write(episode(f"e{i}"))
        with running(trainer(root, steps=10**6)) as graph:
            until(lambda: heard and heard[-1].steps > 0, "it learns", 240.0)
            (training,) = children(graph.pid("trainer"))
            os.kill(graph.pid("trainer"), signal.SIGKILL)
            until(lambda: not os.path.exists(f"/proc/{training}"), "the round has ended", 240.0)
