import pytest
import torch

from qtopt_agent.core.profile import COMPACT
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.speed.decisions import DecisionSpeed, WholeNetwork, measure_decisions


@pytest.fixture(scope="module")
def results():
    return list(measure_decisions(COMPACT, threads=1, batch=2, seconds=0.02))


def test_methods_take_turns(results):
    # Whatever slows the machine down for a while must slow all methods down.
    order = [name for name in results if isinstance(name, str)]
    assert set(order[:4]) == {"torchscript", "torchscript-bf16", "eager-loop", "per-sample"}
    assert all(order.count(name) >= 3 for name in order)


def test_all_methods_find_the_same_action_value(results):
    rows = {row.method: row for row in results if isinstance(row, DecisionSpeed)}
    assert rows["torchscript"].q_error < 1e-4 and rows["per-sample"].q_error < 1e-4
    assert rows["torchscript-bf16"].q_error < 0.02


def test_speeds_follow_from_the_times(results):
    rows = {row.method: row for row in results if isinstance(row, DecisionSpeed)}
    for row in rows.values():
        assert row.per_s == pytest.approx(row.batch * 1000 / row.p50_ms)
        assert row.faster == pytest.approx(row.per_s / rows["per-sample"].per_s)
        assert row.cpu_ms > 0


def test_the_slow_baseline_decides_on_one_state_however_many_the_others_have(results):
    rows = {row.method: row.batch for row in results if isinstance(row, DecisionSpeed)}
    assert rows == {"torchscript": 2, "torchscript-bf16": 2, "eager-loop": 2, "per-sample": 1}


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    list(measure_decisions(COMPACT, threads=before + 1, batch=1, seconds=0.001))
    assert torch.get_num_threads() == before


def test_whole_network_per_sample_encodes_each_image_once_a_sample():
    q = make_q_function(COMPACT).eval()
    encoded = []
    q.convolutions.register_forward_hook(lambda module, inputs, output: encoded.append(len(output)))
    image = torch.randint(0, 256, [2, 32, 32, 3], dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    state, actions = torch.zeros(2, 4), torch.rand([2, 5, 8], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        slow = WholeNetwork(q, COMPACT)(image, state, actions)
        assert sum(encoded) == 10
        torch.testing.assert_close(slow, q(image, state, actions), rtol=1e-4, atol=1e-5)
