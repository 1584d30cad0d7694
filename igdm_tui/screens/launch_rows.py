"""SettingsForm: a line per setting, filled and read as texts. Lines that are seldom looked at are made when needed."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from textual.app import ComposeResult
from textual.widget import Widget

from igdm_tui.screens.launch_fields import HEADINGS, ONE_VALUE, FieldSpec
from igdm_tui.widgets.fields import Form, FormHeading, FormRow

START_KEY = "preset"


class SettingsForm(Form):
    """Rows of settings under their headings; the first one says where they were taken from."""

    def __init__(self, specs: Sequence[FieldSpec], texts: Mapping[str, str], starts: Sequence[str], start: str) -> None:
        """texts: of every setting. starts: names to start from, `start` is the one that was."""
        super().__init__(id="form")
        self.specs = specs
        self.texts = dict(texts)  # of every setting, whether it has a row or not
        self.filled = dict(texts)
        self.rows: dict[str, FormRow] = {}
        self._headings: dict[str, FormHeading] = {}
        self._start = FormRow(START_KEY, "preset", text=start, choices=starts)

    def compose(self) -> ComposeResult:
        """The settings that people usually change."""
        yield FormHeading("Start from")
        self.rows[START_KEY] = self._start
        yield self._start
        for section, specs in groupby(self.specs, key=lambda spec: spec.section):
            usual = [spec for spec in specs if spec.is_usual(self.texts)]
            if usual:
                yield self._heading(section)
            yield from (self._row(spec) for spec in usual)

    def fill(self, texts: Mapping[str, str], start: str) -> None:
        """Put other settings into the form; they are then what it was filled with."""
        self.texts, self.filled = dict(texts), dict(texts)
        for key, row in self.rows.items():
            row.text = start if key == START_KEY else self.texts[key]

    def read(self) -> dict[str, str]:
        """What stands in the rows now, also what no message has told yet."""
        self.texts |= {key: row.text for key, row in self.rows.items() if key != START_KEY}
        return self.texts

    @property
    def focused_row(self) -> FormRow | None:
        """The row with the keys."""
        return next((row for row in self.rows.values() if row.control is self.screen.focused), None)

    def lacks_rows(self, wrong: Mapping[str, str]) -> bool:
        """True when a setting should be seen, being usual or wrong, and has no row yet."""
        missing = (spec for spec in self.specs if spec.key not in self.rows)
        return any(spec.key in wrong or spec.is_usual(self.texts) for spec in missing)

    def show_problems(self, wrong: Mapping[str, str]) -> None:
        """Mark what is wrong, by key; beside the others stands what they were before they were edited."""
        for spec in self.specs:
            row = self.rows.get(spec.key)
            if row is not None:
                row.show(wrong.get(spec.key, ""), self._note(spec, row.text))
                row.set_class(spec.key in wrong, "wrong")
        self._hide_unusual()

    async def mount_rest(self) -> None:
        """Rows for all settings: without most of them the form opens at once."""
        if len(self.rows) > len(self.specs):
            return
        before: Widget = self._start
        waiting: dict[Widget, list[Widget]] = {before: []}  # new widgets by the one they follow
        for section, specs in groupby(self.specs, key=lambda spec: spec.section):
            if section in self._headings:
                before = self._headings[section]
            else:
                waiting.setdefault(before, []).append(self._heading(section))
            for spec in specs:
                if spec.key in self.rows:
                    before = self.rows[spec.key]
                else:
                    waiting.setdefault(before, []).append(self._row(spec))
        with self.app.batch_update():
            for place, widgets in waiting.items():
                if widgets:
                    await self.mount(*widgets, after=place)
        self._hide_unusual()

    def _heading(self, section: str) -> FormHeading:
        self._headings[section] = FormHeading(HEADINGS.get(section, section))
        return self._headings[section]

    def _row(self, spec: FieldSpec) -> FormRow:
        text, several = self.texts[spec.key], spec.key not in ONE_VALUE
        row = FormRow(spec.key, spec.label, text=text, choices=spec.choices, names=spec.names, several=several)
        self.rows[row.key] = row
        return row

    def _hide_unusual(self) -> None:
        """The short form is what people usually change, as far as it means something beside their other choices."""
        usual = [spec for spec in self.specs if spec.is_usual(self.texts)]
        sections, keys = {spec.section for spec in usual}, {spec.key for spec in usual}
        for section, heading in self._headings.items():
            heading.set_class(section not in sections, "unusual")
        for key, row in self.rows.items():
            row.set_class(key not in keys and key != START_KEY, "unusual")

    def _note(self, spec: FieldSpec, text: str) -> str:
        """Beside a field that is fine: what it was before it was edited."""
        before = self.filled.get(spec.key, "")
        return "" if text.strip() == before else f"was {before or 'empty'}"
