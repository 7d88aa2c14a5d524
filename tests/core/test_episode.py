"""An episode adds up."""

import numpy as np

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation

SEEN = Observation(np.zeros((0, 0, 3), np.uint8), np.zeros(1, np.float32), 0.0)


def test_the_total_reward_is_the_sum_of_the_steps():
    action = np.zeros(8, np.float32)
    rewards = (-0.05, -0.05, 1.0)
    steps = tuple(Step(SEEN, action, action, reward, reward == 1) for reward in rewards)
    assert Episode("e", steps, SEEN, True).total_reward == sum(rewards)
    assert Episode("e", (), SEEN, False).total_reward == 0
