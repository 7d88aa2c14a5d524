from pathlib import Path

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.folders import walk


def test_links_are_followed_and_no_folder_is_visited_twice(tmp_path):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/deep/circle").symlink_to(root)
    (root / "dangling").symlink_to("nowhere")
    found = [folder.relative_to(root) for folder, _, _ in walk(root)]
    assert len(found) == 3 and found[0] == Path(".") and found[2].name == "deep"


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InvalidInput, match="file: Not a directory"):
        list(walk(file))
