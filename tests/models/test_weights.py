"""Weights are read only where they are exactly a network's, and then they are what the file has."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.models.weights import most_bytes, parse_weights
from qtopt_agent.q_functions import make_q_function

FILE = Path("q.safetensors")


@pytest.fixture(scope="module")
def wanted():
    return make_q_function(LOWDIM).state_dict()


def refused(data, wanted, complaint):
    with pytest.raises(IncompatibleModel, match=complaint):
        parse_weights(data, wanted, FILE)


def test_what_is_written_is_read(wanted):
    data = save(wanted, metadata={"of": "lowdim"})
    found = parse_weights(data, wanted, FILE)
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    assert len(data) <= most_bytes(wanted)


def test_tensors_that_do_not_fit_the_network_are_named(wanted):
    name = "state_layer.bias"
    refused(save({k: v for k, v in wanted.items() if k != name}), wanted, f"has no tensor {name}")
    refused(save(wanted | {"more": torch.zeros(1)}), wanted, "tensor 'more' is not one of this network's")
    refused(save(wanted | {name: torch.zeros(2)}), wanted, rf"{name} is 'F32' \[2\], expected 'F32' \[128\]")
    refused(save(wanted | {name: torch.zeros(128, dtype=torch.float64)}), wanted, f"{name} is 'F64'")
    for value in (math.nan, math.inf, -math.inf):
        refused(save(wanted | {name: torch.full([128], value)}), wanted, f"{name} has values that are not finite")


def test_a_header_that_lies_about_sizes_costs_no_memory(wanted):
    data = save(wanted)
    for length in (2**63, 10**8, len(data), 0):
        refused(length.to_bytes(8, "little") + data[8:], wanted, "header")
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    first = next(iter(wanted))

    def with_header(**changes):
        text = json.dumps(header | {first: header[first] | changes}).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + length :]

    refused(with_header(shape=[10**12]), wanted, first)
    refused(with_header(data_offsets=[0, 10**15]), wanted, "no safetensors file")
    refused(with_header(data_offsets=header["state_layer.bias"]["data_offsets"]), wanted, "no safetensors file")
    refused(data[:7], wanted, "header")
    refused(data + b"\0", wanted, "no safetensors file")


def test_a_tensor_named_twice_is_refused(wanted):
    data = save(wanted)
    length = int.from_bytes(data[:8], "little")
    entry = json.dumps(json.loads(data[8 : 8 + length])["head.1.bias"])
    text = data[8 : 8 + length].rstrip()[:-1] + f',"head.1.bias":{entry}}}'.encode()
    refused(len(text).to_bytes(8, "little") + text + data[8 + length :], wanted, "there twice")


def test_of_a_damaged_file_the_tensors_are_finite_and_fit_or_it_is_refused(mutations):
    small = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
    for damaged in mutations(save(small)):
        try:
            found = parse_weights(damaged, small, FILE)
        except IncompatibleModel as error:
            assert str(error).isprintable()
            continue
        assert all(tensor.shape == small[name].shape and tensor.isfinite().all() for name, tensor in found.items())
        theirs = load(damaged)
        assert found.keys() == small.keys() and all(torch.equal(found[name], theirs[name]) for name in found)
