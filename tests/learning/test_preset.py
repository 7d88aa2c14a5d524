import dataclasses
import math
import re
import runpy
from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest
import yaml

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.nested_settings import by_full_name
from qtopt_agent.core.profile import PAPER, get_profile
from qtopt_agent.core.ranges import Range, meaning
from qtopt_agent.learning import preset as preset_module
from qtopt_agent.learning.preset import SETTINGS, load_preset, preset_names

DOCS = Path(__file__).parents[2] / "docs"


def test_the_shipped_presets_load():
    published = {"paper", "compact", "detailed", "lowdim", "q2opt", "ddpg", "naf", "dqn", "qtopt-v2", "qtopt-v3"}
    published |= {"finetune", "paper-small"}
    assert published == set(preset_names())
    for name in preset_names():
        get_profile(load_preset(name).profile)


def test_the_paper_preset_is_as_published():
    preset = load_preset("paper")
    assert get_profile(preset.profile) is PAPER
    assert (PAPER.discount, PAPER.step_cost, PAPER.max_steps) == (0.9, 0.05, 20)
    target, search, optimizer = preset.target, preset.maximizer, preset.optimizer
    assert (target.ema_decay, target.target_lag) == (0.9999, 6000)
    assert (search.cem_samples, search.cem_elites, search.cem_iterations) == (64, 6, 2)
    assert (search.evaluation_samples, search.evaluation_iterations) == (64, 2)
    assert preset.replay.on_policy_share == (0.01, 0.5)
    assert (optimizer.kind, optimizer.learning_rate, optimizer.weight_decay) == ("sgd", 1e-4, 7e-5)
    assert not preset.loss.auxiliary_weight and not preset.replay.symmetry and not target.mc_bound_until
    kept, seen = preset.kept_profile().observation.image_size, preset.acting_profile().observation.image_size
    assert (kept, seen) == ((512, 640), (472, 472))
    # the amounts that tensor2robot's functions have by default
    assert dataclasses.astuple(preset.augmentation) == (True, 0.125, 0.5, 0.5, 0.2)


def test_paper_small_is_the_paper_preset_in_a_twentieth_of_its_steps():
    paper, small = load_preset("paper"), load_preset("paper-small")
    differ = {name for name, value in paper.settings().items() if value != small.settings()[name]}
    counted = ("steps", "optimizer.learning_rate_decay_steps", "target.target_lag", "collection.scripted_episodes")
    assert differ == {*counted, "target.ema_decay", "collection.min_episodes"}
    for name in (*counted, "collection.min_episodes"):
        assert paper.settings()[name] == 20 * small.settings()[name]
    assert 1 - small.target.ema_decay == pytest.approx(20 * (1 - paper.target.ema_decay))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("batchsize=3", "setting batchsize, the nearest that there is: batch_size"),
        (
            "optimiser.learning_rate=1",
            "setting optimiser.learning_rate, the nearest that there is: optimizer.learning_",
        ),
        ("exploration.n_step=3", "setting exploration.n_step, the nearest that there is: exploration"),
        ("exploration=0.1", "setting exploration, the nearest that there is: exploration."),
        ("exploration={size: 0.1}", "setting exploration.size, the nearest that there is: exploration.noise"),
        ("steps.kind=3", "setting steps.kind, the nearest that there is: loss.kind"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_that_there_is(assignment, message):
    with pytest.raises(InvalidInput, match=f"^unknown {message}"):
        load_preset("compact").override([assignment])


def test_a_setting_has_a_full_name_and_a_short_one_and_a_group_stands_for_its_kind():
    compact = load_preset("compact")
    for name in SETTINGS:
        group, _, last = name.rpartition(".")
        value = compact.settings()[name]
        for short in (name, group if last == "kind" else last):
            assert compact.changed(**{short: value}) == compact
    asked = ["maximizer=grid", "target={kind: hard, n_step: 3}", "optimizer.learning_rate=1e-2", "gradient_clip=5"]
    changed = compact.override(asked)
    assert (changed.maximizer.kind, changed.target.kind, changed.target.n_step) == ("grid", "hard", 3)
    assert (changed.optimizer.learning_rate, changed.optimizer.gradient_clip) == (1e-2, 5.0)


def test_a_name_that_several_groups_have_is_refused_with_all_of_them():
    with pytest.raises(
        InvalidInput, match=r"setting kind is ambiguous, expected one of optimizer\.kind, q_function\.k"
    ):
        load_preset("compact").override(["kind=grid"])


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (["n_step=3", "target.n_step=4"], "n_step and as target.n_step"),
        (["target={n_step: 3}", "n_step=4"], "target.n_step and as n_step"),
        (["target=hard", "target.kind=hard"], "target and as target.kind"),
    ],
)
def test_a_setting_under_two_names_is_refused_with_both(asked, names):
    with pytest.raises(InvalidInput, match=rf"setting target\.\w+ is there twice, as {names}, expected once"):
        load_preset("compact").override(asked)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps=many", "setting steps is 'many', expected a whole number from 1 to 1,000,000,000"),
        ("steps=1.5", "setting steps is 1.5, expected a whole number"),
        ("steps=true", "setting steps is True, expected a whole number"),
        ("bf16=3", "setting optimizer.bf16 is 3, expected true or false"),
        ("epsilon=0.1", "setting exploration.epsilon is 0.1, expected a list of 2, each a number from 0 to 1"),
        ("epsilon=[0.1, 0.2, 0.3]", "setting exploration.epsilon is"),
        ("learning_rate=.nan", "setting optimizer.learning_rate is nan, expected a number above 0, at most 10"),
        (
            "epsilon=[0.5, 1.5]",
            r"setting exploration.epsilon is \[0.5, 1.5\], expected a list of 2, each a number from 0 to 1",
        ),
        ("evaluate_every=0", "setting housekeeping.evaluate_every is 0, expected a whole number from 1"),
        ("steps=0", "setting steps is 0, expected a whole number from 1"),
        ("ema_decay=1", "setting target.ema_decay is 1, expected a number from 0 to below 1"),
        ("optimizer=adam", "setting optimizer.kind is 'adam', expected adamw or sgd"),
        ("target=none", "setting target.kind is 'none', expected lagged_pair or polyak or hard or fitted"),
        ("n_step=0", "setting target.n_step is 0, expected a whole number from 1 to 1,000"),
        ("boltzmann=[-1, 0]", "setting exploration.boltzmann is"),
        ("grid_levels=[0]", r"setting maximizer.grid_levels is \(0.0,\), expected two or more"),
        (
            "grid_levels=[0, a]",
            r"setting maximizer.grid_levels is \[0, 'a'\], expected a list, each a number from -1 to 1",
        ),
        ("gradient_clip=-10", "setting optimizer.gradient_clip is -10, expected a number above 0"),
        ("gradient_clip=.inf", "setting optimizer.gradient_clip is inf, expected a number above 0"),
        ("steps=" + "9" * 99, "setting steps is 9+, expected a whole number from 1 to 1,000,000,000"),
        ("clutter=[3, 1]", r"setting collection.clutter is \(3, 1\), expected the fewest first"),
        (
            "clutter=[0, 0]",
            r"setting collection.clutter is \[0, 0\], expected a list of 2, each a whole number from 1 to 6",
        ),
        ("cem_elites=65", "setting maximizer.cem_samples is 64, expected at least cem_elites, 65"),
        ("evaluation_samples=5", "setting maximizer.evaluation_samples is 5, expected at least cem_elites, 6"),
        ("maximizer=proposal", "setting maximizer.kind is 'proposal': a scalar q_function proposes no actions"),
        ("capacity=20", "setting replay.capacity is 20, expected more than an episode's 20 steps"),
        (
            "random_crop=true",
            "augmentation.random_crop is true: expected a cell with a crop smaller than .* 480x480 px",
        ),
        ("random_hue=0.6", "setting augmentation.random_hue is 0.6, expected a number from 0 to 0.5"),
        ("mask_weight=1.0", "setting loss.mask_weight is 1.0: expected 0, for a scalar compact network has no masks"),
        ("lift_margin=0.17", "setting collection.lift_margin is 0.17, expected at most what .* lift height, 0.160"),
        ("profile=tiny", "unknown profile 'tiny'"),
        ("n_step={}", "setting target.n_step is {}, expected a whole number"),
        ("optimizer=", "setting optimizer.kind is None, expected adamw or sgd"),
        ("steps", "setting 'steps': expected key=value"),
        ("steps=[", "setting 'steps=\\['"),
    ],
)
def test_a_bad_setting_is_refused_by_name(assignment, message):
    with pytest.raises(InvalidInput, match=message):
        load_preset("compact").override([assignment])


def _numbers(kind):
    """The ranges of all numbers in a setting's type; None for a number without one."""
    if get_origin(kind) is Annotated:
        of, *notes = get_args(kind)
        return [note for note in notes if isinstance(note, Range)] or _numbers(of)
    if kind in (int, float):
        return [None]
    return [each for part in get_args(kind) for each in _numbers(part)] if get_origin(kind) is tuple else []


@pytest.mark.parametrize("name", SETTINGS)
def test_every_number_has_a_range_that_its_values_are_held_to(name):
    compact = load_preset("compact")
    for allowed in _numbers(SETTINGS[name].type):
        assert allowed is not None
        for beyond in (allowed.low - 1, allowed.high + 1, math.nan, math.inf, -math.inf):
            value = compact.settings()[name]
            wrong = (*value[:-1], beyond) if isinstance(value, tuple) else beyond
            with pytest.raises(InvalidInput, match=rf"setting {name} is .*, expected .* number"):
                compact.changed(**{name: wrong})
            group, _, last = name.rpartition(".")
            with pytest.raises(InvalidInput, match=rf"setting {name} is .*, expected .* number"):
                by_hand = dataclasses.replace(getattr(compact, group), **{last: wrong}) if group else wrong
                dataclasses.replace(compact, **{group or last: by_hand})


def test_a_run_goes_on_with_other_settings_unless_its_files_would_not_fit_them():
    run = load_preset("lowdim")
    run.override(["steps=9999999", "learning_rate=1e-5", "n_step=3"]).check_goes_on(run)
    for asked in ("q_function=quantile", "target=hard", "optimizer=sgd", "capacity=1000", "profile=compact"):
        (name, value), *_ = by_full_name(dict([asked.split("=")]), SETTINGS).items()
        began = run.settings()[name]
        with pytest.raises(InvalidInput, match=f"setting {name} is '?{began}'? in this run, '?{value}'? was asked for"):
            run.override([asked]).check_goes_on(run)
    with pytest.raises(InvalidInput, match=r"setting loss.auxiliary_weight is 0.0 in this run, 1.0 was asked for"):
        run.override(["auxiliary_weight=1"]).check_goes_on(run)


def test_a_damaged_preset_is_refused_or_has_every_setting_within_its_range(tmp_path, mutations):
    whole = (Path(preset_module.__file__).parent / "presets/compact.yaml").read_bytes()
    path = tmp_path / "mine.yaml"
    taken = 0
    for text in mutations(whole):
        path.unlink(missing_ok=True)
        path.write_bytes(text)
        try:
            preset = load_preset(str(path))
        except InvalidInput as error:
            assert "mine.yaml" in str(error)
            continue
        taken += 1
        for name, value in preset.settings().items():
            numbers = value if isinstance(value, tuple) else (value,)
            for number, allowed in zip(numbers, _numbers(SETTINGS[name].type) * len(numbers), strict=False):
                assert number in allowed
    assert taken  # where a comment or a digit changed


def test_overrides_apply_in_order_and_leave_the_rest():
    preset = load_preset("compact")
    changed = preset.override(["steps=5", "epsilon=[0.3, 0.1]", "steps=1e4"])
    assert (changed.steps, changed.exploration.epsilon) == (10_000, (0.3, 0.1))
    assert changed.optimizer.batch_size == preset.optimizer.batch_size


def test_a_file_of_ones_own_works_and_must_be_complete(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: lowdim\nsteps: 10\n")
    with pytest.raises(
        InvalidInput, match=r"mine\.yaml lacks optimizer.kind, optimizer.batch_size, optimizer.learning"
    ):
        load_preset(str(path))
    path.write_text(
        "profile: lowdim\nsteps: 10\noptimizer:\n  kind: sgd\n  batch_size: 4\n  learning_rate: 1e-3\n"
        "  final_learning_rate: 1e-3\n  weight_decay: 0\n"
    )
    grouped = load_preset(str(path))
    assert grouped.optimizer.learning_rate == 1e-3
    path.write_text(
        "profile: lowdim\nsteps: 10\nbatch_size: 4\noptimizer: sgd\nlearning_rate: 1e-3\n"
        "final_learning_rate: 1e-3\nweight_decay: 0\n"
    )
    assert load_preset(str(path)) == grouped


@pytest.mark.parametrize("text", ["just words", "a: [", "- 1\n- 2"])
def test_a_file_that_is_no_preset_is_refused(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"mine\.yaml"):
        load_preset(str(path))


def test_a_preset_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="unknown preset 'large', expected one of compact, ddpg, detailed, dqn,"):
        load_preset("large")
    with pytest.raises(InvalidInput, match="No such file"):
        load_preset(str(tmp_path / "none.yaml"))


def test_the_page_of_settings_is_what_the_code_gives_and_every_setting_says_what_it_means():
    written = runpy.run_path(str(DOCS / "reference/settings.py"))
    assert written["PAGE"].read_text(encoding="utf-8") == written["page"](), "run docs/reference/settings.py"
    assert all(meaning(field.type) for field in SETTINGS.values())


def _settings_in_the_pages():
    """Page, preset or none for the defaults, settings and their values, of every row of a table of settings."""
    for page in sorted((DOCS / "algorithms").glob("*.md")):
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
    stated = load_preset(preset[0]).settings() if preset else {name: field.default for name, field in SETTINGS.items()}
    values = [stated[full] for full in by_full_name(dict.fromkeys(names), SETTINGS)]
    assert [each for value in values for each in (value if isinstance(value, tuple) else (value,))] == said
