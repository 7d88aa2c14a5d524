"""One disturbance at a time, of which the policy knows nothing."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.action import Action
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import PLAIN, Looks
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.rollouts.disturbances import CLEAN, DISTURBANCES, chosen, disturbed, examples
from qtopt_agent.rollouts.parallel import RolloutPlan, run_rollouts
from qtopt_agent.rollouts.pictures import enlarged
from qtopt_agent.simulation import make_robot

DOWN = Action(np.array([0.02, 0.01, -0.05], dtype=np.float32), 0.3)
PLAN = RolloutPlan("scripted", COMPACT, "validation", (1, 3), seed=3)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbance_changes_what_is_seen_or_done_and_nothing_of_what_lies_in_the_bin(name):
    plan = disturbed(PLAN, name)
    assert plan.profile == PLAN.profile  # which the policy is given
    clean = make_robot(COMPACT, "validation", (1, 3))
    robot = make_robot(replace(COMPACT, cell=plan.cell), "validation", (1, 3), looks=plan.looks)
    changed = False
    for seed in range(3):
        was, now = clean.reset(seed), robot.reset(seed)
        assert clean.object_names == robot.object_names
        np.testing.assert_allclose(was.state, now.state, atol=1e-6)
        for each in (clean, robot):
            each.execute(DOWN)
        was_after, after = clean.observe(), robot.observe()
        changed |= np.abs(was.image.astype(int) - now.image).mean() > 1
        changed |= np.abs(was_after.image.astype(int) - after.image).mean() > 1
        changed |= bool((clean._model.geom_friction != robot._model.geom_friction).any())
    assert changed


def test_clean_is_the_plan_as_it_is_and_unknown_ones_are_refused():
    assert disturbed(PLAN, CLEAN) is PLAN and PLAN.looks == PLAIN
    assert chosen("all") == list(DISTURBANCES)
    assert chosen("warm, grey") == ["warm", "grey"]
    with pytest.raises(InvalidInput, match="unknown disturbance nois, the nearest that there is: noise"):
        chosen("warm,nois")
    with pytest.raises(InvalidInput, match="unknown disturbance"):
        chosen("")


def test_the_simulator_has_the_cell_and_the_looks_of_its_plan():
    high = replace(EMBEDDED, attempt=replace(EMBEDDED.attempt, lift_height=0.235))  # from where nothing is held up
    plain = run_rollouts(PLAN, 4, 1)
    assert any(r.success for r in plain)
    assert not any(r.success for r in run_rollouts(replace(PLAN, cell=high), 4, 1))
    seen = [run_rollouts(replace(PLAN, picture=(12, 16), looks=looks), 1, 1)[0] for looks in (PLAIN, Looks("surfaces"))]
    assert seen[0].objects == seen[1].objects and (seen[0].pictures[0] != seen[1].pictures[0]).any()


def test_the_strip_has_a_column_for_each_disturbance_and_a_row_for_each_seed():
    strip = examples(COMPACT, "train", [CLEAN, "grey", "dark"], [0, 1])
    assert strip.shape == (64, 96, 3)
    clean, grey, dark = np.split(strip.astype(int), 3, axis=1)
    assert np.ptp(grey, axis=-1).max() <= 1 < np.ptp(clean, axis=-1).max()
    assert dark.mean() == pytest.approx(clean.mean() / 2, rel=0.05)
    assert enlarged(strip, 3).shape == (192, 288, 3)
