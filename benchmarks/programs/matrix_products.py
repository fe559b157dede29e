"""Time the matrix products of an epoch of the classic experiment, computed by XLA.

Computes the products of each batch, forward and backward, and nothing else: no shuffling,
activations, loss or optimizer.
"""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np

IMAGES, BATCH, INPUTS, HIDDEN, CLASSES = 60_000, 128, 784, 512, 10
# Two operations per multiply-add. Both layers need the forward product and the gradient of the
# weights; the second also needs the gradient of its inputs.
OPERATIONS = 2 * IMAGES * (2 * INPUTS * HIDDEN + 3 * HIDDEN * CLASSES)


@jax.jit
def epoch(images, first, second):
    """Compute an epoch's matrix products; each step's results replace those of the step before."""

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
    # The last, partial batch is left out above, so add its share.
    seconds.append((time.perf_counter() - started) * IMAGES / (IMAGES // BATCH * BATCH))
rate = [OPERATIONS / s / 1e9 for s in seconds]
print(json.dumps({"epochs": seconds, "gflops": rate}))
