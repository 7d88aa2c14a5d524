import dataclasses

import pytest
import torch
import torch.nn.functional as F

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, PAPER
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.q_functions.describe import describe
from qtopt_agent.q_functions.grasping44 import fuse_batch_norm


def _norms(q):
    return [m for m in q.modules() if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]


def test_parameter_counts_are_the_published_ones():
    q = make_q_function(PAPER)
    total = sum(p.numel() for p in q.parameters())
    scale_and_shift = sum(p.numel() for norm in _norms(q) for p in norm.parameters())
    assert (total, scale_and_shift, total - scale_and_shift) == (1_242_817, 2_624, 1_240_193)


def test_every_layer_has_the_published_shape():
    layers = describe(make_q_function(PAPER), PAPER)
    conv, norm = "Conv2d", "BatchNorm2d"

    def block(size, weights, shift_and_scale=128):
        return [(conv, (size, size, 64), weights), (norm, (size, size, 64), shift_and_scale)]

    def pool(size):
        return [("MaxPool2d", (size, size, 64), 0)]

    def dense(size, weights, shift_and_scale=128):
        return [("Linear", (size,), weights), ("BatchNorm1d", (size,), shift_and_scale)]

    vector_blocks = [("Linear", (256,), (inputs + 1) * 256) for inputs in (3, 2, 1, 1, 1, 1, 1)]
    expected = [
        *block(236, 6 * 6 * 3 * 64 + 64, 64),
        *pool(79),
        *(6 * block(79, 5 * 5 * 64 * 64)),
        *pool(27),
        (conv, (27, 27, 64), 3 * 3 * 64 * 64),  # the picture's part
        *vector_blocks,
        ("BatchNorm1d", (256,), 256),
        *dense(64, 256 * 64),
        (norm, (27, 27, 64), 128),
        *(5 * block(27, 3 * 3 * 64 * 64)),
        *pool(14),
        *block(12, 3 * 3 * 64 * 64),
        *block(10, 3 * 3 * 64 * 64),
        *block(8, 3 * 3 * 64 * 64),
        *dense(64, 8 * 8 * 64 * 64),
        *dense(64, 64 * 64),
        ("Linear", (1,), 65),
    ]
    assert [(layer.kind, layer.shape, layer.parameters) for layer in layers] == expected


def test_description_leaves_the_network_as_it_was():
    q = make_q_function(PAPER).train()
    before = [norm.running_mean.clone() for norm in _norms(q)]
    describe(q, PAPER)
    assert q.training and all(torch.equal(a, norm.running_mean) for a, norm in zip(before, _norms(q), strict=True))
    assert not any(m._forward_hooks for m in q.modules())


@pytest.mark.parametrize(("name", "size", "window"), [("pool_79", 236, 3), ("pool_27", 79, 3), ("pool_14", 27, 2)])
def test_pooling_pads_as_tensorflow_same_does(name, size, window):
    # TensorFlow: output ceil(n / s), total padding (output - 1) s + k - n, the odd pixel behind.
    x = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    padding = -(-size // window) * window - size
    before, after = padding // 2, padding - padding // 2
    expected = F.max_pool2d(F.pad(x, (before, after, before, after), value=-torch.inf), window)
    assert torch.equal(getattr(make_q_function(PAPER), name)(x), expected)


def test_weights_start_truncated_at_two_sigma_of_a_hundredth():
    q = make_q_function(PAPER)
    for name, weight in q.named_parameters():
        if name.endswith("layer.weight"):
            assert weight.abs().max() <= 0.02
            assert weight.std().item() == pytest.approx(0.0088, rel=0.05)  # a normal of 0.01 cut at two sigma


def test_batch_norm_has_the_published_constants():
    for norm in _norms(make_q_function(PAPER)):
        assert norm.eps == 1e-3
        assert norm.momentum == pytest.approx(1 - 0.9997)


def test_folding_batch_norms_keeps_the_logits(paper_q):
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, [1, 472, 472, 3], dtype=torch.uint8, generator=generator)
    state, actions = torch.rand([1, 2], generator=generator), torch.rand([1, 5, 8], generator=generator)
    fused = fuse_batch_norm(paper_q)
    # Only the one behind the sum of seven layers cannot be folded.
    assert len(_norms(fused)) == 1 and len(_norms(paper_q)) == 20
    with torch.no_grad():
        torch.testing.assert_close(fused(image, state, actions), paper_q(image, state, actions), rtol=1e-4, atol=1e-5)


def test_each_entry_of_state_and_action_reaches_the_logit(paper_q):
    state, actions = torch.full([1, 2], 0.1, requires_grad=True), torch.full([1, 1, 8], 0.02, requires_grad=True)
    paper_q(torch.full([1, 472, 472, 3], 90, dtype=torch.uint8), state, actions).sum().backward()
    assert (state.grad != 0).all() and (actions.grad != 0).all()


def test_other_inputs_are_refused():
    with pytest.raises(InvalidInput, match="472x472"):
        make_q_function(dataclasses.replace(COMPACT, network="grasping44"))
    with pytest.raises(InvalidInput, match="aux_size 3"):
        make_q_function(PAPER, aux_size=3)


def test_more_samples_than_a_piece_are_scored_alike(paper_q):
    generator = torch.Generator().manual_seed(5)
    embedding = torch.rand([2, 64, 27, 27], generator=generator)
    state, actions = torch.rand([2, 2], generator=generator), torch.rand([2, 40, 8], generator=generator)
    with torch.no_grad():
        whole = paper_q.evaluate(embedding, state, actions)  # 80 maps
        parts = [paper_q.evaluate(embedding, state, part) for part in actions.split(20, dim=1)]
    torch.testing.assert_close(whole, torch.cat(parts, 1), rtol=1e-4, atol=1e-5)


def test_dividing_a_convolution_leaves_the_published_network_as_it_was(paper_q):
    def as_published(image, state, actions):
        x = image.permute(0, 3, 1, 2) / 255
        for i, block in enumerate(paper_q.stem):
            x = paper_q.pool_79(block(x)) if i == 0 else block(x)
        x = paper_q.pool_27(x) + paper_q.embed_vector(state, actions)[0, :, :, None, None]
        for block in paper_q.joined:
            x = block(x)
        x = paper_q.pool_14(x)
        for block in paper_q.valid:
            x = block(x)
        x = x.permute(0, 2, 3, 1).flatten(1)
        for block in paper_q.dense:
            x = block(x)
        return paper_q.logit(x).T

    generator = torch.Generator().manual_seed(4)
    image = torch.randint(0, 256, [1, 472, 472, 3], dtype=torch.uint8, generator=generator)
    inputs = image, torch.rand([1, 2], generator=generator), torch.rand([1, 6, 8], generator=generator)
    with torch.no_grad():
        logits = paper_q(*inputs)
        torch.testing.assert_close(logits, as_published(*inputs), rtol=0, atol=1e-5)
    assert logits.std() > 1e-3


@pytest.mark.parametrize("folded", [False, True], ids=["trained", "folded"])
def test_picture_and_vector_apart_have_the_values_and_gradients_of_their_sum(paper_q, folded):
    q = fuse_batch_norm(paper_q) if folded else paper_q
    layer = q.joined[0].layer
    assert (layer.bias is not None) == folded
    generator = torch.Generator().manual_seed(6)
    picture = torch.rand([2, 64, 27, 27], generator=generator, requires_grad=True)
    vector = torch.rand([2, 3, 64], generator=generator, requires_grad=True)
    together = layer((picture[:, None] + vector[..., None, None]).flatten(0, 1))
    apart = q._joined_maps(layer(picture), vector)
    torch.testing.assert_close(apart, together, rtol=0, atol=1e-5)
    wanted = [picture, vector, layer.weight]
    weights = torch.rand(together.shape, generator=generator)
    for ours, theirs in zip(
        torch.autograd.grad((apart * weights).sum(), wanted),
        torch.autograd.grad((together * weights).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
