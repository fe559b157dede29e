import io

from rich.console import Console

from mnistry.display.progress import ProgressBar, counted
from mnistry.training.history import Epoch, Progress

RUNNING = Progress(2, 5, 100, 400, 0.25, 0.925)
DONE = Progress(2, 5, 400, 400, 0.2, 0.94, Epoch(0.2, 0.94, 0.15, 0.95, 1.25))


def drawn(**console: object) -> str:
    file = io.StringIO()
    bar = ProgressBar(Console(file=file, **{"width": 120} | console))
    bar(RUNNING)
    bar(DONE)
    return file.getvalue()


def test_a_log_file_gets_one_line_for_each_epoch_and_no_control_codes() -> None:
    text = drawn(force_terminal=False)
    assert text == ("epoch 2/5: loss 0.2000  accuracy  94.00 %  val 0.1500  95.00 %  1.25 s\n")


def test_a_terminal_sees_the_epoch_grow_in_one_line() -> None:
    text = drawn(force_terminal=True, color_system=None)
    assert text.count("\n") == 1
    running, done = text.split("\r\x1b[K")[1:]
    assert "100/400  loss 0.2500  accuracy  92.50 %" in running
    assert "s left" in running
    assert done.rstrip().endswith("1.25 s")
    assert running.count("━") == 24 * 100 // 400
    assert running.count("━") + running.count("┄") == done.count("━") == 24


def test_the_line_fits_the_terminal() -> None:
    for width in (80, 60):
        text = drawn(force_terminal=True, color_system=None, width=width)
        assert all(len(line.rstrip("\n")) <= width for line in text.split("\r\x1b[K"))
        if width == 80:
            assert text.rstrip().endswith("1.25 s")


def test_a_notebook_keeps_only_the_last_state(monkeypatch) -> None:
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown[-1] = bundle["text/plain"]

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        shown.append(bundle["text/plain"])
        return Handle()

    import sys
    import types

    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    bar = ProgressBar(Console(force_jupyter=True))
    bar(RUNNING)
    bar(DONE)
    assert len(shown) == 1
    assert "400/400" in shown[0]


def test_counting_writes_nothing_into_a_log_file(capsys) -> None:
    with counted("downloading", in_bytes=True) as show:
        show(1_000, None)
        show(2_000, 2_000)
    assert capsys.readouterr().err == ""
