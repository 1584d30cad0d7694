"""Checkpoint files of anybody's making: the state dict is found in them, its names become ours, and it must fit.

Containers that are looked into: state_dict, model_state_dict, net, model; in our own checkpoints the averaged weights
first. Prefixes that are taken off: module., model. and 0. (of DataParallel, normalising wrappers and Sequential).
Nothing but data is ever loaded.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from core.models.normalisation import Normalise
from core.spec.errors import TrainingError
from core.stored import load_data

CONTAINERS = ("average", "state_dict", "model_state_dict", "net", "model")
PREFIXES = ("module.", "model.", "0.")
NEVER_EXECUTED, ITS_ORIGINAL = "sub_block1.", "block1."
STATISTICS = ("mean", "std")
STATISTICS_TOLERANCE = 1e-3  # published values are rounded to four digits
COUNTER = "num_batches_tracked"  # written by later versions of PyTorch only; starts at 0 where it is missing
MOST_NAMED = 3


def load_checkpoint_file(model: nn.Module, path: Path, *, classes: int) -> None:
    """Fill a network with the weights of a checkpoint file, every one of them and nothing else.

    classes: of the data set, to say so when the checkpoint has another number.
    Raises: TrainingError naming the file, and what is missing, unexpected or of another shape.
    """
    load_state(model, read_state_dict(path), source=str(path), classes=classes)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, on the CPU, with the names it was written with.

    Raises: TrainingError naming the file when it cannot be read, holds more than data, or holds no state dict.
    """
    try:
        content = load_data(path, "cpu")
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: no such file") from error
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"{path}: no checkpoint that can be read as data: {reason} (fetch it again; files with code are refused)"
        ) from error
    while isinstance(content, Mapping):
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {str(name): value for name, value in content.items()}
        inner = next((content[n] for n in CONTAINERS if isinstance(content.get(n), Mapping) and content[n]), None)
        if inner is None:
            found = ", ".join(str(name) for name in list(content)[:MOST_NAMED]) or "nothing"
            raise TrainingError(f"{path}: holds no state dict (looked for {', '.join(CONTAINERS)}; found {found})")
        content = inner
    raise TrainingError(f"{path}: holds {type(content).__name__}, no state dict")


def load_state(model: nn.Module, state: Mapping[str, Tensor], *, source: str, classes: int) -> None:
    """Strictly load a state dict whose names may carry known prefixes and known extras.

    source: what to call it in messages.
    Raises: TrainingError counting and naming what does not fit, and when a weight is not finite.
    """
    wanted = model.state_dict()
    found = _without_extras(model, _without_prefixes(dict(state), wanted), source)
    _check_fit(found, wanted, source, classes)
    broken = [name for name, value in found.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise TrainingError(f"{source}: {len(broken)} tensors hold NaN or infinity ({_some(broken)})")
    model.load_state_dict({name: found.get(name, value) for name, value in wanted.items()})


def _without_prefixes(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take known prefixes off, one after the other, until the names are the wanted ones or none is left."""
    while not wanted.keys() <= state.keys():
        prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        shorter = {name.removeprefix(prefix): value for name, value in state.items()}
        if len(shorter) < len(state):
            break  # two names would become one: left as they are, to be reported
        state = shorter
    return state


def _without_extras(model: nn.Module, state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Drop what published files hold beyond the network, after looking that it is what it seems."""
    wanted = model.state_dict()
    kept = dict(state)
    copies = [name for name in state if name.startswith(NEVER_EXECUTED) and name not in wanted]
    for name in copies:
        original = wanted.get(ITS_ORIGINAL + name.removeprefix(NEVER_EXECUTED))
        if original is not None and original.shape == state[name].shape:
            del kept[name]
    normalise = next((module for module in model.modules() if isinstance(module, Normalise)), None)
    for name in STATISTICS:
        if name in state and name not in wanted:
            _check_statistics(name, state[name], normalise, source)
            del kept[name]
    return kept


def _check_statistics(name: str, found: Tensor, normalise: Normalise | None, source: str) -> None:
    """The pixel statistics of a file must be those that the network subtracts or divides by."""
    ours = getattr(normalise, name).flatten() if normalise else torch.full((1,), 0.0 if name == "mean" else 1.0)
    values = found.flatten().to(ours)
    fits = len(ours) in (1, len(values)) and bool(((values - ours).abs() <= STATISTICS_TOLERANCE).all())
    if not fits:
        raise TrainingError(
            f"{source}: normalises with {name} {_numbers(values)}, this network with {_numbers(ours)}"
            " (choose teacher.normalisation, or another teacher.model)"
        )


def _check_fit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str, classes: int) -> None:
    missing = [name for name in wanted if name not in found and not name.endswith(COUNTER)]
    unexpected = [name for name in found if name not in wanted]
    reshaped = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    if not (missing or unexpected or reshaped):
        return
    heads = [name for name in reshaped if _differs_in_classes(found[name], wanted[name], classes)]
    if reshaped and heads == reshaped and not missing and not unexpected:
        count = len(found[heads[0]])
        raise TrainingError(f"{source}: made for {count} classes; the data set has {classes} (choose another file)")
    parts = []
    if missing:
        parts.append(f"{len(missing)} of {len(wanted)} tensors are missing ({_some(missing)})")
    if unexpected:
        parts.append(f"{len(unexpected)} are not expected ({_some(unexpected)})")
    if reshaped:
        shapes = [f"{name} {tuple(found[name].shape)}, wanted {tuple(wanted[name].shape)}" for name in reshaped]
        parts.append(f"{len(reshaped)} have another shape ({_some(shapes, '; ')})")
    raise TrainingError(f"{source}: does not fit the network: {', '.join(parts)} (is it another architecture?)")


def _differs_in_classes(found: Tensor, wanted: Tensor, classes: int) -> bool:
    return wanted.dim() > 0 and len(wanted) == classes and found.shape[1:] == wanted.shape[1:] and found.dim() > 0


def _some(names: Iterable[str], separator: str = ", ") -> str:
    listed = list(names)
    more = f"{separator}..." if len(listed) > MOST_NAMED else ""
    return separator.join(listed[:MOST_NAMED]) + more


def _numbers(values: Tensor) -> str:
    return "(" + ", ".join(f"{float(value):.4g}" for value in values) + ")"
