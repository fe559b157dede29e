#!/usr/bin/env bash
# polars: the product of two exact decimals is rounded to the digits of the factors.
#
# One would guess that a column of the type Decimal is chosen for exact arithmetic, and that 1.25 x 0.05 is 0.0625
# as it is with Python's `decimal`, in DuckDB and in SQL, where the digits after the point of both factors add up.
# In polars the product keeps the larger of both scales, here two digits: 0.06, without a warning. Sums are exact.
# What to do: cast to a larger scale before the product, or multiply with Python's `decimal`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check polars==2.1.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from decimal import Decimal

import polars as pl

print("polars", pl.__version__)
price, share = Decimal("1.25"), Decimal("0.05")
frame = pl.DataFrame({"price": [price], "share": [share]})
product = frame.select(product=pl.col("price") * pl.col("share"))
got, scale = product["product"][0], product.schema["product"].scale
print(f"{price} x {share}: Python {price * share}, polars {got} (scale {scale})")
wide = frame.with_columns(pl.col("price", "share").cast(pl.Decimal(38, 4)))
print("after a cast to four digits:", wide.select(pl.col("price") * pl.col("share")).item())
assert price * share == Decimal("0.0625")
assert got == Decimal("0.06") and scale == 2
assert wide.select(pl.col("price") * pl.col("share")).item() == Decimal("0.0625")
print("as described: the product has two digits after the point")
PYTHON
