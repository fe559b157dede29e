import os
import subprocess
import sys
from typing import Any

import pytest

import mnistry
from mnistry.training import sharding

pytestmark = pytest.mark.slow

# Trains on 300 real images, in batches of 64 and a last one of 44: twice with the units divided
# among four devices, and once undivided.
TRAINED = """
import jax, numpy as np
jax.config.update("jax_num_cpu_devices", 4)
import mnistry
from mnistry.system import cores
from mnistry.training import sharding, startup
startup.import_keras()  # in a quarter of the time
(images, labels), _ = mnistry.load("sample")
images, labels = images[:300], labels[:300]

def train(**settings):
    model = mnistry.build("dense", units=512, depth=2, seed=1)
    history = mnistry.train(model, images, labels, epochs=2, batch_size=64, **settings)
    assert all(len(v.value.sharding.device_set) == 1 for v in model.variables)
    return model, history, model.get_weights()

model, history, shared = train()
assert sharding.division_for(model).mesh.size == 4
_, _, again = train()
assert all(np.array_equal(a, b) for a, b in zip(shared, again))
assert model.predict(images, verbose=0).shape == (300, 10)
sharding.division_for = lambda *_: None
_, whole_history, whole = train()
assert not all(np.array_equal(a, b) for a, b in zip(shared, whole)), "nothing was shared"
for a, b in zip(shared, whole):
    np.testing.assert_allclose(a, b, atol=2e-4)
for a, b in zip(history.epochs, whole_history.epochs):
    np.testing.assert_allclose((a.loss, a.accuracy), (b.loss, b.accuracy), rtol=1e-4)
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_shared_units_are_trained_as_those_in_one_piece_and_the_same_twice() -> None:
    result = run(TRAINED)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("network", "settings", "worthwhile"),
    [
        ("dense", {}, True),
        ("dense", {"units": 256, "depth": 2}, True),
        ("dense", {"units": 128}, False),  # 25,088 weights in each part
        ("dense", {"units": 510}, False),  # no four equal parts
        ("linear", {}, False),
        ("convnet", {}, False),
    ],
)
def test_only_large_dense_layers_are_shared(
    network: str, settings: dict[str, Any], worthwhile: bool
) -> None:
    model = mnistry.build(network, **settings)
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    assert sharding.is_worthwhile(shapes, parts=4) == worthwhile
    assert not sharding.is_worthwhile(shapes, parts=1)


def test_an_array_is_shared_by_its_last_axis_that_is_long_enough_and_divides_evenly() -> None:
    shapes = [(784, 512), (512,), (512, 10), (10,), (), (784, 510), (252, 10)]
    axes = [1, 0, 0, None, None, 0, None]
    assert [sharding.shared_axis(shape, 4) for shape in shapes] == axes


def test_cores_are_those_that_this_process_may_use() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot bind a process to cores")
    code = (
        "import os; from mnistry.system import cores\n"
        "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
        "print(cores.cores())"
    )
    assert run(code).stdout == "1\n"


def test_a_process_given_one_core_uses_one_for_everything() -> None:
    code = (
        "import os; from mnistry.system import cores; from mnistry.training import startup\n"
        "cores.use_cores(1); cores.use_cores(1)\n"
        "startup.import_keras()\n"
        "import jax; print(jax.local_device_count(), cores.cores(), os.environ['XLA_FLAGS'])"
    )
    given, one = "--xla_cpu_enable_fast_math=false", "--xla_force_host_platform_device_count=1"
    assert run(code, XLA_FLAGS=given).stdout == f"1 1 {given} {one}\n"
    assert run("from mnistry.system import cores; print(cores.cores())", NPROC="1").stdout == "1\n"


def test_a_process_of_ours_sees_one_two_or_four_devices_unless_a_flag_says_otherwise() -> None:
    code = (
        "from mnistry.system import cores; from mnistry.training import startup\n"
        "numbers = []\n"
        "for count in (1, 2, 3, 64, 4):\n"
        "    cores.cores = lambda: count\n"
        "    startup.import_keras()\n"
        "    import jax\n"
        "    numbers.append(jax.config.jax_num_cpu_devices)\n"
        "    if count != 4: jax.config.update('jax_num_cpu_devices', -1)\n"  # not set
        "print(numbers, jax.local_device_count())"
    )
    assert run(code, XLA_FLAGS="").stdout == "[-1, 2, 2, 4, 4] 4\n"
    three = "--xla_force_host_platform_device_count=3"
    assert run(code, XLA_FLAGS=three).stdout == "[-1, -1, -1, -1, -1] 3\n"
