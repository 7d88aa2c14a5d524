"""How much looks and physics vary from one simulated episode to the next."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.ranges import Range, convert_fields

Share = Annotated[float, Range(0, 1)]
Shares = tuple[Share, Share]
Period = Annotated[float, Range(0.001, 1)]
Number = Annotated[int, Range(0, 6)]
Lights = Annotated[int, Range(1, 4)]
Stops = Annotated[float, Range(-4, 4)]
Gain = Annotated[float, Range(-1, 1)]
Saturation = Annotated[float, Range(0, 2)]
Levels = Annotated[float, Range(0, 128)]
Pixels = Annotated[float, Range(0, 10)]
Quality = Annotated[int, Range(1, 100)]
Factor = Annotated[float, Range(0.1, 10)]


@dataclass(frozen=True)
class Looks:
    """What varies from one simulated episode to the next, drawn from its seed; a pair: least and most."""

    kind: Annotated[
        Literal["plain", "randomised", "surfaces", "light", "picture", "camera", "physics"],
        "randomised: all below varies; plain: nothing; the others: one part alone, and all else is plain",
    ] = "plain"
    share: Annotated[Share, "of the episodes in which each part that varies does, on its own"] = 1.0
    textured: Annotated[Share, "surfaces: share of them with a pattern"] = 0.7
    patterns: Annotated[
        Literal["waves", "noise"], "surfaces: stripes, checks, spots and wood; or 1/f noise as photographs have"
    ] = "waves"
    pattern_period: Annotated[tuple[Period, Period], "surfaces: from one stripe to the next, m"] = (0.006, 0.15)
    pattern_contrast: Annotated[Shares, "surfaces: 0 is one colour, 1 two that have nothing in common"] = (0.1, 0.8)
    grey_objects: Annotated[Share, "surfaces: of all objects"] = 0.1
    white_objects: Annotated[Share, "surfaces: of all objects"] = 0.1
    black_objects: Annotated[Share, "surfaces: of all objects"] = 0.1
    many_coloured_objects: Annotated[Share, "surfaces: of all objects"] = 0.15
    coloured_surroundings: Annotated[Share, "surfaces: of floors, walls and hands; the others are grey"] = 0.3
    distractors: Annotated[tuple[Number, Number], "surfaces: things that stand beyond the bin's rim"] = (0, 2)
    lights: Annotated[tuple[Lights, Lights], "light: how many there are"] = (1, 3)
    ambient: Annotated[Shares, "light: share that comes from everywhere"] = (0.2, 0.6)
    shadows: Annotated[Share, "light: of the episodes; such pictures take twice the time"] = 0.15
    exposure: Annotated[tuple[Stops, Stops], "picture: powers of two that it is brighter"] = (-0.8, 0.8)
    warmth: Annotated[tuple[Gain, Gain], "picture: red times e to the power of this, blue divided by it"] = (
        -0.15,
        0.15,
    )
    saturation: Annotated[tuple[Saturation, Saturation], "picture: 0 is grey, 1 as it is"] = (0.1, 1.2)
    pixel_noise: Annotated[tuple[Levels, Levels], "picture: standard deviation, grey levels of 255"] = (0.0, 10.0)
    blur: Annotated[tuple[Pixels, Pixels], "picture: standard deviation, px of what the model sees"] = (0.0, 0.7)
    jpeg: Annotated[Share, "picture: of the episodes"] = 0.3
    jpeg_quality: Annotated[tuple[Quality, Quality], "picture: of libjpeg"] = (50, 95)
    camera_shift: Annotated[float, Range(0, 0.1), "camera: along each axis to either side, at most, m"] = 0.008
    camera_turn: Annotated[float, Range(0, 30), "camera: about each axis to either side, at most, degrees"] = 3.0
    camera_view: Annotated[float, Range(0, 0.5), "camera: of the focal length, more or less, at most"] = 0.08
    camera_centre: Annotated[
        float, Range(0, 0.2), "camera: of the picture's height, that the principal point is off, at most"
    ] = 0.03
    picture_age: Annotated[
        Shares, "physics: of a picture when it is decided by, control periods; near an end more often"
    ] = (0.0, 1.0)
    motion_error: Annotated[Shares, "physics: standard deviation, share of a motion's length"] = (0.0, 0.15)
    friction: Annotated[tuple[Factor, Factor], "physics: times that of objects, bin and fingers"] = (0.6, 1.2)
    mass: Annotated[tuple[Factor, Factor], "physics: times that of objects"] = (0.5, 2.0)
    jaw_force: Annotated[tuple[Factor, Factor], "physics: times the cell's"] = (0.6, 1.3)

    def __post_init__(self) -> None:
        convert_fields(self, "setting looks.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and value[0] > value[1]:
                raise InvalidInput(f"setting looks.{field.name} is {value}, expected the least and the most")
        shares = [self.grey_objects, self.white_objects, self.black_objects, self.many_coloured_objects]
        if sum(shares) > 1 + 1e-9:
            raise InvalidInput(
                f"settings looks.grey, white, black and many_coloured_objects are {', '.join(map(str, shares))}, "
                "expected shares of at most 1 together"
            )

    @property
    def vary(self) -> bool:
        """Whether anything does."""
        return self.kind != "plain"

    def drawn(self, rng: np.random.Generator) -> "Looks":
        """Those of one episode: each part varies in `share` of them, or else is plain."""
        return self._plain_in([part for part in _PLAIN if rng.random() >= self.share or not self._varies(part)])

    def in_force(self) -> "Looks":
        """The same with `kind` spelt out: what it leaves plain has the only value that a plain episode has."""
        return self._plain_in([part for part in _PLAIN if not self._varies(part)])

    def _varies(self, part: str) -> bool:
        return self.kind in ("randomised", part)

    def _plain_in(self, parts: list[str]) -> "Looks":
        return replace(self, kind="randomised", **{k: value for part in parts for k, value in _PLAIN[part].items()})


_PLAIN: dict[str, dict[str, Any]] = {
    "surfaces": {
        "textured": 0.0,
        "grey_objects": 0.0,
        "white_objects": 0.0,
        "black_objects": 0.0,
        "many_coloured_objects": 0.0,
        "coloured_surroundings": 0.0,
        "distractors": (0, 0),
    },
    "light": {"lights": (1, 1), "ambient": (0.35, 0.35), "shadows": 0.0},
    "picture": {
        "exposure": (0.0, 0.0),
        "warmth": (0.0, 0.0),
        "saturation": (1.0, 1.0),
        "pixel_noise": (0.0, 0.0),
        "blur": (0.0, 0.0),
        "jpeg": 0.0,
    },
    "camera": {"camera_shift": 0.0, "camera_turn": 0.0, "camera_view": 0.0, "camera_centre": 0.0},
    "physics": {
        "picture_age": (0.0, 0.0),
        "motion_error": (0.0, 0.0),
        "friction": (1.0, 1.0),
        "mass": (1.0, 1.0),
        "jaw_force": (1.0, 1.0),
    },
}


PLAIN = Looks()


def of_kind(kind: Any) -> Looks:
    """Looks in which what `kind` says varies as much as it does by default. Raises InvalidInput on an unknown kind."""
    return Looks(kind)


def only(**settings: Any) -> Looks:
    """Looks in which nothing varies but what `settings` say. Raises InvalidInput on a value out of its range."""
    return replace(PLAIN.in_force(), **settings)
