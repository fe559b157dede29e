"""The same training on two Keras backends: compiled on JAX, by ``model.fit`` on PyTorch."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mnistry
from mnistry.augmentation import distort
from mnistry.training import startup

pytestmark = pytest.mark.slow

# A process of its own for PyTorch: Keras has one backend. Threads would wait for each other.
PROCESS = "from tests.test_backends import train; import json; print(json.dumps(train()))"


def train() -> tuple[str, list[list[float]]]:
    """Train, and return Keras's backend and the figures of each epoch."""
    startup.import_keras()
    import keras

    (images, labels), _ = mnistry.load("sample")
    model = mnistry.build("dense", units=32)
    # From the same seed each backend draws other numbers, so NumPy draws the initial weights.
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.05, w.shape) for w in model.get_weights()])
    history = mnistry.train(
        model, images[:1000], labels[:1000], epochs=4, validation=0.2,
        distortion=distort.Distortion(), plain_epochs=1,
        callbacks=[keras.callbacks.EarlyStopping("loss", patience=1, start_from_epoch=9)],
    )  # fmt: skip
    figures = [[e.loss, e.accuracy, e.val_loss, e.val_accuracy] for e in history.epochs]
    return keras.backend.backend(), figures


def test_the_engine_on_jax_and_fit_on_pytorch_have_the_same_history() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: pip install torch")
    result = subprocess.run(
        [sys.executable, "-c", PROCESS], cwd=Path(__file__).parents[1],
        env=os.environ | {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    backend, theirs = json.loads(result.stdout.splitlines()[-1])
    assert backend == "torch"
    backend, ours = train()
    assert backend == "jax"
    assert np.shape(ours) == np.shape(theirs)
    assert ours == [pytest.approx(figures, rel=1e-4) for figures in theirs]
