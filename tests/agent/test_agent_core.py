"""An agent, an arm driver and an arm in one process on invented time: attempts end as they should, whatever happens."""

import numpy as np
import pytest

from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.values import AgentSettings, DriverStatus, Goal, Outcome, Phase
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import COMPACT, DETAILED, LOWDIM
from qtopt_agent.perception.ingest import RawImage
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import NOTHING, STOP, DriverState, MotionCommand
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox
from qtopt_agent.safety.motion import Pose

TICK = 0.01
BOX = WorkspaceBox((-0.2, -0.2, 0.0), (0.2, 0.2, 0.3))
DOWN = Action(np.float32([0.01, 0.0, -0.03]), 0.2)


class Plan:
    """A policy that makes the actions of a list, and the last one for ever after."""

    def __init__(self, *actions, name="plan", on_decide=lambda: None):
        self.name, self.actions, self.seen, self.on_decide = name, list(actions), [], on_decide

    def decide(self, observation, rng):
        self.seen.append(observation)
        self.on_decide()
        action = self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]
        return Decision(action.to_vector() if isinstance(action, Action) else action, 0.25)


class Stack:
    """Everything between the camera and the arm. `camera_size` and the others may be changed while it runs."""

    def __init__(self, policy, profile=COMPACT, **settings):
        self.now, self.clock_offset = 50.0, 1000.0
        self.agent = AgentCore(profile, AgentSettings(**settings), "agent", lambda: self.clock, lambda: self.now)
        self.agent.use(policy)
        self.driver = ArmDriverCore(DriverSettings(MotionLimits(BOX, 0.11, 1.2), Output.POSE, gripper_time=0.1))
        self.position, self.yaw, self.aperture = np.array([0.0, 0.0, 0.2]), 0.0, 0.08
        self.camera_size, self.camera_period, self.camera_on, self.camera_frozen = (48, 64), 0.03, True, None
        self.gripper_delay, self.driver_alive = 0.0, True
        self.commands, self.steps, self.results, self.setpoints = [], [], [], []
        self.judge = True
        self._shot = -np.inf
        self.run(0.1)
        assert self.driver.arm(self.now) == ()
        self.run(0.1)

    @property
    def clock(self):
        return self.now + self.clock_offset

    def tick(self):
        self.now += TICK
        if self.camera_on and self.now - self._shot >= self.camera_period:
            self._shot = self.now
            height, width = self.camera_size
            stamp = self.clock - 0.005 if self.camera_frozen is None else self.camera_frozen
            raw = RawImage(bytes(3 * height * width), "rgb8", height, width, 3 * width)
            self.agent.inputs.image(raw, stamp)
            self.driver.camera(stamp, self.clock, self.now)
        jaw = self.clock - self.gripper_delay
        self.agent.inputs.gripper(self.aperture, False, jaw)
        self.agent.inputs.tips(Pose(self.position, self.yaw), self.clock)
        self.driver.gripper(self.aperture, jaw, self.clock, self.now)
        self.driver.measured(self.position, self.yaw, self.clock, self.clock, self.now)
        if self.driver_alive:
            self._drive()
        if self.agent.phase == Phase.JUDGING and self.judge is not None:
            self.agent.judged(self.judge)
        self.publish(self.agent.tick())

    def _drive(self):
        setpoint = self.driver.tick(self.now)
        if setpoint is not None and setpoint.streaming:
            self.setpoints.append(setpoint)
            self.position, self.yaw = setpoint.pose.position, setpoint.pose.yaw
        report = self.driver.report
        about = (report.asked.writer, report.asked.sequence, report.allowed) if report else ("", 0, NOTHING)
        text = ", ".join(self.driver.faults)
        self.agent.status(DriverStatus(self.driver.state, self.driver.moving, *about, text))

    def publish(self, output):
        if output.command:
            self.commands.append(output.command)
            self.driver.command(output.command.motion, self.clock, self.now)
        if output.step:
            self.steps.append(output.step)
        if output.finished:
            self.results.append(output.finished)

    def run(self, seconds):
        for _ in range(round(seconds / TICK)):
            self.tick()

    def grasp(self, goal=Goal(), seconds=60.0):  # noqa: B008
        self.agent.begin(goal)
        return self.until_finished(seconds)

    def until_finished(self, seconds=60.0):
        before = len(self.results)
        for _ in range(round(seconds / TICK)):
            self.tick()
            if len(self.results) > before:
                return self.results[-1]
        raise AssertionError(f"not finished after {seconds} s, in phase {self.agent.phase.name}")

    def assert_arm_stops(self):
        self.run(1.5)
        assert not self.setpoints[-1].velocity.any() and self.setpoints[-1].yaw_rate == 0


def test_an_attempt_goes_on_until_the_policy_ends_it():
    stack = Stack(Plan(DOWN, DOWN, STOP))
    result = stack.grasp(Goal(seed=5))
    assert (result.outcome, result.success, result.judged) == (Outcome.TERMINATED, True, True)
    assert len(result.episode.steps) == 3 and not result.episode.truncated
    assert [step.reward for step in result.episode.steps] == [-0.01, -0.01, 1.0]
    assert [step.terminal for step in result.episode.steps] == [False, False, True]
    assert [record.index for record in stack.steps] == [0, 1, 2]
    assert result.episode.seed == 5 and result.episode.success
    np.testing.assert_allclose(stack.position[2], 0.14, atol=0.005)
    stack.assert_arm_stops()


def test_the_arm_makes_the_motions_and_each_decision_sees_the_state_after_the_last():
    plan = Plan(DOWN, DOWN, DOWN, STOP)
    stack = Stack(plan)
    stack.grasp()
    heights = [observation.state[1] for observation in plan.seen]
    np.testing.assert_allclose(heights, [0.2, 0.17, 0.14, 0.11], atol=0.006)
    np.testing.assert_allclose([observation.state[3] for observation in plan.seen], [0, 0.05, 0.1, 0.15])


def test_a_decision_is_told_what_the_last_motion_did_and_not_what_was_asked():
    aside = Action(np.float32([0.06, 0.0, 0.0]), 0.3)
    plan = Plan(aside, aside, aside, aside, aside, STOP)
    stack = Stack(plan, DETAILED)
    stack.camera_size = (64, 64)
    for _ in range(2):
        episode = stack.grasp().episode
        plan.actions = [aside, STOP]
        assert not episode.steps[0].observation.state[4:].any()
        told = [step.observation.state[4:] for step in episode.steps[1:]] + [episode.final.state[4:]]
        done = [Action.from_vector(step.executed) for step in episode.steps]
        np.testing.assert_allclose(told, [[*action.translation, action.yaw] for action in done], atol=1e-6)


def test_every_step_has_its_capture_inference_and_command_time_in_order():
    stack = Stack(Plan(DOWN, DOWN, STOP))
    steps = stack.grasp().episode.steps
    times = [t for step in steps for t in (step.observation.stamp, step.inference_stamp, step.command_stamp)]
    assert times == sorted(times)
    assert steps[0].command_stamp - steps[0].inference_stamp > 0.1  # the motion took its time


def test_what_the_driver_cut_is_recorded_beside_what_was_asked():
    aside = Action(np.float32([0.06, 0.0, 0.0]), 0.0, GripperCommand.CLOSE)
    stack = Stack(Plan(aside, aside, aside, aside, aside, STOP))
    steps = stack.grasp().episode.steps
    assert all(step.commanded[0] == np.float32(0.06) for step in steps[:5])
    assert steps[3].executed[0] == pytest.approx(0.02, abs=0.005)
    assert steps[4].executed[0] == pytest.approx(0.0, abs=0.005)
    assert steps[4].executed[5] == 1  # the jaw does as asked


def test_the_step_limit_of_the_goal_or_of_the_profile_ends_an_attempt():
    stack = Stack(Plan(Action(np.float32([0, 0, 0.01]), 0.0)))
    result = stack.grasp(Goal(max_steps=2))
    assert result.outcome == Outcome.STEP_LIMIT and len(result.episode.steps) == 2
    result = stack.grasp(Goal(max_steps=1000))
    assert len(result.episode.steps) == COMPACT.max_steps


@pytest.mark.parametrize("actions", [(DOWN,), (DOWN, STOP)])
def test_the_last_command_of_an_attempt_is_to_stop_so_that_another_may_move_the_arm_at_once(actions):
    stack = Stack(Plan(*actions))
    stack.grasp(Goal(max_steps=2))
    assert stack.commands[-1].motion.action.terminate
    taken_over = MotionCommand(DOWN, "another", 1, stack.clock)
    assert stack.driver.command(taken_over, stack.clock, stack.now).cuts == ()


def test_an_attempt_begins_with_a_jaw_that_is_known_to_be_open():
    stack = Stack(Plan(DOWN), least_aperture=0.06)
    stack.aperture = 0.02
    stack.run(0.1)
    with pytest.raises(InvalidInput, match=r"jaw is 0\.020 m open, expected 0\.060 m or more"):
        stack.agent.begin(Goal())
    stack.aperture, stack.gripper_delay = 0.08, 5.0
    stack.run(0.1)
    assert not stack.agent.jaw_known
    with pytest.raises(InvalidInput, match="aperture is unknown"):
        stack.agent.begin(Goal())
    stack.gripper_delay = 0.0
    stack.run(0.1)
    assert stack.agent.jaw_known
    stack.agent.begin(Goal())


def test_only_the_newest_image_is_decided_from():
    plan = Plan(DOWN, STOP)
    stack = Stack(plan)
    stack.grasp()
    for step, observation in zip(stack.results[0].episode.steps, plan.seen, strict=True):
        assert step.inference_stamp - observation.stamp < stack.camera_period + 2 * TICK


@pytest.mark.parametrize("tick", range(0, 120, 7))
def test_cancel_at_any_moment_ends_with_a_stop_and_the_next_attempt_works(tick):
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    stack.run(tick * TICK)
    stack.agent.cancel()
    result = stack.until_finished(0.05)
    assert result.outcome == Outcome.CANCELLED
    assert stack.commands[-1].motion.action.terminate
    stack.assert_arm_stops()
    assert stack.driver.state == DriverState.ARMED
    stack.agent.use(Plan(STOP))
    assert stack.grasp().outcome == Outcome.TERMINATED


def test_a_cancel_during_inference_drops_the_decision():
    stack = Stack(Plan(DOWN))
    stack.agent.use(Plan(DOWN, on_decide=stack.agent.cancel))
    result = stack.grasp()
    assert result.outcome == Outcome.CANCELLED and "deciding" in result.message
    assert [command.motion.action.terminate for command in stack.commands] == [True]


def test_an_attempt_has_a_time_limit():
    stack = Stack(Plan(DOWN))
    assert stack.grasp(Goal(timeout=0.8)).outcome == Outcome.TIMEOUT
    stack.assert_arm_stops()


def test_a_frozen_camera_stops_the_arm_and_ends_the_attempt():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    stack.run(0.5)
    stack.camera_frozen = stack.clock
    result = stack.until_finished(5)
    assert result.outcome == Outcome.SAFETY_STOP and "image" in result.message
    stack.assert_arm_stops()
    assert stack.driver.state == DriverState.HOLDING


def test_a_slow_camera_is_no_reason_to_decide_from_old_images():
    plan = Plan(DOWN)
    stack = Stack(plan)
    stack.camera_period = 0.35  # slow, but not too slow for the driver
    stack.agent.begin(Goal())
    stack.run(5)
    assert len(stack.steps) > 3
    stamps = [record.step.observation.stamp for record in stack.steps]
    ends = [record.step.command_stamp for record in stack.steps]
    assert all(stamp > end for stamp, end in zip(stamps[1:], ends, strict=False))


def test_an_image_that_changes_its_size_is_not_decided_from():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    stack.run(0.5)
    decisions = len(stack.steps)
    stack.camera_size = (40, 64)
    result = stack.until_finished(20)
    assert result.outcome == Outcome.NO_INPUT and "64x40 px, it was 64x48" in result.message
    assert len(stack.steps) <= decisions + 1
    assert stack.grasp(Goal(max_steps=1)).outcome == Outcome.STEP_LIMIT  # a new attempt takes it as it is


def test_an_image_too_small_for_the_model_is_named():
    stack = Stack(Plan(DOWN))
    stack.camera_size = (20, 20)
    stack.run(0.2)
    assert "20x20" in stack.grasp().message


def test_a_state_of_another_moment_is_not_put_beside_an_image():
    stack = Stack(Plan(DOWN))
    stack.gripper_delay = 0.15  # too late for the agent, good enough for the driver
    stack.run(1)
    stack.agent.inputs._jaw.clear()
    result = stack.grasp()
    assert result.outcome == Outcome.NO_INPUT and "from the image" in result.message


def test_a_state_that_is_not_finite_is_not_decided_from():
    stack = Stack(Plan(DOWN))
    plan = Plan(DOWN)
    stack.agent.use(plan)
    stack.aperture = np.nan
    result = stack.grasp()
    assert result.outcome == Outcome.SAFETY_STOP
    assert plan.seen == []


def test_it_decides_by_what_the_last_motion_did_and_not_by_what_was_asked():
    turns = [Action(np.float32([0.02, 0.01, -0.01]), 1.0)] * 4  # beyond pi at last
    plan = Plan(*turns, DOWN)
    stack = Stack(plan, DETAILED)
    stack.camera_size = (64, 64)
    floor, drive = stack.position[2] - 0.05, stack._drive

    def blocked():
        drive()
        stack.position = np.maximum(stack.position, (-1, -1, floor))  # the fingers stand on something

    stack._drive = blocked
    stack.grasp()
    moved = np.array([seen.state[-4:] for seen in plan.seen])
    np.testing.assert_allclose(moved[0], 0)
    np.testing.assert_allclose(moved[1:5], [[0.02, 0.01, -0.01, 1.0]] * 4, atol=2e-3)
    np.testing.assert_allclose(moved[5], [0.01, 0, -0.01, 0.2], atol=2e-3)
    np.testing.assert_allclose(moved[6:], [[0.01, 0, 0, 0.2]] * len(moved[6:]), atol=2e-3)


def test_a_driver_that_is_not_armed_or_silent_ends_the_attempt():
    stack = Stack(Plan(DOWN))
    stack.driver.disarm()
    stack.run(0.1)
    result = stack.grasp()
    assert result.outcome == Outcome.SAFETY_STOP and "DISARMED" in result.message
    other = Stack(Plan(DOWN))
    other.agent.begin(Goal())
    other.run(0.3)
    other.driver_alive = False
    assert "silent" in other.until_finished(5).message


def test_a_model_without_a_valid_action_ends_the_attempt():
    stack = Stack(Plan(np.full(8, np.nan, np.float32)))
    result = stack.grasp()
    assert result.outcome == Outcome.INFERENCE_FAILED and "finite" in result.message
    assert stack.agent.busy is False


def test_without_a_success_detector_the_attempt_ends_unjudged():
    stack = Stack(Plan(STOP))
    stack.judge = None
    result = stack.grasp()
    assert (result.success, result.judged) == (False, False)
    assert "no success detector" in result.message


def test_a_clock_that_goes_back_ends_the_attempt_and_the_next_one_works():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    stack.run(0.4)
    stack.clock_offset = 0.0
    assert stack.until_finished(5).outcome == Outcome.SAFETY_STOP
    stack.run(1)
    assert stack.driver.resume(stack.now) == ()
    stack.run(0.1)
    assert stack.grasp(Goal(max_steps=2)).outcome == Outcome.STEP_LIMIT


def test_a_new_model_decides_from_the_next_decision_on_and_the_log_says_which():
    stack = Stack(Plan(DOWN, name="old"))
    stack.agent.begin(Goal(max_steps=6))
    while len(stack.steps) < 2:
        stack.tick()
    stack.agent.use(Plan(DOWN, name="new"))
    stack.until_finished()
    versions = [record.model_version for record in stack.steps]
    assert versions == sorted(versions, reverse=True)
    assert set(versions) == {"old", "new"} and len(versions) == 6


def test_a_bad_model_is_kept_out_and_the_old_one_goes_on(model):
    stack = Stack(Plan(DOWN, name="old"))
    (model / "policy.pt").write_bytes(b"not a model")
    with pytest.raises(IncompatibleModel, match="sha256"):
        stack.agent.load_model(model)
    assert stack.agent.model_version == "old"
    assert stack.grasp(Goal(max_steps=1)).outcome == Outcome.STEP_LIMIT


def test_a_model_can_be_loaded_while_running(model):
    stack = Stack(Plan(DOWN, name="old"))
    assert stack.agent.load_model(model)["version"] == "untrained"
    assert stack.grasp(Goal(max_steps=2, seed=1)).outcome in (Outcome.STEP_LIMIT, Outcome.TERMINATED)
    assert stack.steps[-1].model_version == "untrained"


def test_the_same_seed_gives_the_same_actions(model):
    def actions(seed):
        stack = Stack(Plan(DOWN))
        stack.agent.load_model(model)
        stack.grasp(Goal(max_steps=3, seed=seed))
        return [record.step.commanded.tolist() for record in stack.steps]

    assert actions(-3) == actions(-3) != actions(4)


def test_a_script_decides_without_a_model_and_the_record_says_which_it_was():
    stack = Stack(Plan(DOWN))
    stack.agent.use(Plan(DOWN, STOP, name="plan"), "plan", version="")
    episode = stack.grasp().episode
    assert (episode.policy, episode.model_version) == ("plan", "")
    assert {record.model_version for record in stack.steps} == {""}


def test_a_model_explores_as_it_is_told_and_the_record_says_so(model):
    plain, exploring = Stack(Plan(DOWN)), Stack(Plan(DOWN), epsilon=0.5, noise=0.1)
    for stack, name in ((plain, "greedy"), (exploring, "exploring")):
        stack.agent.load_model(model)
        episode = stack.grasp(Goal(max_steps=4, seed=1)).episode
        assert (episode.policy, episode.model_version) == (name, "untrained")
    assert np.isnan([record.step.q for record in exploring.steps]).any()  # an action of chance has no Q
    assert not np.isnan([record.step.q for record in plain.steps]).any()


LEFT = Action(np.float32([0.0, 0.03, 0.0]), 0.0)
STILL = NOTHING


def test_a_person_takes_over_for_as_long_as_they_hold_and_their_steps_are_theirs():
    plan = Plan(DOWN)
    stack = Stack(plan)
    stack.agent.begin(Goal(max_steps=8))
    while len(stack.steps) < 2:
        stack.tick()
    while len(stack.steps) < 5:
        stack.agent.person(LEFT, stack.clock)
        stack.tick()
    stack.agent.person(None, stack.clock)
    episode = stack.until_finished().episode
    by_person = [step.by_person for step in episode.steps]
    assert by_person[:2] == [False, False] and by_person[-1] is False
    assert 2 <= sum(by_person) <= 4
    for step, record in zip(episode.steps, stack.steps, strict=True):
        if step.by_person:
            np.testing.assert_array_equal(step.commanded, LEFT.to_vector())
            assert np.isnan(step.q) and np.isnan(step.log_density) and record.model_version == ""
        else:
            assert step.q == 0.25 and record.model_version == "plan"
    assert len(plan.seen) == 8  # it keeps count of what it did not decide
    assert {command.motion.writer for command in stack.commands} == {"agent"}


def test_a_hand_that_wants_nothing_holds_the_attempt_and_one_that_lets_go_gives_it_back():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal(max_steps=3))
    for _ in range(800):  # longer than any input is waited for
        stack.agent.person(STILL, stack.clock)
        stack.tick()
    assert not stack.commands and stack.agent.busy
    stack.agent.person(None, stack.clock)
    assert stack.until_finished().outcome == Outcome.STEP_LIMIT


@pytest.mark.parametrize("wanted", [LEFT, STILL])
@pytest.mark.parametrize("ticks", [3, 20, 40])
def test_a_hand_that_falls_silent_stops_the_arm_and_ends_the_attempt(wanted, ticks):
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    for _ in range(ticks):
        stack.agent.person(wanted, stack.clock)
        stack.tick()
    decided = len({command.motion.sequence for command in stack.commands})
    result = stack.until_finished(0.4)
    assert result.outcome == Outcome.CANCELLED and "hand was not heard for 0.3 s" in result.message
    assert stack.commands[-1].motion.action.terminate
    assert len({command.motion.sequence for command in stack.commands}) <= decided + 2
    stack.assert_arm_stops()
    assert stack.grasp(Goal(max_steps=1)).outcome == Outcome.STEP_LIMIT  # the next one is the policy's


@pytest.mark.parametrize("late", [0.5, -0.5])
def test_a_hand_of_another_time_never_moves_the_arm(late):
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    stack.agent.person(LEFT, stack.clock - late)
    result = stack.until_finished(0.1)
    assert result.outcome == Outcome.CANCELLED
    assert all(command.motion.action.terminate for command in stack.commands)


def test_a_person_ends_an_attempt():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal())
    while not stack.results:
        stack.agent.person(STOP, stack.clock)
        stack.tick()
    result = stack.results[0]
    assert result.outcome == Outcome.TERMINATED and result.success
    assert [step.by_person for step in result.episode.steps] == [True]


def test_no_attempt_begins_while_a_person_moves_the_arm():
    stack = Stack(Plan(DOWN))
    stack.agent.person(STILL, stack.clock)
    with pytest.raises(InvalidInput, match="let go"):
        stack.agent.begin(Goal())
    stack.run(0.5)
    stack.agent.begin(Goal())


def test_a_persons_motion_is_cut_to_what_the_profile_allows():
    stack = Stack(Plan(DOWN))
    stack.agent.begin(Goal(max_steps=1))
    while not stack.commands:
        stack.agent.person(Action(np.float32([0.5, 0.0, 0.0]), 3.0), stack.clock)
        stack.tick()
    action = stack.commands[0].motion.action
    assert action.translation[0] == np.float32(0.06) and action.yaw == pytest.approx(np.pi / 3)


def test_goals_that_cannot_be_met_are_refused():
    stack = Stack(Plan(DOWN))
    for goal in (Goal(max_steps=-1), Goal(timeout=float("nan")), Goal(timeout=-1.0)):
        with pytest.raises(InvalidInput):
            stack.agent.begin(goal)
    stack.agent.begin(Goal())
    with pytest.raises(InvalidInput, match="under way"):
        stack.agent.begin(Goal())
    with pytest.raises(InvalidInput, match="no model"):
        AgentCore(COMPACT, AgentSettings(), "agent").begin(Goal())
    with pytest.raises(InvalidInput, match="object_x_m"):
        AgentCore(LOWDIM, AgentSettings(), "agent")
