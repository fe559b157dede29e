"""The classic experiment as a plain PyTorch loop over shuffled slices of tensors in memory."""

import json
import sys
import time

import numpy as np
import torch
from torch import nn

with np.load(sys.argv[1]) as data:
    x_train = torch.from_numpy(data["x_train"].reshape(60000, 784).astype("float32") / 255)
    y_train = torch.from_numpy(data["y_train"].astype("int64"))
    x_test = torch.from_numpy(data["x_test"].reshape(10000, 784).astype("float32") / 255)
    y_test = torch.from_numpy(data["y_test"].astype("int64"))

model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
# Keras's defaults for RMSprop.
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
loss_of = nn.CrossEntropyLoss()
seconds = []
for _ in range(5):
    started = time.perf_counter()
    for rows in torch.randperm(len(x_train)).split(128):
        optimizer.zero_grad()
        loss_of(model(x_train[rows]), y_train[rows]).backward()
        optimizer.step()
    seconds.append(time.perf_counter() - started)
with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean()
print(json.dumps({"epochs": seconds, "test_accuracy": float(accuracy)}))
