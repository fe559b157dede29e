#!/usr/bin/env bash
# SciPy and scikit-learn: of the measures between two images of bytes, one in each library wraps around in silence.
#
# NumPy's uint8 arithmetic wraps: 200 x 200 is 64. SciPy's distances and scikit-learn's errors are known to convert
# images of bytes before they compute, and one would guess that all of them do: euclidean, cityblock, braycurtis and
# seven more do, and so do the mean squared, mean absolute and largest error. `scipy.spatial.distance.cosine` computes
# products in uint8, and scikit-learn's `median_absolute_error` differences in uint8: -200 is 56. Both return a
# plausible number; at best there is a warning of an overflow, for some images.
# What to do: convert images to float32 or float64 before any measure.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    scipy==1.17.1 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import scipy
import sklearn
from scipy.spatial import distance
from sklearn import metrics

print("scipy", scipy.__version__, "scikit-learn", sklearn.__version__)
one, two = np.array([0, 200, 3, 90], np.uint8), np.array([255, 0, 4, 80], np.uint8)
measures = [
    getattr(distance, name)
    for name in ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "canberra", "braycurtis",
                 "correlation", "hamming", "jensenshannon", "cosine")
] + [
    getattr(metrics, name)
    for name in ("mean_squared_error", "mean_absolute_error", "max_error", "r2_score", "median_absolute_error")
]
wrong = set()
for measure in measures:
    bytes_, floats = float(measure(one, two)), float(measure(one.astype(float), two.astype(float)))
    same = np.isclose(bytes_, floats)
    print(f"{measure.__name__:22} bytes {bytes_:12.4f}  floats {floats:12.4f}  {'' if same else 'WRONG'}")
    if not same:
        wrong.add(measure.__name__)
assert wrong == {"cosine", "median_absolute_error"}, wrong
print("as described: two of them wrap, the others convert")
PYTHON
