"""Numbers in a picture.

`Reader` finds the digits in any picture; neither Keras nor JAX is loaded. Here the picture is
made of digits of the sample, on grey paper; yours may be a photo: `Reader().read("page.jpg")`.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import mnistry

images, labels = mnistry.load("sample").test
page = np.full((160, 400), 200, np.uint8)
for place, digit in enumerate((2, 0, 4, 6)):
    ink = np.kron(images[labels == digit][3], np.ones((3, 3), np.uint8))
    part = page[40:124, 20 + 80 * place : 104 + 80 * place]
    part[...] = np.minimum(part, 255 - ink)
reading = mnistry.Reader().read(page)

figure = Figure(figsize=(6, 2.6), layout="constrained")
axes = figure.add_subplot(title=f"read: {reading.text}", xticks=[], yticks=[])
axes.imshow(page, cmap="gray", vmin=0, vmax=255)
for digit in reading.digits:
    x, y, width, height = digit.box
    axes.add_patch(Rectangle((x, y), width, height, fill=False, color="tab:blue"))
    axes.text(x, y - 4, f"{digit.digit}: {digit.confidence:.3f}", color="tab:blue")
