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

    The long tests do so, and have a cluster each; the other tests of a module share one.
    """
    own = request.node.get_closest_marker("long") is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray leaves sockets and files open
        nodes = started() if own else contextlib.nullcontext(request.getfixturevalue("shared"))
        with nodes as made, connected(made.address):
            yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[object]:
    with started() as made:
        yield made


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
