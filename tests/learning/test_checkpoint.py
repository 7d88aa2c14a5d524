import hashlib
import pickle

import pytest
import torch
from torch import nn

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.learning.checkpoint import _MARK, load_checkpoint, load_weights, save_checkpoint, save_weights


class Attack:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_what_was_saved_comes_back(tmp_path):
    state = {"step": 3, "weights": torch.arange(4.0), "text": "a", "nested": [torch.ones(1), (1, None)]}
    save_checkpoint(tmp_path / "c.pt", state)
    again = load_checkpoint(tmp_path / "c.pt")
    assert again["step"] == 3
    assert torch.equal(again["weights"], state["weights"])
    assert again["nested"][1] == (1, None)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"weights": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(IncompatibleModel, match=r"c\.pt does not end with its SHA-256"):
        load_checkpoint(path)


def test_a_checkpoint_is_refused_whichever_bit_of_it_is_flipped(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"step": 3})
    whole = bytearray(path.read_bytes())
    for bit in range(0, 8 * len(whole), 29):
        whole[bit // 8] ^= 1 << bit % 8
        path.write_bytes(whole)
        with pytest.raises(IncompatibleModel, match=r"c\.pt .* damaged"):
            load_checkpoint(path)
        whole[bit // 8] ^= 1 << bit % 8
    path.write_bytes(whole)
    assert load_checkpoint(path) == {"step": 3}


def test_a_checkpoint_is_refused_however_it_is_damaged(tmp_path, mutations):
    path = tmp_path / "c.pt"
    network = nn.Linear(2, 3)
    save_checkpoint(path, {"step": 3, "network": network.state_dict(), "optimizer": [torch.zeros(2)]})
    whole = path.read_bytes()
    for data in mutations(whole):
        path.unlink()
        path.write_bytes(data)
        if data != whole:
            with pytest.raises(IncompatibleModel, match=r"c\.pt"):
                load_checkpoint(path)


def test_a_checkpoint_that_somebody_has_made_up_with_its_hash_is_read_or_refused(tmp_path, mutations):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"step": 3, "network": nn.Linear(2, 3).state_dict(), "optimizer": [torch.zeros(2)]})
    archive = path.read_bytes().rpartition(_MARK)[0]
    for data in mutations(archive):
        path.unlink()
        path.write_bytes(data + _MARK + hashlib.sha256(data).digest())
        try:
            assert isinstance(load_checkpoint(path), dict)
        except IncompatibleModel as error:
            assert "c.pt" in str(error)


def test_a_checkpoint_of_a_version_without_hashes_is_refused_by_name(tmp_path):
    torch.save({"format": 2}, tmp_path / "c.pt")
    with pytest.raises(IncompatibleModel, match="an older version of this software made it; start a new run"):
        load_checkpoint(tmp_path / "c.pt")


def test_a_checkpoint_that_is_missing_is_refused(tmp_path):
    with pytest.raises(IncompatibleModel, match="No such file"):
        load_checkpoint(tmp_path / "none.pt")


def test_code_in_a_checkpoint_never_runs(tmp_path, capsys):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"attack": Attack()})  # with the hash that it should have
    with pytest.raises(IncompatibleModel):
        load_checkpoint(path)
    assert "never run" not in capsys.readouterr().out


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save_checkpoint(path, {"step": 2, "unsaveable": lambda: None})
    assert load_checkpoint(path) == {"step": 1}


def test_published_weights_fit_their_own_network_only(tmp_path):
    path = tmp_path / "w.safetensors"
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    save_weights(path, source)
    load_weights(path, target)
    assert torch.equal(source.weight, target.weight)
    with pytest.raises(IncompatibleModel, match=r"w\.safetensors"):
        load_weights(path, nn.Linear(3, 3))
    path.write_bytes(b"nonsense")
    with pytest.raises(IncompatibleModel):
        load_weights(path, target)
