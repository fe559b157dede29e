"""How sure, and how often right.

Each point is a group of answers: how sure the network was of them, and how many were right. A
network that was trained for long on few images is too sure.
"""

import mnistry
from mnistry.display import plots

(images, labels), (unseen, answers) = mnistry.load("sample")
model = mnistry.build("dense", units=64)
mnistry.train(model, images, labels, epochs=30, batch_size=32)
figure = plots.reliability(mnistry.evaluate(model, unseen, answers))
