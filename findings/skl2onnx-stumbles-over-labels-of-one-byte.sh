#!/usr/bin/env bash
# skl2onnx: which classifiers it converts depends on the dtype of the labels that they were fitted with.
#
# MNIST's labels come as `uint8`. scikit-learn fits any classifier with them, and keeps them in `classes_` as they
# are. One would guess that a converter looks at the classes' values, so that it converts either every classifier
# or those of certain kinds. In fact the same model is converted after a fit with labels of `int64`, and raises an
# error after a fit with `uint8`; a logistic regression, a forest and a network of the same labels are converted.
# What to do: give scikit-learn labels of `int64` if the model is to become ONNX.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 skl2onnx==1.20.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import skl2onnx
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

print("scikit-learn", sklearn.__version__, "skl2onnx", skl2onnx.__version__)
random = np.random.default_rng(0)
images = random.normal(size=(300, 16)).astype(np.float32)
labels = np.arange(300) % 3
images[:, 0] += labels
seen = {}
for model in (LogisticRegression(), RandomForestClassifier(5), GaussianNB(), SGDClassifier(loss="log_loss")):
    for dtype in (np.int64, np.uint8):
        model.fit(images, labels.astype(dtype))
        try:
            skl2onnx.to_onnx(model, images[:1])
            outcome = "converted"
        except Exception as error:
            outcome = f"{type(error).__name__}: {str(error).splitlines()[0][:70]}"
        seen[type(model).__name__, np.dtype(dtype).name] = outcome
        print(f"{type(model).__name__}, labels of {np.dtype(dtype).name}: {outcome}")
assert all(outcome == "converted" for (_, dtype), outcome in seen.items() if dtype == "int64")
assert seen["LogisticRegression", "uint8"] == seen["RandomForestClassifier", "uint8"] == "converted"
assert seen["GaussianNB", "uint8"] != "converted" and seen["SGDClassifier", "uint8"] != "converted"
print("as described: with labels of uint8 two of four models cannot be converted")
PYTHON
