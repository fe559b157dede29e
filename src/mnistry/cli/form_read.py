"""``mnistry form read``, ``export``, ``compare`` and ``forget``: filled forms become tables."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.framework import Command
from mnistry.errors import DataError, IncompleteError, UsageError, counted_noun, printable
from mnistry.images.find import find_files

if TYPE_CHECKING:
    from mnistry.forms.batch import Elsewhere, Outcome
    from mnistry.forms.copies import Copy
    from mnistry.forms.definition import Form
    from mnistry.forms.output import Result
    from mnistry.forms.records import Page
    from mnistry.forms.store import Store
    from mnistry.reading import Reader

_MAX_TYPED = 50_000_000  # bytes
RISK = click.option(
    "--risk",
    metavar="PART",
    help="How many of the fields called ok may be wrong, such as 4/10000: the fewer, the more are "
    "to be checked. Kept with the batch; without it some 30/10000.",
)
DIR = click.argument("folder", metavar="DIR", type=options.PATH, help="The batch's folder.")


@click.command(cls=Command)
@click.argument("form_path", metavar="FORM.toml", type=options.PATH, help="The form.")
@click.argument(
    "paths",
    metavar="SCAN…",
    nargs=-1,
    type=options.PATH,
    help="Scans and photos, PDFs of them, and folders.",
)
@click.option(
    "--batch",
    metavar="DIR",
    type=options.PATH,
    help="Keep what was read in DIR; a second run reads only new pages.",
)
@click.option(
    "--watch",
    metavar="FOLDER",
    type=options.PATH,
    help="Read each file that is put into FOLDER, until Ctrl-C; with --batch.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 1024),
    default=1,
    help="Read with N processes of this machine. Each takes 300 to 500 MB.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Read on all cores of the Ray cluster at ADDRESS, whose machines find the scans under the "
    "same paths; local starts one on this machine.",
)
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print a JSON object for each sheet.")
@options.MODEL
@RISK
@click.option(
    "--each",
    metavar="LIST.csv",
    type=options.PATH,
    help="The list that the copies were printed for: say which of them did not come back.",
)
@click.option(
    "--also",
    metavar="OLD.toml",
    type=options.PATH,
    multiple=True,
    help="An older version of the form, whose sheets are read too. A batch remembers it, and those "
    "that it was read with before.",
)
@options.output("OUT", "Write a table: .csv, .parquet or .xlsx.", show_default="CSV to stdout")
def read(
    form_path: Path,
    paths: tuple[Path, ...],
    batch: Path | None,
    watch: Path | None,
    jobs: int,
    ray: str | None,
    as_jsonl: bool,
    model: str | None,
    risk: str | None,
    each: Path | None,
    also: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Read filled forms: scans and photos, in any order and turned in any way.

    A field that is uncertain, or breaks a rule of the form, has a ? in its cell
    and is named in the column problems. Pages that are not recognised are
    named, and the exit code is then 8; mnistry form review lets you place them.
    """
    from mnistry.cli.read import open_reader
    from mnistry.forms import copies, loading, versions
    from mnistry.forms import output as results
    from mnistry.forms import risk as of_risk
    from mnistry.forms.store import Store

    if not paths and batch is None:
        raise UsageError("nothing to read", remedy="give scans, or a batch's folder with --batch")
    if watch is not None and batch is None:
        raise UsageError("--watch needs --batch", remedy="give a folder with --batch")
    if watch is not None and (as_jsonl or output is not None):
        raise UsageError("--watch prints no table", remedy="use mnistry form export afterwards")
    if as_jsonl and output is not None:
        raise UsageError("--jsonl and -o exclude each other", remedy="choose one")
    if ray is not None and jobs > 1:
        raise UsageError("--ray uses all cores of its cluster", remedy="leave out --jobs")
    if ray is not None and watch is not None:
        raise UsageError("--watch reads on this machine", remedy="leave out --ray")
    asked = None if risk is None else of_risk.parse(risk)
    printed = () if each is None else copies.of_list(each)
    form = loading.load(form_path)
    older = [_older(path, form) for path in also]
    if output is not None:
        common.check_output(output, form_path, *paths)
        results.files(form, [], output)  # refuses a wrong ending before anything is read
    if watch is not None and not watch.is_dir():
        raise UsageError("no such folder", where=watch)
    reader = open_reader(model)
    with Store(batch) as store:
        if risk is not None:
            of_risk.keep(store, asked)
        for one in older:
            versions.remember(store, one)
        with _cluster(ray, form, model) as elsewhere:
            outcome = read_scans(form, store, paths, reader, jobs, elsewhere)
        if watch is not None:
            _watch(form, reader, store, watch)
        found = results.results(form, store)
        aside = store.set_aside()
        if as_jsonl:
            for line in results.json_lines(form, found):
                click.echo(line)
            for page in aside:
                click.echo(results.json_error(form, page))
        elif output is not None:
            _write(form, found, output)
        elif batch is None:
            for table in results.tables(form, found)[:1]:
                click.echo(results.write_csv(table).decode(), nl=False)
        _tell_missing(printed, found)
        _finish(found, aside, outcome.failed, batch)


@contextlib.contextmanager
def _cluster(address: str | None, form: "Form", model: str | None) -> "Iterator[Elsewhere | None]":
    """Connect to a Ray cluster, which then reads pages; with None this machine does."""
    if address is None:
        yield None
        return
    from mnistry.cluster import connection
    from mnistry.cluster.form_reading import Cluster

    content = common.network_content(model)
    with connection.connected(address) as cores:
        yield Cluster(form, content, cores).read


def _older(path: Path, form: "Form") -> "Form":
    """Load an older version of a form.

    Raises
    ------
    UsageError
        If its sheets could not be told from the form's, or have another title.
    """
    from mnistry.forms import loading

    older = loading.load(path)
    if older.template is not None:
        raise UsageError(
            "it has a template, so its sheets do not say their version", where=path,
            expected="a form that was printed by mnistry form make",
        )  # fmt: skip
    if older.identity != form.identity:
        raise UsageError(
            "another form", where=path, expected=f"a form with the title {form.title!r}",
            remedy="read its sheets into a batch of their own",
        )  # fmt: skip
    return older


def read_scans(
    form: "Form",
    store: "Store",
    paths: Sequence[Path],
    reader: "Reader",
    jobs: int = 1,
    elsewhere: "Elsewhere | None" = None,
) -> "Outcome":
    """Read files, and those in folders, into a batch; say what could not be read."""
    from mnistry.forms import batch as batches
    from mnistry.forms import versions

    versions.keep(store, form)
    with _progress() as progress, common.quiet_libraries():
        files, unread = _files(paths)
        outcome = batches.read(
            form, reader, store, files, processes=jobs, elsewhere=elsewhere, progress=progress
        )
        outcome.failed.extend(unread)
    _tell(outcome)
    return outcome


def _watch(form: "Form", reader: "Reader", store: "Store", folder: Path) -> None:
    from mnistry.forms import batch as batches

    common.say(f"watching {folder}; Ctrl-C ends it")
    known = len(store.set_aside())
    for outcome in batches.watch(form, reader, store, folder, progress=common.say):
        _tell(outcome)
        aside = store.set_aside()
        for page in aside[known:]:
            common.say(_aside(page))
        known = len(aside)


def _files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files, with those in folders; and a line for each entry that is not opened."""
    found: list[Path] = []
    unread: list[str] = []
    for path in paths:
        if path.is_dir():
            files, links = find_files(path)
            found += files
            unread += [f"{link}: a link, a pipe or a device" for link in links]
        else:
            found.append(path)
    return found, unread


@contextlib.contextmanager
def _progress() -> "Iterator[Callable[[str], None]]":
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    yield lambda name: common.say(f"reading {printable(name)}")


def _tell(outcome: "Outcome") -> None:
    for note in outcome.notes:
        common.note(printable(note))
    for failure in outcome.failed:
        common.say(f"mnistry: {printable(failure)}")


def _aside(page: "Page") -> str:
    return printable(f"{page.file}, page {page.number}: {page.problem}")


def _tell_missing(printed: "Sequence[Copy]", found: "Sequence[Result]") -> None:
    """Say which of the copies that were printed for a list did not come back."""
    if not printed:
        return
    back = {one.serial for one in found if one.serial is not None}
    missing = [copy for copy in printed if copy.serial not in back]
    common.say(f"{len(printed) - len(missing):,} of {len(printed):,} on the list came back")
    for copy in missing:
        common.say(printable(f"not back: serial {copy.serial}, {copy.name}".rstrip(", ")))
    for serial in sorted(back - {copy.serial for copy in printed}):
        common.note(f"serial {serial} is not on the list")


def _finish(
    found: "Sequence[Result]", aside: "Sequence[Page]", failed: Sequence[str], batch: Path | None
) -> None:
    """Say what is to be done, and raise `IncompleteError` if pages could not be placed."""
    checks = sum(len(one.to_check) for one in found)
    fields = sum(len(one.answers) for one in found)
    common.say(
        f"{counted_noun(len(found), 'sheet')}, {counted_noun(fields, 'field')}, "
        f"{checks:,} to be checked"
    )
    for one in found:
        if one.problems:  # problems quote values, which do not belong in a log
            count = counted_noun(len(one.problems), "problem")
            common.note(printable(f"{one.file}, page {one.page}: {count}, see the table"))
    for page in aside:
        common.say(_aside(page))
    lost = len(failed) + sum(
        not (page.is_double or page.is_foreign or page.is_blank) for page in aside
    )
    if lost:
        raise IncompleteError(
            f"{lost:,} of the files and pages could not be read",
            remedy="scan them again, place them by hand in mnistry form review "
            f"{'DIR, after --batch DIR' if batch is None else batch}, or give another FORM.toml "
            "for other forms",
        )


def _write(form: "Form", found: "Sequence[Result]", target: Path) -> None:
    from mnistry.forms import output as results

    for path, content in results.files(form, found, target).items():
        common.write_output(path, content)


def open_batch(folder: Path) -> "tuple[Store, Form]":
    """Open a batch that exists, and its form.

    Raises
    ------
    DataError
        If its form cannot be read.
    """
    from mnistry.forms import form_json
    from mnistry.forms.store import Store

    store = Store(folder, must_exist=True)
    text = store.meta("form")
    try:
        return store, form_json.loads(text or "")
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "its form cannot be read", where=folder, remedy="read it again: mnistry form read"
        ) from error


@click.command(cls=Command)
@DIR
@options.output("OUT", "The table: .csv, .parquet or .xlsx.", required=True)
@click.option(
    "--audit",
    metavar="OUT.zip",
    type=options.PATH,
    help="Also write a ZIP with a picture of every field that is not private, and a table of what "
    "was read, and of who decided what and when.",
)
def export(folder: Path, output: Path, audit: Path | None) -> None:
    """Write a batch as a table: a row a sheet, with a codebook.

    Each table of the form is a file of its own, or a sheet of the .xlsx. A
    field that is still to be checked has a ? in CSV and is empty in the other
    formats; the column problems names it.
    """
    from mnistry.forms import audit_file
    from mnistry.forms import output as results
    from mnistry.system import files

    common.check_output(output)
    if audit is not None:
        common.check_output(audit, output)
    store, form = open_batch(folder)
    with store:
        found = results.results(form, store)
        _write(form, found, output)
        if audit is not None:
            with files.atomic_write(audit, mode=0o600) as file:
                missing = audit_file.write(form, store, file)
            common.say(f"wrote {audit}")
            if missing:
                common.note(f"{counted_noun(missing, 'field')} without a picture")
    checks = sum(len(one.to_check) for one in found)
    if checks:
        common.note(f"{counted_noun(checks, 'field')} still to be checked")


@click.command(cls=Command)
@DIR
@click.argument("typed", metavar="TYPED.csv", type=options.PATH, help="What somebody typed.")
@options.JSON
def compare(folder: Path, typed: Path, as_json: bool) -> None:
    """Compare a batch with what somebody typed: print where they differ.

    TYPED.csv has a row a sheet and a column a field, and one column that says
    which sheet it is: serial, or file (and page). If it also has a column
    named row, it is compared with a table of the form. Pictures of the fields
    that differ are written to DIR/differences.
    """
    from mnistry.forms import comparison, csv_file
    from mnistry.forms.loading import read_text

    store, form = open_batch(folder)
    with store:
        rows = csv_file.records(read_text(typed, _MAX_TYPED), typed)
        found = comparison.compare(form, store, rows, str(typed))
        comparison.write_pictures(form, store, found.differences)
    if as_json:
        common.print_json(found.to_json())
        return
    for one in found.differences:
        click.echo(printable(str(one)))
    common.say(
        f"{counted_noun(found.fields, 'field')} compared in "
        f"{counted_noun(found.sheets, 'sheet')}: {len(found.differences):,} different, "
        f"{found.sure:,} of these read as sure"
    )


@click.command(cls=Command)
@DIR
def forget(folder: Path) -> None:
    """Delete the pictures of a batch, and keep its values."""
    store, _ = open_batch(folder)
    with store:
        count = store.forget()
    common.say(f"{counted_noun(count, 'picture')} deleted; the values stay")
