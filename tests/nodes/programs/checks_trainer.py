"""The trainer node: a folder of episodes becomes a model that loads, and its status says how far it is."""

import os
import signal
import subprocess

import numpy as np
from attempt import episode
from graph_tools import Spinning, folder, running, until
from qtopt_msgs.msg import ModelInfo, TrainerStatus
from qtopt_msgs.srv import LoadModel
from rclpy.qos import DurabilityPolicy, QoSProfile

from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.models.folder import load

SMALL = "batch_size=8 capacity=500 target_lag=8 cem_samples=8 cem_elites=2 symmetry=false"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def trainer(root, **more):
    folders = {name: str(root / name) for name in ("episodes", "models", "run")}
    settings = {"settings": SMALL, "steps": 100, "min_episodes": 2, "new_episodes": 2, "period": 0.2}
    return ("trainer", {**folders, **settings, **more})


def listen(node):
    heard = []
    node.create_subscription(TrainerStatus, "/qtopt/trainer", heard.append, LATCHED)
    return heard


def check_it_publishes_a_model_and_asks_the_agent_to_load_it():
    with folder() as root, Spinning("agent") as probe:
        asked, heard = [], listen(probe.node)

        def on_load(request, response):
            asked.append(request.folder)
            response.success, response.model = True, ModelInfo(version="new")
            return response

        probe.node.create_service(LoadModel, "/agent/load_model", on_load)
        with running(trainer(root, deploy=True)) as graph:
            until(lambda: heard and heard[-1].state == TrainerStatus.WAITING, "it waits")
            until(lambda: "yet, the next round begins at 2 episodes" in graph.said(), "and says what for")
            writer = EpisodeWriter(root / "episodes")
            for i in range(2):
                writer.write(episode(f"e{i}"))
            until(lambda: heard[-1].state == TrainerStatus.TRAINING, "it trains")
            until(lambda: heard[-1].version, "a version", 240.0)
            until(lambda: "the agent decides with new" in graph.said(), "the agent has loaded it")
        last = heard[-1]
        assert (last.episodes, last.steps) == (2, 100) and np.isfinite(last.loss) and last.steps_per_second > 0
        (model,) = (root / "models").iterdir()
        assert asked == [str(model)] and model.name == last.version
        assert load(model, COMPACT).name == model.name


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
