import pytest
import torch
from torch import nn

from qtopt_agent.learning.targets import SNAPSHOTS, FittedIteration, HardCopy, LaggedPair, Polyak


def counting_network() -> nn.Linear:
    """One weight, which the tests set by hand."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    return network


def run(targets: LaggedPair, network: nn.Linear, steps: int) -> list[float]:
    """theta = 1, 2, 3 ...; returns theta_1 after each update, with its value at the start in front."""
    history = [targets.first.weight.item()]
    for step in range(1, steps + 1):
        with torch.no_grad():
            network.weight.fill_(float(step))
        targets.update(0.0)
        history.append(targets.first.weight.item())
    return history


def test_the_first_target_is_the_moving_average_of_the_online_network():
    network = counting_network()
    targets = LaggedPair(network, decay=0.9, lag=100)
    history = run(targets, network, 2)
    assert history == pytest.approx([0.0, 0.1 * 1, 0.9 * 0.1 + 0.1 * 2])


def test_the_second_target_is_the_first_as_it_was_lag_steps_ago():
    network = counting_network()
    targets = LaggedPair(network, decay=0.9, lag=20)
    history = run(targets, network, 60)  # a multiple of the snapshots' interval
    assert targets.second.weight.item() == pytest.approx(history[60 - 20])
    assert targets.second.weight.item() != network.weight.item()
    assert targets.second.weight.item() != targets.first.weight.item()


def test_between_snapshots_the_lag_grows_by_less_than_one_interval():
    network = counting_network()
    targets = LaggedPair(network, decay=0.5, lag=20)
    interval = 20 // SNAPSHOTS
    history = run(targets, network, 60 + interval - 1)
    assert targets.second.weight.item() == pytest.approx(history[60 - 20])


def test_before_one_lag_has_passed_the_second_target_is_the_network_at_the_start():
    network = counting_network()
    targets = LaggedPair(network, decay=0.5, lag=1000)
    run(targets, network, 300)
    assert targets.second.weight.item() == 0.0


def test_update_tells_how_many_targets_changed():
    network = counting_network()
    targets = LaggedPair(network, decay=0.5, lag=SNAPSHOTS * 3)
    assert [targets.update(0.0) for _ in range(6)] == [1, 1, 2] * 2


def test_batch_norm_statistics_follow_like_the_weights():
    network = nn.BatchNorm1d(1)
    targets = LaggedPair(network, decay=0.5, lag=10)
    network.running_mean.fill_(4.0)
    network.num_batches_tracked.fill_(7)
    targets.update(0.0)
    assert targets.first.running_mean.item() == 2.0
    assert targets.first.num_batches_tracked.item() == 7


def test_targets_are_in_evaluation_mode_and_learn_nothing():
    targets = LaggedPair(nn.BatchNorm1d(1).train(), decay=0.5, lag=10)
    for network in (targets.first, targets.second):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())


def test_targets_go_on_exactly_where_their_state_was_saved():
    one = counting_network()
    straight = LaggedPair(one, decay=0.9, lag=8)
    run(straight, one, 13)
    two = counting_network()
    resumed = LaggedPair(two, decay=0.9, lag=8)
    resumed.load_state_dict(straight.state_dict())
    assert run(straight, one, 9) == run(resumed, two, 9)
    assert straight.second.weight.item() == resumed.second.weight.item()


def test_a_hard_copy_stands_still_between_its_periods():
    network = counting_network()
    history = run(HardCopy(network, period=3), network, 7)
    assert history == [0, 0, 0, 3, 3, 3, 6, 6]


def test_polyak_is_the_pairs_first_network_alone():
    network = counting_network()
    polyak, pair = Polyak(network, decay=0.8), LaggedPair(network, decay=0.8, lag=4)
    assert len(polyak.networks) == 1 and len(pair.networks) == 2
    assert run(polyak, network, 9) == run(pair, network, 9)


def losses_of(inner_loop: list[float], targets: FittedIteration, network: nn.Linear) -> int:
    """Gradient steps until the target changes."""
    with torch.no_grad():
        network.weight.add_(1.0)
    for step, loss in enumerate(inner_loop, 1):
        if targets.update(loss):
            return step
    return -1


def test_fitted_iteration_copies_once_its_regression_has_converged():
    network = counting_network()
    targets = FittedIteration(network, period=1000)
    falling = [0.99**step for step in range(1000)]
    flat_from_200 = [max(0.99**step, 0.99**200) for step in range(1000)]
    assert losses_of(flat_from_200, targets, network) == pytest.approx(395, abs=10)
    assert losses_of([1.0] * 1000, targets, network) == 200  # two windows are the least
    assert losses_of(falling, targets, network) == 1000  # at the latest
    assert targets.first.weight.item() == 3.0


def test_fitted_iteration_goes_on_where_its_state_was_saved():
    network = counting_network()
    straight, resumed = (FittedIteration(network, period=1000) for _ in range(2))
    for _ in range(150):
        straight.update(1.0)
    resumed.load_state_dict(straight.state_dict())
    assert losses_of([1.0] * 100, straight, network) == losses_of([1.0] * 100, resumed, network) == 50
