"""Time XLA's matrix products of the experiment's shapes: the floor for any implementation.

Computes an epoch's products, forward and backward, and nothing else: no batches, activations, loss
or optimizer.
"""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np

IMAGES, BATCH, INPUTS, HIDDEN, CLASSES = 60_000, 128, 784, 512, 10
# Two operations per multiply-add; forward, the weights' gradient, and the hidden layer's.
OPERATIONS = 2 * IMAGES * (2 * INPUTS * HIDDEN + 3 * HIDDEN * CLASSES)


@jax.jit
def epoch(images, first, second):
    """Compute an epoch's matrix products; each result is kept until the next."""

    def step(index, _):
        x = jax.lax.dynamic_slice_in_dim(images, index * BATCH, BATCH)
        hidden = x @ first
        error = hidden @ second
        hidden_error = error @ second.T
        return x.T @ hidden_error, hidden.T @ error

    gradients = jnp.zeros_like(first), jnp.zeros_like(second)
    return jax.lax.fori_loop(0, IMAGES // BATCH, step, gradients)


generator = np.random.default_rng(0)
arrays = [
    jax.device_put(generator.normal(size=shape).astype(np.float32) * 0.01)
    for shape in ((IMAGES, INPUTS), (INPUTS, HIDDEN), (HIDDEN, CLASSES))
]
jax.block_until_ready(epoch(*arrays))
seconds = []
for _ in range(5):
    started = time.perf_counter()
    jax.block_until_ready(epoch(*arrays))
    # The last, partial batch counts too.
    seconds.append((time.perf_counter() - started) * IMAGES / (IMAGES // BATCH * BATCH))
rate = [OPERATIONS / s / 1e9 for s in seconds]
print(json.dumps({"epochs": seconds, "gflops": rate}))
