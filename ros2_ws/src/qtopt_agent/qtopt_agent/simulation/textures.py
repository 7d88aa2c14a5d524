"""Patterns on surfaces, computed where rays hit them: in the frame of each shape, so that they move with it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.looks import Looks

Array = NDArray[np.float64]
Singles = NDArray[np.float32]

_NOISE = 256  # cells along each side of 1/f noise, after which it repeats


def _each(table: Singles, shapes: NDArray[np.int32]) -> Singles:
    """What `table` [rows, shapes] has for each of the `shapes`; faster than by index, anything where a ray hit none."""
    return np.take(table, shapes, 1, mode="clip")


class Patterns(Protocol):
    """How much of its second colour a point of a shape has."""

    def shares(self, shapes: NDArray[np.int32], frames: Singles, points: Singles) -> Singles:
        """[rays] of 0..1, at `points` [3, rays], m, relative to the camera, of `shapes` [rays].

        frames: [shapes, 3, 4], the motion from the camera's place, axes as the world's, into each shape's frame.
        """
        ...


@dataclass(frozen=True)
class Surfaces:
    """What each shape looks like: two colours, the second as the difference from the first, and a pattern of them."""

    first: Singles  # [3, shapes]
    difference: Singles  # [3, shapes]
    patterns: Patterns | None  # none: first alone

    @staticmethod
    def draw(looks: Looks, colours: Array, things: NDArray[np.intp], rng: np.random.Generator) -> "Surfaces":
        """A pattern for a share of the `things`, [shapes], each of its `colours`, [shapes, 3] RGB, and a second one."""
        count = int(things.max()) + 1
        contrast, patterned = rng.uniform(*looks.pattern_contrast, count), rng.random(count) < looks.textured
        shortest, longest = np.log(looks.pattern_period)
        periods = np.exp(rng.uniform(shortest, longest, count))
        seconds = rng.random((count, 3))
        made = Waves.draw(periods, rng) if looks.patterns == "waves" else Noise.draw(periods, rng)
        difference = (contrast * patterned)[things, None] * (seconds[things] - colours)
        patterns = made.of(things) if patterned.any() else None
        first, second = (np.ascontiguousarray(each.T, dtype=np.float32) for each in (colours, difference))
        return Surfaces(first, second, patterns)

    def at(self, shapes: NDArray[np.int32], places: Array, turns: Array, camera: Array, points: Array) -> Singles:
        """Colours [3, rays] at `points` [rays, 3], m, relative to the `camera` [3], of the `shapes` that rays hit.

        places [shapes, 3] and turns [shapes, 9]: of the shapes in the world.
        """
        colours = _each(self.first, shapes)
        if self.patterns is None:
            return colours
        back = turns.reshape(-1, 3, 3).transpose(0, 2, 1)
        here = np.einsum("gij,gj->gi", back, camera - places)
        frames = np.concatenate([back, here[:, :, None]], 2).astype(np.float32)
        shares = self.patterns.shares(shapes, frames, points.T.astype(np.float32, order="C"))
        return colours + shares * _each(self.difference, shapes)


@dataclass(frozen=True)
class Waves:
    """Two sines, each bent by another, and their product: stripes, checks, spots, wood or clouds."""

    vectors: Singles  # [shapes, 4, 3], rad/m: two waves and what bends them
    phases: Singles  # [shapes, 4], rad
    mixture: Singles  # [shapes, 5]: bend; weights of product, first and second; level

    @staticmethod
    def draw(periods: Array, rng: np.random.Generator) -> "Waves":
        """One for each of the `periods`, m."""
        count = len(periods)
        turn, tilt = rng.uniform(0, 2 * np.pi, count), rng.normal(0, 0.5, (2, count))
        along = np.stack([np.cos(turn), np.sin(turn), tilt[0]], 1)
        across = np.stack([-np.sin(turn), np.cos(turn), tilt[1]], 1)
        slow, skew = rng.uniform(0.15, 0.5, (2, count, 1)), rng.uniform(0.5, 2.0, (count, 1))
        vectors = np.stack([along, skew * across, slow[0] * across, slow[1] * along], 1)
        vectors *= 2 * np.pi / periods[:, None, None]
        kinds = rng.integers(len(_MIXTURES), size=count)
        mixture = np.array(_MIXTURES)[kinds] * rng.uniform(0.7, 1.3, (count, 5))
        phases = rng.uniform(0, 2 * np.pi, (count, 4))
        return Waves(vectors.astype(np.float32), phases.astype(np.float32), mixture.astype(np.float32))

    def of(self, things: NDArray[np.intp]) -> "Waves":
        """One for each of so many shapes: that of the thing which it is part of."""
        return Waves(self.vectors[things], self.phases[things], self.mixture[things])

    def shares(self, shapes: NDArray[np.int32], frames: Singles, points: Singles) -> Singles:
        """As Patterns says."""
        waves = self.vectors @ frames  # [shapes, 4, 4]: of a point relative to the camera
        waves[:, :, 3] += self.phases
        table = np.concatenate([waves.transpose(0, 2, 1).reshape(len(waves), 16), self.mixture], 1)
        each = _each(table.T.copy(), shapes)
        x, y, z = points
        phase = each[0:4] * x + each[4:8] * y + each[8:12] * z + each[12:16]
        bend, product, one, other, level = each[16:]
        first, second = np.sin(phase[:2] + bend * np.sin(phase[2:]))
        return np.clip(level + product * (first * second) + one * first + other * second, 0, 1)


_MIXTURES = (
    # bend, product, first, second, level
    (0.0, 0.0, 4.0, 0.0, 0.5),  # stripes
    (0.0, 5.0, 0.0, 0.0, 0.5),  # checks
    (0.0, 0.0, 2.0, 2.0, -1.5),  # spots
    (3.0, 0.0, 0.6, 0.0, 0.5),  # wood
    (2.5, 0.4, 0.5, 0.5, 0.5),  # clouds
    (0.0, 0.5, 0.0, 0.0, 0.5),  # cloth
)


@dataclass(frozen=True)
class Noise:
    """Noise of which each octave has as much as any other, as in photographs of things (Field 1987)."""

    map: Singles  # [cells, cells] of 0..1, which repeats
    slants: Singles  # [shapes, 2, 3], cells of the map along its two axes for each along x, y, z

    @staticmethod
    def draw(periods: Array, rng: np.random.Generator) -> "Noise":
        """One for each of the `periods`, m, of which the map's largest waves have eight."""
        steps = np.fft.fftfreq(_NOISE) * _NOISE
        distance = np.hypot(steps[:, None], steps[: _NOISE // 2 + 1])
        strength = np.where(distance >= 8, 1 / np.maximum(distance, 1), 0.0)
        waves = strength * np.exp(2j * np.pi * rng.random(strength.shape))
        noise = np.fft.irfft2(waves, s=(_NOISE, _NOISE))
        noise = 0.5 + 0.25 * noise / noise.std()
        slants = np.tile(np.eye(2, 3), (len(periods), 1, 1)) + rng.normal(0, 0.5, (len(periods), 2, 3))
        slants *= (_NOISE / 8 / periods)[:, None, None]
        return Noise(np.clip(noise, 0, 1).astype(np.float32), slants=slants.astype(np.float32))

    def of(self, things: NDArray[np.intp]) -> "Noise":
        """One for each of so many shapes: that of the thing which it is part of."""
        return Noise(self.map, self.slants[things])

    def shares(self, shapes: NDArray[np.int32], frames: Singles, points: Singles) -> Singles:
        """As Patterns says."""
        each = _each((self.slants @ frames).reshape(len(frames), 8).T.copy(), shapes)
        x, y, z = points
        row, column = (each[i] * x + each[i + 1] * y + each[i + 2] * z + each[i + 3] for i in (0, 4))
        cells = (row.astype(np.int64) % _NOISE) * _NOISE + column.astype(np.int64) % _NOISE
        return self.map.ravel()[cells]
