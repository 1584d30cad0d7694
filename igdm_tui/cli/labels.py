"""`igdm tag`, `note`, `archive` and `unarchive`: what people say about runs afterwards. Kept in the run folders."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, say

if TYPE_CHECKING:
    from igdm_tui.store import RunRow
    from igdm_tui.store.labels import Labels

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")]
# A word that begins with - is a tag to take away, not an option; so these take no -h.
WORDS_WITH_MINUS = {"help_option_names": ["--help"], "ignore_unknown_options": True}


def tag(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="RUN... [+TAG]... [-TAG]...", help="Runs, tags to add, tags to take away.")
    ],
    as_json: AsJson = False,
) -> None:
    """Tag runs: igdm tag RUN +paper -old.

    Without + and -, say the tags of the runs. Filter by them: igdm ls --filter tag:paper
    """
    references = [word for word in words if word[:1] not in ("+", "-")]
    add = tuple(word[1:] for word in words if word.startswith("+"))
    remove = tuple(word[1:] for word in words if word.startswith("-"))
    if not references:
        raise IgdmError("tag: no run is named (write igdm tag RUN +paper -old)")
    for row, labels in _changed(context, references, lambda labels: labels.with_tags(add=add, remove=remove), as_json):
        answer(_line(row, " ".join(labels.tags)))


def note(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="An id, the start of one, a name, or latest.")],
    text: Annotated[str | None, typer.Argument(help="The note; an empty one takes it away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a note about a run, or read it."""
    found = _changed(context, [run], lambda labels: labels if text is None else labels.with_note(text), as_json)
    for row, labels in found:
        if text is None:
            answer(_plain_text(labels.note))
        else:
            say(f"{row.id}: {'noted' if labels.note else 'has no note any more'}")


def archive(context: typer.Context, runs: Runs, as_json: AsJson = False) -> None:
    """Put runs away: lists leave them out.

    Nothing is removed; igdm ls --archived lists them, igdm unarchive brings them back.
    """
    _put(context, runs, archived=True, as_json=as_json)


def unarchive(context: typer.Context, runs: Runs, as_json: AsJson = False) -> None:
    """Bring archived runs back into the lists."""
    _put(context, runs, archived=False, as_json=as_json)


def _put(context: typer.Context, runs: Sequence[str], *, archived: bool, as_json: bool) -> None:
    for row, _ in _changed(context, runs, lambda labels: replace(labels, archived=archived), as_json):
        say(f"{row.id}: {'archived' if archived else 'back in the lists'}")


def _changed(
    context: typer.Context, references: Sequence[str], change: "Callable[[Labels], Labels]", as_json: bool
) -> "list[tuple[RunRow, Labels]]":
    """Change the labels of runs; the runs as they were, with their labels now. JSON is answered here and is all."""
    from core.spec.run_folder import RunFolder
    from igdm_tui.store.labels import change_labels

    session = Session.of(context)
    with session.open_store() as store:
        rows = list({row.id: row for row in (store.run(reference) for reference in references)}.values())
        missing = [row.id for row in rows if row.folder_missing]
        if missing:
            raise IgdmError(f"{', '.join(missing)}: the folder is gone (nothing is left to label)")
        found = [(row, change_labels(RunFolder(row.folder), change)) for row in rows]
        store.ingest()
    if as_json:
        answer_json(
            [
                {"id": row.id, "tags": list(labels.tags), "note": labels.note, "archived": labels.archived}
                for row, labels in found
            ]
        )
        return []
    return found


def _line(row: "RunRow", text: str) -> str:
    return _plain_text(f"{row.id}  {text}").rstrip()


def _plain_text(text: str) -> str:
    from igdm_tui.sanitise import sanitise

    return sanitise(text)
