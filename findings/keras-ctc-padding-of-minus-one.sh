#!/usr/bin/env bash
# Keras's CTC loss: padding labels with -1, the usual sign for "nothing", gives a wrong, smaller loss.
#
# One would guess that a padding of -1 is either refused or ignored, as in other CTC losses where -1 can never be a
# class; and that a label too long for its output (it cannot be spelled in so few steps) has infinite loss. In Keras
# the class 0 is both the blank and the padding, so labels count from 1. Padded with -1 the loss stays finite, is
# smaller than the right one, and there is no warning; a label that cannot be spelled has a finite loss too.
# What to do: shift the classes by one, pad with 0, and check the lengths before training.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import itertools

import keras
import numpy as np

print("keras", keras.__version__)
steps, classes = 6, 4
random = np.random.default_rng(0)
logits = random.normal(size=(1, steps, classes)).astype("float32")
log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def by_hand(label):
    """Sum over all paths of six steps that spell the label once blanks and repeats are taken away."""
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        spelled = [k for k, _ in itertools.groupby(path) if k != 0]
        if spelled == label:
            total += np.exp(sum(log_probabilities[0, t, k] for t, k in enumerate(path)))
    return -np.log(total) if total else np.inf


def by_keras(row):
    return float(np.asarray(keras.losses.CTC()(np.array([row]), logits)))


right = by_hand([1, 2])
zero, minus = by_keras([1, 2, 0, 0]), by_keras([1, 2, -1, -1])
print(f"label 1 2: by hand {right:.4f}, padded with 0 {zero:.4f}, padded with -1 {minus:.4f}")
long = [1, 1, 1, 1, 1, 1]  # needs 11 steps: a blank between equals
impossible = by_keras(long)
print(f"label {long} in {steps} steps: by hand {by_hand(long)}, Keras {impossible:.1f}")
assert abs(zero - right) < 1e-3
assert np.isfinite(minus) and minus < right - 0.01
assert np.isfinite(impossible)
print("as described: -1 gives a smaller loss, and the impossible label a finite one")
PYTHON
