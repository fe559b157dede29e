"""The most confident mistakes.

What a small network gets wrong, the surest mistake first. Some of these you may read differently,
too.
"""

import mnistry
from mnistry.display import plots

(images, labels), (unseen, answers) = mnistry.load("sample")
model = mnistry.build("dense", units=64)
mnistry.train(model, images, labels, epochs=5)
card = mnistry.evaluate(model, unseen, answers)
figure = plots.mistakes(card, unseen, count=10)
