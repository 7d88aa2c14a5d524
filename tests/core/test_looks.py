"""What looks and physics may vary, and by which words."""

from dataclasses import fields

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import PLAIN, Looks, of_kind, only
from qtopt_agent.core.ranges import meaning
from qtopt_agent.learning.preset import load_preset

PARTS = ("surfaces", "light", "picture", "camera", "physics")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "fancy"}, "looks.kind is 'fancy', expected plain or randomised"),
        ({"textured": 1.5}, "looks.textured is 1.5, expected a number from 0 to 1"),
        ({"textured": float("nan")}, "looks.textured is nan"),
        ({"warmth": (float("nan"), 0.1)}, "looks.warmth is .nan, 0.1., expected a list of 2"),
        ({"pixel_noise": (0.0, float("inf"))}, "looks.pixel_noise"),
        ({"exposure": (0.5, -0.5)}, "looks.exposure is .0.5, -0.5., expected the least and the most"),
        ({"lights": (0, 2)}, "looks.lights is .0, 2., expected a list of 2, each a whole number from 1 to 4"),
        ({"friction": (0.0, 1.0)}, "looks.friction"),
        ({"grey_objects": 0.6, "white_objects": 0.6}, "0.6, 0.6, 0.1, 0.15, expected shares of at most 1 together"),
    ],
)
def test_what_no_looks_can_have_is_named_with_its_value(settings, message):
    with pytest.raises(InvalidInput, match=message):
        Looks(**settings)


def test_every_setting_says_which_part_it_is_of_and_what_it_may_be():
    for field in fields(Looks)[2:]:
        part, _, rest = meaning(field.type).partition(": ")
        assert part in PARTS and rest
        of = field.type.__args__[0] if "tuple" in str(field.type) else field.type
        assert "Range" in str(of) or "Literal" in str(of), field.name


def test_looks_are_plain_unless_said_and_one_part_may_vary_alone():
    assert not PLAIN.vary and PLAIN.in_force() == only()
    everything = Looks("randomised")
    assert everything.in_force() == everything
    for part in PARTS:
        alone = of_kind(part)
        assert alone.vary
        for field in fields(Looks)[1:]:
            mine = meaning(field.type).startswith(part)
            expected = everything if mine else only()
            assert getattr(alone.in_force(), field.name) == getattr(expected, field.name), (part, field.name)


def test_each_part_varies_in_its_share_of_the_episodes_on_its_own():
    looks, rng = Looks("randomised", share=0.7), np.random.default_rng(0)
    drawn = [looks.drawn(rng) for _ in range(400)]
    of = dict(zip(PARTS, ("textured", "shadows", "jpeg", "camera_shift", "motion_error"), strict=True))
    varies = np.array([[getattr(each, of[part]) == getattr(looks, of[part]) for part in PARTS] for each in drawn])
    assert np.abs(varies.mean(0) - 0.7).max() < 0.08
    assert np.abs(np.corrcoef(varies.T) - np.eye(5)).max() < 0.2
    everything = Looks("randomised")
    assert everything.drawn(rng) == everything


def test_a_preset_has_looks_by_one_word_and_by_range():
    preset = load_preset("compact")
    assert preset.looks == PLAIN
    asked = preset.override(["looks=randomised", "exposure=[-1, 0]", "looks.textured=1.0"])
    assert asked.looks == Looks("randomised", exposure=(-1.0, 0.0), textured=1.0)
    with pytest.raises(InvalidInput, match=r"looks\.exposure"):
        preset.override(["exposure=[1, 0]"])
    with pytest.raises(InvalidInput, match=r"setting looks\.kind is 'wild'"):
        preset.override(["looks=wild"])
