"""Many training steps compiled into one program, on Keras's JAX backend.

On JAX, Keras's training step is a pure function: state and batch in, metrics and state out. Here it
runs inside a compiled loop over a shuffled order, with the images on the device as ``uint8``:
between two steps nothing runs in Python and nothing is copied. Models that differ only in their
weights and their order of images are trained at once: every array of the state then has one more
axis, with a row for each model. Knows nothing of callbacks or validation.
"""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnistry.networks.fast_layers import accelerated
from mnistry.system import aligned
from mnistry.system.signals import put_off
from mnistry.training import processes, sharding
from mnistry.training.batches import EVALUATION_BATCH

State = tuple[list[Any], list[Any], list[Any], list[Any]]


class Engine:
    """Trains compiled models on arrays that stay on the device.

    Call `compile` once; then, for each epoch, `begin_epoch`, `load_state`, `run` any number of
    times, and `store_state`. Between `load_state` and `store_state` the engine holds the state, and
    the models' variables must not be used.

    Parameters
    ----------
    models
        One, or several of the same layers, loss and optimizer, whose variables may have other
        values. Built, and compiled by ``model.compile``.
    images
        ``uint8``, shape ``(n, 28, 28)``; where each of several models has its own images,
        ``(models, n, 28, 28)``.
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
        self,
        models: Sequence[keras.Model],
        images: NDArray[np.uint8],
        targets: NDArray[Any],
        batch_size: int,
    ) -> None:
        self._models, self._batch_size = models, batch_size
        self._full_steps, self._rest = divmod(len(targets), batch_size)
        self._division = sharding.division_for(models[0], len(models))
        self._is_group = len(models) > 1
        self._devices = (
            self._division.mesh.size if isinstance(self._division, sharding.ModelParallel) else 1
        )
        self._targets = self._put(targets)
        # For each variable of the first model, by its `id`: the values that `store_state` gave to
        # it and to the same variable of the other models, and the state's array of these values.
        self._stored: dict[int, tuple[list[Any], Any]] = {}
        self._given_images: NDArray[np.uint8] | None = None
        self.set_images(images)
        self._judge: Any = None
        self.steps = self._full_steps + (self._rest > 0)
        self.step = 0
        for model in models:
            _build_metrics(model, targets)

    def begin_epoch(self, first_step: int = 0) -> None:
        """Begin an epoch; its first `first_step` steps are done already."""
        self.step = first_step

    def set_images(self, images: NDArray[np.uint8]) -> None:
        """Replace the images by others of the same shape, for the same targets."""
        if images is not self._given_images:
            self._given_images = images
            # JAX copies an array that is not aligned, once for each device.
            self._images = self._put(aligned.as_aligned(images), of_models=images.ndim > 3)

    def load_state(self) -> None:
        """Take the state from the models' and the optimizers' variables."""
        self._state: State = tuple(  # type: ignore[assignment]
            [self._load(variables) for variables in kind] for kind in self._variables()
        )

    def _load(self, variables: tuple[keras.Variable, ...]) -> Any:
        """Return an array of the state: the values of these variables, one from each model."""
        values = [variable.value for variable in variables]
        stored, on_devices = self._stored.get(id(variables[0]), ((), None))
        if len(stored) == len(values) and all(map(operator.is_, values, stored)):
            return on_devices  # nobody has assigned a variable since `store_state`
        whole = np.stack(self._padded(values)) if self._is_group else values[0]
        return self._put(processes.broadcast(whole), variables[0].shape, self._is_group)

    def store_state(self, numbers: Sequence[int] = (0,)) -> None:
        """Put the state of the models with these numbers back into their variables."""
        with put_off():
            for kind, values in zip(self._variables(), self._state, strict=True):
                for variables, value in zip(kind, values, strict=True):
                    # Code outside the engine uses a single device.
                    plain = value if self._division is None else np.asarray(value)
                    for number in numbers:
                        variables[number].assign(plain[number] if self._is_group else plain)
                    stored = [variable.value for variable in variables]
                    self._stored[id(variables[0])] = stored, value

    def run(self, orders: Sequence[NDArray[np.int32]], stop: int) -> list[dict[str, float]]:
        """Run the epoch's steps from `step` up to, but not including, `stop`.

        Parameters
        ----------
        orders
            For each model the indices of the images in the order of their use, shape ``(n,)``.
        stop
            From `step` to `steps`.

        Returns
        -------
        list of dict
            Each model's metrics, by Keras, after the last of these steps: running means since the
            epoch began.
        """
        order = np.stack(self._padded(orders)) if self._is_group else orders[0]
        with put_off():  # the donated state must not be used until the new one is assigned
            logs = self._run(order, stop)
        return self._by_model(logs)

    def _by_model(self, logs: dict[str, Any]) -> list[dict[str, float]]:
        """Turn metrics with a value for each model into each model's metrics."""
        arrays = {name: np.asarray(value) for name, value in logs.items()}
        if not self._is_group:
            return [{name: _plain(array) for name, array in arrays.items()}]
        return [
            {name: _plain(array[number]) for name, array in arrays.items()}
            for number in range(len(self._models))
        ]

    def _run(self, order: NDArray[np.int32], stop: int) -> dict[str, Any]:
        self._stored.clear()  # the stored values are donated to JAX
        logs: dict[str, Any] = self._no_logs
        last_full = min(stop, self._full_steps)
        if self.step < last_full:
            self._state, logs = self._run_steps(
                self._state, self._no_logs, self._images, self._targets,
                order, np.int32(self.step), np.int32(last_full),
            )  # fmt: skip
        if self._rest and stop == self.steps:
            self._state, logs = self._run_last_step(
                self._state, self._images, self._targets, order[..., -self._rest :]
            )
        self.step = stop
        return logs

    def evaluate(self, images: NDArray[np.uint8], targets: NDArray[Any]) -> list[dict[str, float]]:
        """Score several models on other images; return each model's metrics.

        Every call must have the same images. The weights are those after the last `run`.
        """
        import jax

        if self._judge is None:
            self._watched = self._put(images), self._put(targets)
            judge = jax.vmap(self._judged, in_axes=(0, None, None))
            self._judge = jax.jit(judge).lower(self._state, *self._watched).compile()
        return self._by_model(self._judge(self._state, *self._watched))

    def _judged(self, state: State, images: Any, targets: Any) -> dict[str, Any]:
        """Return a model's metrics on images, as traced code."""
        import jax

        model = self._models[0]
        weights, others, _, metrics = state
        size = min(EVALUATION_BATCH, len(images))
        metrics = jax.tree.map(jax.numpy.zeros_like, metrics)

        def judge(metrics: Any, start: Any, count: int) -> tuple[Any, Any]:
            batch = [
                jax.lax.dynamic_slice_in_dim(array, start, count) for array in (images, targets)
            ]
            with accelerated(model):
                logs, (_, _, metrics) = model.test_step((weights, others, metrics), batch)
            return metrics, logs

        whole, rest = divmod(len(images), size)
        # The loop leaves out the last batch, partial or whole: its logs are the metrics of all.
        whole -= rest == 0
        metrics = jax.lax.fori_loop(
            0, whole, lambda number, metrics: judge(metrics, number * size, size)[0], metrics
        )
        logs: dict[str, Any] = judge(metrics, whole * size, rest or size)[1]
        return logs

    def _put(self, array: Any, shape: tuple[int, ...] = (), of_models: bool = False) -> Any:
        """Put an array on the devices, divided like weights of this shape; () leaves it whole."""
        import jax

        if self._division is None:
            return jax.device_put(array)
        return self._division.put(array, shape, of_models)

    def _padded(self, of_models: Sequence[Any]) -> list[Any]:
        """Repeat the last model's entry until every device has the same number of models."""
        return [*of_models, *[of_models[-1]] * (-len(of_models) % self._devices)]

    def _variables(self) -> Iterator[list[tuple[keras.Variable, ...]]]:
        """Yield, for each kind of variable, tuples of the counterparts in all models."""
        for kind in zip(*map(_variables, self._models), strict=True):
            yield list(zip(*kind, strict=True))

    def compile(self) -> float:
        """Compile the steps for the shapes of these arrays; return the seconds that it took."""
        import jax

        self.load_state()
        started = time.perf_counter()
        batch_size, model = self._batch_size, self._models[0]
        structure = jax.tree.structure(self._state)

        @functools.partial(jax.jit, inline=True)  # the same steps are traced once
        def step(state: State, images: Any, targets: Any, rows: Any) -> tuple[State, Any]:
            if self._division is not None:
                rows = self._division.share(rows)
            with accelerated(model):
                logs, state = model.train_step(state, (images[rows], targets[rows]))
            return jax.tree.unflatten(structure, jax.tree.leaves(state)), logs

        if self._is_group:
            own_images = 0 if self._images.ndim > 3 else None
            step = jax.vmap(step, in_axes=(0, own_images, None, 0))

        def steps(
            state: State, logs: Any, images: Any, targets: Any, order: Any, start: Any, stop: Any
        ) -> Any:
            def body(index: Any, carry: Any) -> Any:
                rows = jax.lax.dynamic_slice_in_dim(order, index * batch_size, batch_size, axis=-1)
                return step(carry[0], images, targets, rows)

            return jax.lax.fori_loop(start, stop, body, (state, logs))

        order = np.zeros(len(self._targets), np.int32)
        if self._is_group:
            order = np.stack(self._padded([order] * len(self._models)))
        zero, data = np.int32(0), (self._images, self._targets)
        shapes = jax.eval_shape(step, self._state, *data, order[..., :batch_size])[1]
        self._no_logs = jax.tree.map(lambda value: np.zeros(value.shape, value.dtype), shapes)
        # The state keeps its placement, because the next call expects it there.
        places = None if self._division is None else jax.tree.map(lambda a: a.sharding, self._state)
        jit = functools.partial(jax.jit, donate_argnums=0, out_shardings=(places, None))
        lowered = [jit(steps).lower(self._state, self._no_logs, *data, order, zero, zero)]
        if self._rest:
            lowered.append(jit(step).lower(self._state, *data, order[..., : self._rest]))
        # XLA releases the GIL, so both programs are compiled at once.
        with ThreadPoolExecutor() as pool:
            compiled = list(pool.map(lambda program: program.compile(), lowered))
        self._run_steps, self._run_last_step = compiled[0], compiled[-1]
        return time.perf_counter() - started


def _variables(model: keras.Model) -> tuple[list[keras.Variable], ...]:
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )


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
