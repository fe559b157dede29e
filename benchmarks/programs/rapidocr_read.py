"""Read picture files with RapidOCR: their paths from standard input, a JSON object for each out."""

import json
import logging
import sys

from rapidocr import RapidOCR

logging.disable()
engine = RapidOCR()
for path in map(str.strip, sys.stdin):
    found = engine(path)
    lines = list(found.txts or ())
    print(json.dumps({"file": path, "lines": lines, "seconds": found.elapse}), flush=True)
