"""A script that looks at nothing: it tries its luck."""

from collections.abc import Mapping

import numpy as np

from qtopt_agent.core.action import Action
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import Profile
from qtopt_agent.policies.script import Script


class RandomScript(Script):
    """Blind: a place drawn over the bin, and another one where the jaw has shut on nothing.

    After the script of Kalashnikov et al. 2018, which succeeded in 15 to 30 % of its attempts, in full bins.
    Where it begins is known to within the cell's start poses only, and how the hand is turned not at all: so it stays
    within a circle that lies in the workspace from any of them.
    """

    name = "random-script"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        cell = profile.cell
        jaw = max(cell.jaw.palm[0], cell.jaw.aperture + 2 * cell.jaw.finger_thickness) / 2
        sides = [cell.workspace.high[i] - cell.bin.position[i] for i in (0, 1)]
        sides += [cell.bin.position[i] - cell.workspace.low[i] for i in (0, 1)]
        self._radius = max(0.0, min(min(cell.bin.size) / 2 - jaw, min(sides) - cell.attempt.start_spread))

    def _next(self, observation: Observation, state: Mapping[str, float], rng: np.random.Generator) -> Action:
        if self._place is None:
            way, angle = self._radius * np.sqrt(rng.random()), rng.uniform(-np.pi, np.pi)
            turn = float(rng.uniform(-np.pi / 2, np.pi / 2))
            self._place = self._start[0] + way * np.cos(angle), self._start[1] + way * np.sin(angle), turn
        return self._reach(state, self._place)
