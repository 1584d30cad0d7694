"""Networks of the user's own: "package.module:factory", or the name of an entry point in the group igdm_tui.models."""

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

from torch import nn

from core.data.dataset import Geometry
from core.spec.errors import TrainingError
from core.spec.model_names import ENTRY_POINT_GROUP


def build_custom(name: str, geometry: Geometry) -> nn.Module:
    """Call the user's factory with channels, image_size and classes.

    Raises: TrainingError naming the model when it cannot be imported, is no function, or makes no network.
    """
    factory = _load(name)
    if not callable(factory):
        raise TrainingError(f"model {name!r}: {factory!r} cannot be called (name a function or a class)")
    try:
        model = factory(channels=geometry.channels, image_size=geometry.image_size, classes=geometry.classes)
    except TypeError as error:
        raise TrainingError(
            f"model {name!r}: {error} (it is called with channels=, image_size= and classes=)"
        ) from error
    if not isinstance(model, nn.Module):
        raise TrainingError(f"model {name!r}: made {type(model).__name__}, which is no torch.nn.Module")
    return model


def _load(name: str) -> Callable[..., Any]:
    module_name, colon, attribute = name.partition(":")
    try:
        if not colon:
            (entry_point,) = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name=name)
            loaded: Callable[..., Any] = entry_point.load()
            return loaded
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ValueError as error:
        raise TrainingError(f"model {name!r}: no single entry point of {ENTRY_POINT_GROUP} has this name") from error
    except ImportError as error:
        raise TrainingError(
            f"model {name!r}: cannot be imported: {error} (install its package, or put its folder in PYTHONPATH)"
        ) from error
    except AttributeError as error:
        raise TrainingError(f"model {name!r}: {error}") from error
    return found  # type: ignore[no-any-return]
