"""Decide fields of a batch as a reviewer does; `batches.py` kills it.

``python -m torture.reviewing BATCH WHO`` decides every field that is to be checked, and takes one
decision back and makes it again. After each it adds a line to BATCH/../said: the field is decided.
"""

import os
import sys
from pathlib import Path

from mnistry.forms import form_json
from mnistry.forms.review import Review
from mnistry.forms.store import Store

TYPED = {"station": "173", "count": "12", "depth": "26"}


def main(folder: Path, who: str) -> None:
    """Decide every field."""
    said = os.open(folder.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Store(folder, must_exist=True) as store:
        form = form_json.loads(store.meta("form") or "")
        review = Review(form, store, who)
        for number, name in enumerate(review.names()):
            text = TYPED[name.rpartition("/")[2]]
            review.decide(name, text, confirmed=False, insists=True)
            if number == 1:
                review.undo()
                review.decide(name, text, confirmed=False, insists=True)
            os.write(said, f"{who} {name}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
