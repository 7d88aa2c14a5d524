"""The task's mirror images: a jaw without a front, and a camera on the hand that lies in one of its planes or both."""

Reflection = tuple[int, frozenset[str]]
"""The image axis it flips (0 up-down, 1 left-right), and which numbers of action, state and privileged values change
sign."""

MIRRORS: tuple[Reflection, ...] = (
    (1, frozenset({"object_x_m", "object_sin2", "moved_x_m", "turned_rad", "x", "sin_yaw"})),
    (0, frozenset({"object_y_m", "object_sin2", "moved_y_m", "turned_rad", "y", "sin_yaw"})),
)
ACTION_NAMES = ("x", "y", "z", "sin_yaw", "cos_yaw", "close", "open", "terminate")


def signs(names: tuple[str, ...], flipped: frozenset[str]) -> tuple[float, ...]:
    """-1 for each name that is in `flipped`, +1 for the others."""
    return tuple(-1.0 if name in flipped else 1.0 for name in names)
