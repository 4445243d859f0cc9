"""Questions before what cannot be undone, at a terminal."""

from __future__ import annotations

import pytest

from ops.shell.output import Output
from ops.shell.questions import confirm


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_an_answer_that_does_not_come_leaves_the_line_of_the_question(
    end: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never() -> str:
        raise end

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", never)
    with pytest.raises(end):
        confirm(Output("erase"), [], count=3, noun="recording", confirmed=None)
    assert capsys.readouterr().err.endswith("Type 3 to go on: \n")
