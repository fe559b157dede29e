import os
import re
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


LOCAL = """
import signal
from mnistry.cluster.connection import connected
from mnistry.errors import ResourceError

def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

before = handlers()
try:
    with connected("local", cores=1) as cores:
        import ray

        page = ray._private.worker.global_worker.node.webui_url
        print(cores, handlers() == before, bool(page))
        raise ray.exceptions.RaySystemError("its head died")
except ResourceError as error:
    print(error)
print(ray.is_initialized())
"""


def test_a_local_cluster_has_a_token_and_the_given_cores_keeps_signal_handlers_and_ends(
    tmp_path: Path,
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN"}
    made = subprocess.run(
        [sys.executable, "-c", LOCAL],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    inside, *failure, after = made.stdout.splitlines()
    assert inside.split() == ["1", "True", "False"]
    assert re.match(r"local: the cluster failed.*its head died", " ".join(failure))
    assert after == "False"
    assert (tmp_path / ".ray" / "auth_token").stat().st_size >= 32


def test_an_address_where_nobody_listens_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_ray(), "init", lambda *_, **__: pytest.fail("Ray tries for minutes"))
    with (
        pytest.raises(ResourceError, match=r"127\.0\.0\.1:9: no Ray cluster"),
        connected("127.0.0.1:9"),
    ):
        pass
