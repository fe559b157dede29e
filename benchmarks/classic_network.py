"""Make the network that the studio's page Inside opens with: the classic experiment, seed 0.

Its weights are rounded to eleven bits, so that the file is compressed to half its size; the share
of MNIST's test images that it reads is measured afterwards, and stands in the file.

    python benchmarks/classic_network.py -o src/mnistry/studio/classic.onnx
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import mnistry
from mnistry.inference import metadata, onnx_session
from mnistry.percent import percent
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.runs.experiment import run_experiment


def rounded(content: bytes) -> bytes:
    """Round the weights of an ONNX model to the precision of 16 bits, and drop its notes."""
    model = onnx.load_model_from_string(content)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            # 16 bits have few small numbers: scale the largest to just below 2^15 first.
            scale = np.float32(2.0) ** (np.ceil(np.log2(abs(values).max())) - 15)
            near = (values / scale).astype(np.float16).astype(np.float32) * scale
            tensor.CopyFrom(numpy_helper.from_array(near, tensor.name))
    del model.metadata_props[:]
    return model.SerializeToString()


def main() -> None:
    """Train, round, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    data = mnistry.load("mnist")
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(Recipe(), data.origin, 0)
        run = run_experiment(experiment, data, path=Path(folder) / "run")
        content = rounded(run.onnx_path.read_bytes())
        notes = run.notes(run.scores())
    answers = onnx_session.probabilities(onnx_session.open_session(content), data.test.images)
    right = percent(float((answers.argmax(axis=1) == data.test.labels).mean()))
    notes["accuracy"] = f"{right} of {len(answers):,} test images of mnist"
    output.write_bytes(metadata.add(content, notes))
    print(notes)


if __name__ == "__main__":
    main()
