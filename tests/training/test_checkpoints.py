import dataclasses
import io
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import mnistry
from mnistry.errors import UsageError
from mnistry.training import checkpoints
from mnistry.training.history import Epoch

EPOCH = Epoch(0.5, 0.9, None, None, 1.0)


def compiled(seed: int) -> keras.Model:
    model = mnistry.build("linear", seed=seed)
    model.compile("rmsprop", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def test_fault_61_a_state_comes_back_whole(tmp_path: Path) -> None:
    model, stopping = compiled(1), keras.callbacks.EarlyStopping(restore_best_weights=True)
    stopping.on_train_begin()
    stopping.wait, stopping.best, stopping.best_weights = 2, 0.25, model.get_weights()
    model.optimizer.learning_rate.assign(0.5)
    model.optimizer.iterations.assign(7)
    model.stop_training = True
    checkpoints.save(tmp_path, checkpoints.take(model, [EPOCH], [stopping]))

    other, later = compiled(2), keras.callbacks.EarlyStopping(restore_best_weights=True)
    checkpoint, damaged = checkpoints.newest(tmp_path)
    assert checkpoint is not None
    assert not damaged
    checkpoints.restore(checkpoint, other, [later])
    for a, b in zip(
        [*model.variables, *model.optimizer.variables],
        [*other.variables, *other.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(np.array(a), np.array(b))
    assert (later.wait, later.best, other.stop_training) == (2, 0.25, True)
    np.testing.assert_array_equal(later.best_weights[0], stopping.best_weights[0])
    assert checkpoint.epochs == (EPOCH,)


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for count in range(4):
        checkpoints.save(tmp_path, checkpoints.take(compiled(0), [EPOCH] * count, []))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000002-00000000.npz",
        "00000003-00000000.npz",
    ]


def test_the_last_checkpoint_between_epochs_is_kept_beside_those_within_one(tmp_path: Path) -> None:
    model = compiled(0)
    for count, step in ((0, 0), (1, 0), (1, 5), (1, 9), (1, 100)):
        checkpoints.save(tmp_path, checkpoints.take(model, [EPOCH] * count, [], step=step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000001-00000000.npz",
        "00000001-00000009.npz",
        "00000001-00000100.npz",
    ]
    newest, _ = checkpoints.newest(tmp_path)
    between, _ = checkpoints.newest(tmp_path, between_epochs=True)
    assert newest is not None
    assert between is not None
    assert (newest.step, between.step) == (100, 0)


def test_fault_63_a_damaged_newest_gives_the_one_before(tmp_path: Path) -> None:
    model = compiled(0)
    for count in range(2):
        checkpoints.save(tmp_path, checkpoints.take(model, [EPOCH] * count, []))
    newest = tmp_path / "00000001-00000000.npz"
    content = bytearray(newest.read_bytes())
    content[content.index(model.get_weights()[0].tobytes()) + 1000] ^= 1
    newest.write_bytes(content)
    checkpoint, damaged = checkpoints.newest(tmp_path)
    assert checkpoint is not None
    assert checkpoint.epochs == ()
    assert damaged == [newest]


def test_an_empty_or_missing_folder_has_none(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) == (None, [])
    assert checkpoints.newest(tmp_path / "missing") == (None, [])


def test_fault_63_a_flipped_bit_in_a_header_is_found_or_does_no_harm(tmp_path: Path) -> None:
    model = compiled(0)
    for count in range(2):
        checkpoints.save(tmp_path, checkpoints.take(model, [EPOCH] * count, []))
    newest = tmp_path / "00000001-00000000.npz"
    whole, variables = newest.read_bytes(), checkpoints.variables(model)
    # All of the last member and the zip's own directory, and the head of the first member.
    places = [*range(200), *range(len(whole) - 700, len(whole))]
    random = np.random.default_rng(0)
    for place in random.choice(places, 300, replace=False):
        content = bytearray(whole)
        content[place] ^= 1 << int(random.integers(8))
        newest.write_bytes(content)
        checkpoint, damaged = checkpoints.newest(tmp_path)
        assert checkpoint is not None
        if not damaged:  # a date, or another field that does not belong to the state
            assert checkpoint.epochs == (EPOCH,)
            for variable, array in zip(variables, checkpoint.arrays.values(), strict=True):
                np.testing.assert_array_equal(variable.numpy(), array)


@pytest.mark.parametrize(
    ("member", "record"),
    [
        ("record.npy", b""),
        ("record.npy", b"no array"),
        ("record.npy", b'{"step": "one"}'),
        ("record.npy", b'{"callbacks": [1]}'),
        ("record.npy", b'{"callbacks": [{"best": "x"}]}'),
        ("variable_0.npy", b"no array"),
        ("variable_0.npy", b'"no numbers"'),
    ],
)
def test_fault_63_a_file_that_is_not_a_checkpoint_is_damaged_though_its_checksums_are_right(
    tmp_path: Path, member: str, record: bytes
) -> None:
    for count in range(2):
        checkpoints.save(tmp_path, checkpoints.take(compiled(0), [EPOCH] * count, []))
    newest = tmp_path / "00000001-00000000.npz"
    with zipfile.ZipFile(newest) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if record.startswith(b"{"):
        array = io.BytesIO()
        whole = json.loads(np.load(io.BytesIO(members["record.npy"])).tobytes())
        np.save(array, np.frombuffer(json.dumps(whole | json.loads(record)).encode(), np.uint8))
        record = array.getvalue()
    elif record.startswith(b'"'):
        array = io.BytesIO()
        np.save(array, np.full((784, 4), json.loads(record)))
        record = array.getvalue()
    with zipfile.ZipFile(newest, "w") as archive:
        for name, content in (members | {member: record}).items():
            archive.writestr(name, content)
    checkpoint, damaged = checkpoints.newest(tmp_path)
    assert damaged == [newest]
    assert checkpoint is not None
    assert len(checkpoint.epochs) == 0


def test_another_networks_state_is_refused_before_anything_changes(tmp_path: Path) -> None:
    checkpoint = checkpoints.take(compiled(0), [EPOCH], [])
    other = mnistry.build("dense", units=3)
    other.compile("rmsprop", "categorical_crossentropy")
    other.optimizer.build(other.trainable_variables)
    before = other.get_weights()
    with pytest.raises(UsageError, match="another network"):
        checkpoints.restore(checkpoint, other, [])
    for ours, theirs in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("change", [{"callbacks": [{"__class__": 1}]}, {"step": 1}])
def test_fault_63_a_state_that_does_not_fit_is_refused_before_anything_changes(
    change: dict[str, object],
) -> None:
    model, stopping = compiled(0), keras.callbacks.EarlyStopping()
    model.evaluate(np.zeros((2, 28, 28)), np.eye(10)[:2], verbose=0)  # makes the metrics
    stopping.on_train_begin()
    checkpoint = dataclasses.replace(checkpoints.take(model, [EPOCH], [stopping]), **change)
    other, later = compiled(1), keras.callbacks.EarlyStopping()
    other.evaluate(np.zeros((2, 28, 28)), np.eye(10)[:2], verbose=0)
    before = other.get_weights()
    with pytest.raises(UsageError, match="another network, optimizer or callbacks"):
        checkpoints.restore(checkpoint, other, [later])
    for ours, theirs in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["variable_0", "metric_0", "best_0_1"])
def test_fault_63_an_array_of_another_shape_is_refused(name: str) -> None:
    model, stopping = compiled(0), keras.callbacks.EarlyStopping(restore_best_weights=True)
    model.evaluate(np.zeros((2, 28, 28)), np.eye(10)[:2], verbose=0)
    stopping.on_train_begin()
    stopping.best_weights = model.get_weights()
    checkpoint = checkpoints.take(model, [EPOCH], [stopping], step=1)
    checkpoints.restore(checkpoint, model, [stopping])
    changed = dataclasses.replace(checkpoint, arrays={**checkpoint.arrays, name: np.zeros((2, 3))})
    with pytest.raises(UsageError, match="another network, optimizer or callbacks"):
        checkpoints.restore(changed, model, [stopping])


def test_the_best_of_a_model_checkpoint_is_remembered(tmp_path: Path) -> None:
    def saving() -> keras.callbacks.ModelCheckpoint:
        return keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)

    model, first, later = compiled(0), saving(), saving()
    first.best = 0.25
    checkpoints.restore(checkpoints.take(model, [EPOCH], [first]), model, [later])
    assert later.best == 0.25
