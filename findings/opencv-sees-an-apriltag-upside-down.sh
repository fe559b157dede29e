#!/usr/bin/env bash
# OpenCV and AprilTag: the same tag is upright for the one library and upside down for the other.
#
# OpenCV's ArUco module has AprilTag's families, makes their tags and finds them under the same numbers. One would
# guess that a tag which OpenCV printed stands as it was printed for the library of the tags' makers too. Its picture is
# turned by 180 degrees: OpenCV's first corner is the top left one, AprilTag's is to be the bottom left one and is the
# top right one. The corners run the other way round as well. A page that is placed by its tag comes out upside down
# when the tag's maker and its reader are not the same library; the number is right in both, so nothing looks wrong.
# What to do: turn the picture by 180 degrees where one library prints and the other reads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 pupil-apriltags==1.0.4.post11 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import pupil_apriltags

print("opencv", cv2.__version__)
family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


def place(corner):
    x, y = corner
    return ("top" if y < 120 else "bottom") + (" left" if x < 120 else " right")


seen = {}
for turned in (0, 180):
    page = np.full((240, 240), 255, np.uint8)
    page[40:200, 40:200] = np.rot90(cv2.aruco.generateImageMarker(family, 7, 160), turned // 90)
    corners, numbers, _ = cv2.aruco.ArucoDetector(family).detectMarkers(page)
    (tag,) = pupil_apriltags.Detector("tag36h11").detect(page)
    assert int(np.ravel(numbers)[0]) == tag.tag_id == 7
    seen[turned] = [place(corner) for corner in np.reshape(corners, (4, 2))], [place(corner) for corner in tag.corners]
    print(f"printed by OpenCV, turned by {turned}: OpenCV {seen[turned][0]}, AprilTag {seen[turned][1]}")
assert seen[0][0] == ["top left", "top right", "bottom right", "bottom left"]
assert seen[0][1] == ["top right", "top left", "bottom left", "bottom right"]
assert seen[180][1][0] == "bottom left", "AprilTag's own order, for a tag that stands upright"
print("as described: AprilTag sees OpenCV's tag upside down")
PYTHON
