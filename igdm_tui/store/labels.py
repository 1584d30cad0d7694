"""What people say about a run afterwards: tags, a note, and whether it is put away. Kept in the run folder.

runs/<id>/labels.json is the truth; experiments.db only reads it. A run without labels has no such file.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from core.spec.atomic import replace_text
from core.spec.errors import IgdmError
from core.spec.plain_files import read_json
from core.spec.run_folder import RunFolder

LONGEST_TAG, LONGEST_NOTE, MOST_TAGS = 40, 10_000, 50
TAG = re.compile(r"[^\W_][\w./@-]*")  # a word that stands in a filter without quotes
TAG_RULE = f"a letter or digit, then letters, digits and . _ - / @, at most {LONGEST_TAG}"


@dataclass(frozen=True, slots=True)
class Labels:
    """tags: words, in the order they were given. note: free text of any number of lines. archived: put away."""

    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False

    def with_tags(self, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> "Labels":
        """The same with tags added and taken away.

        Raises: IgdmError for a word that can be no tag, or too many.
        """
        for tag in add:
            check_tag(tag)
        kept = [tag for tag in dict.fromkeys([*self.tags, *add]) if tag not in remove]
        if len(kept) > MOST_TAGS:
            raise IgdmError(f"a run has at most {MOST_TAGS} tags (take some away: -tag)")
        return replace(self, tags=tuple(kept))

    def with_note(self, note: str) -> "Labels":
        """The same with another note, "" for none.

        Raises: IgdmError when it is too long.
        """
        if len(note) > LONGEST_NOTE:
            raise IgdmError(f"a note has at most {LONGEST_NOTE:,} characters, this one {len(note):,} (shorten it)")
        return replace(self, note=note.strip())


def check_tag(tag: str) -> None:
    """Refuse what can be no tag.

    Raises: IgdmError saying how tags are written.
    """
    if len(tag) > LONGEST_TAG or not TAG.fullmatch(tag):
        raise IgdmError(f"{tag[:60]!r} can be no tag ({TAG_RULE})")


def read_labels(folder: RunFolder) -> Labels:
    """The labels of a run; none when nobody has given any.

    Raises: IgdmError when the file is damaged.
    """
    try:
        return _labels(read_json(folder.labels))
    except FileNotFoundError:
        return Labels()
    except (OSError, ValueError) as error:
        raise IgdmError(f"{folder.labels}: cannot be read: {error} (mend it, or remove it)") from error


def change_labels(folder: RunFolder, change: Callable[[Labels], Labels]) -> Labels:
    """Change the labels of a run in one step that no other program can come between; what they are now.

    Raises: IgdmError when the folder is gone or the file is damaged or cannot be written; and whatever `change` raises.
    """
    try:
        with _locked(folder):
            before = read_labels(folder)
            after = change(before)
            if after != before:
                content = {"tags": list(after.tags), "note": after.note, "archived": after.archived}
                replace_text(folder.labels, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise IgdmError(f"{folder.labels}: cannot be written: {error.strerror or error}") from error
    return after


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """The folder itself is the lock: nothing is left behind."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _labels(content: Any) -> Labels:
    """Labels as somebody wrote them, also by hand: what is no tag or no text is left out."""
    if not isinstance(content, dict):
        raise ValueError("it holds no labels")
    tags = content.get("tags")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    note = content.get("note")
    return Labels(
        tags=tuple(dict.fromkeys(words[:MOST_TAGS])),
        note=note[:LONGEST_NOTE] if isinstance(note, str) else "",
        archived=content.get("archived") is True,
    )
