"""How many images it takes.

The same network, trained on 50 to 4,000 images: four times as many help, and less each time.
"""

from matplotlib.figure import Figure

import mnistry

(images, labels), (unseen, answers) = mnistry.load("sample")
counts = (50, 200, 800, 4000)
accuracies = []
for count in counts:
    model = mnistry.build("dense", units=64)
    epochs = 5 + 1000 // count  # few images need more of them
    mnistry.train(model, images[:count], labels[:count], epochs=epochs, batch_size=16)
    accuracies.append(100 * mnistry.evaluate(model, unseen, answers).accuracy)

figure = Figure(figsize=(6, 3.6), layout="constrained")
axes = figure.add_subplot(xlabel="training images", ylabel="test accuracy (%)", xscale="log")
axes.plot(counts, accuracies, marker="o")
axes.set_xticks(counts, [f"{count:,}" for count in counts], minor=False)
axes.grid(alpha=0.3)
