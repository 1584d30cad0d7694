"""A frozen teacher for a run: from the cache, trained here once, or loaded from where it was published or left."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from core.data import Dataset
from core.data.dataset import ImageSet
from core.evaluation.accuracy import clean_mask, pgd_mask
from core.methods import build_method
from core.models import build_model
from core.spec.atomic import replace_text
from core.spec.config import MethodSection, RunConfig, SpeedSection
from core.spec.errors import StopRequested
from core.spec.events import Event, TeacherProgress, Warned
from core.spec.home import Home
from core.spec.identity import teacher_hash
from core.teachers import TeacherFolder, freeze, load_teacher
from core.training.checkpoint import load_checkpoint, save_checkpoint
from core.training.paths import build_step
from core.training.trainer import Trainer

PGD_STEPS = 20
CLEAN, PGD20 = "clean_accuracy", "pgd20_accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Teaching:
    """What it takes to obtain the teacher of a configuration.

    made_by: who asks, kept with the teacher. emit: takes events, in order. should_stop: True once asked to stop.
    """

    config: RunConfig
    home: Home
    device: torch.device
    made_by: str
    emit: Callable[[Event], None]
    should_stop: Callable[[], bool]

    def obtain(self, dataset: Dataset) -> nn.Module | None:
        """The frozen teacher, None for a configuration without one; its accuracies are said and kept.

        Raises: StopRequested; TrainingError or IgdmError when it is not there or does not fit.
        """
        source = self.config.teacher.source
        if source == "none":
            return None
        recipe = teacher_hash(self.config, self.home)
        folder = TeacherFolder(self.home.teachers / recipe)

        def say(state: str, **fields: Any) -> None:
            self.emit(TeacherProgress(state=state, recipe_hash=recipe, **fields))

        model = self._trained(folder, dataset, say) if source == "train" else self._loaded(folder, dataset, say)
        return freeze(model)

    def _trained(self, folder: TeacherFolder, dataset: Dataset, say: Callable[..., None]) -> nn.Module:
        """From the cache, or trained here while other runs that want it wait."""
        settings = self.config.teacher
        model = build_model(settings, dataset.geometry, settings.seed, dataset=self.config.data.name).to(self.device)
        was_ready = folder.is_ready
        if not was_ready:
            with folder.lock(on_wait=lambda: say("waiting"), should_stop=self.should_stop) as held:
                if not held:
                    raise StopRequested
                if not folder.is_ready:
                    self._train(model, folder, dataset, say)
        # Training lays weights out in another order in memory; a teacher from the cache must round like one made here.
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        model.load_state_dict(folder.read_weights(self.device))
        say("ready", cached=was_ready, metrics=folder.read_card()["metrics"])
        return model

    def _train(self, model: nn.Module, folder: TeacherFolder, dataset: Dataset, say: Callable[..., None]) -> None:
        """Train by the recipe and measure on the test set; taken up again where a killed run left it."""
        recipe = self.config.teacher
        step = build_step(
            SpeedSection(),  # a teacher is named by its recipe, which has no such section
            student=model,
            teacher=None,
            method=build_method(MethodSection(name=recipe.method), recipe.attack),
            igdm=None,
            attack=recipe.attack,
            num_epochs=recipe.optim.num_epochs,
            mixed_precision=recipe.optim.mixed_precision,
        )
        trainer = Trainer(
            step,
            images=dataset.train,
            data=self.config.data,
            optim=recipe.optim,
            seed=recipe.seed,
            device=self.device,
        )
        stored = load_checkpoint(folder.training, device=self.device)
        if stored:
            trainer.load_state_dict(stored[0])
        while not trainer.is_complete:
            say("training", epoch=trainer.epoch, epochs=recipe.optim.num_epochs)
            try:
                means = trainer.run_epoch(on_step=lambda *_: None, should_stop=self.should_stop)
            except StopRequested:
                save_checkpoint(folder.training, trainer.state_dict())
                raise
            save_checkpoint(folder.training, trainer.state_dict())
            say("training", epoch=trainer.epoch, epochs=recipe.optim.num_epochs, metrics={"loss": means["loss"]})
        card = self._card(self._measure(trainer.result, dataset.test, (CLEAN, PGD20)), len(dataset.test))
        folder.save(trainer.result.state_dict(), card)

    def _loaded(self, folder: TeacherFolder, dataset: Dataset, say: Callable[..., None]) -> nn.Module:
        """From its file, measured on the test images of this run unless that was done before."""
        say("loading")
        model = load_teacher(
            self.config, dataset.geometry, self.home, warn=lambda message: self.emit(Warned(message=message))
        )
        freeze(model.to(self.device))
        images = dataset.test.first(self.config.evaluation.num_examples)
        wanted = (CLEAN, PGD20) if "pgd20" in self.config.evaluation.attacks else (CLEAN,)
        with folder.lock(on_wait=lambda: say("waiting"), should_stop=self.should_stop) as held:
            if not held:
                raise StopRequested
            card = folder.read_card() if folder.card.exists() else {}
            was_measured = card.get("examples") == len(images) and set(wanted) <= set(card.get("metrics", {}))
            if not was_measured:
                card = self._card(self._measure(model, images, wanted), len(images))
                replace_text(folder.card, json.dumps(card, indent=2) + "\n")
        say("ready", cached=was_measured, metrics=card["metrics"])
        return model

    def _measure(self, model: nn.Module, images: ImageSet, wanted: tuple[str, ...]) -> dict[str, float]:
        """Accuracies in [0, 1] at the radius of the teacher's own attack."""
        batch_size = self.config.evaluation.interim_batch_size
        masks = {CLEAN: clean_mask(model, images, batch_size=batch_size, should_stop=self.should_stop)}
        if PGD20 in wanted:
            masks[PGD20] = pgd_mask(
                model,
                images,
                epsilon=self.config.teacher.attack.epsilon,
                num_steps=PGD_STEPS,
                seed=self.config.evaluation.seed,
                batch_size=batch_size,
                should_stop=self.should_stop,
            )
        return {name: float(mask.double().mean()) for name, mask in masks.items()}

    def _card(self, metrics: dict[str, float], examples: int) -> dict[str, Any]:
        return {
            "recipe": self.config.model_dump(mode="json", include={"teacher", "data"}),
            "metrics": metrics,
            "examples": examples,
            "made_by": self.made_by,
            "made_at": time.time(),
            "epsilon": self.config.teacher.attack.epsilon,
        }
