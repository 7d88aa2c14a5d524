"""One gradient step of QT-Opt."""

import copy
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.learning.bellman import bellman_targets
from qtopt_agent.learning.losses import auxiliary_loss, bellman_loss, td_error
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.symmetry import Mirror, augment
from qtopt_agent.learning.targets import TargetNetworks
from qtopt_agent.maximizers.base import Maximizer
from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.replay.store import Batch


class Learner:
    """Holds the network, its targets, the optimiser and all randomness of learning; `state_dict` resumes exactly."""

    def __init__(
        self, preset: Preset, network: QFunction, maximizer: Maximizer, seed: int, mirrors: Sequence[Mirror] = ()
    ) -> None:
        self.preset = preset
        self.network = network.train()
        self.targets = TargetNetworks(network, preset.ema_decay, preset.target_lag)
        self.step_count = 0
        self._maximizer = maximizer
        self._mirrors = mirrors if preset.symmetry else ()
        self._discount = get_profile(preset.profile).discount
        self._rng = np.random.default_rng([seed, 1])
        self._generator = torch.Generator().manual_seed(seed)
        self._optimizer = _make_optimizer(preset, network)
        self._auxiliary_mean: Tensor | None = None
        self._auxiliary_scale: Tensor | None = None
        # What labels transitions. Targets need no gradients, so whole bf16 copies spare them autocast's casts.
        self._first, self._second = self.targets.first, self.targets.second
        if preset.bf16:
            self._first, self._second = (copy.deepcopy(n).to(torch.bfloat16) for n in (self._first, self._second))

    @property
    def progress(self) -> float:
        """0 at the first step, 1 at the last."""
        return self.step_count / self.preset.steps

    def fit_auxiliary(self, privileged: np.ndarray) -> None:
        """Set the mean and scale that privileged values [N, P] are normalised with before the auxiliary loss."""
        self._auxiliary_mean = torch.from_numpy(privileged.mean(0))
        self._auxiliary_scale = torch.from_numpy(privileged.std(0)).clamp_min(1e-6)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from one batch. Returns the metrics loss, q, target, td_error, auxiliary and gradient as scalars."""
        preset = self.preset
        batch = augment(batch, self._mirrors, self._rng)
        image, state, action, reward, terminal, next_image, next_state, mc_return, privileged = map(
            torch.from_numpy, batch
        )
        targets = bellman_targets(
            self._first,
            self._second,
            self._maximizer,
            reward,
            terminal,
            next_image,
            next_state,
            self._discount,
            self._generator,
        )
        if self.progress < preset.mc_bound_until:
            targets = torch.maximum(targets, mc_return.clamp(0, 1))

        with torch.autocast("cpu", torch.bfloat16, enabled=preset.bf16):
            embedding = self.network.encode(image)
            logits = self.network.evaluate(embedding, state, action[:, None])[:, 0].float()
            predicted = self.network.auxiliary(embedding, state).float() if preset.auxiliary_weight else None
        loss = bellman = bellman_loss(logits, targets)
        metrics = {"q": torch.sigmoid(logits).mean(), "target": targets.mean(), "td_error": td_error(logits, targets)}
        if predicted is not None:
            if self._auxiliary_mean is None or self._auxiliary_scale is None:
                raise InvalidInput("the auxiliary loss needs fit_auxiliary first")
            wanted = (privileged - self._auxiliary_mean) / self._auxiliary_scale
            metrics["auxiliary"] = auxiliary_loss(predicted, wanted)
            loss = bellman + preset.auxiliary_weight * metrics["auxiliary"]
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        metrics["gradient"] = clip_grad_norm_(self.network.parameters(), preset.gradient_clip, foreach=True)
        if not torch.isfinite(metrics["gradient"]):
            raise InvalidInput(f"step {self.step_count}: the gradient is not finite (loss {loss.item()})")
        self._optimizer.step()
        self._refresh(second=self.targets.update())
        self.step_count += 1
        return {"loss": bellman.detach(), **{name: value.detach() for name, value in metrics.items()}}

    def learning_rate(self) -> float:
        """Cosine from the first to the final rate, times the staircase decay."""
        preset = self.preset
        low, high = preset.final_learning_rate, preset.learning_rate
        cosine = low + (high - low) * (1 + math.cos(math.pi * min(1.0, self.progress))) / 2
        return cosine * preset.learning_rate_decay ** (self.step_count // preset.learning_rate_decay_steps)

    def state_dict(self) -> dict[str, Any]:
        """Everything `step` depends on except the data."""
        return {
            "step": self.step_count,
            "network": self.network.state_dict(),
            "targets": self.targets.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "rng": json.dumps(self._rng.bit_generator.state),
            "auxiliary": (self._auxiliary_mean, self._auxiliary_scale),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.step_count = state["step"]
        self.network.load_state_dict(state["network"])
        self.targets.load_state_dict(state["targets"])
        self._refresh(second=True)
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        self._rng.bit_generator.state = json.loads(state["rng"])
        self._auxiliary_mean, self._auxiliary_scale = state["auxiliary"]

    @torch.no_grad()
    def _refresh(self, second: bool) -> None:
        """Bring the bf16 copies up to date; the lagged network's only where `second` says that it changed."""
        if not self.preset.bf16:
            return
        for copied, target in ((self._first, self.targets.first), (self._second, self.targets.second))[: 1 + second]:
            torch._foreach_copy_(list(copied.state_dict().values()), list(target.state_dict().values()))


def _make_optimizer(preset: Preset, network: QFunction) -> torch.optim.Optimizer:
    if preset.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(), preset.learning_rate, momentum=0.9, weight_decay=preset.weight_decay, foreach=True
        )
    return torch.optim.AdamW(network.parameters(), preset.learning_rate, weight_decay=preset.weight_decay, fused=True)
