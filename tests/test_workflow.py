"""The whole workflow as a user runs it, each command in its own process."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mnistry
from mnistry.runs import experiment
from mnistry.runs.directory import Run, Status

COMMAND = [sys.executable, "-m", "mnistry"]
LONG = ["train", "--data", "sample", "--units", "16", "--epochs", "50"]


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def test_train_evaluate_and_predict_on_real_mnist(
    mnist: dict[str, np.ndarray], mnist_home: Path, optimized: None, tmp_path: Path
) -> None:
    trained = run("train", "--epochs", 2, "--seed", 1, "--json", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    value = json.loads(trained.stdout)
    assert value["data"]["name"] == "mnist"
    assert re.fullmatch(r"runs/\d{8}-\d{6}-custom-s1", value["run"])
    assert value["test_accuracy"] > 0.96
    assert "469 steps" in trained.stderr
    evaluated = run("evaluate", value["run"], "--json", cwd=tmp_path)
    assert json.loads(evaluated.stdout)["accuracy"] == value["test_accuracy"]
    predicted = run("predict", value["run"], "mnist", cwd=tmp_path)
    answers = [int(line.split(",")[1]) for line in predicted.stdout.splitlines()[1:]]
    assert np.mean(answers == mnist["y_test"]) == pytest.approx(value["test_accuracy"])


def interrupted(signal_: int, epoch: int, *arguments: object, cwd: Path) -> tuple[int, str]:
    """Send a signal when an epoch is done; return the exit code and what was said then."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"epoch {epoch:2}/50"):
                process.send_signal(signal_)
                break
        rest = process.stderr.read()
        return process.wait(timeout=60), rest


def test_fault_64_an_interrupted_training_is_saved_and_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for signal_, code, epoch, arguments in (
        (signal.SIGINT, 130, 3, (*LONG, "-o", "run")),
        (signal.SIGTERM, 143, 25, ("train", "--resume", "run")),
    ):
        ended, said = interrupted(signal_, epoch, *arguments, cwd=tmp_path)
        assert ended == code
        assert "Traceback" not in said
        assert "--resume run" in said
        assert Run.open(run).status == Status.INTERRUPTED
    sample = mnistry.load("sample")
    begun = Run.open(run)
    runs = [
        experiment.resume(begun, sample),
        experiment.run_experiment(begun.experiment, sample, path=tmp_path / "whole"),
    ]
    losses = [[epoch.loss for epoch in one.epochs()] for one in runs]
    networks = [one.onnx_path.read_bytes() for one in runs]
    assert len(losses[0]) == 50
    assert losses[0] == losses[1]
    assert networks[0] == networks[1]


def test_the_same_seed_gives_the_same_weights_from_python_as_from_the_command_line(
    tmp_path: Path,
) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (example,) = re.findall(r"```python\n(import mnistry\n.*?)```", readme, re.DOTALL)
    changes = {"load()": 'load("sample")', "epochs=5": "epochs=1"}
    for old, new in changes.items():
        assert old in example
        example = example.replace(old, new)
    example += "model.save_weights('python.weights.h5')\n"
    result = subprocess.run(
        [sys.executable, "-W", "error::mnistry.errors.Notice", "-c", example],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert 0.7 < float(result.stdout) < 1
    trained = run("train", "--data", "sample", "--epochs", 1, "-o", "run", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    model = Run.open(tmp_path / "run").model()
    theirs = [weights.tobytes() for weights in model.get_weights()]
    model.load_weights(tmp_path / "python.weights.h5")
    assert [weights.tobytes() for weights in model.get_weights()] == theirs


def test_keras_backend_is_jax_unless_the_environment_names_another(tmp_path: Path) -> None:
    def backend(code: str, **environment: str) -> str:
        given = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"} | environment
        result = subprocess.run(
            [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
        )
        return result.stdout.strip()

    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    # Our import of Keras takes a quarter of the time of a plain one, and chooses no backend.
    ours = (
        "import mnistry; from mnistry.training import startup; startup.import_keras()\n"
        "import os, keras; print(os.environ['KERAS_BACKEND'], keras.backend.backend())"
    )
    assert backend(ours, KERAS_HOME=str(tmp_path)) == "jax jax"
    kept = "import os, mnistry; print(os.environ['KERAS_BACKEND'])"
    assert backend(kept, KERAS_BACKEND="torch") == "torch"


def test_the_keras_and_the_onnx_network_answer_alike_for_every_grey(finished_run) -> None:
    import onnxruntime

    image = np.arange(784, dtype=np.uint16).reshape(1, 28, 28).astype(np.uint8)
    session = onnxruntime.InferenceSession(finished_run.onnx_path)
    onnx = session.run(None, {"image": image})[0]
    np.testing.assert_allclose(onnx, finished_run.model().predict(image, verbose=0), atol=1e-5)
