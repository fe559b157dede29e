"""The networks that come with mnistry, their cards, and a network's thresholds.

A card is a JSON file beside a network: what it is, what was measured, and the network's digest.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnistry.errors import ModelError
from mnistry.inference import metadata, model_bytes
from mnistry.reading.combine import Judgement
from mnistry.system import files

# The built-in network for digits, and its card.
SHIPPED = Path(__file__).with_name("digits.onnx")
CARD = SHIPPED.with_suffix(".json")
# The built-in network for whole lines; its card is beside it too.
LINES = SHIPPED.with_name("lines.onnx")
# The threshold of a network that comes with none.
THRESHOLD = 0.5


def built_in_card() -> dict[str, Any]:
    """Return the card of the built-in network for digits.

    Raises
    ------
    ModelError
        If the network or its card is damaged.
    """
    return card_of(SHIPPED)


def thresholds_of(model: str | os.PathLike[str] | bytes | None) -> tuple[float, float]:
    """Return a network's thresholds: the usual one, and that for 28x28 pixels without MNIST's form.

    Parameters
    ----------
    model
        An ``.onnx`` file or its content. Taught networks have thresholds in their metadata, others
        get `THRESHOLD`. None: the built-in network.

    Raises
    ------
    ModelError
        If the file cannot be read, or its metadata is damaged.
    """
    if model is None:
        return _thresholds(built_in_card())
    where, content = model_bytes.onnx_content(model, "the ONNX model", model_bytes.MAX_ONNX_BYTES)
    return metadata.read_thresholds(content, where) or (THRESHOLD, THRESHOLD)


def card_of(model: Path) -> dict[str, Any]:
    """Read the card of a built-in network, and check the network's SHA-256 against it.

    The digest is checked because ONNX Runtime loads a file with flipped bits without an error.
    """
    try:
        card: dict[str, Any] = json.loads(model.with_suffix(".json").read_text("utf-8"))
        expected = card["file"]["sha256"]
        found = files.sha256(model)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(model, f"it, or its card, cannot be read: {error}") from error
    if found != expected:
        raise _broken(model, f"damaged: its SHA-256 is {found}", expected)
    return card


def _thresholds(card: Mapping[str, Any]) -> tuple[float, float]:
    """Return the thresholds in the card of the built-in network for digits."""
    try:
        return float(card["threshold"]), float(card["threshold_unformed"])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(SHIPPED, f"its card has no threshold: {error}") from error


def built_in_judgement() -> Judgement:
    """Return how the built-in networks' probabilities are combined.

    Raises
    ------
    ModelError
        If the network for lines or its card is damaged.
    """
    card = card_of(LINES)
    try:
        return Judgement.from_json(card["judgement"])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(LINES, f"its card has no judgement: {error}") from error


def _broken(model: Path, what: str, expected: str | None = None) -> ModelError:
    return ModelError(
        what, where=model, expected=expected, remedy="install mnistry again, or give a model"
    )
