"""What is built from a manifest and weights acts, to the bit, as the policy that was exported."""

from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.maximizers import make_maximizer
from qtopt_agent.models.folder import describe, load, load_policy_pt
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function

RELEASED = Path(__file__).parents[2] / "models" / "compact-1"


def alike(folder, profile, count):
    built, exported = load(folder), load_policy_pt(folder)
    rng = np.random.default_rng(1)
    for seed in range(count):
        image = rng.integers(0, 256, (*profile.observation.image_size, 3), dtype=np.uint8)
        seen = Observation(image, rng.random(profile.observation.state_size, dtype=np.float32), 0.0)
        ours, theirs = (policy.decide(seen, np.random.default_rng(seed)) for policy in (built, exported))
        assert ours.q == theirs.q and ours.action.tobytes() == theirs.action.tobytes()


def test_the_released_model_acts_as_its_policy_file():
    alike(RELEASED, COMPACT, 50)


@pytest.mark.parametrize(
    ("kind", "search"),
    [
        ("scalar", "icem"),
        ("scalar", "cma_es"),
        ("scalar", "random"),
        ("scalar", "grid"),
        ("quantile", "cem"),
        ("naf", "proposal"),
        ("actor_critic", "proposal"),
        ("actor_critic", "cem"),
    ],
)
def test_every_kind_and_search_acts_as_its_policy_file(tmp_path, kind, search):
    risk = {"risk": "cvar", "risk_level": 0.25} if kind == "quantile" else {}
    q = make_q_function(LOWDIM, seed=4, kind=kind, **risk)
    maximizer = make_maximizer(search, LOWDIM.action_space, 16, 4, 2, (-1.0, 0.5))
    folder = publish(tmp_path, "made", LOWDIM, q, maximizer, {})
    manifest = describe(folder)
    assert (manifest["network"]["kind"], manifest["maximizer"]) == (kind, maximizer.settings())
    alike(folder, LOWDIM, 5)


def test_a_mirrored_network_with_an_auxiliary_output_acts_as_its_policy_file(tmp_path):
    q = make_q_function(COMPACT, aux_size=7, seed=4, kind="quantile")
    search = make_maximizer("cem", COMPACT.action_space, 16, 4, 2)
    alike(publish(tmp_path, "made", COMPACT, q, search, {}, mirrored=True), COMPACT, 5)
