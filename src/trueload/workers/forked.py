"""Workers that are forked from a template, and inherit all they need."""

import select
import time
from collections.abc import Iterable
from typing import Any

from trueload.workers.crew import Crew
from trueload.workers.interrupts import held_back
from trueload.workers.template import Purpose, Template, TemplateLostError, forking

_SILENT_SECONDS = 30.0
"""A template that has not answered for so long is stopped, or stuck, and is replaced."""


class ForkedCrew(Crew):
    """Processes that are forked from a template.

    Args:
        purpose: What the template is for.
    """

    def __init__(self, purpose: Purpose) -> None:
        super().__init__()
        self._purpose = purpose
        self._asked: dict[int, float] = {}
        self._template: Template | None = None

    def start(self, number: int) -> None:
        """Have a worker forked, without waiting for it; a template that has ended is replaced."""
        self._asked[number] = time.monotonic()
        try:
            if self._template is None:
                with forking:
                    self._template = Template(self._purpose)
                self._poll.register(self._template.descriptor(), select.POLLIN)
            self._template.ask(number)
        except TemplateLostError:
            self._replace_template()

    def wait(self, seconds: float | None) -> list[Any]:
        """Wait at most this long, `None` for ever; tell which processes have ended by now."""
        if self._asked:
            seconds = _SILENT_SECONDS if seconds is None else min(seconds, _SILENT_SECONDS)
        deaths = super().wait(seconds)
        self._replace_silent()
        return deaths

    def _hear(self, ready: set[int]) -> None:
        if self._template is not None and self._template.descriptor() in ready:
            while self._template is not None and self._template.wait(0):
                with held_back():
                    self._take_in()

    def _take_in(self) -> None:
        """Take in a worker that has been started, if one has come."""
        if self._template is None:
            return
        try:
            started = self._template.started(0)
        except TemplateLostError:
            self._replace_template()
            return
        if started is not None:
            number, process = started
            self._asked.pop(number, None)
            if process is not None:
                self._joined(number, process)

    def _await_all(self) -> None:
        while self._asked and self._template is not None:
            answered = self._template.wait(_SILENT_SECONDS)
            with held_back():
                if answered:
                    self._take_in()
                else:
                    self._replace_silent()

    def _replace_silent(self) -> None:
        """Replace a template that does not answer."""
        oldest = min(self._asked.values(), default=None)
        if oldest is not None and time.monotonic() - oldest >= _SILENT_SECONDS:
            self._replace_template()

    def _replace_template(self) -> None:
        """Forget a template that has ended, and ask another one for what it still owed."""
        self._dismiss()
        for number in sorted(self._asked):
            self.start(number)

    def _dismiss(self) -> None:
        template, self._template = self._template, None
        if template is not None:
            self._poll.unregister(template.descriptor())
            template.close()

    def leave(self) -> None:
        """Let all end by themselves, which they have been told to, without waiting for it."""
        self._let_go()
        if self._template is not None:
            self._template.leave()

    def _let_go(self) -> None:
        super()._let_go()
        del self._purpose  # it refers to whoever holds this crew

    def _put_away(self, process: Any) -> None:
        process.close()

    def _exit_code(self, process: Any) -> int | None:
        return process.template.exit_code(process.pid)

    def descriptors(self) -> Iterable[int]:
        """Give the descriptors that no copy of this process may keep open."""
        template = () if self._template is None else (self._template.descriptor(),)
        return *super().descriptors(), *template
