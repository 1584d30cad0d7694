"""Launch: describe a run, see at once what is wrong with it and how to say it in a shell, and start it."""

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

from textual import events, on
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.loading import build_config, config_warnings, read_config_text
from igdm_tui.keys import bindings
from igdm_tui.launch import command_line, create_run, start_worker
from igdm_tui.screens.base import PlaceScreen, lines_content
from igdm_tui.screens.launch_fields import HEADINGS, FieldSpec, field_specs, texts_of
from igdm_tui.screens.launch_form import FormReading, presets, problem_text, read_form
from igdm_tui.widgets.fields import Form, FormHeading, FormRow
from igdm_tui.widgets.text import plain

DEBOUNCE_S = 0.15
PRESET_KEY = "preset"
DEFAULTS = "defaults"
FROM_PRESET = "Fill the form from a file in configs/."
FIRST_PRESET = "digits"  # real images, nothing to download, a minute on any machine


class LaunchScreen(PlaceScreen):
    """A form with a line per setting; nothing that is wrong can be launched."""

    PLACE: ClassVar[str] = "launch"
    BINDINGS = bindings("launch")

    def __init__(self, settings: Mapping[str, Any] | None = None, origin: str = "") -> None:
        """settings: of a run to start from, whose name is `origin`; else a preset is taken."""
        super().__init__()
        self.specs = field_specs()
        self.presets = presets()
        self.all_settings = False
        self.origin = origin
        self._start = settings
        self.texts: dict[str, str] = {}  # of every setting, whether it has a row or not
        self._rows: dict[str, FormRow] = {}
        self._headings: dict[str, FormHeading] = {}
        self._base: dict[str, str] = {}  # what the form was filled with
        self._timer: Timer | None = None
        self._launching = False
        self.reading: FormReading | None = None
        self.command = ""

    def compose_body(self) -> Iterable[Widget]:
        """The form, and below it: what the field means, whether the run can start, and its command."""
        names = ([f"copy of {plain(self.origin, 30)}"] if self._start is not None else []) + [*self.presets, DEFAULTS]
        first = names[0] if self._start is not None or FIRST_PRESET not in names else FIRST_PRESET
        self._base = texts_of(self._start) if self._start is not None else self._preset_texts(first)
        self.texts = dict(self._base)
        with Horizontal(id="both"):
            with Form(id="form"):
                yield FormHeading("Start from")
                yield self._row(FormRow(PRESET_KEY, "preset", text=first, choices=names))
                for section, specs in groupby(self.specs, key=lambda spec: spec.section):
                    usual = [spec for spec in specs if spec.is_usual(self.texts)]
                    if usual:
                        yield self._heading(section)
                    yield from (self._new_row(spec) for spec in usual)
            yield Static("", markup=False, id="guide")
        yield Static("", markup=False, id="about")
        yield Static("", markup=False, id="verdict")
        yield Static("", markup=False, id="command")

    async def _mount_all(self) -> None:
        """Rows for all settings: most are seldom looked at, and without them the form opens at once."""
        if len(self._rows) > len(self.specs):
            return
        before: Widget = self._rows[PRESET_KEY]
        waiting: dict[Widget, list[Widget]] = {before: []}  # new widgets by the one they follow
        for section, specs in groupby(self.specs, key=lambda spec: spec.section):
            if section in self._headings:
                before = self._headings[section]
            else:
                waiting.setdefault(before, []).append(self._heading(section))
            for spec in specs:
                if spec.key in self._rows:
                    before = self._rows[spec.key]
                else:
                    waiting.setdefault(before, []).append(self._new_row(spec))
        form = self.query_one(Form)
        with self.app.batch_update():
            for place, widgets in waiting.items():
                if widgets:
                    await form.mount(*widgets, after=place)
        self._hide_unusual()

    def _heading(self, section: str) -> FormHeading:
        self._headings[section] = FormHeading(HEADINGS.get(section, section))
        return self._headings[section]

    def _new_row(self, spec: FieldSpec) -> FormRow:
        text = self.texts[spec.key]
        return self._row(FormRow(spec.key, spec.label, text=text, choices=spec.choices, names=spec.names))

    def _row(self, row: FormRow) -> FormRow:
        self._rows[row.key] = row
        return row

    def on_mount(self) -> None:
        """Judge what the form starts with."""
        self.set_title("describe a run, then ctrl+l starts it")
        self._rows["name"].control.focus()
        self._check()

    # Filling and reading

    def _preset_texts(self, name: str) -> dict[str, str]:
        import tomllib

        path = self.presets.get(name)
        if path is None:
            return texts_of({})
        try:
            return texts_of(tomllib.loads(read_config_text(path)))
        except (IgdmError, tomllib.TOMLDecodeError) as error:
            self.igdm.say(f"{path}: {error}", title="This preset cannot be read", severity="error")
            return texts_of({})

    @on(FormRow.Edited)
    def _edited(self, event: FormRow.Edited) -> None:
        key, text = event.row.key, event.row.text
        if key == PRESET_KEY:
            self._take_preset(text)
        elif self.texts[key] == text:
            return
        else:
            self.texts[key] = text
            self._show_about()
        if self._timer is not None:
            self._timer.stop()
        self.reading = None
        self._timer = self.set_timer(DEBOUNCE_S, self._check)

    def _take_preset(self, name: str) -> None:
        copied = self._start is not None and name not in self.presets and name != DEFAULTS
        self._base = texts_of(self._start or {}) if copied else self._preset_texts(name)
        self.texts = dict(self._base)
        for spec in self.specs:
            if spec.key in self._rows:
                self._rows[spec.key].text = self.texts[spec.key]

    def _check(self) -> None:
        """Read the form, mark what is wrong, and write the command."""
        self._timer = None
        # A key press that has not come round as a message yet must not be launched over.
        self.texts |= {key: row.text for key, row in self._rows.items() if key != PRESET_KEY}
        self.reading = reading = read_form(self.specs, self.texts)
        wrong = {p.key: p.message + (f" ({p.advice})" if p.advice else "") for p in reversed(reading.problems)}
        if any(spec.key not in self._rows and (spec.key in wrong or spec.is_usual(self.texts)) for spec in self.specs):
            self.call_later(self._mount_and_check)
        for spec in self.specs:
            if spec.key in self._rows:
                row = self._rows[spec.key]
                row.show(wrong.get(spec.key, ""), self._note(spec, row.text))
                row.set_class(spec.key in wrong, "wrong")
        self._hide_unusual()
        self._show_verdict(reading)

    def _hide_unusual(self) -> None:
        """The short form is what people usually change, as far as it means something beside their other choices."""
        usual = [spec for spec in self.specs if spec.is_usual(self.texts)]
        sections, keys = {spec.section for spec in usual}, {spec.key for spec in usual}
        for section, heading in self._headings.items():
            heading.set_class(section not in sections, "unusual")
        for key, row in self._rows.items():
            row.set_class(key not in keys and key != PRESET_KEY, "unusual")

    async def _mount_and_check(self) -> None:
        await self._mount_all()
        self._check()

    def _note(self, spec: FieldSpec, text: str) -> str:
        """Beside a field that is fine: what it was before it was edited."""
        base = self._base.get(spec.key, "")
        return "" if text.strip() == base else f"was {base or 'empty'}"

    def _show_verdict(self, reading: FormReading) -> None:
        verdict, command = (self.query_one(name, Static) for name in ("#verdict", "#command"))
        if reading.problems:
            row = self._focused_row()
            verdict.update(lines_content([(f"✗ {problem_text(reading, row.key if row else '')}", "$text-error")]))
            self.command = ""
            command.update("Nothing is launched while a field is wrong.")
            return
        config = build_config(reading.with_seed(reading.seeds[0]))
        warnings, count = config_warnings(config), len(reading.seeds)
        ready = f"✓ ready: {count} run{'s' if count > 1 else ''}, named {plain(config.title, 60)}"
        lines = [(ready, "$text-success"), *((f"! {plain(warning)}", "$text-warning") for warning in warnings[:1])]
        verdict.update(lines_content(lines))
        self.command = command_line(config, seeds=reading.seeds, home=self.igdm.home)
        command.update(plain(self.command))

    def _focused_row(self) -> FormRow | None:
        return next((row for row in self._rows.values() if row.control is self.focused), None)

    # Keys

    def on_descendant_focus(self) -> None:
        """Say what the field is for, and what is wrong with it."""
        self._show_about()
        if self.reading is not None:
            self._show_verdict(self.reading)

    def _show_about(self) -> None:
        row = self._focused_row()
        if row is None:
            return
        spec = next((spec for spec in self.specs if spec.key == row.key), None)
        about = f"{spec.key}: {spec.help(row.text)}" if spec else FROM_PRESET
        self.query_one("#about", Static).update(plain(about))
        guide = self.query_one("#guide", Static)
        lines = spec.guide(row.text, *guide.content_size) if spec and guide.display else [(FROM_PRESET, "")]
        guide.update(lines_content([(plain(text), style) for text, style in lines]))

    def on_resize(self, event: events.Resize) -> None:
        """A wide screen has a guide beside the form."""
        super().on_resize(event)
        self.call_after_refresh(self._show_about)

    async def action_all_settings(self) -> None:
        """Every setting, or the usual ones."""
        await self._mount_all()
        self.all_settings = not self.all_settings
        self.set_class(self.all_settings, "-all")
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def action_next_problem(self) -> None:
        """The next field that is wrong, from the top again after the last."""
        self._check()
        keys = [spec.key for spec in self.specs if spec.key in self._rows and self._rows[spec.key].problem]
        if not keys:
            self.igdm.say("No problems.")
            return
        order = [PRESET_KEY, *(spec.key for spec in self.specs)]
        row = self._focused_row()
        here = order.index(row.key) if row else -1
        later = [key for key in keys if order.index(key) > here]
        control = self._rows[(later or keys)[0]].control
        control.focus()
        if isinstance(control, Input):
            control.select_all()

    def action_copy_command(self) -> None:
        """Put the command on the clipboard, as far as the terminal allows that."""
        if self.command:
            self.app.copy_to_clipboard(self.command)
            self.igdm.say("The command is on the clipboard, if your terminal takes it.")

    def action_page(self, direction: int) -> None:
        """Several fields on."""
        for _ in range(8):
            self.focus_next() if direction > 0 else self.focus_previous()

    def action_launch(self) -> None:
        """Start one worker per seed; refused while anything is wrong."""
        self._check()
        reading = self.reading
        if reading is None or self._launching:
            return
        if reading.problems:
            self.igdm.say("Not launched: some fields are wrong.", severity="warning")
            self.action_next_problem()
            return
        self._launching = True
        self.begin(partial(self._launch, reading, shlex.split(self.command)), "launch")

    async def _launch(self, reading: FormReading, command: list[str]) -> None:
        launched: list[str] = []
        try:
            for seed in reading.seeds:
                launched.append(await asyncio.to_thread(_start, self.igdm.home, reading.with_seed(seed), command))
        except (IgdmError, OSError) as error:
            self.igdm.say(f"{error}", title=f"Launched {len(launched)} of {len(reading.seeds)}", severity="error")
        finally:
            self._launching = False
            self.igdm.follower.wake()
        if launched:
            self.igdm.launched(launched)


def _start(home: Home, settings: dict[str, Any], command: list[str]) -> str:
    """Create one run and start its worker; its id."""
    folder = create_run(home, build_config(settings), command)
    start_worker(folder)
    return folder.run_id
