import dataclasses
import math
import shutil
import subprocess
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from qtopt_agent.core.action import grasp_action_space
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER
from qtopt_agent.maximizers import CEM, make_maximizer
from qtopt_agent.policies import GreedyPolicy, TorchScriptPolicy, export_policy, load_policy
from qtopt_agent.policies.scripted_module import script_policy
from qtopt_agent.q_functions import make_q_function

EXAMPLE = Path(__file__).parents[2] / "examples" / "cpp" / "act.cpp"


def _inputs(profile, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = [batch, *profile.observation.image_size, 3]
    image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return image, torch.rand([batch, profile.observation.state_size], generator=generator)


def _eager(q, cem, image, state, seed):
    with torch.no_grad():
        return cem(q, q.encode(image), state, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def q():
    """A compact network whose Q values differ clearly between actions."""
    q = make_q_function(COMPACT, aux_size=3, seed=2).eval()
    with torch.no_grad():
        for p in q.parameters():
            p.mul_(1.5)
    return q


@pytest.fixture(scope="module")
def policy_file(q, tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "policy.pt"
    export_policy(q, COMPACT, path)
    return path


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(
    "options", [{}, {"keep_elites": True, "add_mean": True, "iterations": 3}, {"return_best": False}], ids=str
)
def test_scripted_numbers_are_the_eager_ones(q, options, batch):
    cem = CEM(COMPACT.action_space, **options)
    image, state = _inputs(COMPACT, batch)
    expected = _eager(q, cem, image, state, 11)
    module = script_policy(q, cem, COMPACT)
    for _ in range(4):  # the executor compiles anew after its first calls
        action, value, stats = module.act(image, state, 11)
    torch.testing.assert_close(action, expected.action, atol=1e-4, rtol=0)
    torch.testing.assert_close(value, expected.q, atol=1e-4, rtol=0)
    torch.testing.assert_close(stats, expected.stats, atol=1e-4, rtol=0)


def test_scripted_numbers_are_the_eager_ones_without_a_camera(tmp_path):
    q, cem = make_q_function(LOWDIM).eval(), CEM(LOWDIM.action_space)
    export_policy(q, LOWDIM, tmp_path / "policy.pt", cem)
    image, state = _inputs(LOWDIM, 3)
    action, _, _ = load_policy(tmp_path / "policy.pt", LOWDIM).act(image, state, 4)
    torch.testing.assert_close(action, _eager(q, cem, image, state, 4).action, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["cem", "icem", "cma_es", "random", "grid"])
def test_every_deployable_maximiser_gives_the_eager_numbers_to_the_bit(q, name):
    maximizer = make_maximizer(name, COMPACT.action_space, 16, 4, 4, (-1.0, 0.0, 1.0))
    image, state = _inputs(COMPACT, 3)
    expected = _eager(q, maximizer, image, state, 11)
    module = script_policy(q, maximizer, COMPACT)
    for _ in range(4):
        for scripted, eager in zip(
            module.act(image, state, 11), (expected.action, expected.q, expected.stats), strict=True
        ):
            assert torch.equal(scripted, eager)


@pytest.mark.parametrize("kind", ["naf", "actor_critic"])
def test_proposals_travel_in_the_file_and_are_the_eager_ones(kind, tmp_path):
    q, proposal = make_q_function(LOWDIM, kind=kind, seed=1).eval(), make_maximizer("proposal", LOWDIM.action_space)
    image, state = _inputs(LOWDIM, 3)
    expected = _eager(q, proposal, image, state, 0)
    for action, _, _ in (module.act(image, state, 5) for module in [script_policy(q, proposal, LOWDIM)] * 4):
        assert torch.equal(action, expected.action)
    export_policy(q, LOWDIM, tmp_path / "policy.pt", proposal)
    action, value, _ = load_policy(tmp_path / "policy.pt", LOWDIM).act(image, state, 4)
    torch.testing.assert_close(action, expected.action)
    torch.testing.assert_close(value, expected.q)


def test_a_network_that_proposes_nothing_cannot_be_exported_to_propose(q, tmp_path):
    with pytest.raises(InvalidInput, match="CompactQFunction proposes no actions"):
        export_policy(q, COMPACT, tmp_path / "policy.pt", make_maximizer("proposal", COMPACT.action_space))
    assert list(tmp_path.iterdir()) == []


def test_paper_network_scripted_equals_eager(paper_q, tmp_path):
    cem = CEM(PAPER.action_space, samples=12, elites=3)
    export_policy(paper_q, PAPER, tmp_path / "policy.pt", cem)
    image, state = _inputs(PAPER, 1)
    expected = _eager(paper_q, cem, image, state, 3)
    action, value, stats = load_policy(tmp_path / "policy.pt", PAPER).act(image, state, 3)
    torch.testing.assert_close(action, expected.action, atol=1e-4, rtol=0)
    torch.testing.assert_close(value, expected.q, atol=1e-4, rtol=0)
    torch.testing.assert_close(stats, expected.stats, atol=1e-4, rtol=0)


def test_half_precision_finds_an_action_about_as_good(q, policy_file):
    image, state = _inputs(COMPACT, 16)
    exact = load_policy(policy_file, COMPACT).act(image, state, 5)
    half = load_policy(policy_file, COMPACT, torch.bfloat16).act(image, state, 5)
    torch.testing.assert_close(half[1], exact[1], atol=0.01, rtol=0)
    with torch.no_grad():
        logits = q(image, state, torch.stack([exact[0], half[0]], 1))
    assert (torch.sigmoid(logits[:, 0]) - torch.sigmoid(logits[:, 1])).abs().max() < 0.01


def test_the_seed_decides_and_nothing_else(policy_file):
    policy = load_policy(policy_file, COMPACT)
    image, state = _inputs(COMPACT, 2)
    first = policy.act(image, state, 8)
    torch.manual_seed(1)
    policy.act(image, state, 9)
    again = load_policy(policy_file, COMPACT).act(image, state, 8)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], policy.act(image, state, 9)[0])


def test_a_policy_decides_as_the_greedy_one_does(q, policy_file):
    image, state = _inputs(COMPACT, 1)
    observation = Observation(image[0].numpy(), state[0].numpy(), stamp=0.0)
    greedy = GreedyPolicy(q, CEM(COMPACT.action_space), COMPACT)
    a = greedy.decide(observation, np.random.default_rng(3))
    b = load_policy(policy_file, COMPACT, name="v7").decide(observation, np.random.default_rng(3))
    np.testing.assert_allclose(a.action, b.action, atol=1e-4)
    assert a.q == pytest.approx(b.q, abs=1e-4)
    assert b.action.dtype == np.float32 and load_policy(policy_file, COMPACT, name="v7").name == "v7"


def test_encode_and_evaluate_are_in_the_file_too(q, policy_file):
    module = torch.jit.load(str(policy_file))
    image, state = _inputs(COMPACT, 2)
    actions = torch.rand([2, 3, 8], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            module.evaluate(module.encode(image), state, actions), q(image, state, actions), atol=1e-4, rtol=0
        )


def test_exporting_leaves_the_network_in_training(tmp_path):
    q = make_q_function(COMPACT).train()
    export_policy(q, COMPACT, tmp_path / "policy.pt")
    assert q.training and all(p.requires_grad for p in q.parameters())


def test_the_file_tells_nothing_about_the_machine(policy_file):
    here = str(Path(__file__).parents[2]).encode()
    with zipfile.ZipFile(policy_file) as archive:
        assert not any(here in archive.read(name) for name in archive.namelist())


def test_deprecation_warnings_stay_inside(q, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_policy(q, COMPACT, tmp_path / "policy.pt")
        load_policy(tmp_path / "policy.pt", COMPACT)


def test_a_projection_travels_in_the_file(q, tmp_path):
    class NeverUp(torch.nn.Module):
        def forward(self, actions: torch.Tensor) -> torch.Tensor:
            return torch.cat([actions[..., :2], actions[..., 2:3].clamp(max=-0.01), actions[..., 3:]], -1)

    export_policy(q, COMPACT, tmp_path / "policy.pt", CEM(COMPACT.action_space, projection=NeverUp()))
    action, _, _ = load_policy(tmp_path / "policy.pt", COMPACT).act(*_inputs(COMPACT, 20), 0)
    assert (action[:, 2] <= -0.01).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, s: (i.float(), s), "image is not uint8"),
        (lambda i, s: (i[:, 1:], s), r"image is \[2, 31, 32, 3\], expected \[B, \*\[32, 32, 3\]\]"),
        (lambda i, s: (i[0], s), "image is"),
        (lambda i, s: (i, s.double()), "state is not float32"),
        (lambda i, s: (i, s[:1]), r"state is \[1, 4\], expected \[2, 4\]"),
        (lambda i, s: (i, s * math.nan), "state has values that are not finite"),
    ],
)
def test_wrong_inputs_are_refused_by_the_module_itself(policy_file, change, message):
    image, state = _inputs(COMPACT, 2)
    with pytest.raises(InvalidInput, match=message):
        load_policy(policy_file, COMPACT).act(*change(image, state), 0)


def test_a_network_with_nan_weights_is_refused(tmp_path):
    q = make_q_function(COMPACT)
    with torch.no_grad():
        q.image_layer.bias[0] = math.nan
    export_policy(q, COMPACT, tmp_path / "policy.pt")
    with pytest.raises(InvalidInput, match="not finite"):
        load_policy(tmp_path / "policy.pt", COMPACT)


def test_a_policy_for_other_inputs_is_refused_with_the_difference(policy_file):
    with pytest.raises(IncompatibleModel, match=r"image_size is \[32, 32\], profile lowdim has \[0, 0\]"):
        load_policy(policy_file, LOWDIM)
    wider = dataclasses.replace(COMPACT, action_space=grasp_action_space((0.06, 0.06, 0.06), 1.5))
    with pytest.raises(IncompatibleModel, match="max_angle"):
        load_policy(policy_file, wider)


def test_damaged_and_foreign_files_are_refused(policy_file, tmp_path):
    with pytest.raises(IncompatibleModel, match="there is no policy"):
        load_policy(tmp_path / "none.pt", COMPACT)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(policy_file.read_bytes()[:5000])
    with pytest.raises(IncompatibleModel, match="not a TorchScript policy"):
        load_policy(cut, COMPACT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "other.pt"))
    with pytest.raises(IncompatibleModel, match="not a policy"):
        load_policy(tmp_path / "other.pt", COMPACT)


def test_loads_in_cpp_without_python_and_gives_the_same_numbers(policy_file, tmp_path):
    compiler = shutil.which("g++")
    root = Path(torch.__file__).parent
    if compiler is None or not (root / "include" / "torch").is_dir():
        pytest.skip("NOT TESTED: loading a policy in C++ needs g++ and PyTorch's C++ headers")
    libraries = ["-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root / 'lib'}"]
    program = tmp_path / "act"
    build = [compiler, "-std=c++20", "-O0", str(EXAMPLE), f"-I{root / 'include'}", f"-L{root / 'lib'}", *libraries]
    subprocess.run([*build, "-o", str(program)], check=True, capture_output=True)

    def run(height: int) -> subprocess.CompletedProcess[str]:
        command = [str(program), str(policy_file), str(height), "32", "4", "7"]
        return subprocess.run(command, capture_output=True, text=True)

    policy: TorchScriptPolicy = load_policy(policy_file, COMPACT)
    expected = policy.act(torch.full([1, 32, 32, 3], 128, dtype=torch.uint8), torch.zeros(1, 4), 7)
    done = run(32)
    assert done.returncode == 0, done.stderr
    for line, numbers in zip(done.stdout.splitlines(), expected, strict=True):
        np.testing.assert_allclose(np.fromstring(line, sep=" "), numbers.flatten().numpy(), atol=1e-4)
    refused = run(31)
    assert refused.returncode == 1 and "image is [1, 31, 32, 3]" in refused.stderr
