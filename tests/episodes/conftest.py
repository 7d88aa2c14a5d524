"""Made-up episodes, and a way to compare them."""

from collections.abc import Callable

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation

MakeEpisode = Callable[..., Episode]


def _make(episode_id: str = "grasp", steps: int = 4, size: tuple[int, int] = (6, 5), seed: int = 0, **about) -> Episode:
    rng = np.random.default_rng(seed)

    def observe(index: int) -> Observation:
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        state = rng.normal(size=3).astype(np.float32)
        return Observation(image, state, (100 + 3 * index) / 8, rng.normal(size=2).astype(np.float32))

    taken = tuple(
        Step(
            observe(i),
            rng.normal(size=8).astype(np.float32),
            rng.normal(size=8).astype(np.float32),
            reward=1.0 if i == steps - 1 else -0.01,
            terminal=i == steps - 1,
            q=float("nan") if i == 0 else rng.uniform(),
            inference_stamp=(101 + 3 * i) / 8,
            command_stamp=(102 + 3 * i) / 8,
            log_density=-0.5 * i,
            by_person=i == 2,
        )
        for i in range(steps)
    )
    fields = {"profile": "compact", "policy": "scripted", "model_version": "v1", "seed": 7, "objects": ("box", "tee")}
    return Episode(episode_id, taken, observe(steps), success=True, **{**fields, **about})


def _assert_same(a: object, b: object) -> None:
    """Equal to the bit, NaN like NaN, dtypes included."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            _assert_same(one, other)
    elif isinstance(a, float):
        np.testing.assert_equal(a, b)
    elif isinstance(a, Episode | Step | Observation):
        for name in vars(a):
            _assert_same(getattr(a, name), getattr(b, name))
    else:
        assert a == b


@pytest.fixture
def make_episode() -> MakeEpisode:
    return _make


@pytest.fixture
def assert_same() -> Callable[[object, object], None]:
    return _assert_same
