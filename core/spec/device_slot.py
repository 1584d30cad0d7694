"""The device that the queue has given to a worker, told through one environment variable.

The variable names devices as the whole machine counts them ("cpu", "cuda:1", "cuda:1,cuda:3"); CUDA_VISIBLE_DEVICES
holds the same ones, so that the worker itself counts them from 0.
"""

import os

SLOT_VARIABLE = "IGDM_SLOT"


def slot_name() -> str:
    """What the queue has given this process, "" when it was started without the queue."""
    return os.environ.get(SLOT_VARIABLE, "")


def slot_device() -> str:
    """The same as this process has to ask for it: "cpu", "cuda", or ""."""
    return slot_name().partition(":")[0]
