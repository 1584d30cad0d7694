"""Whether loaded images are what their geometry says, and the errors that name the setting they came from."""

from core.data.dataset import Geometry, ImageSet
from core.spec.errors import TrainingError


def check_images(images: ImageSet, geometry: Geometry, where: str) -> None:
    """Look at shape, type and labels of a split. where: the setting it came from, first words of the message.

    Raises: TrainingError when images have another shape or type, or a label is no class.
    """
    shape = (geometry.channels, geometry.image_size, geometry.image_size)
    if images.levels.dim() != 4 or tuple(images.levels.shape[1:]) != shape or images.levels.itemsize != 1:
        found = f"{tuple(images.levels.shape)} {str(images.levels.dtype).removeprefix('torch.')}"
        raise TrainingError(f"{where}: images should be (N, {', '.join(map(str, shape))}) uint8, found {found}")
    if len(images.levels) != len(images.labels):
        raise TrainingError(f"{where}: {len(images.levels)} images have {len(images.labels)} labels")
    wrong = (images.labels < 0) | (images.labels >= geometry.classes)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise TrainingError(
            f"{where}: labels are 0 to {geometry.classes - 1}, and {int(wrong.sum())} of {len(wrong)} are not:"
            f" image {first} has {int(images.labels[first])}"
        )
