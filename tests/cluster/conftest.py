"""A Ray cluster of two nodes on this machine, with one core each."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from mnistry.cluster.connection import connected, import_ray

# Starting Ray takes ten seconds: the tests of this folder share a cluster and, as each connection
# has workers of its own, the connection to it.
_shared: dict[str, Any] = {}
_ends = contextlib.ExitStack()


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[object]:
    """The cluster, to which this process is connected; its methods add and remove nodes.

    The long tests do so, and have a cluster each.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray leaves sockets and files open
        if request.node.get_closest_marker("long"):
            _end_shared()
            with started() as made, connected(made.address):
                yield made
        else:
            if not _shared:
                _shared["cluster"] = _ends.enter_context(started())
            if not import_ray().is_initialized():
                _ends.enter_context(connected(_shared["cluster"].address))
            yield _shared["cluster"]


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the cluster after the last test of this folder: even idle, it takes processor time."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        _end_shared()


def _end_shared() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _ends.close()
    _shared.clear()


@contextlib.contextmanager
def started() -> Iterator[Any]:
    """Start a cluster for the block."""
    import_ray()
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.ERROR)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.other = made.add_node(num_cpus=1)
    try:
        yield made
    finally:
        made.shutdown()
