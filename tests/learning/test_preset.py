import re
from pathlib import Path

import pytest
import yaml

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import PAPER, get_profile
from qtopt_agent.learning.preset import Preset, load_preset, preset_names


def test_the_shipped_presets_load():
    published = {"paper", "compact", "lowdim", "q2opt", "ddpg", "naf", "dqn", "qtopt-v2", "qtopt-v3"}
    assert published == set(preset_names())
    for name in preset_names():
        get_profile(load_preset(name).profile)


def test_the_paper_preset_is_as_published():
    preset = load_preset("paper")
    assert get_profile(preset.profile) is PAPER
    assert (PAPER.discount, PAPER.step_cost, PAPER.max_steps) == (0.9, 0.05, 20)
    assert (preset.ema_decay, preset.target_lag) == (0.9999, 6000)
    assert (preset.cem_samples, preset.cem_elites, preset.cem_iterations) == (64, 6, 2)
    assert (preset.evaluation_samples, preset.evaluation_iterations) == (64, 2)
    assert preset.on_policy_share == (0.01, 0.5)
    assert (preset.optimizer, preset.learning_rate, preset.weight_decay) == ("sgd", 1e-4, 7e-5)
    assert not preset.auxiliary_weight and not preset.symmetry and not preset.mc_bound_until


def test_an_unknown_setting_is_named_with_those_there_are():
    with pytest.raises(InvalidInput, match="unknown setting 'batchsize', expected one of profile, steps, batch_size"):
        load_preset("compact").override(["batchsize=3"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps=many", "setting steps is 'many', expected int"),
        ("steps=1.5", "setting steps is 1.5, expected int"),
        ("steps=true", "setting steps is True, expected int"),
        ("bf16=3", "setting bf16 is 3, expected bool"),
        ("epsilon=0.1", "setting epsilon is 0.1, expected float, float"),
        ("epsilon=[0.1, 0.2, 0.3]", "setting epsilon is"),
        ("learning_rate=.nan", "setting learning_rate is nan, expected float"),
        ("epsilon=[0.5, 1.5]", r"epsilon is \(0.5, 1.5\), expected shares from 0 to 1"),
        ("evaluate_every=0", "evaluate_every is 0, expected at least 1"),
        ("steps=0", "steps is 0, expected at least 1"),
        ("ema_decay=1", "ema_decay is 1.0, expected"),
        ("optimizer=adam", "optimizer is 'adam', expected adamw or sgd"),
        ("target=none", "target is 'none', expected lagged_pair or polyak or hard or fitted"),
        ("n_step=0", "n_step is 0, expected at least 1"),
        ("boltzmann=[-1, 0]", "boltzmann is"),
        ("grid_levels=[0]", r"grid_levels is \(0.0,\), expected two or more"),
        ("grid_levels=[0, a]", r"setting grid_levels is \[0, 'a'\], expected float, ..."),
        ("profile=tiny", "unknown profile 'tiny'"),
        ("steps", "setting 'steps': expected key=value"),
        ("steps=[", "setting 'steps=\\['"),
    ],
)
def test_a_bad_setting_is_refused_by_name(assignment, message):
    with pytest.raises(InvalidInput, match=message):
        load_preset("compact").override([assignment])


def test_overrides_apply_in_order_and_leave_the_rest():
    preset = load_preset("compact")
    changed = preset.override(["steps=5", "epsilon=[0.3, 0.1]", "steps=1e4"])
    assert (changed.steps, changed.epsilon) == (10_000, (0.3, 0.1))
    assert changed.batch_size == preset.batch_size


def test_a_file_of_ones_own_works_and_must_be_complete(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: lowdim\nsteps: 10\n")
    with pytest.raises(InvalidInput, match=r"lacks batch_size, final_learning_rate, .*optimizer"):
        load_preset(str(path))
    path.write_text(
        "profile: lowdim\nsteps: 10\nbatch_size: 4\noptimizer: sgd\nlearning_rate: 1e-3\n"
        "final_learning_rate: 1e-3\nweight_decay: 0\n"
    )
    assert load_preset(str(path)).learning_rate == 1e-3


@pytest.mark.parametrize("text", ["just words", "a: [", "- 1\n- 2"])
def test_a_file_that_is_no_preset_is_refused(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"mine\.yaml"):
        load_preset(str(path))


def test_a_preset_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="unknown preset 'large', expected one of compact, ddpg, dqn, lowdim,"):
        load_preset("large")
    with pytest.raises(InvalidInput, match="No such file"):
        load_preset(str(tmp_path / "none.yaml"))


def _settings_in_the_pages():
    """Page, preset or none for the defaults, settings and their values, of every row of a table of settings."""
    for page in sorted((Path(__file__).parents[2] / "docs/algorithms").glob("*.md")):
        for table in re.findall(r"^\| setting \|.*\n(?:\|.*\n)+", page.read_text(), re.M):
            header, _, *rows = ([cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines())
            for names, values in filter(all, rows):
                text = re.sub(r",(?=\d{3})", "", values).replace("`", "")
                preset = re.findall("`(.+)`", header[1])
                yield pytest.param(
                    preset, re.findall(r"`(\w+)`", names), yaml.safe_load(f"[{text}]"), id=page.stem + names
                )


@pytest.mark.parametrize(("preset", "names", "said"), list(_settings_in_the_pages()))
def test_the_pages_say_what_presets_and_defaults_are(preset, names, said):
    where = load_preset(preset[0]) if preset else Preset
    values = [getattr(where, name) for name in names]
    assert [each for value in values for each in (value if isinstance(value, tuple) else (value,))] == said
