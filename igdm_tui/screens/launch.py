"""Launch: describe a run, see at once what is wrong with it and how to say it in a shell, and start it."""

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
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
from igdm_tui.launch import command_line, create_run, enqueue, start_worker
from igdm_tui.live import in_thread
from igdm_tui.screens.base import PlaceScreen, lines_content
from igdm_tui.screens.launch_fields import field_specs, texts_of
from igdm_tui.screens.launch_form import FormReading, presets, problem_text, read_form
from igdm_tui.screens.launch_outlook import Outlook, look_ahead, outlook_text, ready_text
from igdm_tui.screens.launch_rows import START_KEY, SettingsForm
from igdm_tui.screens.launch_start import Start, StartScreen
from igdm_tui.widgets.fields import BAR, Choice, FormRow
from igdm_tui.widgets.text import plain

DEBOUNCE_S = 0.15
DEFAULTS = "defaults"
FROM_PRESET = "Fill the form from a file in configs/."
FIRST_PRESET = "digits"  # real images, nothing to download, a minute on any machine


class LaunchScreen(PlaceScreen):
    """A form with a line per setting; nothing that is wrong can be launched."""

    PLACE: ClassVar[str] = "launch"
    STYLES: ClassVar[str] = "launch"
    BINDINGS = bindings("launch")

    def __init__(self, settings: Mapping[str, Any] | None = None, origin: str = "") -> None:
        """settings: of a run to start from, whose name is `origin`; else a preset is taken."""
        super().__init__()
        self.presets = presets()
        self.all_settings = False
        start = f"copy of {plain(origin, 30)}" if settings is not None else FIRST_PRESET
        self._starts = {start: settings} if settings is not None else {}  # settings to start from besides the presets
        names = [*self._starts, *self.presets, DEFAULTS]
        start = start if start in names else names[0]
        self.unread_preset = ""
        self.form = SettingsForm(field_specs(), self._texts_from(start), names, start)
        self._timer: Timer | None = None
        self._launching = False
        self.reading: FormReading | None = None
        self.outlook: Outlook | None = None
        self.command = ""

    def compose_body(self) -> Iterable[Widget]:
        """The form, and below it: what the field means, whether the run can start, and its command."""
        with Horizontal(id="both"):
            yield self.form
            yield Static("", markup=False, id="guide")
        yield Static("", markup=False, id="about")
        yield Static("", markup=False, id="verdict")
        yield Static("", markup=False, id="command")

    def on_mount(self) -> None:
        """Judge what the form starts with."""
        self.set_title("describe a run, then ctrl+l starts it")
        self.form.rows["name"].control.focus()
        self._say_unread()
        self._check()

    # Filling and reading

    def _texts_from(self, name: str) -> dict[str, str]:
        import tomllib

        settings = self._starts.get(name)
        path = self.presets.get(name)
        if settings is not None or path is None:
            return texts_of(settings or {})
        try:
            return texts_of(tomllib.loads(read_config_text(path)))
        except (IgdmError, tomllib.TOMLDecodeError) as error:
            self.unread_preset = f"{path}: {error}"
            return texts_of({})

    def _say_unread(self) -> None:
        if self.unread_preset:
            self.igdm.say(self.unread_preset, title="This preset cannot be read", severity="error")
            self.unread_preset = ""

    @on(FormRow.Edited)
    def _edited(self, event: FormRow.Edited) -> None:
        key, text = event.row.key, event.row.text
        if key == START_KEY:
            self.form.fill(self._texts_from(text), text)
            self._say_unread()
        elif self.form.texts[key] == text:
            return
        else:
            self.form.texts[key] = text
            self._show_about()
        if self._timer is not None:
            self._timer.stop()
        self.reading = self.outlook = None
        self._timer = self.set_timer(DEBOUNCE_S, self._check)

    def _check(self) -> None:
        """Read the form, mark what is wrong, and write the command; then look what starting it would mean."""
        if self._timer is not None:  # a launch does not wait for it, and it must not take its look ahead away
            self._timer.stop()
            self._timer = None
        # A key press that has not come round as a message yet must not be launched over.
        self.reading, self.outlook = read_form(self.form.specs, self.form.read()), None
        self._show_problems()
        if not self.reading.problems:
            self.begin(partial(self._look_ahead, self.reading), "outlook", exclusive=True)

    async def _look_ahead(self, reading: FormReading) -> None:
        """What takes a disk to know: missing files and teachers, equal runs, the time it will take."""
        outlook = await in_thread(partial(look_ahead, reading, self.igdm.rows or (), self.igdm.home))
        if self.reading is not reading or not self.is_ready:
            return  # somebody typed meanwhile
        self.outlook = outlook
        self.reading = replace(reading, problems=outlook.problems)
        self._show_problems()

    def _show_problems(self) -> None:
        reading = self.reading
        if reading is None:
            return
        wrong = {p.key: p.message + (f" ({p.advice})" if p.advice else "") for p in reversed(reading.problems)}
        if self.form.lacks_rows(wrong):
            self.call_later(self._mount_and_check)
        self.form.show_problems(wrong)
        self._show_verdict(reading)

    async def _mount_and_check(self) -> None:
        await self.form.mount_rest()
        self._check()

    def _show_verdict(self, reading: FormReading) -> None:
        verdict, command = (self.query_one(name, Static) for name in ("#verdict", "#command"))
        if reading.problems:
            row = self.form.focused_row
            lines = [(f"✗ {problem_text(reading, row.key if row else '')}", "$text-error")]
            verdict.update(lines_content([*lines, *self._outlook_lines(reading)]))
            self.command = ""
            command.update("Nothing is launched while a field is wrong.")
            return
        config = build_config(reading.with_seed(reading.seeds[0]))
        lines = [(ready_text(reading, config), "$text-success")]
        lines += [(f"! {plain(warning)}", "$text-warning") for warning in config_warnings(config)[:1]]
        verdict.update(lines_content([*lines, *self._outlook_lines(reading)]))
        self.command = command_line(config, seeds=reading.seeds, axes=reading.axes, home=self.igdm.home)
        command.update(plain(self.command, 2000))

    def _outlook_lines(self, reading: FormReading) -> list[tuple[str, str]]:
        lines = outlook_text(self.outlook, reading) if self.outlook is not None else []
        return [(plain(text, 300), style) for text, style in lines]

    # Keys

    @on(Choice.SeveralAsked)
    def _choose_several(self, event: Choice.SeveralAsked) -> None:
        from igdm_tui.screens import choose

        control = event.choice
        names = [choose.Choice(name, plain(name) or "–") for name in control.choices]
        chosen = [name.strip() for name in control.value.split(BAR)]

        def answered(names: list[str] | None) -> None:
            if names:
                control.value = f" {BAR} ".join(names)

        self.ask(choose.ChooseScreen("One run for each of these", names, chosen, several=True), answered)

    def on_descendant_focus(self) -> None:
        """Say what the field is for, and what is wrong with it."""
        self._show_about()
        if self.reading is not None:
            self._show_verdict(self.reading)

    def _show_about(self) -> None:
        row = self.form.focused_row
        if row is None:
            return
        spec = next((spec for spec in self.form.specs if spec.key == row.key), None)
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
        await self.form.mount_rest()
        self.all_settings = not self.all_settings
        self.set_class(self.all_settings, "-all")
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def action_next_problem(self) -> None:
        """The next field that is wrong, from the top again after the last."""
        rows = self.form.rows
        keys = [spec.key for spec in self.form.specs if spec.key in rows and rows[spec.key].problem]
        if not keys:
            self.igdm.say("No problems.")
            return
        order = [START_KEY, *(spec.key for spec in self.form.specs)]
        row = self.form.focused_row
        here = order.index(row.key) if row else -1
        later = [key for key in keys if order.index(key) > here]
        control = rows[(later or keys)[0]].control
        control.focus()
        if isinstance(control, Input):
            control.select_all()

    def action_start_from(self) -> None:
        """Choose a preset, a row of a published table or a run to start from."""
        self.ask(StartScreen(self.presets, self.igdm.rows or ()), self._take_start)

    def _take_start(self, start: "Start | None") -> None:
        if start is None:
            return
        self._starts[start.label] = start.settings
        self.form.fill(texts_of(start.settings), start.label)
        self._check()

    def action_copy_command(self) -> None:
        """Copy the command, to the clipboard and to a file."""
        if self.command:
            self.igdm.copy(self.command, "The command")

    def action_page(self, direction: int) -> None:
        """Several fields on."""
        for _ in range(8):
            self.focus_next() if direction > 0 else self.focus_previous()

    def action_launch(self) -> None:
        """Start the run now, or put several into the queue; refused while anything is wrong."""
        self._begin_launch(queued=False)

    def action_enqueue(self) -> None:
        """Let the run wait for a free slot of the machine."""
        self._begin_launch(queued=True)

    def _begin_launch(self, *, queued: bool) -> None:
        if self._launching:
            return
        self._check()
        if self.reading is not None and self.reading.problems:
            self._refuse()
            return
        self._launching = True
        self.begin(partial(self._launch, queued=queued), "launch")

    def _refuse(self) -> None:
        self.igdm.say("Not launched: some fields are wrong.", severity="warning")
        self.action_next_problem()

    async def _launch(self, *, queued: bool) -> None:
        reading, command = self.reading, shlex.split(self.command)
        assert reading is not None
        several, launched, wanted = reading.count > 1, list[str](), reading.count
        try:
            await self._look_ahead(reading)
            if self.outlook is None or self.outlook.problems:
                self._refuse()
                return
            lacking = self.outlook.lacking if several else (reading.with_seed(reading.seeds[0]),)
            wanted = len(lacking)
            for settings in lacking:
                start = _enqueue if queued or several else _start
                launched.append(await asyncio.to_thread(start, self.igdm.home, settings, command))
            if not lacking:
                self.igdm.say("Nothing to start: all of these runs are here already.")
        except (IgdmError, OSError) as error:
            self.igdm.say(f"{error}", title=f"Launched {len(launched)} of {wanted}", severity="error")
        finally:
            self._launching = False
            self.igdm.follower.wake()
        if launched:
            self.igdm.launched(launched)


def _enqueue(home: Home, settings: dict[str, Any], command: list[str]) -> str:
    """Create one run and let it wait for a free slot; its id."""
    return enqueue(build_config(settings), home, command).run_id


def _start(home: Home, settings: dict[str, Any], command: list[str]) -> str:
    """Create one run and start its worker; its id."""
    folder = create_run(home, build_config(settings), command)
    start_worker(folder)
    return folder.run_id
