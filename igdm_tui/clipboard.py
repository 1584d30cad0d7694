"""Copied text: on the clipboard by OSC 52 where the terminal takes it, and always in a file, because many do not."""

from pathlib import Path

from core.spec.atomic import replace_text

MOST_BYTES = 74_000  # terminals and tmux drop longer sequences without a word: 100,000 characters of base64


def copy_path() -> Path:
    """Where the last copied text lies: $XDG_STATE_HOME/igdm-tui/copied.txt on Linux."""
    import platformdirs

    return platformdirs.user_state_path("igdm-tui", appauthor=False) / "copied.txt"


def keep_copy(text: str) -> Path:
    """Write copied text to the file, for the owner only; its path.

    Raises: OSError.
    """
    path = copy_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(path, text)
    return path


def fits_clipboard(text: str) -> bool:
    """Whether a terminal would take that much."""
    return len(text.encode()) <= MOST_BYTES


def desktop_message(text: str, *, in_tmux: bool) -> str:
    """OSC 9 for one line of harmless text; wrapped so that tmux with allow-passthrough hands it on."""
    sequence = f"\x1b]9;{text}\x07"
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if in_tmux else sequence
