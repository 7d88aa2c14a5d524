"""Checks of a node that share a process are for one worker: unheeded groups cost minutes, and nothing else tells."""

import os

import pytest


@pytest.mark.xdist_group("a group")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there are no workers")
def test_workers_heed_groups(request):
    assert request.node.nodeid.endswith("@a group")
