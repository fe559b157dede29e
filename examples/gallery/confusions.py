"""Which digits are confused.

A row for each label, a column for each answer: most mistakes are between digits that look alike.
"""

import mnistry
from mnistry.display import plots

(images, labels), (unseen, answers) = mnistry.load("sample")
model = mnistry.build("linear")
mnistry.train(model, images, labels, epochs=10)
figure = plots.confusion(mnistry.evaluate(model, unseen, answers))
