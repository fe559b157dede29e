"""Where a convolutional network looks.

Gradient times input shows which pixels speak for the answer (red) and against it (blue), and
Grad-CAM which places of the image the last feature maps use. `mnistry explain RUN` shows both,
with every layer.
"""

from matplotlib.figure import Figure

import mnistry
from mnistry.explain import any_network

(images, labels), (unseen, _) = mnistry.load("sample")
model = mnistry.build("strided")
mnistry.train(model, images, labels, epochs=3, optimizer="adam")
image = unseen[5]
answer = int(model.predict_on_batch(image[None]).argmax())
found = any_network.saliency(model, image, answer)

figure = Figure(figsize=(7, 2.7), layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.imshow(image, cmap="binary")
left.set(title=f"read as {answer}")
largest = abs(found.by_pixel).max()
middle.imshow(found.by_pixel, cmap="RdBu_r", vmin=-largest, vmax=largest)
middle.set(title="gradient times input")
right.imshow(found.by_place, cmap="Greys", interpolation="bilinear")
right.set(title=f"Grad-CAM of {found.layer}")
for axes in (left, middle, right):
    axes.set(xticks=[], yticks=[])
