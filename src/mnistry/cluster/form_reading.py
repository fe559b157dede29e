"""Read pages of forms on a Ray cluster: workers read, and this process alone writes the batch.

Workers find the scans, and a form's template, under the same paths as this process. A page whose
worker dies is read by another one; if that dies too, the page is set aside.
"""

import os
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mnistry.cluster.connection import import_ray, last_line, worker_deaths, worker_failed
from mnistry.errors import ResourceError
from mnistry.forms import batch
from mnistry.forms.batch import Task
from mnistry.forms.definition import Form
from mnistry.forms.reading import FormReader
from mnistry.forms.records import NewPage
from mnistry.version import __version__

# Pages under way or waiting, for each core: enough to keep all cores at work.
_AHEAD = 4
_TRIES = 2  # for each page


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster to which this process is connected, for `mnistry.forms.batch.read`.

    Attributes
    ----------
    form
        The form.
    model
        The content of an ``.onnx`` file; None for the built-in network.
    cores
        The cluster's cores.
    """

    form: Form
    model: bytes | None
    cores: int

    def read(
        self, tasks: Iterator[Task], older: Mapping[str, Form]
    ) -> Iterator[tuple[Task, NewPage]]:
        """Yield each task with its page, in order, as soon as it is read.

        Raises
        ------
        ResourceError
            If a worker cannot work: it has another version, or does not find a file. What was read
            before is yielded.
        """
        ray = import_ray()
        work = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(_work)
        settings = ray.put((self.form, self.model, dict(older), __version__))
        under_way: deque[tuple[Task, object]] = deque()
        for task in tasks:
            under_way.append((task, work.remote(settings, ray.ObjectRef.hex(settings), task)))
            if len(under_way) >= _AHEAD * self.cores:
                yield _result(*under_way.popleft())
        while under_way:
            yield _result(*under_way.popleft())


def _result(task: Task, page: object) -> tuple[Task, NewPage]:
    ray = import_ray()
    try:
        return task, ray.get(page)
    except worker_deaths():
        return batch.given_up(task)
    except ray.exceptions.RayTaskError as error:
        raise worker_failed(last_line(str(error))) from error


_readers: dict[str, FormReader] = {}  # this worker's only reader, by the name of its settings


def _work(
    settings: tuple[Form, bytes | None, dict[str, Form], str], name: str, task: Task
) -> NewPage:
    """Read a page in a worker; `name` identifies the settings."""
    form, model, older, version = settings
    if version != __version__:
        raise ResourceError(f"it has mnistry {__version__}", expected=version)
    if not os.access(task.path, os.R_OK):
        raise ResourceError(f"{task.path} can be opened here, but not on {socket.gethostname()}")
    if name not in _readers:
        _readers.clear()
        _readers[name] = batch.form_reader(form, model, older)
    return batch.read_task(_readers[name], task)
