import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from qtopt_agent.learning.metrics import Metrics, weight_gap


def test_scalars_reach_tensorboard_under_their_names(tmp_path):
    with Metrics(tmp_path) as metrics:
        metrics.scalars(10, {"learner/q": torch.tensor(0.5), "speed/steps_per_s": 60.0})
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("learner/q")] == [(10, 0.5)]
    assert events.Scalars("speed/steps_per_s")[0].value == 60.0


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path):
    with Metrics(tmp_path) as metrics:
        for step in (100, 200, 300):
            metrics.evaluation(step, {"objects": "train", "success": 0.5})
    with Metrics(tmp_path, start=200) as metrics:
        metrics.evaluation(300, {"objects": "train", "success": 0.9})
    lines = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    assert [(line["step"], line["success"]) for line in lines] == [(100, 0.5), (200, 0.5), (300, 0.9)]
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("evaluate/train")
    assert [(e.step, round(e.value, 3)) for e in events] == [(100, 0.5), (200, 0.5), (300, 0.9)]


def test_the_weight_gap_is_the_root_mean_square_difference():
    one, two = nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False)
    nn.init.zeros_(one.weight)
    with torch.no_grad():
        two.weight.copy_(torch.tensor([[3.0, 0.0, 4.0]]))
    assert weight_gap(one, two) == pytest.approx((25 / 3) ** 0.5)
