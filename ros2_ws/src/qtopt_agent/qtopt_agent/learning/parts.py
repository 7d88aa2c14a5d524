"""From a preset to its parts: the network, the maximisers, the policy that collects data."""

from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.augmentation import Augmentation
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.settings import UNCHANGED, MaximizerSettings
from qtopt_agent.maximizers import Maximizer, make_maximizer
from qtopt_agent.policies import BoltzmannPolicy, ExploringPolicy, GreedyPolicy
from qtopt_agent.q_functions import QFunction, make_q_function


def make_network(preset: Preset, profile: Profile, privileged_size: int = 0, seed: int = 0) -> QFunction:
    """The preset's Q-function for a profile; with an auxiliary output where the preset has that loss."""
    q = preset.q_function
    auxiliary = privileged_size if preset.loss.auxiliary_weight else 0
    return make_q_function(profile, auxiliary, seed, q.kind, q.risk, q.risk_level)


def make_augmentation(preset: Preset, profile: Profile) -> Augmentation | None:
    """What changes pictures before they are learned from; None where the preset leaves them as they are."""
    return Augmentation(preset.augmentation, profile) if preset.augmentation != UNCHANGED else None


def training_maximizer(preset: Preset, profile: Profile) -> Maximizer:
    """The maximiser of Bellman targets and of data collection."""
    search = preset.maximizer
    return _maximizer(search, profile, search.cem_samples, search.cem_iterations)


def evaluation_maximizer(preset: Preset, profile: Profile) -> Maximizer:
    """The maximiser of evaluations: more thorough, as a released policy's."""
    search = preset.maximizer
    return _maximizer(search, profile, search.evaluation_samples, search.evaluation_iterations)


def _maximizer(search: MaximizerSettings, profile: Profile, samples: int, iterations: int) -> Maximizer:
    return make_maximizer(search.kind, profile.action_space, samples, search.cem_elites, iterations, search.grid_levels)


def collecting_policy(
    preset: Preset,
    profile: Profile,
    network: QFunction,
    epsilon: float,
    noise: float,
    temperature: float,
    fewest: int = 1,
) -> Policy:
    """The policy that gathers experience with `network`; `temperature` 0 takes the best action found.

    `fewest`: as in GreedyPolicy.
    """
    maximizer = training_maximizer(preset, profile)
    greedy: Policy
    if temperature:
        greedy = BoltzmannPolicy(network, maximizer, profile, temperature, fewest)
    else:
        greedy = GreedyPolicy(network, maximizer, profile, fewest=fewest)
    return ExploringPolicy(greedy, profile, epsilon, noise)
