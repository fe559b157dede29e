"""A Ray cluster of two nodes on this machine, with one core each."""

import logging
import warnings
from collections.abc import Iterator

import pytest

from mnistry.cluster.connection import connected, import_ray


@pytest.fixture
def cluster() -> Iterator[object]:
    """The cluster, to which this process is connected; its methods add and remove nodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray leaves sockets and files open
        import_ray()
        from ray.cluster_utils import Cluster

        logging.getLogger("ray").setLevel(logging.ERROR)
        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        made.other = made.add_node(num_cpus=1)
        try:
            with connected(made.address):
                yield made
        finally:
            made.shutdown()
