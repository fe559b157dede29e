#!/usr/bin/env bash
# The wheel of OpenCV without windows brings FFmpeg and an OpenSSL whose support ended in 2023.
#
# One would guess that opencv-python-headless, which reads and filters pictures, brings libraries for pictures, and
# that a list of a program's packages names what it runs. The Linux wheel of 5.0.0.93 bundles FFmpeg's libraries for
# video and, because these can read from the network, OpenSSL 1.1.1k: a version of 2021, of a line that its makers
# no longer support. (It comes from a Linux distribution that mends it under the same number, so its version does not
# tell which faults it still has.) No package list, and no lock file, names either of them.
# What to do: list what wheels bundle in a bill of materials; if only pictures are read, nothing of it need be loaded
# by name, but it lies in every container.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --platform manylinux_2_28_x86_64 --dest "$folder" opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import re
import zipfile
from pathlib import Path

wheel = next(Path().glob("*.whl"))
print(wheel.name)
with zipfile.ZipFile(wheel) as archive:
    bundled = {name.split("/")[-1]: name for name in archive.namelist() if ".libs/" in name}
    ssl = next(name for name in bundled if name.startswith("libssl"))
    crypto = next(name for name in bundled if name.startswith("libcrypto"))
    said = re.search(rb"OpenSSL (\d+\.\d+\.\d+[a-z]*) +([ \w]+)", archive.read(bundled[crypto]))
    metadata = next(name for name in archive.namelist() if name.endswith("/METADATA"))
    needed = re.findall(r"^Requires-Dist: (.*)$", archive.read(metadata).decode(), re.MULTILINE)
print("bundled:", *sorted(bundled))
print("it says it is", " ".join(said[0].decode().split()))
print("packages it names as needed:", *needed)
assert said[1].startswith(b"1.1.1")
assert ssl and any(name.startswith("libavformat") for name in bundled)
assert not any("ssl" in name.lower() or "ffmpeg" in name.lower() for name in needed)
print("as described")
PYTHON
