"""Errors that are the user's to fix: each says what is wrong, where, and what to do.

One place (`igdm_tui.cli.entry`) turns them into an exit code; everything else only raises them.
"""

from dataclasses import dataclass


class IgdmError(Exception):
    """A problem the user can act on; its text is shown without a traceback.

    `exit_code` follows the command-line contract: 1 the run failed, 2 usage or configuration, 3 try again.
    """

    exit_code = 2


class TryAgainError(IgdmError):
    """Something is busy (database locked, no device free); the same command may succeed later."""

    exit_code = 3


class RunFailedError(IgdmError):
    """A run ended without finishing; the message names it and the reason."""

    exit_code = 1


class TrainingError(IgdmError):
    """Training or evaluation cannot go on: a loss is not finite, a teacher does not fit, data are missing."""

    exit_code = 1


class MissingDataError(TrainingError):
    """Data that a configuration names are not there; said before anything is started."""

    exit_code = 2


class SupersededError(IgdmError):
    """A newer attempt has the run: whoever gets this writes nothing more and leaves."""

    exit_code = 3


class StopRequested(Exception):  # noqa: N818 - a request, not an error
    """Someone asked the run to stop; raised between two steps of training or two batches of an attack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing wrong with a configuration.

    key: dotted path such as "attack.epsilon", empty when the file as a whole is meant.
    message: what is wrong, with the value that was found.
    advice: what to do; may be empty.
    line: 1-based line in the file, None when unknown (set in a form). source: where it was set, where that is not what
    holds the others: "--set".
    """

    key: str
    message: str
    advice: str = ""
    line: int | None = None
    source: str = ""

    def text(self, source: str) -> str:
        """One line for a terminal: where, what, what to do."""
        where = self.source or (f"{source}:{self.line}" if self.line else source)
        key = f"{self.key}: " if self.key else ""
        advice = f" ({self.advice})" if self.advice else ""
        return f"{where}: {key}{self.message}{advice}"


class ConfigError(IgdmError):
    """A configuration with one or more problems, all reported at once."""

    def __init__(self, problems: list[Problem], source: str = "settings") -> None:
        self.problems = problems
        self.source = source
        super().__init__("\n".join(problem.text(source) for problem in problems))
