"""Where `igdm` and `igdm-tui` begin, and the one place where errors become exit codes.

0 ok, 1 the run failed, 2 usage or configuration or no terminal, 3 try again, 130 interrupted. stdout is data, stderr
is talk.
"""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from core.spec.errors import IgdmError

INTERRUPTED = 130
REFUSED = {
    errno.ENOSPC: "the disk is full: make room; nothing that was written is lost",
    errno.EDQUOT: "your quota is used up: make room; nothing that was written is lost",
    errno.EROFS: "this disk can only be read: choose another place with --home or IGDM_HOME",
    errno.EACCES: "change its mode, or choose another place with --home or IGDM_HOME",
}
PLAIN_LISTING = {"ls", "--json", "--debug"}  # answered without importing Typer, which costs a quarter of a second


def main(arguments: Sequence[str] | None = None) -> int:
    """`igdm`: run one command; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):  # before anything slow is imported
        from igdm_tui import __version__

        print(f"igdm-tui {__version__}")
        return 0
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted (`igdm ls | head`); Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except IgdmError as error:
        return _tell(error, words)
    except Exception as error:  # noqa: BLE001 - a person sees one line; --debug shows the rest
        return _tell(error, words)
    return code


def main_tui(arguments: Sequence[str] | None = None) -> int:
    """`igdm-tui`, which is `igdm tui`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return main(words if words in (["--version"], ["-V"]) else ["tui", *words])


def _run(words: list[str]) -> int:
    """Hand the words to the command line; its own exits come back as a code."""
    if "ls" in words and set(words) <= PLAIN_LISTING:
        from igdm_tui.cli.listing import list_runs
        from igdm_tui.cli.session import Session
        from igdm_tui.user_settings import find_home

        list_runs(Session(find_home()), as_json="--json" in words)
        return 0
    front = global_options_first(words)
    if front[-1:] == ["tui"] and (given := _plain_home(front[:-1])) is not None:
        from igdm_tui.cli.screens import open_screens
        from igdm_tui.user_settings import find_home

        return open_screens(find_home(*given))
    import typer

    from igdm_tui.cli.app import app

    try:
        typer.main.get_command(app)(args=front, prog_name="igdm")
    except SystemExit as stopped:
        if stopped.code is None or isinstance(stopped.code, int):
            return stopped.code or 0
        raise
    return 0


def _plain_home(options: list[str]) -> tuple[Path, ...] | None:
    """The folder that --home names, () without one; None where Typer has to read these options."""
    rest = [option for option in options if option != "--debug"]
    if rest and rest[0].startswith("--home="):
        rest = ["--home", rest[0].removeprefix("--home="), *rest[1:]]
    if not rest:
        return ()
    is_plain = len(rest) == 2 and rest[0] == "--home" and rest[1] and not rest[1].startswith("-")
    return (Path(rest[1]),) if is_plain else None


def global_options_first(words: Sequence[str]) -> list[str]:
    """The same words with --home and --debug at the front: they are understood wherever they stand."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word == "--debug" or word.startswith("--home="):
            front.append(word)
        elif word == "--home" and waiting:
            front += [word, waiting.pop(0)]
        else:
            rest.append(word)
    return front + rest


def _tell(error: Exception, words: Sequence[str]) -> int:
    """Say what happened on stderr; with --debug, where."""
    from igdm_tui.sanitise import sanitise

    if "--debug" in words:
        import traceback

        print(sanitise("".join(traceback.format_exception(error))), file=sys.stderr)
    if isinstance(error, IgdmError):
        print(f"igdm: {sanitise(str(error))}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in REFUSED:
        where = f"{error.filename}: " if error.filename else ""
        print(f"igdm: {sanitise(where)}{error.strerror} ({REFUSED[error.errno]})", file=sys.stderr)
        return 2
    advice = "" if "--debug" in words else " (run again with --debug and report what it shows)"
    print(f"igdm: unexpected error: {type(error).__name__}: {sanitise(str(error))}{advice}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
