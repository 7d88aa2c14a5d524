"""The agent before a driver made by hand: what it asks for, what it refuses, how an attempt ends."""

import math
import os
import signal
import time
from contextlib import contextmanager, suppress

from action_msgs.msg import GoalStatus
from arm_tools import Arm, driver
from graph_tools import Spinning, folder, running, until
from harness import result
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from model_tools import made, put, put_broken
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import CycleStatus, EpisodeEvent, GraspCommand, GraspStep, ModelInfo, SafetyStatus
from qtopt_msgs.srv import JudgeGrasp, LoadModel
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile

# Fast, and patient with the arm made here: on a busy machine it may be silent for a second.
DRIVER = {"limits": {"speed": 0.6, "acceleration": 8.0}, "ages": {"camera": 5.0, "gripper": 5.0, "pose": 5.0}}
GENEROUS = {"image_age": 2.0, "mismatch": 0.5, "status_timeout": 5.0, "judge": "", "input_timeout": 20.0}


class Client:
    """Sends goals and hears everything that the agent says."""

    def __init__(self, node):
        self.action = ActionClient(node, Grasp, "/qtopt/grasp", callback_group=ReentrantCallbackGroup())
        self.feedback, self.commands, self.steps, self.events, self.models = [], [], [], [], []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for kind, topic, found, qos in (
            (GraspCommand, "command", self.commands, 100),
            (GraspStep, "step", self.steps, 100),
            (EpisodeEvent, "event", self.events, 100),
            (ModelInfo, "model", self.models, latched),
        ):
            node.create_subscription(kind, f"/qtopt/{topic}", found.append, qos)

    def send(self, **goal):
        until(self.action.server_is_ready, "the agent")
        for _ in range(5):  # an agent that was killed in the check before is missed only after a while
            sent = self.action.send_goal_async(
                Grasp.Goal(**goal), feedback_callback=lambda message: self.feedback.append(message.feedback)
            )
            with suppress(AssertionError):
                return result(sent, 5.0)
        raise AssertionError("the agent does not answer to a goal")

    def accepted(self, **goal):
        """The handle of a goal, once the agent is active."""

        def taken():
            handle = self.send(**goal)
            return handle.accepted and handle

        return until(taken, "a goal is accepted")

    def grasp(self, **goal):
        handle = self.accepted(**goal)
        return result(handle.get_result_async(), 60.0)

    def last_is_a_stop(self):
        until(lambda: self.commands and self.commands[-1].terminate, "the last command is to stop")


@contextmanager
def agent(model=None, mute=False, **changes):
    with folder() as root, Spinning("probe") as probe:
        client = Client(probe.node)
        settings = {"autostart": True, "model": str(model or put(root / "store", "first").parent), "watch": 0.2}
        with (
            running(driver(**DRIVER), ("agent", settings | GENEROUS | changes)) as graph,
            Arm(probe.node) as arm,
        ):
            client.graph, client.arm, client.root = graph, arm, root
            client.load = probe.node.create_client(LoadModel, "/agent/load_model")
            arm.mute = mute
            if not mute:
                arm.armed()
            until(client.action.server_is_ready, "the agent")
            yield client


def check_an_attempt_gives_feedback_steps_events_and_a_result():
    with agent(tip_frame="grasp_tip") as client:
        ended = client.grasp(max_steps=3, seed=1)
        assert {command.header.frame_id for command in client.commands} == {"grasp_tip"}
        assert ended.result.outcome in (Grasp.Result.STEP_LIMIT, Grasp.Result.TERMINATED), ended.result
        assert ended.status == GoalStatus.STATUS_SUCCEEDED and not ended.result.judged
        count = ended.result.steps
        until(lambda: len(client.steps) == count and len(client.events) == 2, "all is told")
        assert [step.index for step in client.steps] == list(range(count))
        assert client.steps[-1].terminal and not any(step.terminal for step in client.steps[:-1])
        begin, end = client.events
        assert (begin.kind, end.kind, end.steps) == (EpisodeEvent.START, EpisodeEvent.END, count)
        assert begin.episode_id == end.episode_id == ended.result.episode_id
        assert {said.phase for said in client.feedback} >= {Grasp.Feedback.MOVING}
        assert any(math.isfinite(said.q) for said in client.feedback)
        for step in client.steps:
            capture, decided, done = (
                stamp.sec + stamp.nanosec * 1e-9
                for stamp in (step.header.stamp, step.inference_stamp, step.command_stamp)
            )
            assert capture < decided < done


def check_a_second_goal_is_refused_while_one_is_under_way():
    with agent() as client:
        handle = client.accepted()
        assert not client.send().accepted
        result(handle.cancel_goal_async(), 20.0)


def check_a_goal_with_a_shut_jaw_is_refused():
    with agent() as client:
        client.arm.finger = 0.01

        def refused():
            ended = client.grasp(max_steps=1)
            return ended.status == GoalStatus.STATUS_ABORTED and "the jaw is 0.020 m open" in ended.result.message

        until(refused, "it is refused, and says why")
        client.arm.finger = 0.04
        until(lambda: client.grasp(max_steps=1).status == GoalStatus.STATUS_SUCCEEDED, "it grasps again")


def check_a_goal_waits_for_the_first_word_of_the_jaw():
    with agent(mute=True, status_timeout=10.0) as client:
        handle = client.accepted(max_steps=1)
        time.sleep(1.0)
        assert not client.events and not client.commands
        client.arm.mute = False
        client.arm.armed()
        ended = result(handle.get_result_async(), 60.0)
        assert ended.result.outcome in (Grasp.Result.STEP_LIMIT, Grasp.Result.TERMINATED), ended.result


def check_a_frozen_picture_is_not_decided_from():
    with agent(input_timeout=5.0) as client:
        client.arm.frozen_at = client.arm.stamp(client.arm.clock())
        ended = client.grasp()
        assert ended.result.outcome in (Grasp.Result.NO_INPUT, Grasp.Result.SAFETY_STOP), ended.result
        assert ended.status == GoalStatus.STATUS_ABORTED
        client.last_is_a_stop()


def check_a_picture_that_changes_its_size_ends_the_attempt():
    with agent(input_timeout=5.0) as client:
        handle = client.accepted()
        until(lambda: client.steps, "a step")
        client.arm.size = (48, 64)
        ended = result(handle.get_result_async(), 30.0)
        assert ended.result.outcome == Grasp.Result.NO_INPUT and "64x48" in ended.result.message, ended.result
        client.last_is_a_stop()


def check_a_disarmed_arm_ends_the_attempt():
    with agent() as client:
        handle = client.accepted()
        until(lambda: client.steps, "a step")
        client.arm.arm(False)
        ended = result(handle.get_result_async(), 30.0)
        assert ended.result.outcome == Grasp.Result.SAFETY_STOP, ended.result
        client.arm.stands()


def check_an_agent_killed_in_mid_motion_leaves_a_standing_arm():
    with agent() as client:
        client.accepted()
        until(lambda: client.arm.status().moving, "a motion")
        os.kill(client.graph.pid("agent"), signal.SIGKILL)
        until(lambda: not client.arm.status().moving, "no motion")
        client.arm.stands()


def check_a_driver_killed_in_mid_motion_ends_the_attempt():
    with agent(status_timeout=1.0) as client:
        handle = client.accepted()
        until(lambda: client.arm.status().moving, "a motion")
        os.kill(client.graph.pid("arm_driver"), signal.SIGKILL)
        ended = result(handle.get_result_async(), 30.0)
        assert ended.result.outcome == Grasp.Result.SAFETY_STOP and "silent" in ended.result.message
        client.last_is_a_stop()


def check_models_are_changed_while_it_runs_and_bad_ones_kept_out():
    made("first"), made("zbroken"), made("second")  # the newest comes last
    with agent() as client:
        until(lambda: client.models, "the model is told, also to a late listener")
        assert client.models[-1].version == "first" and client.models[-1].profile == "compact"
        store = client.root / "store"
        put_broken(store, "zbroken")
        until(lambda: "new model kept out" in client.graph.said(), "refused")
        answer = result(client.load.call_async(LoadModel.Request(folder=str(store / "zbroken"))), 30.0)
        assert not answer.success and "sha256" in answer.message, answer
        assert client.grasp(max_steps=1).status == GoalStatus.STATUS_SUCCEEDED
        assert client.models[-1].version == "first"
        put(client.root / "other", "second")
        answer = result(client.load.call_async(LoadModel.Request(folder=str(client.root / "other"))), 30.0)
        assert answer.success and answer.model.version == "second"
        until(lambda: client.models[-1].version == "second", "told")
        assert client.grasp(max_steps=1).status == GoalStatus.STATUS_SUCCEEDED
        assert client.steps[-1].model_version == "second"


def check_a_promotion_and_a_rollback_are_followed_while_it_grasps():
    from qtopt_agent.models.promotion import promote, roll_back  # torch, which takes seconds, before there is an arm

    candidate = made("second")
    made("first")
    with agent() as client:
        store = client.root / "store"
        until(lambda: client.models, "the model is told")
        changes = {"second": lambda: promote(candidate, store, "test"), "first": lambda: roll_back(store, "test")}
        for version, change in changes.items():
            handle = client.accepted(max_steps=2)  # so few that the hand stays in its workspace
            change()
            assert result(handle.get_result_async(), 60.0).status == GoalStatus.STATUS_SUCCEEDED
            until(lambda version=version: client.models[-1].version == version, "told", 60.0)
            assert client.grasp(max_steps=1).status == GoalStatus.STATUS_SUCCEEDED
            assert client.steps[-1].model_version == version, client.models
        assert {step.model_version for step in client.steps} == {"first", "second"}


def check_two_models_take_turns_by_the_word_of_the_cycle_until_a_person_ends_it():
    from qtopt_agent.models.turns import begin_turns, end_turns, read_turns

    candidate = made("second")
    made("first")
    with agent(judge="success_detector/judge", judge_timeout=20.0) as client:
        node, store = client.arm.node, client.root / "store"
        answer = JudgeGrasp.Response(judged=True, success=True)  # the cycle's word is another
        node.create_service(JudgeGrasp, "success_detector/judge", lambda request, response: answer)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        cycle, told, said = node.create_publisher(CycleStatus, "qtopt/cycle", latched), CycleStatus(), {}
        begin_turns(candidate, store, "the check")

        def attempted():
            """One more, with the cycle's word before and after it; returns those that count by now."""
            cycle.publish(told)
            before = len(read_turns(store).attempts)
            episode = client.grasp(max_steps=1).result.episode_id
            said[episode] = len(said) % 3 == 0
            told.attempts, told.successes, told.episode_id = told.attempts + 1, told.successes + said[episode], episode
            cycle.publish(told)
            with suppress(AssertionError):
                until(lambda: len(read_turns(store).attempts) > before, "it counts", 2.0)
            return read_turns(store).attempts

        until(lambda: len(attempted()) >= 4, "attempts count")
        counted = read_turns(store).attempts
        begun = {event.episode_id: event.model_version for event in client.events if event.kind == EpisodeEvent.START}
        assert [begun[each.episode_id] for each in counted] == [each.model for each in counted], (begun, counted)
        assert sorted(each.model for each in counted[:4]) == ["first", "first", "second", "second"]
        assert all(each.success == said[each.episode_id] for each in counted)
        refused = result(client.load.call_async(LoadModel.Request(folder=str(candidate))), 30.0)
        assert not refused.success and "take turns" in refused.message, refused
        end_turns(store, "the check")
        until(
            lambda: result(client.load.call_async(LoadModel.Request(folder=str(store / "first"))), 30.0).success,
            "the agent has heard of it",
        )
        cycle.publish(told)
        for _ in range(3):
            client.grasp(max_steps=1)
            assert client.steps[-1].model_version == "first"


def check_a_lifecycle_manager_may_take_agent_and_driver_down_and_up_again():
    with agent() as client:
        node = client.arm.node

        def counted():
            topics = ("qtopt/command", "qtopt/safety", "arm/target_twist", "qtopt/grasp/_action/status")
            return (node.count_subscribers("camera/image_raw"), *map(node.count_publishers, topics))

        def told(name, transition):
            change = node.create_client(ChangeState, f"{name}/change_state")
            until(change.service_is_ready, f"{name} can be told")
            request = ChangeState.Request(transition=Transition(id=getattr(Transition, f"TRANSITION_{transition}")))
            assert result(change.call_async(request), 30.0).success, f"{name}: {transition}"

        client.grasp(max_steps=1)
        client.arm.arm(False)
        until(lambda: client.arm.status().state == SafetyStatus.DISARMED, "disarmed")
        before, without = (2, 2, 1, 1, 1), (0, 1, 0, 0, 1)  # commands are also the check's own; the action stays
        for transition, expected in (("DEACTIVATE", before), ("CLEANUP", without), ("CONFIGURE", before)):
            for name in ("agent", "arm_driver"):
                told(name, transition)
            until(lambda expected=expected: counted() == expected, transition)
        assert not client.send().accepted
        for name in ("agent", "arm_driver"):
            told(name, "ACTIVATE")
        until(lambda: counted() == before, "the same topics as before")
        client.arm.armed()
        assert client.grasp(max_steps=1).status == GoalStatus.STATUS_SUCCEEDED


def check_settings_that_make_no_sense_end_the_process_and_are_named():
    for settings, named in (
        ({"autostart": True, "model": "/nowhere"}, "no folder '/nowhere'"),
        ({"autostart": 3}, "autostart"),
    ):
        with running(("agent", settings)) as graph:
            assert graph.wait() == 2
            said = graph.said()
            assert named in said.splitlines()[-1] and "Traceback" not in said, said
