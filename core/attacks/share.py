"""A share of a batch: what one of several devices, or one of several turns, works on, as if it had the whole batch."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Share:
    """Images `start` to `stop` of a batch of `total`; weight is what their mean counts in the mean of the batch."""

    start: int
    stop: int
    total: int
    weight: float

    def cut(self, whole: Tensor) -> Tensor:
        """This share of a tensor of the whole batch, (total, ...) to (stop - start, ...)."""
        return whole[self.start : self.stop]

    def drawn(self, draw: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """What `draw`, which works on each image alone, makes of this share's images when it sees a whole batch.

        Random numbers are thereby those that each image would get on one device in one turn.
        """
        whole = images.new_zeros((self.total, *images.shape[1:]))
        self.cut(whole).copy_(images)
        return self.cut(draw(whole))


def shares(total: int, parts: int) -> list[Share]:
    """A batch of `total` images in `parts` shares as equal as can be, the longer ones first.

    With fewer images than parts, the shares left over take the first image at weight 0: whoever has one still takes
    part in everything.
    """
    short, longer = divmod(total, parts)
    found, start = [], 0
    for part in range(parts):
        length = short + (part < longer)
        if length:
            found.append(Share(start, start + length, total, length / total))
        else:
            found.append(Share(0, 1, total, 0.0))
        start += length
    return found
