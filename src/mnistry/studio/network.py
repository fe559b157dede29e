"""A network as the pages use it: to read pictures, show its layers and classify a dataset.

Knows nothing of requests.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnistry.errors import DataError, ModelError
from mnistry.explain import Explainer
from mnistry.images.levels import MAX_4_BIT
from mnistry.inference import onnx_session, run_directory
from mnistry.reading import Reader
from mnistry.reading.built_in import SHIPPED, thresholds_of
from mnistry.runs.directory import Run
from mnistry.studio import schemas

SHIPPED_NAME = "the built-in network"
GIVEN_NAME = "the network given at the start"  # clients never learn a file's name
CLASSIC_NAME = "the classic network"

# The network of `mnistry train` without options; made by python benchmarks/classic_network.py.
_CLASSIC = Path(__file__).with_name("classic.onnx")
_DECIMALS = 5  # of the layers' values


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """One network; immutable, so that a request can keep it while another is chosen.

    Attributes
    ----------
    info
        Its name and layers.
    reader, explainer, session
        They read pictures, compute each layer, and classify many images at once.
    content
        Its ONNX file.
    is_shipped
        Whether it is the built-in network.
    """

    info: schemas.NetworkInfo
    reader: Reader
    explainer: Explainer
    session: onnxruntime.InferenceSession
    content: bytes
    is_shipped: bool

    @classmethod
    def shipped(cls) -> "Network":
        """Open the built-in network."""
        return _open(SHIPPED_NAME, None, None)

    @classmethod
    def classic(cls) -> "Network":
        """Open the classic dense network, of 512 hidden nodes."""
        return _open(CLASSIC_NAME, None, _CLASSIC)

    @classmethod
    def from_run(cls, run: Run) -> "Network":
        """Open a run's network; raise `ModelError` if it is not done, or its file has changed."""
        return _open(run.path.name, run.path.name, run.checked(run.onnx_path))

    @classmethod
    def from_path(cls, path: str | Path, runs: Path | None = None) -> "Network":
        """Open an ONNX file, or a run's network; `runs` is the folder of the studio's runs."""
        path, file = Path(path), run_directory.find_network(path).file
        if file != path and runs is not None and path.resolve().parent == runs.resolve():
            return cls.from_run(Run.open(path))
        return _open(GIVEN_NAME if file == path else path.resolve().name, None, file)

    def renamed(self, name: str) -> "Network":
        """Return the same network under the new name of its run."""
        info = self.info.model_copy(update={"name": name, "run": name})
        return dataclasses.replace(self, info=info)

    def explain(self, image: list[list[int]], label: int | None) -> schemas.Explanation:
        """Compute every layer for one image, 28 rows of 28 values from 0 to 255.

        Raises
        ------
        DataError
            If the image is not blank and no value is above 15: its values do not go up to 255.
        """
        pixels = np.array(image, np.uint8)
        most = int(pixels.max())
        if 0 < most <= MAX_4_BIT:
            raise DataError(
                f"no value above {most}",
                where="image",
                expected="0 for paper to 255 for ink",
                remedy=f"multiply the values by {255 // most}",
            )
        found = self.explainer.explain(pixels, label)
        plain = found.to_json()
        first = plain["layers"][0]
        return schemas.Explanation(
            layers=[
                schemas.LayerValues(**_layer(layer), values=_rounded(layer.values))
                for layer in found.layers
            ],
            hidden=None if first["sums"] is None else schemas.Hidden.model_validate(first),
            logits=plain["logits"],
            exponentials=plain["softmax"]["powers"],
            probabilities=plain["probabilities"],
            argmax=plain["answer"],
            bits=plain["cost"]["bits"],
        )

    def unit(self, number: int) -> schemas.Unit | None:
        """Return the weights of a node of the first layer; None if there is no such node."""
        network = self.explainer.network
        if network is None or not 0 <= number < network.layers[0].kernel.shape[1]:
            return None
        layer, *others = network.layers
        return schemas.Unit(
            weights=layer.kernel[:, number].reshape(28, 28).tolist(),
            bias=layer.bias[number],
            outgoing=others[0].kernel[number].tolist() if others else None,
        )

    def for_page(self, images: NDArray[np.uint8]) -> schemas.PageNetwork | None:
        """Return the network for JavaScript; None if it cannot run there.

        `images` are digits on which its answers with rounded weights are compared.
        """
        try:
            from mnistry.networks import javascript
        except ImportError:  # the onnx package is missing
            return None
        try:
            network = javascript.translate(self.content, images, self.info.name)
        except ModelError:  # another program's network
            return None
        threshold = thresholds_of(None if self.is_shipped else self.content)[0]
        return schemas.PageNetwork(**network.to_json(), threshold=threshold)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return each class's probability for images in MNIST's form: shape ``(n, 10)``."""
        return onnx_session.probabilities(self.session, images)


def _open(name: str, run: str | None, path: Path | None) -> Network:
    # One thread: requests run in parallel already.
    reader = Reader(path, threads=1)
    model = SHIPPED if path is None else path
    explainer = Explainer(model)
    blank = explainer.explain(np.zeros((28, 28), np.uint8))
    dense = explainer.network
    info = schemas.NetworkInfo(
        name=name,
        run=run,
        layers=[schemas.Layer(**_layer(layer)) for layer in blank.layers],
        units=None if dense is None else dense.layers[0].kernel.shape[1],
        dense=dense is not None,
    )
    session = onnx_session.open_session(model)
    return Network(info, reader, explainer, session, model.read_bytes(), path is None)


def _layer(layer: Any) -> dict[str, Any]:
    return {"name": layer.name, "kind": layer.kind, "shape": list(layer.values.shape)}


def _rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    rounded: list[float] = np.round(values.astype(np.float64), _DECIMALS).ravel().tolist()
    return rounded
