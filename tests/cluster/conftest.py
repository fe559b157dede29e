"""A Ray cluster of two nodes on this machine, with one core each."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import pytest

from mnistry.cluster.connection import connected, import_ray


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[object]:
    """The cluster, to which this process is connected; its methods add and remove nodes.

    The long tests do so, and have a cluster each. The other tests of a module share a cluster and
    their connection to it, and so the workers that Ray starts for a connection.
    """
    ray = import_ray()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray leaves sockets and files open
        if request.node.get_closest_marker("long"):
            ray.shutdown()  # the tests before may have left theirs
            with started() as made, connected(made.address):
                yield made
        else:
            made, connection = request.getfixturevalue("shared")
            if not ray.is_initialized():
                connection.enter_context(connected(made.address))
            yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[object, contextlib.ExitStack]]:
    with started() as made, contextlib.ExitStack() as connection:
        yield made, connection


@contextlib.contextmanager
def started() -> Iterator[object]:
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
