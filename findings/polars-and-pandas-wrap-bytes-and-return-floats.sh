#!/usr/bin/env bash
# polars and pandas: the mean of 200 and 100 is 22.0, and the step from 200 to 100 is 156.0, if the column is of bytes.
#
# A table of pixels has columns of uint8. Both libraries sum and average down a column in a wider type, and one would
# guess that whatever returns a float has computed in floats. polars' `mean_horizontal` adds the columns in uint8 and
# divides afterwards: 22.0 for 200 and 100; the mean down the same column is right. pandas' `diff` subtracts in uint8 and
# converts afterwards: 156.0 where the value fell by 100; `pct_change` of the same column is right. (polars' `diff` is
# right, and so is pandas' `mean(axis=1)`.) Nothing warns.
# What to do: cast columns of bytes before any arithmetic.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    polars==2.1.0 pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pandas as pd
import polars as pl

print("polars", pl.__version__, "pandas", pd.__version__)
pixels = {"left": np.array([200, 100], np.uint8), "right": np.array([100, 200], np.uint8)}
polars, pandas = pl.DataFrame(pixels), pd.DataFrame(pixels)
across = polars.select(pl.mean_horizontal("left", "right")).to_series().to_list()
print("mean of each row: polars", across, "pandas", pandas.mean(axis=1).tolist())
print("mean of the column: polars", polars["left"].mean(), "pandas", float(pandas["left"].mean()))
step = pandas["left"].diff()
print("step: polars", polars["left"].diff().to_list(), "pandas", step.tolist(), step.dtype)
assert across == [22, 22] and pandas.mean(axis=1).tolist() == [150, 150]
assert polars["left"].mean() == pandas["left"].mean() == 150
assert polars["left"].diff()[1] == -100 and step[1] == 156 and step.dtype == float
assert pandas["left"].pct_change()[1] == -0.5
print("as described: bytes wrap, and come back as floats")
PYTHON
