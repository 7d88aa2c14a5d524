"""A label is read as it was written, or refused."""

import pytest

from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.episodes.label import FILE_NAME, Label, read_label, write_label


def test_a_label_is_read_as_it_was_written(tmp_path):
    assert read_label(tmp_path) is None
    write_label(tmp_path, True, "Jörg")
    label = read_label(tmp_path)
    assert (label.success, label.author) == (True, "Jörg") and label.created.endswith("+00:00")


@pytest.mark.parametrize("author", ["", "  ", "x" * 201, "a\nb", "\x1b[31mred", "\ud800"])
def test_an_author_that_could_not_be_shown_is_refused(tmp_path, author):
    with pytest.raises(InvalidInput, match="the author of a label is"):
        write_label(tmp_path, True, author)
    assert list(tmp_path.iterdir()) == []


def test_any_damage_gives_a_label_or_a_refusal(tmp_path, mutations):
    write_label(tmp_path, True, "Jörg")
    file = tmp_path / FILE_NAME
    for data in mutations(file.read_bytes()):
        file.write_bytes(data)
        try:
            label = read_label(tmp_path)
        except CorruptEpisode as error:
            assert str(error).startswith(str(file))
        else:
            assert isinstance(label, Label) and list(map(type, vars(label).values())) == [bool, str, str]
