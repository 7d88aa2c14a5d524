"""A released model's name means its folder wherever a folder is expected."""

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.models.released import find_model, released_models


def test_a_released_models_name_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_model("compact-1") == released_models() / "compact-1"


def test_a_folder_comes_before_a_released_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact-1").mkdir()
    assert find_model("compact-1").resolve() == tmp_path / "compact-1"


def test_models_of_ones_own_hide_no_released_one(tmp_path, monkeypatch):
    released = released_models().resolve()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/mine").mkdir(parents=True)
    assert find_model("mine").resolve() == tmp_path / "models/mine"
    assert find_model("compact-1").resolve() == released / "compact-1"


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert find_model("~/mine") == tmp_path / "mine"


@pytest.mark.parametrize("name", ["compact-9", "../models/no-such", "compact-1/", "\0", "a" * 300])
def test_another_name_is_refused_with_those_there_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"is not a model: .*compact-1"):
        find_model(name)
