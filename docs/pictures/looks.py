"""Write looks.png: what the policy sees first in 64 episodes with looks: randomised.

.venv/bin/python docs/pictures/looks.py
"""

from pathlib import Path

import numpy as np

from qtopt_agent.core.looks import of_kind
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.rollouts.pictures import enlarged, save_png
from qtopt_agent.simulation import make_robot

SIDE = 8

robot = make_robot(COMPACT, "train", (1, 5), looks=of_kind("randomised"))
rows = [np.hstack([robot.reset(SIDE * row + column).image for column in range(SIDE)]) for row in range(SIDE)]
save_png(enlarged(np.vstack(rows), 2), Path(__file__).with_suffix(".png"))
