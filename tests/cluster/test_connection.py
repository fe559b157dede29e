import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnistry.cluster.connection import connected, import_ray
from mnistry.errors import ResourceError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's warnings


@pytest.mark.long
def test_a_client_with_another_token_is_refused(cluster) -> None:
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
    assert "no Ray cluster" in refused  # though it runs: this process is connected to it
    assert "token" in refused


def test_a_token_is_made_for_a_local_cluster_if_there_is_none(tmp_path: Path) -> None:
    code = "from mnistry.cluster.connection import connected as c\nwith c('local') as n: print(n)"
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN"}
    made = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert int(made.stdout) >= 1
    assert (tmp_path / ".ray" / "auth_token").stat().st_size >= 32


def test_a_local_cluster_has_the_given_cores_keeps_signal_handlers_and_ends() -> None:
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


def test_an_address_where_nobody_listens_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_ray(), "init", lambda *_, **__: pytest.fail("Ray tries for minutes"))
    with (
        pytest.raises(ResourceError, match=r"127\.0\.0\.1:9: no Ray cluster"),
        connected("127.0.0.1:9"),
    ):
        pass
