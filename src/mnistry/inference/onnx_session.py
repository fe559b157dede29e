"""Open ONNX models safely, and run them.

A model of ours is one file of operators from ONNX's default domain, with the input ``image``
(``uint8``, ``[N, 28, 28]``), the output ``probabilities`` (``float32``, ``[N, classes]``) and N
free.
Knows nothing of how it was trained, and needs neither Keras nor the onnx package.

The checks do not protect against operators that ask for endless memory, faults in ONNX Runtime's
own parser, or weights that were replaced by others (the digest in a run's manifest shows those).
"""

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.errors import ModelError
from mnistry.inference import model_bytes, onnx_wire
from mnistry.inference.model_bytes import MAX_CLASSES


def open_session(
    model: str | os.PathLike[str] | bytes, *, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Check an ONNX model, and open it to run on the CPU.

    Parameters
    ----------
    model
        An ``.onnx`` file of at most 256 MiB, or its content.
    threads
        Threads that share one run; None lets ONNX Runtime take one for each physical core.

    Raises
    ------
    ModelError
        If it cannot be read, is not ONNX, keeps weights in other files, uses operators outside
        ONNX's default domain, has another input or output than a model of ours, or does not
        output probabilities.
    """
    where, content = model_bytes.onnx_content(model, "the ONNX model", model_bytes.MAX_ONNX_BYTES)
    onnx_wire.inspect(content, where)
    session = start_session(content, where, threads)
    _check_contract(session, where)
    _probe(session, where)
    return session


def probabilities(
    session: onnxruntime.InferenceSession, images: NDArray[np.uint8], *, batch_size: int = 1000
) -> NDArray[np.float32]:
    """Compute each class's probability for each image.

    Parameters
    ----------
    session
        From `open_session`.
    images
        ``uint8``, shape ``(n, 28, 28)``, 0 for paper to 255 for ink; n may be 0.
    batch_size
        Images in one run. It bounds the memory, and changes the result by rounding at most.

    Returns
    -------
    ndarray
        ``float32``, shape ``(n, classes)``; each row sums to 1.
    """
    result = np.empty((len(images), classes(session)), np.float32)
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        result[part] = session.run(["probabilities"], {"image": images[part]})[0]
    return result


def classes(session: onnxruntime.InferenceSession) -> int:
    """Return how many classes a model tells apart."""
    return int(session.get_outputs()[0].shape[1])


def start_session(content: bytes, where: str, threads: int | None) -> onnxruntime.InferenceSession:
    """Start ONNX Runtime with a model that has been checked; see `open_session`.

    Raises
    ------
    ModelError
        If ONNX Runtime refuses the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4  # errors are raised; the library never prints
    # Between two runs its threads would wait in a busy loop, and take the core on which the next
    # picture's marks are found.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # ONNX Runtime would also load its own format, which `onnx_wire` does not inspect.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # From bytes, so that there is no folder to load other files from. Without the fallback,
        # which would try once more and print that it does.
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's error classes share no other base
        raise ModelError(
            f"ONNX Runtime refuses it: {error}", where=where, remedy="export the model again"
        ) from error


def _check_contract(session: onnxruntime.InferenceSession, where: str) -> None:
    for what, values, name, kind, shape in (
        ("input", session.get_inputs(), "image", "tensor(uint8)", [28, 28]),
        ("output", session.get_outputs(), "probabilities", "tensor(float)", ["classes"]),
    ):
        try:
            found = [(value.name, value.type, value.shape) for value in values]
        except UnicodeDecodeError as error:
            raise ModelError(f"its {what} has a name that is not text", where=where) from error
        if not (
            len(found) == 1
            and found[0][:2] == (name, kind)
            and (found[0][2][1:] == shape or (what == "output" and _are_classes(found[0][2][1:])))
            and not isinstance(found[0][2][0], int)
        ):
            raise ModelError(
                f"its {what} is " + " and ".join(f"{n} {k} {s}" for n, k, s in found),
                where=where,
                expected=f"{name} {kind} {['N', *shape]}",
                remedy=f"make a run of it, and give that: mnistry adopt {where} -o RUN"
                if where.endswith(".onnx")
                else "give a model.onnx that mnistry exported",
            )


def _are_classes(shape: list[object]) -> bool:
    return len(shape) == 1 and isinstance(shape[0], int) and 2 <= shape[0] <= MAX_CLASSES


def _probe(session: onnxruntime.InferenceSession, where: str) -> None:
    """Run a blank, a full and a striped image: the outputs must be probabilities."""
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 255
    images[2, ::3] = 200
    try:
        given = session.run(["probabilities"], {"image": images})[0]
    except Exception as error:  # as in start_session
        raise ModelError(f"it does not run: {error}", where=where) from error
    # Written so that NaN, for which every comparison is false, counts as wrong too.
    expected = (3, classes(session))
    right = given.shape == expected and (given >= 0).all() and (abs(given.sum(1) - 1) < 1e-3).all()
    if not right:
        raise ModelError(
            "it does not give probabilities",
            where=where,
            expected="a finite number for each class, none negative, with the sum 1",
            remedy="end the network with softmax, or make a run of the file: mnistry adopt",
        )
