"""The TorchScript policy: one file that Python and C++ load and call.

PyTorch 2.13 calls torch.jit deprecated. It is what C++ loads today, so everything that touches it is in this file, and
a second format can join it here without touching a caller.
"""

import copy
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents import parse_json
from qtopt_agent.maximizers import CEM, AskTell, Proposal
from qtopt_agent.policies.greedy import as_batch, draw_seed
from qtopt_agent.processes.device import CPU
from qtopt_agent.q_functions import QFunction
from qtopt_agent.q_functions.grasping44 import fuse_batch_norm

WARM_UP = 3
"""Calls after which TorchScript's executor has settled on a plan."""


DeployableMaximizer = AskTell | Proposal


class ScriptedPolicy(nn.Module):
    """encode, evaluate and the whole search in one module, written in the part of Python that TorchScript takes."""

    proposes: Final[bool]

    def __init__(self, q: QFunction, maximizer: DeployableMaximizer, profile: Profile) -> None:
        super().__init__()
        self.q = fuse_batch_norm(q)
        self.maximizer: Any = copy.deepcopy(maximizer)  # which of the two it is, TorchScript knows when compiling
        self.proposes = isinstance(maximizer, Proposal)
        if self.proposes and not q.proposes:
            raise InvalidInput(f"{type(q).__name__} proposes no actions: take another maximiser")
        self.image_shape = [*profile.observation.image_size, 3]
        self.state_size = profile.observation.state_size
        self.spec = json.dumps(specification(profile))

    @torch.jit.export
    def encode(self, image: Tensor) -> Tensor:
        """Embedding [B, ...] of uint8 images [B, H, W, 3]."""
        return self.q.encode(image)

    @torch.jit.export
    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N] of actions [B, N, A]."""
        return self.q.evaluate(embedding, state, actions)

    @torch.jit.export
    def act(self, image: Tensor, state: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """The best actions [B, A], their Q [B] and the search's statistics [iterations, B, 3] (see Maximum).

        Takes uint8 images [B, H, W, 3] and float32 states [B, S]; raises on others and on values that are not finite.
        The same seed (its low 32 bits) gives the same action here, in eager mode and in C++.
        """
        if image.dtype != torch.uint8:
            raise InvalidInput("image is not uint8")
        if image.dim() != 4 or list(image.shape[1:]) != self.image_shape:
            raise InvalidInput(f"image is {image.shape}, expected [B, *{self.image_shape}]")
        if state.dtype != torch.float32:
            raise InvalidInput("state is not float32")
        if list(state.shape) != [image.shape[0], self.state_size]:
            raise InvalidInput(f"state is {state.shape}, expected [{image.shape[0]}, {self.state_size}]")
        if not bool(torch.isfinite(state).all()):
            raise InvalidInput("state has values that are not finite")
        generator = torch.Generator()
        generator = generator.manual_seed(seed)
        with torch.no_grad():
            embedding = self.q.encode(image)
            if self.proposes:
                unit, choice = self.q.propose(embedding, state)
                actions = self.maximizer.code.decode(unit, choice)
                best = self.maximizer.tell(actions, self.q.evaluate(embedding, state, actions))
            else:
                best = self.maximizer.start(image.shape[0])
                for i in range(self.maximizer.rounds):
                    actions = self.maximizer.ask(best, i, generator)
                    best = self.maximizer.tell(best, i, actions, self.q.evaluate(embedding, state, actions))
        return best.action, torch.sigmoid(best.logit), best.stats


def specification(profile: Profile) -> dict[str, object]:
    """What a policy file must agree on with the profile that it is run in."""
    space = profile.action_space
    return {
        "image_size": list(profile.observation.image_size),
        "state": list(profile.observation.state_names),
        "action_low": list(space.low),
        "action_high": list(space.high),
        "max_angle": list(space.max_angle),
        "flags": list(space.choices),
    }


def script_policy(q: QFunction, maximizer: DeployableMaximizer, profile: Profile) -> torch.jit.ScriptModule:
    """`q` and `maximizer` compiled into one module with the methods encode, evaluate and act."""
    with _quiet():
        return torch.jit.script(ScriptedPolicy(q, maximizer, profile).eval())


def export_policy(q: QFunction, profile: Profile, path: Path, maximizer: DeployableMaximizer | None = None) -> None:
    """Write policy.pt for Python and C++; the search is CEM with 64 samples, 6 elites, 2 iterations if not given."""
    module = script_policy(q, maximizer or CEM(profile.action_space), profile)
    buffer = io.BytesIO()
    with _quiet():
        torch.jit.save(module, buffer)
    # The debug records name this machine's source files; a policy runs without them.
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(path, "w") as stripped:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                stripped.writestr(entry, whole.read(entry))


def load_policy(
    path: Path,
    profile: Profile,
    dtype: torch.dtype = torch.float32,
    name: str = "torchscript",
    device: torch.device = CPU,
) -> "TorchScriptPolicy":
    """The policy in `path`, tried out once. TorchScript is code, and this runs it: only for files you trust.

    Raises IncompatibleModel when the file is damaged or made for other inputs.

    `dtype=torch.bfloat16` runs the network in half the precision, which is several times faster for the paper's network
    on processors that have instructions for it; its Q then differs in the third digit.
    """
    if not path.is_file():
        raise IncompatibleModel(f"there is no policy at {path}")
    with _quiet():
        try:
            module = torch.jit.load(str(path), map_location="cpu")
        except RuntimeError as error:
            raise IncompatibleModel(f"{path} is not a TorchScript policy: {str(error).splitlines()[0]}") from error
        if not hasattr(module, "spec") or not hasattr(module, "act"):
            raise IncompatibleModel(f"{path} is TorchScript, but not a policy written by this package")
        try:
            made_for, wanted = parse_json(str(module.spec), f"{path}: spec"), specification(profile)
        except InvalidInput as error:
            raise IncompatibleModel(str(error)) from error
        for key, value in wanted.items():
            found = made_for.get(key) if isinstance(made_for, dict) else made_for
            if found != value:
                raise IncompatibleModel(f"{path}: {key} is {found}, profile {profile.name} has {value}")
    return TorchScriptPolicy(module, profile, dtype, name, device)


class TorchScriptPolicy:
    """Acts with a compiled module; what the robot runs."""

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        profile: Profile,
        dtype: torch.dtype = torch.float32,
        name: str = "torchscript",
        device: torch.device = CPU,
    ) -> None:
        self.name, self._device = name, device
        self._spec = profile.observation
        module.to(device)
        module.q.to(dtype)
        with _quiet():
            self._act: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch.jit.freeze(module, ["act"]).act
        image = torch.zeros([1, *self._spec.image_size, 3], dtype=torch.uint8)
        for _ in range(WARM_UP):
            self.act(image, torch.zeros([1, self._spec.state_size]), 0)

    def act(self, image: Tensor, state: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """As `ScriptedPolicy.act`, from and to the processor's memory. Raises InvalidInput."""
        try:
            with torch.inference_mode():
                action, q, stats = self._act(image.to(self._device), state.to(self._device), seed)
                return action.cpu(), q.cpu(), stats.cpu()
        except torch.jit.Error as error:
            raise InvalidInput(str(error).rstrip().rpartition("InvalidInput: ")[2]) from error

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """The best action found. Raises InvalidInput on a wrong observation or a Q that is not finite."""
        action, q, _ = self.act(*as_batch([observation], self._spec), draw_seed(rng))
        return Decision(action[0].numpy(), float(q))


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        yield
