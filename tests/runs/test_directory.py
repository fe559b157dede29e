import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import pytest

import mnistry
from mnistry.datasets import Origin
from mnistry.errors import DataError, ModelError, ResourceError, UsageError
from mnistry.runs import directory
from mnistry.runs.directory import Run


@pytest.fixture
def copy(finished_run: Run, tmp_path: Path) -> Run:
    shutil.copytree(finished_run.path, tmp_path / "copy")
    return Run.open(tmp_path / "copy")


def rewrite(run: Run, **changes: object) -> None:
    record = run.path / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | changes))


def test_a_run_reads_back_what_was_written(finished_run: Run) -> None:
    assert Run.open(finished_run.path) == finished_run
    assert finished_run.status == "done"
    assert finished_run.recipe.units == 32
    assert (finished_run.data.name, finished_run.data.train, finished_run.data.test) == (
        "sample",
        4000,
        1000,
    )
    assert set(finished_run.seconds) == {"start", "compile", "fit", "evaluate"}
    assert finished_run.versions["opencv"].startswith(cv2.__version__)


def test_fault_75_a_format_newer_than_ours_is_refused(copy: Run) -> None:
    rewrite(copy, format=directory.FORMAT + 1)
    with pytest.raises(ModelError, match="newer than this mnistry"):
        Run.open(copy.path)


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "[]", "null", '{"format": 1}', '{"format": "x"}', "[" * 100_000],
    ids=lambda text: text[:20],
)
def test_fault_68_a_file_that_is_not_a_record_is_refused(copy: Run, text: str) -> None:
    (copy.path / "run.json").write_text(text)
    with pytest.raises(ModelError):
        Run.open(copy.path)


@pytest.mark.parametrize(
    "field", [{"created": 5}, {"status": 7}, {"versions": None}, {"digests": None}, {"seed": "0"}]
)
def test_a_field_of_another_type_is_refused(copy: Run, field: dict[str, object]) -> None:
    rewrite(copy, **field)
    with pytest.raises(ModelError, match="not the record of a run"):
        Run.open(copy.path)


def test_an_origin_of_another_type_is_refused(copy: Run) -> None:
    for field in ({"given": 5}, {"transpose": "no"}):
        rewrite(copy, data={**copy.data.to_json(), **field})
        with pytest.raises(ModelError, match="not the record of a run"):
            Run.open(copy.path)


def test_a_name_stays_a_name_though_a_folder_is_called_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").mkdir()
    assert directory.DataIdentity.of(mnistry.load("sample")).origin == Origin("sample")


def test_an_unknown_setting_in_the_record_is_refused(copy: Run) -> None:
    rewrite(copy, recipe={"name": "x", "colour": "blue"})
    with pytest.raises(ModelError, match="not the record of a run"):
        Run.open(copy.path)


@pytest.mark.parametrize("name", ["model.onnx", "model.keras"])
def test_fault_76_flipped_bits_in_a_model_are_detected_by_the_digest(copy: Run, name: str) -> None:
    path = copy.path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        copy.checked(path)


def test_a_missing_model_is_refused(copy: Run) -> None:
    (copy.path / "model.keras").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        copy.model()


def test_an_unfinished_run_says_how_to_finish_it(copy: Run) -> None:
    unfinished = dataclasses.replace(copy, status="interrupted")
    for results in (unfinished.model, unfinished.scores):
        with pytest.raises(ModelError, match="--resume"):
            results()


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"train": null}'], ids=str.__len__)
def test_a_file_that_is_not_a_scorecard_is_refused(copy: Run, text: str) -> None:
    (copy.path / "scorecard.json").write_text(text)
    with pytest.raises(ModelError, match="no scorecard"):
        copy.scores()


def test_fault_66_a_second_training_in_one_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with directory.begin(path):
        with pytest.raises(ResourceError, match="another training"), directory.hold(path):
            pass
        with pytest.raises(ResourceError, match="another training"), directory.begin(path):
            pass
        (path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="exists already"), directory.begin(path):
        pass


def test_a_run_that_cannot_be_written_whole_leaves_nothing_and_its_place_free(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run"
    for _ in range(2):
        with pytest.raises(OSError, match="full"), directory.begin_whole(path):
            (path / "run.json").write_text("{}")
            raise OSError("the disk is full")
        assert not path.exists()


@pytest.mark.parametrize(("status", "is_offered"), [("interrupted", True), ("done", False)])
def test_only_an_unfinished_training_is_offered_to_be_resumed(copy, status, is_offered) -> None:
    rewrite(copy, status=status)
    with pytest.raises(UsageError) as caught:
        directory.refuse_taken(copy.path)
    assert caught.value.remedy == "choose another -o" + (
        f", or continue this training: mnistry train --resume {copy.path}" if is_offered else ""
    )


def test_fault_66_a_run_made_by_another_process_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with directory.begin(path):
        (path / "run.json").write_text("{}")
    # As if this process had looked before the other one made the run.
    monkeypatch.setattr(directory, "refuse_taken", lambda path: None)
    with pytest.raises(UsageError, match="exists already"), directory.begin(path):
        pass


def test_a_directory_is_free_if_a_training_was_killed_before_it_wrote_its_record(
    tmp_path: Path,
) -> None:
    leftovers = [".lock", ".run.json.0123456789ab.tmp"]
    for name in leftovers:
        (tmp_path / name).write_text("half")
    with directory.begin(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_fault_59_what_a_kill_left_half_written_is_cleared_away(copy: Run) -> None:
    leftovers = [
        copy.path / f".model.onnx.{'0' * 12}.tmp",
        copy.checkpoint_folder / f".x.{'a' * 12}.tmp",
    ]
    others = [copy.path / "notes.tmp", copy.checkpoint_folder / ".hidden"]
    for path in leftovers + others:
        path.write_text("half")
    with directory.hold(copy.path):
        assert [path.exists() for path in leftovers + others] == [False, False, True, True]


def test_how_a_training_ended_is_recorded_if_its_process_could_not(copy: Run) -> None:
    for before, after in (("running", "interrupted"), ("done", "done"), ("diverged", "diverged")):
        dataclasses.replace(copy, status=before).write()
        directory.note_end(copy.path, "interrupted", wait=0)
        assert Run.open(copy.path).status == after
    with directory.hold(copy.path), pytest.raises(ResourceError, match="another training"):
        directory.note_end(copy.path, "interrupted", wait=0)
    directory.note_end(copy.path / "none", "interrupted", wait=0)
    assert not (copy.path / "none").exists()


def test_two_runs_that_begin_in_the_same_second_have_two_names(tmp_path: Path) -> None:
    with (
        directory.claim(tmp_path, "classic", 0) as first,
        directory.claim(tmp_path, "classic", 0) as second,
    ):
        assert first != second
        assert first.is_dir()
        assert second.is_dir()


def test_a_claimed_directory_is_not_left_empty(tmp_path: Path) -> None:
    for has_record in (False, True):
        with pytest.raises(RuntimeError), directory.claim(tmp_path / "runs", "classic", 0) as path:
            if has_record:
                (path / "run.json").write_text("{}")
            raise RuntimeError
        assert path.exists() == (tmp_path / "runs").exists() == has_record


def test_a_users_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already"), directory.begin(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_directory_that_cannot_be_made_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ResourceError, match="cannot be made"),
        directory.begin(tmp_path / "file" / "run"),
    ):
        pass


def test_listing_gives_whole_runs_and_says_which_are_broken(copy: Run) -> None:
    (copy.path.parent / "broken").mkdir()
    (copy.path.parent / "broken" / "run.json").write_text("{}")
    found, broken = directory.find_all(copy.path.parent)
    assert [run.path.name for run in found] == ["copy"]
    assert len(broken) == 1


def test_a_run_does_not_differ_from_itself(finished_run: Run, copy: Run) -> None:
    comparison = directory.compare(finished_run, copy)
    assert (comparison.only_a, comparison.only_b, comparison.p_value) == (0, 0, 1)


def test_runs_on_other_test_images_are_not_compared(finished_run: Run, copy: Run) -> None:
    digests = dict(copy.data.digests) | {"x_test": "0" * 64}
    other = dataclasses.replace(copy, data=dataclasses.replace(copy.data, digests=digests))
    with pytest.raises(DataError, match="same test images"):
        directory.compare(finished_run, other)


def test_changed_data_is_recognised(finished_run: Run) -> None:
    dataset = mnistry.load("sample")
    finished_run.data.check(dataset)
    assert dataset.train is not None
    images = dataset.train.images.copy()
    images[0, 0, 0] += 1
    changed = dataclasses.replace(dataset, train=mnistry.Split(images, dataset.train.labels))
    with pytest.raises(DataError, match="x_train is not what the run was trained on"):
        finished_run.data.check(changed)
