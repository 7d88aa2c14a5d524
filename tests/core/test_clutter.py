import math

import pytest

from qtopt_agent.core.clutter import check_clutter, parse_clutter
from qtopt_agent.core.errors import InvalidInput


@pytest.mark.parametrize(("text", "pair"), [("1", (1, 1)), ("6", (6, 6)), ("1-5", (1, 5)), ("2-2", (2, 2))])
def test_clutter_is_a_number_or_two(text, pair):
    assert parse_clutter(text) == pair
    assert check_clutter(pair) == check_clutter(list(pair)) == pair


@pytest.mark.parametrize("text", ["", "0", "7", "5-1", "1-7", "a", "1-", "-1", "1,5", "1.5", "²", "9" * 5000])
def test_other_text_is_refused_with_its_value(text):
    with pytest.raises(InvalidInput, match="expected a number of objects from 1 to 6"):
        parse_clutter(text)


@pytest.mark.parametrize("clutter", [(0, 0), (3, 1), 2, (1, 30), (1,), (1, 2, 3), None, "12", (1, math.nan), (1, 1.5)])
def test_other_pairs_are_refused_with_their_value(clutter):
    with pytest.raises(InvalidInput, match="clutter is"):
        check_clutter(clutter)
