#!/usr/bin/env bash
# polars: read_excel drops a text that stands below a hundred numbers in its column, without a word.
#
# One would guess that a cell which does not fit its column is an error, as it is for `polars.read_csv` with the same
# rows, or makes the column text. read_excel takes the type from the first rows, and what does not fit is null: a
# "12?" that a person wrote below a hundred numbers is gone, and looks like an empty cell. A code "049" that is stored
# as text becomes 49. With the text among the first rows the whole column is text, and every cell is kept. (In a sheet
# of one column the row itself is gone, as an empty one.)
# What to do: infer_schema_length=None, or schema_overrides for the columns that matter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    polars==2.1.0 fastexcel==0.21.0 xlsxwriter==3.3.1
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import polars as pl
import xlsxwriter

print("polars", pl.__version__)
seen = {}
for numbers in (50, 150):
    cells = [*range(numbers), "12?", "049", 7]
    with xlsxwriter.Workbook("counts.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_column(0, 0, ["count", *cells])
        sheet.write_column(0, 1, ["page", *range(len(cells))])
    with open("counts.csv", "w") as file:
        file.writelines(f"{cell},{page}\n" for page, cell in [("page", "count"), *enumerate(cells)])
    frame = pl.read_excel("counts.xlsx")
    seen[numbers] = frame["count"].to_list()[-3:]
    print(f"below {numbers} numbers: {cells[-3:]} are read as {seen[numbers]} ({frame['count'].dtype})")
assert seen == {50: ["12?", "049", "7"], 150: [None, 49, 7]}
assert pl.read_excel("counts.xlsx", infer_schema_length=None)["count"].to_list()[-3:] == ["12?", "049", "7"]
try:
    pl.read_csv("counts.csv")
    raise SystemExit("read_csv accepts it now")
except pl.exceptions.ComputeError as error:
    print("read_csv of the same rows:", str(error).splitlines()[0])
print("as described: the text is gone")
PYTHON
