import pytest
import torch

from qtopt_agent.learning.losses import HUBER_THRESHOLD, LOSSES, auxiliary_loss, cross_entropy, mask_loss


def test_the_bellman_loss_is_cross_entropy_and_not_squared_error():
    logits, targets = torch.tensor([2.0, -1.0]), torch.tensor([0.7, 0.2])
    q = torch.sigmoid(logits)
    expected = -(targets * q.log() + (1 - targets) * (1 - q).log()).mean()
    assert cross_entropy(logits, targets).mean().item() == pytest.approx(expected.item())


def test_its_gradient_does_not_vanish_where_q_is_confidently_wrong():
    logits = torch.tensor([-12.0], requires_grad=True)
    cross_entropy(logits, torch.tensor([1.0])).backward()
    assert logits.grad.item() == pytest.approx(-1.0, abs=1e-4)  # squared error would give about -1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_smallest_where_q_equals_the_target(loss):
    target = torch.tensor([0.3])
    at = {q: LOSSES[loss](torch.logit(torch.tensor([q])), target).item() for q in (0.1, 0.25, 0.3, 0.35, 0.6)}
    assert min(at, key=at.__getitem__) == 0.3


def test_the_auxiliary_loss_grows_linearly_with_large_errors():
    wanted = torch.zeros(4, 2)
    assert auxiliary_loss(wanted + 10, wanted).item() == pytest.approx(9.5)
    assert auxiliary_loss(wanted + 0.1, wanted).item() == pytest.approx(0.005)


def test_huber_is_squared_below_its_threshold_and_linear_above():
    huber = LOSSES["huber"]
    at = [huber(torch.zeros(1), torch.tensor([0.5 + error * HUBER_THRESHOLD])).item() for error in (0.5, 1, 2, 3)]
    assert at == pytest.approx([HUBER_THRESHOLD * x for x in (0.125, 0.5, 1.5, 2.5)], rel=1e-5)


def test_the_squared_loss_is_the_square_of_the_error_in_q():
    assert LOSSES["squared"](torch.zeros(1), torch.tensor([0.75])).item() == pytest.approx(0.25**2)


def test_rows_of_which_nothing_is_known_change_no_loss_and_have_no_gradient():
    predicted, wanted = torch.randn(4, 2, requires_grad=True), torch.zeros(4, 2)
    wanted[1:3] = torch.nan
    loss = auxiliary_loss(predicted, wanted)
    assert loss.item() == pytest.approx(auxiliary_loss(predicted[[0, 3]], torch.zeros(2, 2)).item())
    loss.backward()
    assert (predicted.grad.abs().sum(1) > 0).tolist() == [True, False, False, True]
    logits, mask = torch.randn(4, 2, 2, requires_grad=True), torch.full((4, 2, 2), 255, dtype=torch.uint8)
    known = torch.tensor([True, False, False, True])
    loss = mask_loss(logits, mask, known)
    assert loss.item() == pytest.approx(mask_loss(logits[known], mask[known], torch.ones(2, dtype=torch.bool)).item())
    loss.backward()
    assert (logits.grad.abs().sum((1, 2)) > 0).tolist() == known.tolist()


def test_a_batch_without_any_known_row_has_a_loss_of_nothing():
    predicted = torch.randn(3, 2, requires_grad=True)
    assert auxiliary_loss(predicted, torch.full((3, 2), torch.nan)).item() == 0
    nothing = torch.zeros(3, dtype=torch.bool)
    assert mask_loss(torch.randn(3, 2, 2), torch.zeros(3, 2, 2, dtype=torch.uint8), nothing).item() == 0
