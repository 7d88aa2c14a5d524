"""The episode logger beside an agent that goes on grasping whatever happens to it."""

import os
import signal
import subprocess

from attempt import Agent, episode
from graph_tools import Diagnosed, Spinning, folder, running, until
from harness import result
from qtopt_msgs.srv import LabelEpisode

from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.repair import Outcome, repair
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter


def logger(root, **more):
    return ("episode_logger", {"folder": str(root), "disk": {"stop": 0.0, "go_on": 0.001}, **more})


def found(root, count=1):
    return root.is_dir() and len(folders := list(find_episodes(root))) >= count and folders


def bytes_in(recording):
    return sum(file.stat().st_size for file in recording.glob("*.mcap"))


def check_what_came_over_the_wire_is_what_a_writer_in_the_process_writes():
    with folder() as root, running(logger(root / "log")) as graph, Spinning("agent") as probe:
        agent = Agent(probe.node)
        until(agent.ready, "the logger listens")
        made = episode("grasp", size=(480, 640))
        agent.send(made)
        (logged,) = until(lambda: found(root / "log"), "the episode is there")
        direct = EpisodeWriter(root / "direct").write(made)
        assert (logged / "grasp_0.mcap").read_bytes() == (direct / "grasp_0.mcap").read_bytes()
        assert (logged / "metadata.yaml").read_text() == (direct / "metadata.yaml").read_text()
        assert verify(logged) == []
        until(lambda: "4 steps, 4.00 a second" in graph.said(), "it says the achieved rate")


def check_killed_with_9_it_leaves_an_episode_that_repairs_and_a_new_one_goes_on():
    with folder() as root, Spinning("agent") as probe:
        agent = Agent(probe.node)
        with running(logger(root)) as graph:
            until(agent.ready, "the logger listens")
            agent.send(episode("cut", size=(480, 640)), upto=7)
            (partial,) = until(lambda: list(find_partial(root)), "a recording is under way")
            until(lambda: bytes_in(partial) > 2.5e6, "three steps are on disk")
            os.kill(graph.pid("episode_logger"), signal.SIGKILL)
        agent.send(episode("unheard", start=2000.0))  # the agent notices nothing
        (repaired,) = repair(root)
        assert repaired.outcome == Outcome.REPAIRED and len(read_episode(repaired.path).steps) == 2, repaired
        until(lambda: not agent.ready(), "the dead logger is forgotten")
        with running(logger(root)):
            until(agent.ready, "the new logger listens")
            agent.send(episode("next", start=3000.0))
            until(lambda: found(root, 2), "the next episode is there")
        assert sorted(each.name for each in find_episodes(root)) == ["cut", "next"]


def check_stopped_with_ctrl_c_it_keeps_the_attempt_as_far_as_it_went():
    with folder() as root, Spinning("agent") as probe:
        agent = Agent(probe.node)
        with running(logger(root)):
            until(agent.ready, "the logger listens")
            agent.send(episode("grasp", size=(480, 640)), upto=7)
            (partial,) = until(lambda: list(find_partial(root)), "a recording is under way")
            until(lambda: bytes_in(partial) > 2.5e6, "three steps are on disk")
        (kept,) = find_episodes(root)
        assert 1 <= len(read_episode(kept).steps) <= 2 and read_episode(kept).truncated


def check_without_room_it_says_so_and_records_nothing():
    with folder() as root, Spinning("agent") as probe:
        agent, heard = Agent(probe.node), Diagnosed(probe.node)
        with running(logger(root, disk={"stop": 500000.0, "go_on": 600000.0})) as graph:
            until(agent.ready, "the logger listens")
            agent.send(episode("grasp"))
            until(lambda: "NOT recording episode grasp" in graph.said(), "it says so")
            until(lambda: heard.level("episode_logger") == 2, "diagnostics say so")
            assert "NOT recording" in heard.by_name["episode_logger"][1]
        assert not found(root)


def check_a_disk_that_fills_up_in_an_attempt_costs_that_attempt_only():
    with folder() as root, Spinning("agent") as probe:
        agent = Agent(probe.node)
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(root)]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            raise RuntimeError("SKIP: mounting a small file system takes root")
        try:
            with running(logger(root)) as graph:
                until(agent.ready, "the logger listens")
                agent.send(episode("large", size=(480, 640)))
                until(lambda: "No space left on device" in graph.said(), "it says so")
                os.kill(graph.pid("episode_logger"), 0)  # it is alive
                for partial in find_partial(root):
                    subprocess.run(["rm", "-r", str(partial)], check=True)
                agent.send(episode("small", start=2000.0))
                (whole,) = until(lambda: found(root), "the next attempt is recorded")
                assert whole.name == "small" and verify(whole) == []
        finally:
            subprocess.run(["umount", str(root)], check=True)


def check_a_label_reaches_the_disk():
    with folder() as root, running(logger(root)), Spinning("agent") as probe:
        agent = Agent(probe.node)
        labels = probe.node.create_client(LabelEpisode, "/episode_logger/label")
        until(agent.ready, "the logger listens")
        assert labels.wait_for_service(30.0)
        agent.send(episode("grasp"))
        (logged,) = until(lambda: found(root), "the episode is there")
        request = LabelEpisode.Request(episode_id="grasp", success=False, author="a person")
        answer = result(labels.call_async(request), 30.0)
        assert answer.success, answer.message
        assert read_episode(logged).success is False
        request.episode_id = "nobody"
        answer = result(labels.call_async(request), 30.0)
        assert not answer.success and "'nobody'" in answer.message


def check_bytes_that_are_no_message_do_not_end_it():
    with folder() as root, running(logger(root)) as graph, Spinning("agent") as probe:
        agent = Agent(probe.node)
        until(agent.ready, "the logger listens")
        made = episode("grasp")
        broken = episode("broken", size=(48, 64), start=2000.0)
        object.__setattr__(
            broken.steps[2], "observation", episode("x", size=(24, 32), start=2000.5).steps[0].observation
        )
        agent.send(broken)
        until(lambda: "gave up recording episode broken" in graph.said(), "a change of size is named")
        agent.send(made)
        until(lambda: [each.name for each in found(root) or []] == ["grasp"], "the next episode is there")
