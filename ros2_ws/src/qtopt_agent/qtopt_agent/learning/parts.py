"""From a preset to its parts: the network, the maximisers, the policy that collects data."""

from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.preset import Preset
from qtopt_agent.maximizers import Maximizer, make_maximizer
from qtopt_agent.policies import BoltzmannPolicy, ExploringPolicy, GreedyPolicy
from qtopt_agent.q_functions import QFunction, make_q_function


def make_network(preset: Preset, profile: Profile, privileged_size: int = 0, seed: int = 0) -> QFunction:
    """The preset's Q-function for a profile; with an auxiliary output where the preset has that loss."""
    auxiliary = privileged_size if preset.auxiliary_weight else 0
    return make_q_function(profile, auxiliary, seed, preset.q_function, preset.risk, preset.risk_level)


def training_maximizer(preset: Preset, profile: Profile) -> Maximizer:
    """The maximiser of Bellman targets and of data collection."""
    return _maximizer(preset, profile, preset.cem_samples, preset.cem_iterations)


def evaluation_maximizer(preset: Preset, profile: Profile) -> Maximizer:
    """The maximiser of evaluations: more thorough, as a released policy's."""
    return _maximizer(preset, profile, preset.evaluation_samples, preset.evaluation_iterations)


def _maximizer(preset: Preset, profile: Profile, samples: int, iterations: int) -> Maximizer:
    space, elites, levels = profile.action_space, preset.cem_elites, preset.grid_levels
    return make_maximizer(preset.maximizer, space, samples, elites, iterations, levels)


def collecting_policy(
    preset: Preset, profile: Profile, network: QFunction, epsilon: float, noise: float, temperature: float
) -> Policy:
    """The policy that gathers experience with `network`; `temperature` 0 takes the best action found."""
    maximizer = training_maximizer(preset, profile)
    greedy: Policy
    if temperature:
        greedy = BoltzmannPolicy(network, maximizer, profile, temperature)
    else:
        greedy = GreedyPolicy(network, maximizer, profile)
    return ExploringPolicy(greedy, profile, epsilon, noise)
