"""Many training steps compiled into one program, on Keras's JAX backend.

On JAX, Keras's training step is a pure function: state and batch in, metrics and state out. Here it
runs inside a compiled loop over a shuffled order, with the images on the device as ``uint8``:
between two steps nothing runs in Python and nothing is copied. Knows nothing of callbacks or
validation.
"""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.networks.fast_layers import accelerated
from mnistry.system import aligned
from mnistry.system.signals import put_off
from mnistry.training import processes, sharding

State = tuple[list[Any], list[Any], list[Any], list[Any]]


class Engine:
    """Trains a compiled model on arrays that stay on the device.

    Call `compile` once; then, for each epoch, `begin_epoch`, `load_state`, `run` any number of
    times, and `store_state`. Between `load_state` and `store_state` the engine holds the state, and
    the model's variables must not be used.

    Parameters
    ----------
    model
        Compiled by ``model.compile``; built.
    images
        ``uint8``, shape ``(n, 28, 28)``.
    targets
        What the model's loss takes, one row per image: labels ``(n,)`` or one-hot rows ``(n, 10)``.
    batch_size
        Images per step, at most `n`; the last step of an epoch may have fewer.

    Attributes
    ----------
    steps
        Steps per epoch, including the last partial batch.
    step
        Steps of the epoch done so far.
    """

    def __init__(
        self, model: keras.Model, images: NDArray[np.uint8], targets: NDArray[Any], batch_size: int
    ) -> None:
        self._model, self._batch_size = model, batch_size
        self._full_steps, self._rest = divmod(len(images), batch_size)
        self._division = sharding.division_for(model)
        self._targets = self._put(targets, ())
        # For each variable, by identity: the value stored in it, and the same value on the devices.
        self._stored: dict[int, tuple[Any, Any]] = {}
        self._given_images: NDArray[np.uint8] | None = None
        self.set_images(images)
        self.steps = self._full_steps + (self._rest > 0)
        self.step = 0
        _build_metrics(model, targets)

    def begin_epoch(self, first_step: int = 0) -> None:
        """Begin an epoch; its first `first_step` steps are done already."""
        self.step = first_step

    def set_images(self, images: NDArray[np.uint8]) -> None:
        """Replace the images by others of the same shape, for the same targets."""
        if images is not self._given_images:
            self._given_images = images
            # JAX copies an array that is not aligned, once for each device.
            self._images = self._put(aligned.as_aligned(images), ())

    def _put(self, array: Any, shape: tuple[int, ...]) -> Any:
        """Put an array on the devices, divided like weights of this shape; () leaves it whole."""
        import jax

        return jax.device_put(array) if self._division is None else self._division.put(array, shape)

    def load_state(self) -> None:
        """Take the state from the model's and the optimizer's variables."""
        self._state: State = tuple(  # type: ignore[assignment]
            [self._load(variable) for variable in variables] for variables in self._variables()
        )

    def _load(self, variable: keras.Variable) -> Any:
        stored, ours = self._stored.get(id(variable), (None, None))
        if variable.value is stored:
            return ours
        return self._put(processes.broadcast(variable.value), variable.shape)

    def store_state(self) -> None:
        """Put the state back into the model's and the optimizer's variables."""
        with put_off():
            for variables, values in zip(self._variables(), self._state, strict=True):
                for variable, value in zip(variables, values, strict=True):
                    # Code outside the engine uses a single device.
                    variable.assign(value if self._division is None else np.asarray(value))
                    self._stored[id(variable)] = variable.value, value

    def run(self, order: NDArray[np.int32], stop: int) -> dict[str, float]:
        """Run the epoch's steps from `step` up to, but not including, `stop`.

        Parameters
        ----------
        order
            Indices of the images in the order of their use, shape ``(n,)``.
        stop
            From `step` to `steps`.

        Returns
        -------
        dict
            Keras's metrics after the last of these steps: running means since the epoch began.
        """
        with put_off():  # the donated state must not be used until the new one is assigned
            return self._run(order, stop)

    def _run(self, order: NDArray[np.int32], stop: int) -> dict[str, float]:
        self._stored.clear()  # the stored values are donated to JAX
        logs = self._no_logs
        last_full = min(stop, self._full_steps)
        if self.step < last_full:
            self._state, logs = self._run_steps(
                self._state, self._no_logs, self._images, self._targets,
                order, np.int32(self.step), np.int32(last_full),
            )  # fmt: skip
        if self._rest and stop == self.steps:
            self._state, logs = self._run_last_step(
                self._state, self._images, self._targets, order[-self._rest :]
            )
        self.step = stop
        return {name: _plain(value) for name, value in logs.items()}

    def _variables(self) -> tuple[list[keras.Variable], ...]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def compile(self) -> float:
        """Compile the steps for the shapes of these arrays; return the seconds that it took."""
        import jax

        self.load_state()
        started = time.perf_counter()
        batch_size = self._batch_size
        structure = jax.tree.structure(self._state)

        def step(state: State, images: Any, targets: Any, rows: Any) -> tuple[State, Any]:
            if self._division is not None:
                rows = self._division.share(rows)
            with accelerated(self._model):
                logs, state = self._model.train_step(state, (images[rows], targets[rows]))
            return jax.tree.unflatten(structure, jax.tree.leaves(state)), logs

        def steps(
            state: State, logs: Any, images: Any, targets: Any, order: Any, start: Any, stop: Any
        ) -> Any:
            def body(index: Any, carry: Any) -> Any:
                rows = jax.lax.dynamic_slice_in_dim(order, index * batch_size, batch_size)
                return step(carry[0], images, targets, rows)

            return jax.lax.fori_loop(start, stop, body, (state, logs))

        order, zero = np.zeros(len(self._images), np.int32), np.int32(0)
        data = (self._images, self._targets)
        shapes = jax.eval_shape(step, self._state, *data, order[:batch_size])[1]
        self._no_logs = jax.tree.map(lambda value: np.zeros(value.shape, value.dtype), shapes)
        # The state keeps its placement, because the next call expects it there.
        places = None if self._division is None else jax.tree.map(lambda a: a.sharding, self._state)
        jit = functools.partial(jax.jit, donate_argnums=0, out_shardings=(places, None))
        lowered = [jit(steps).lower(self._state, self._no_logs, *data, order, zero, zero)]
        if self._rest:
            lowered.append(jit(step).lower(self._state, *data, order[: self._rest]))
        # XLA releases the GIL, so both programs are compiled at once.
        with ThreadPoolExecutor() as pool:
            compiled = list(pool.map(lambda program: program.compile(), lowered))
        self._run_steps, self._run_last_step = compiled[0], compiled[-1]
        return time.perf_counter() - started


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array if array.ndim else array.item()


def _build_metrics(model: keras.Model, targets: NDArray[Any]) -> None:
    import jax

    # Keras creates the metrics' variables at their first use; tracing them is enough.
    answer = jax.ShapeDtypeStruct((1, *model.output_shape[1:]), np.float32)
    with keras.StatelessScope():
        jax.eval_shape(functools.partial(model.compute_metrics, None), targets[:1], answer)
    model.optimizer.build(model.trainable_variables)
