#!/usr/bin/env bash
# LightGBM: a DataFrame whose columns stand in another order is predicted by their places, names or not.
#
# One would guess that a model that was fitted with named columns finds them by name, or refuses another order, as
# scikit-learn and XGBoost do; LightGBM stores the names with the model, and its classifier is one of scikit-learn's
# kind. Both `LGBMClassifier.predict` and `Booster.predict` take the first column for the first feature whatever it
# is called: from 100 % right to guessing, without a warning.
# What to do: `predict(..., validate_features=True)`, which raises, or frame[model.feature_name_].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    lightgbm==4.7.0 scikit-learn==1.9.1 pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

print("lightgbm", lightgbm.__version__)
random = np.random.default_rng(0)
frame = pd.DataFrame(random.normal(size=(400, 3)), columns=["width", "ink", "height"])
labels = (frame["width"] > 0).astype(int)
turned = frame[["height", "ink", "width"]]
model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(frame, labels)
right = {order: (model.predict(rows) == labels).mean() for order, rows in (("as fitted", frame), ("turned", turned))}
booster = ((model.booster_.predict(turned) > 0.5) == labels).mean()
print("names in the model:", model.feature_name_, "right:", right, "Booster, turned:", booster)
assert right["as fitted"] == 1 and right["turned"] < 0.6 and booster < 0.6
for name, predict in (
    ("validate_features=True", lambda: model.predict(turned, validate_features=True)),
    ("scikit-learn", lambda: LogisticRegression().fit(frame, labels).predict(turned)),
):
    try:
        predict()
        raise SystemExit(f"{name}: accepted now")
    except (ValueError, lightgbm.basic.LightGBMError) as error:
        print(f"{name}: refused: {str(error).splitlines()[0][:90]}")
print("as described: columns are taken by their places")
PYTHON
