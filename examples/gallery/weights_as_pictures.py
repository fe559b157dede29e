"""Weights as pictures.

A network without hidden layers has one weight for each pixel and digit. Ink on red speaks for the
digit, ink on blue against it: the 0 does not want ink in its middle.
"""

import mnistry
from mnistry.display import plots

images, labels = mnistry.load("sample").train
model = mnistry.build("linear")
mnistry.train(model, images, labels, epochs=10)
kernel, _ = model.layers[-1].get_weights()
figure = plots.first_layer(kernel)
