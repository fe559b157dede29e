#!/usr/bin/env bash
# scikit-learn: what `dump_svmlight_file` writes, `load_svmlight_file` reads one column off, if the first column is 0.
#
# One would guess that a library's writer and reader agree by default. The writer counts columns from 0 unless told
# otherwise; files of LIBSVM's site count from 1; the format cannot say which. The reader's default, "auto", takes a
# file for one that counts from 0 only if index 0 occurs in it. Where the first column is 0 in every row, as the first
# pixel of MNIST's images is, index 0 never occurs: each value comes back one column to the left, and there is one
# column less. Nothing warns. With a comment the file says "zero-based" in words, which the reader does not heed.
# What to do: give `zero_based` to both, and `n_features` to the reader.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

print("scikit-learn", sklearn.__version__)
written = np.array([[0, 7, 0, 5], [0, 0, 3, 1]], float)
for comment in (None, "digits"):
    dump_svmlight_file(written, [4, 9], "digits.txt", comment=comment)
    read = load_svmlight_file("digits.txt")[0].toarray()
    print(open("digits.txt").read().rstrip(), "\nread:", read.tolist(), sep="\n")
    assert read.tolist() == [[7, 0, 5], [0, 3, 1]]
told = load_svmlight_file("digits.txt", zero_based=True, n_features=4)[0].toarray()
assert told.tolist() == written.tolist()
with_first = np.array([[1, 7, 0, 5]], float)
dump_svmlight_file(with_first, [4], "digits.txt")
assert load_svmlight_file("digits.txt")[0].toarray().tolist() == with_first.tolist()
print("as described: the first column, all 0, was lost, and the others moved to the left")
PYTHON
