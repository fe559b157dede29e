import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnistry.cluster.connection import connected
from mnistry.errors import ResourceError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own


@pytest.mark.long
def test_who_has_another_token_is_refused(cluster) -> None:
    code = (
        "import sys\n"
        "from mnistry.cluster.connection import connected\n"
        "from mnistry.errors import ResourceError\n"
        "try:\n"
        "    with connected(sys.argv[1]): print('in')\n"
        "except ResourceError as error: print(error)\n"
    )
    refused = subprocess.run(
        [sys.executable, "-c", code, cluster.address],
        env={**os.environ, "RAY_AUTH_TOKEN": "0" * 32},
        capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip
    assert "no Ray cluster" in refused  # to which this process is connected
    assert "token" in refused


def test_whoever_has_no_token_gets_one_for_a_cluster_of_this_machine(tmp_path: Path) -> None:
    code = "from mnistry.cluster.connection import connected as c\nwith c('local') as n: print(n)"
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN"}
    made = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert int(made.stdout) >= 1
    assert (tmp_path / ".ray" / "auth_token").stat().st_size >= 32


def test_a_cluster_of_this_machine_is_as_it_was_asked_for_and_leaves_signals_alone() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with (
        pytest.raises(ResourceError, match=r"local: the cluster failed.*its head died"),
        connected("local", cores=1) as cores,
    ):
        import ray

        assert cores == 1
        assert [signal.getsignal(number) for number in numbers] == before
        assert not ray._private.worker.global_worker.node.webui_url
        raise ray.exceptions.RaySystemError("its head died")
    assert not ray.is_initialized()


def test_where_nobody_listens_is_found_out_at_once() -> None:
    with (
        pytest.raises(ResourceError, match=r"127\.0\.0\.1:9: no Ray cluster"),
        connected("127.0.0.1:9"),
    ):
        pass
