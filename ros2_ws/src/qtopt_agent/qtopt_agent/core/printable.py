"""Text from outside, made fit for a terminal or a log."""

import re


def printable(text: str) -> str:
    """`text` on one line, with escapes for what a terminal would obey: values from outside are in it."""
    one_line = re.sub(r"\s*[\r\n]+\s*", " ", text.strip())
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in one_line)
