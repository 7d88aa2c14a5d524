"""Learning and deciding elsewhere than on the processor, without a GPU: on a second device that is made up here."""

import numpy as np
import pytest
import torch
from torch.nn.utils import clip_grad_norm_
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.learning import learner as learning
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.parts import make_network, training_maximizer
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.maximizers import CEM
from qtopt_agent.policies.scripted_module import ScriptedPolicy, TorchScriptPolicy, script_policy
from qtopt_agent.processes.device import CPU, calculates_in_bf16, find_device
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.replay.batch import Batch, Sequences

SECOND = torch.device("meta")  # of torch's names the one whose tensors autograd takes on any machine
PRIVILEGED = 2


class There(torch.Tensor):
    """A tensor of the second device; its numbers are in `inner`."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    is_meta = False  # it does have numbers

    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=SECOND, **layout)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} outside SecondDevice")


class SecondDevice(TorchDispatchMode):
    """Calculates on the processor what is on the second device, and as CUDA does refuses to mix the two."""

    COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        here = [each for each in given if not isinstance(each, There) and each.dim()]
        there = any(isinstance(each, There) for each in given)
        assert func in self.COPIES or not (here and there), f"{func} mixes devices"
        where = kwargs.pop("device", None)
        if where is not None:
            kwargs["device"], there = CPU, where.type == SECOND.type
        found = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        if func._schema.name.endswith("_"):  # in place: what was given is what comes back, if anything
            return args[0] if func._schema.returns else None
        return _each(found, there)


def _inner(value):
    return value.inner if isinstance(value, There) else value


def _each(found, there):
    return tree_map(lambda value: There(value) if there and isinstance(value, torch.Tensor) else value, found)


@pytest.fixture
def unfused(monkeypatch):
    """Torch's fused and foreach functions know which devices they are for, and a made-up one is not among them."""
    clip, adamw = clip_grad_norm_, torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *given, fused, **more: adamw(*given, foreach=False, **more))
    monkeypatch.setattr(learning, "clip_grad_norm_", lambda *given, foreach: clip(*given, foreach=False))


def learner(device, preset, **changes):
    chosen = load_preset(preset).changed(
        **{"batch_size": 8, "bf16": False, "cem_samples": 8, "cem_elites": 2} | changes
    )
    profile = chosen.acting_profile()
    network = make_network(chosen, profile, PRIVILEGED, seed=3)
    made = Learner(chosen, profile, network, training_maximizer(chosen, profile), 1, device=device)
    made.fit_auxiliary(np.array([[0, 5], [2, 5.2]], np.float32))
    return made


def batches(preset, count):
    profile = load_preset(preset).acting_profile()
    size, shape = 8, (8, *profile.observation.image_size, 3)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        images = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
        states = [rng.random((size, profile.observation.state_size), dtype=np.float32) for _ in range(2)]
        action = np.stack([profile.action_space.sample(rng) for _ in range(size)])
        zeros, ones, rows = np.zeros(size, np.float32), np.ones(size, np.float32), np.arange(size)
        yield Batch(
            *(images[0], states[0], action, rng.random(size, dtype=np.float32), zeros, images[1], states[1], zeros),
            *(rng.random((size, PRIVILEGED), dtype=np.float32), 0.9 * ones, rows, ones, rows, np.zeros(size, bool)),
            rng.integers(0, 2, (size, 8, 8), dtype=np.uint8) * 255,
        )


def numbers(metrics):
    return {name: float(value) for name, value in metrics.items()}


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("detailed", {}),
        ("compact", {"double": True}),
        ("q2opt", {}),
        ("ddpg", {}),
        ("naf", {}),
    ],
)
def test_a_learner_elsewhere_learns_the_same_and_mixes_no_devices(preset, changes, unfused):
    given = list(batches(preset, 3))
    on_processor = learner(CPU, preset, **changes)
    expected = [numbers(on_processor.step(batch)) for batch in given]
    with SecondDevice():
        elsewhere = learner(SECOND, preset, **changes)
        assert {each.device for each in elsewhere.network.state_dict().values()} == {SECOND}
        found = [numbers(elsewhere.step(batch)) for batch in given]
    assert found == [pytest.approx(each, rel=1e-4, abs=1e-6) for each in expected]


def test_a_learner_elsewhere_corrects_targets_of_several_steps(unfused):
    changes = {"n_step": 3, "n_step_correction": "importance"}
    rng = np.random.default_rng(0)
    batch = next(batches("compact", 1))
    profile = get_profile("compact")
    action = np.stack([np.stack([profile.action_space.sample(rng) for _ in range(3)]) for _ in range(8)])
    sequences = Sequences(
        rng.integers(0, 256, (8, 4, 32, 32, 3), dtype=np.uint8),
        rng.random((8, 4, profile.observation.state_size), dtype=np.float32),
        action.astype(np.float32),
        np.zeros((8, 3), np.float32),
        np.zeros((8, 3), np.float32),
        np.zeros((8, 3), np.float32),
        np.ones((8, 3), bool),
    )
    expected = numbers(learner(CPU, "compact", **changes).step(batch, sequences))
    with SecondDevice():
        found = numbers(learner(SECOND, "compact", **changes).step(batch, sequences))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_run_goes_on_where_it_was_on_another_device(unfused):
    first, second = batches("compact", 2)
    straight = learner(CPU, "compact")
    straight.step(first)
    saved = straight.state_dict()
    expected = numbers(straight.step(second))
    begun = learner(CPU, "compact")
    begun.step(first)
    with SecondDevice():
        elsewhere = learner(SECOND, "compact")
        elsewhere.load_state_dict(begun.state_dict())
        assert numbers(elsewhere.step(second)) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert saved["step"] == 1


def test_the_whole_search_elsewhere_finds_the_same_action():
    profile = get_profile("compact")
    policy = ScriptedPolicy(make_q_function(profile, seed=2), CEM(profile.action_space), profile).eval()
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))
    state = torch.from_numpy(rng.random((2, profile.observation.state_size), dtype=np.float32))
    expected = policy.act(image, state, 5)
    with SecondDevice():
        found = policy.to(SECOND).act(image.to(SECOND), state.to(SECOND), 5)
    for mine, theirs in zip(found, expected, strict=True):
        assert isinstance(mine, There)
        torch.testing.assert_close(mine.inner, theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", "cuda:4096"])
def test_a_device_that_is_not_there_is_refused_and_named(name):
    with pytest.raises(InvalidInput, match=f"device is '{name}', "):
        find_device(name)


def test_auto_is_a_gpu_only_where_there_is_one():
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_bf16_is_left_to_processors_that_have_instructions_for_it(monkeypatch):
    for words, expected in (("flags : avx512f amx_bf16", True), ("flags : avx512f avx512_vnni", False)):
        calculates_in_bf16.cache_clear()
        monkeypatch.setattr("pathlib.Path.read_text", lambda path, words=words: words)
        assert calculates_in_bf16(CPU) is expected
    monkeypatch.undo()
    calculates_in_bf16.cache_clear()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU HERE: nothing was run on one")
@pytest.mark.parametrize("preset", ["detailed", "compact", "q2opt", "ddpg", "naf"])
def test_a_learner_on_a_gpu_learns_what_one_on_the_processor_does(preset):
    given = list(batches(preset, 3))
    on_processor, on_gpu = learner(CPU, preset), learner(find_device("cuda"), preset)
    for batch in given:
        assert numbers(on_gpu.step(batch)) == pytest.approx(numbers(on_processor.step(batch)), rel=1e-2, abs=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU HERE: nothing was run on one")
@pytest.mark.parametrize("name", ["compact", "paper"])
def test_the_compiled_search_on_a_gpu_finds_the_same_action(name):
    profile = get_profile(name)
    module = script_policy(make_q_function(profile, seed=2), CEM(profile.action_space), profile)
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (2, *profile.observation.image_size, 3), dtype=np.uint8))
    state = torch.from_numpy(rng.random((2, profile.observation.state_size), dtype=np.float32))
    expected = TorchScriptPolicy(module, profile).act(image, state, 5)
    found = TorchScriptPolicy(module, profile, device=find_device("cuda")).act(image, state, 5)
    torch.testing.assert_close(found[0], expected[0], atol=1e-3, rtol=0)
