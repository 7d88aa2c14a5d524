"""Policies: greedy, exploring, and the TorchScript policy that a robot runs."""

from qtopt_agent.policies.boltzmann import BoltzmannPolicy
from qtopt_agent.policies.exploring import ExploringPolicy
from qtopt_agent.policies.greedy import GreedyPolicy
from qtopt_agent.policies.scripted_module import ScriptedPolicy, TorchScriptPolicy, export_policy, load_policy

__all__ = [
    "BoltzmannPolicy",
    "ExploringPolicy",
    "GreedyPolicy",
    "ScriptedPolicy",
    "TorchScriptPolicy",
    "export_policy",
    "load_policy",
]
