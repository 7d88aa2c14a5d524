"""One gradient step of Q-learning: QT-Opt, or another member of the family that the preset names."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.seeds import torch_seed
from qtopt_agent.learning import n_step
from qtopt_agent.learning.bellman import action_values, bellman_targets, state_values
from qtopt_agent.learning.labelled import Labelled
from qtopt_agent.learning.losses import LOSSES, auxiliary_loss, mask_loss
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.quantiles import quantile_huber_loss
from qtopt_agent.learning.settings import OptimizerSettings, TargetSettings
from qtopt_agent.learning.symmetry import Mirror, augment
from qtopt_agent.learning.targets import FittedIteration, HardCopy, LaggedPair, Polyak, frozen_copy
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.maximizers.base import Maximizer
from qtopt_agent.policies.exploring import exploring_log_density
from qtopt_agent.processes.device import CPU, calculates_in_bf16, placed
from qtopt_agent.q_functions import ActorCriticQFunction, QuantileQFunction
from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.replay.batch import Batch, Sequences


class Learner:
    """Holds the network, its targets, the optimiser and all randomness of learning; `state_dict` resumes exactly."""

    def __init__(
        self,
        preset: Preset,
        profile: Profile,
        network: QFunction,
        maximizer: Maximizer,
        seed: int,
        mirrors: Sequence[Mirror] = (),
        device: torch.device = CPU,
    ) -> None:
        self.preset, self.device = preset, device
        self.bf16 = preset.optimizer.bf16 and calculates_in_bf16(device)
        self.network = network.to(device).train()
        self.targets = _make_targets(preset.target, network)
        self.step_count = 0
        self.td_errors = np.zeros(0, np.float32)
        """Mean absolute difference of Q and target, of each transition of the last batch: what to replay first."""
        self._maximizer = maximizer.to(device) if isinstance(maximizer, nn.Module) else maximizer
        self._mirrors = mirrors if preset.replay.symmetry else ()
        self._discount = profile.discount
        self._code = ActionCode(profile.action_space).to(device)
        self._rng = np.random.default_rng([seed, 1])
        self._generator = torch.Generator().manual_seed(torch_seed(seed))
        self._optimizer = _make_optimizer(preset.optimizer, network)
        self._auxiliary_mean: Tensor | None = None
        self._auxiliary_scale: Tensor | None = None
        # What labels transitions. Targets need no gradients, so whole bf16 copies spare them autocast's casts.
        self._labellers = self.targets.networks
        if self.bf16:
            self._labellers = tuple(frozen_copy(n).to(torch.bfloat16) for n in self._labellers)

    @property
    def progress(self) -> float:
        """0 at the first step, 1 at the last."""
        return self.step_count / self.preset.steps

    @property
    def acting(self) -> QFunction:
        """The network to act with: the averaged one where there is one, otherwise the one that learns."""
        return self.targets.first if self.targets.acts else self.network

    def fit_auxiliary(self, privileged: np.ndarray) -> None:
        """Set the mean and scale that privileged values [N, P] are normalised with before the auxiliary loss.

        Rows of NaN are left out; with no others, nothing will be learned from them either.
        """
        known = privileged[np.isfinite(privileged).all(1)]
        if not len(known):
            known = np.zeros((1, privileged.shape[1]), np.float32)
        self._auxiliary_mean = self._placed(known.mean(0))
        self._auxiliary_scale = self._placed(known.std(0)).clamp_min(1e-6)

    def step(self, batch: Batch, sequences: Sequences | None = None) -> dict[str, Tensor]:
        """Label one batch, and learn from it; see `label` and `learn`."""
        return self.learn(self.label(batch, sequences))

    def label(self, batch: Batch, sequences: Sequences | None = None) -> Labelled:
        """The batch, mirrored at random, with its targets.

        `sequences` begin where its transitions do; with them the preset's n_step_correction applies.
        """
        batch = augment(batch, self._mirrors, self._rng)
        taus = self._taus(len(batch.action))
        if sequences is None:
            return Labelled(batch, taus, self._label(batch))
        return Labelled(batch, taus, *self._label_corrected(sequences))

    def learn(self, labelled: Labelled) -> dict[str, Tensor]:
        """One gradient step. Returns scalars: loss, q, target, td_error, gradient, auxiliary, mask, actor, trace.

        Raises InvalidInput, and changes no weight, where the gradient is not finite.
        """
        preset, network = self.preset, self.network
        batch, trace = labelled.batch, labelled.trace
        taus, targets = labelled.taus.to(self.device), labelled.targets.to(self.device)
        image, state, action, weight = map(self._placed, (batch.image, batch.state, batch.action, batch.weight))
        metrics: dict[str, Tensor] = {} if trace is None else {"trace": trace}
        if self.progress < preset.target.mc_bound_until:
            bound = self._placed(batch.mc_return).clamp(0, 1)
            targets = torch.maximum(targets, bound if targets.dim() == 1 else bound[:, None])

        with self._autocast():
            mask: Tensor | None = None
            if preset.loss.mask_weight:
                embedding, mask = network.encode_with_mask(image)
            else:
                embedding = network.encode(image)
            if isinstance(network, QuantileQFunction):
                logits = network.quantiles(embedding, state, action[:, None], taus)[:, 0].float()
            else:
                logits = network.evaluate(embedding, state, action[:, None])[:, 0].float()
            predicted = network.auxiliary(embedding, state).float() if preset.loss.auxiliary_weight else None
        q = torch.sigmoid(logits)
        if isinstance(network, QuantileQFunction):
            losses = quantile_huber_loss(q, targets, taus)
            errors = (q.mean(1) - targets.mean(1)).abs()
        else:
            losses = LOSSES[preset.loss.kind](logits, targets)
            errors = (q - targets).abs()
        loss = bellman = (weight * losses).mean()
        self.td_errors = errors.detach().cpu().numpy()
        metrics |= {"q": q.mean(), "target": targets.mean(), "td_error": errors.mean()}
        if predicted is not None:
            if self._auxiliary_mean is None or self._auxiliary_scale is None:
                raise InvalidInput("the auxiliary loss needs fit_auxiliary first")
            wanted = (self._placed(batch.privileged) - self._auxiliary_mean) / self._auxiliary_scale
            metrics["auxiliary"] = auxiliary_loss(predicted, wanted)
            loss = bellman + preset.loss.auxiliary_weight * metrics["auxiliary"]
        if mask is not None:
            if batch.mask is None:
                raise InvalidInput("the mask loss needs a store with masks")
            metrics["mask"] = mask_loss(mask, self._placed(batch.mask), ~self._placed(batch.recorded))
            loss = loss + preset.loss.mask_weight * metrics["mask"]
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if isinstance(network, ActorCriticQFunction):
            metrics["actor"] = self._actor_gradient(network, embedding.detach(), state)
        metrics["gradient"] = clip_grad_norm_(network.parameters(), preset.optimizer.gradient_clip, foreach=True)
        if not torch.isfinite(metrics["gradient"]):
            raise InvalidInput(f"step {self.step_count}: the gradient is not finite (loss {loss.item()})")
        self._optimizer.step()
        self._refresh(self.targets.update(bellman.item()))
        self.step_count += 1
        return {"loss": bellman.detach(), **{name: value.detach() for name, value in metrics.items()}}

    def _placed(self, array: Any) -> Tensor:  # of numpy; mypy finds no type that arrays of several kinds share
        return placed(array, self.device)

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def _taus(self, count: int) -> Tensor:
        # Drawn on the processor, as all of a learner's chances are: the same on whatever device.
        return torch.rand([count, self.preset.q_function.quantiles], generator=self._generator).to(self.device)

    def _label(self, batch: Batch) -> Tensor:
        """Target values [B], or quantiles of them [B, T]."""
        taus = None
        if isinstance(self.network, QuantileQFunction):
            taus = self._taus(len(batch.reward))
        reward, discount = self._placed(batch.reward), self._placed(batch.discount)
        seen = self._placed(batch.next_image), self._placed(batch.next_state)
        with self._searching() as search:
            return bellman_targets(
                search, self._labellers, self._maximizer, reward, discount, *seen, self._generator, taus
            )

    def _label_corrected(self, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Target values [B] of n steps, as far as today's policy would have gone the same way; the mean trace."""
        image, state, action, reward, terminal, density, valid = map(self._placed, sequences)
        count, n = reward.shape
        later = image[:, 1:].flatten(0, 1), state[:, 1:].flatten(0, 1)
        with self._searching() as search:
            value, greedy = state_values(search, self._labellers, self._maximizer, *later, self._generator)
            value, greedy = value.view(count, n), greedy.view(count, n, -1)[:, :-1]
            discount = self._discount * (1 - terminal)
            taken, going_on = action[:, 1:], valid[:, 1:]
            if self.preset.target.n_step_correction == "cut":
                follows = n_step.follows(self._code, taken, greedy) & going_on
                return n_step.cut(reward, discount, value, follows).clamp(0, 1), follows.float().mean()
            epsilon, noise, _ = self.preset.exploration.at(self.progress)
            policy = exploring_log_density(self._code, taken, greedy, epsilon, noise)
            trace = torch.where(going_on, n_step.retrace(policy, density[:, 1:]), 0.0)
            before = image[:, 1:-1].flatten(0, 1), state[:, 1:-1].flatten(0, 1)
            q = [action_values(network, None, *before, taken.flatten(0, 1)) for network in self._labellers]
            q_taken = torch.stack(q).amin(0).view(count, n - 1)
        return n_step.importance(reward, discount, value, q_taken, trace).clamp(0, 1), trace.mean()

    @contextmanager
    def _searching(self) -> Iterator[QFunction]:
        """The network that the next state's best action is searched with."""
        if not self.preset.target.double:
            yield self._labellers[0]
            return
        # Only the online network is not a bf16 copy.
        with self._autocast():
            yield self.network.eval()
        self.network.train()

    def _actor_gradient(self, network: ActorCriticQFunction, embedding: Tensor, state: Tensor) -> Tensor:
        """Add to the actor's gradients those of minus the value of what it proposes (Silver et al. 2014, eq. 9)."""
        unit, choice = network.propose(embedding, state)
        loss = -network.evaluate(embedding, state, self._code.decode(unit, choice)).mean()
        loss.backward(inputs=network.actor_parameters())
        return loss

    def learning_rate(self) -> float:
        """Cosine from the first to the final rate, times the staircase decay."""
        settings = self.preset.optimizer
        low, high = settings.final_learning_rate, settings.learning_rate
        cosine = low + (high - low) * (1 + math.cos(math.pi * min(1.0, self.progress))) / 2
        return cosine * settings.learning_rate_decay ** (self.step_count // settings.learning_rate_decay_steps)

    def state_dict(self) -> dict[str, Any]:
        """Everything `step` depends on except the data."""
        return {
            "step": self.step_count,
            "network": self.network.state_dict(),
            "acting": self.acting.state_dict(),  # network or targets.first once more, to be read by others
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
        self._refresh(len(self._labellers))
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        self._rng.bit_generator.state = json.loads(state["rng"])
        mean, scale = state["auxiliary"]
        if mean is not None:
            self._auxiliary_mean, self._auxiliary_scale = mean.to(self.device), scale.to(self.device)

    def labelling_state(self) -> dict[str, Any]:
        """Everything `label` depends on except randomness and the data: the step, and the networks' weights."""
        networks = self.targets.networks if not self.preset.target.double else (*self.targets.networks, self.network)
        weights = [{name: value.cpu() for name, value in network.state_dict().items()} for network in networks]
        return {"step": self.step_count, "networks": weights}

    def load_labelling_state(self, state: dict[str, Any]) -> None:
        """Label as the learner does that `labelling_state` is of; this one cannot go on learning."""
        self.step_count = state["step"]
        for network, weights in zip((*self.targets.networks, self.network), state["networks"], strict=False):
            network.load_state_dict(weights)
        self._refresh(len(self._labellers))

    @torch.no_grad()
    def _refresh(self, changed: int) -> None:
        """Bring the bf16 copies of the first `changed` target networks up to date."""
        if not self.bf16:
            return
        for copied, target in list(zip(self._labellers, self.targets.networks, strict=True))[:changed]:
            torch._foreach_copy_(list(copied.state_dict().values()), list(target.state_dict().values()))


def _make_targets(settings: TargetSettings, network: QFunction) -> HardCopy[QFunction]:
    if settings.kind == "lagged_pair":
        return LaggedPair(network, settings.ema_decay, settings.target_lag)
    if settings.kind == "polyak":
        return Polyak(network, settings.ema_decay)
    return {"hard": HardCopy, "fitted": FittedIteration}[settings.kind](network, settings.target_period)


def _make_optimizer(settings: OptimizerSettings, network: QFunction) -> torch.optim.Optimizer:
    weights, rate, decay = network.parameters(), settings.learning_rate, settings.weight_decay
    if settings.kind == "sgd":
        return torch.optim.SGD(weights, rate, momentum=0.9, weight_decay=decay, foreach=True)
    return torch.optim.AdamW(weights, rate, weight_decay=decay, fused=True)
