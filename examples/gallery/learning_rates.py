"""Three learning rates.

The same network with steps that are too small, about right, and too large.
"""

import mnistry  # before Keras: it chooses the backend
import keras
from matplotlib.figure import Figure

images, labels = mnistry.load("sample").train
figure = Figure(figsize=(6, 3.6), layout="constrained")
axes = figure.add_subplot(xlabel="epoch", ylabel="loss (nats)", yscale="log")
for rate in (0.001, 0.1, 3.0):
    model = mnistry.build("dense", units=32)
    optimizer = keras.optimizers.SGD(rate)
    done = mnistry.train(model, images, labels, epochs=8, optimizer=optimizer)
    axes.plot(range(1, 9), done.history["loss"], marker="o", label=f"learning rate {rate:g}")
axes.legend()
