"""The same training on two Keras backends: compiled on JAX, by ``model.fit`` on PyTorch."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# From the same seed each backend draws other numbers, so NumPy draws the initial weights.
TRAIN = """
import json
import keras, numpy as np
import mnistry
from mnistry.augmentation import distort
(images, labels), _ = mnistry.load("sample")
model = mnistry.build("dense", units=32)
generator = np.random.default_rng(0)
model.set_weights([generator.normal(0, 0.05, w.shape) for w in model.get_weights()])
history = mnistry.train(
    model, images[:1000], labels[:1000], epochs=4, validation=0.2,
    distortion=distort.Distortion(), plain_epochs=1,
    callbacks=[keras.callbacks.EarlyStopping("loss", patience=1, start_from_epoch=9)],
)
figures = [(e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in history.epochs]
print(json.dumps([keras.backend.backend(), figures]))
"""


def train_on(backend: str) -> list[list[float]]:
    result = subprocess.run(
        [sys.executable, "-c", TRAIN], env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    used, figures = json.loads(result.stdout.splitlines()[-1])
    assert used == backend
    return figures


def test_the_engine_on_jax_and_fit_on_pytorch_have_the_same_history() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: pip install torch")
    for ours, theirs in zip(train_on("jax"), train_on("torch"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
