"""Settings of the two problems of training: inner maximisation and outer minimisation."""

from typing import Literal

from pydantic import Field

from core.spec.rational import Rational
from core.spec.sections.base import Milestones, Section


class AttackSection(Section):
    """The inner maximisation during training, in the l-infinity ball."""

    epsilon: Rational = Field(default=8 / 255, ge=0, le=1)
    """Perturbation radius in pixel units, images in [0, 1]. In [0, 1]; 8/255 (ICLR App. B.1)."""
    step_size: Rational = Field(default=2 / 255, ge=0, le=1)
    """Length of one ascent step in pixel units. In [0, 1]; 2/255 (ICLR App. B.1)."""
    num_steps: int = Field(default=10, ge=0, le=1000)
    """Ascent steps. 0 to 1000; 10 (ICLR App. B.1)."""
    batchnorm: Literal["eval", "train"] = "eval"
    """BatchNorm during the attack: running statistics (eval), or the batch's own, which also moves the running ones
    (train, as the first ARD and IAD code does). Default eval, as the ICLR code."""


class OptimSection(Section):
    """The outer minimisation: SGD with a step schedule."""

    num_epochs: int = Field(default=200, ge=1, le=100_000)
    """Passes over the training images. 1 or more; 200 (ICLR App. B.1)."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Images per step; the last, smaller batch is kept. 1 or more; 128 (ICLR code)."""
    learning_rate: float = Field(default=0.1, gt=0, le=100)
    """SGD learning rate of the first epoch. Above 0; 0.1 (ICLR App. B.1)."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD momentum. In [0, 1); 0.9 (ICLR App. B.1)."""
    weight_decay: float = Field(default=5e-4, ge=0, le=1)
    """L2 penalty on all parameters, BatchNorm included. In [0, 1]; 5e-4 (ICLR App. B.1; the code has 2e-4)."""
    milestones: Milestones = (100, 150)
    """Epochs after which the rate is multiplied by `decay`, rising. (100, 150) of 200 (ICLR App. B.1)."""
    schedule: Literal["multistep", "cosine", "one-cycle"] = "multistep"
    """Learning rate over the run: dropped at the milestones (ICLR App. B.1), falling along a cosine to 0, or one cycle
    that rises to `learning_rate` in the first quarter and falls to almost 0 (PyTorch's OneCycleLR)."""
    gradient_clip: float = Field(default=0.0, ge=0, le=1e6)
    """Largest norm of the gradient, longer ones are scaled back; 0 is off."""
    weight_average: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential average of the weights, which is then what is measured and kept as the student;
    0 is off, published recipes use 0.995."""
    mixed_precision: bool = False
    """Run the forwards of the outer loss in bfloat16; attacks and optimiser stay in float32. Changes numbers."""
    sync_batchnorm: bool = True
    """runtime.devices above 1, on GPUs: BatchNorm normalises by the batch of all devices, as one device would. False:
    by each device's share. On CPUs it is always by shares."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """Factor applied to the learning rate at each milestone. In (0, 1]; 0.1 (ICLR App. B.1)."""


class SpeedSection(Section):
    """How a training step is computed. The defaults give the literal numbers up to rounding; the rest changes more."""

    path: Literal["fast", "literal"] = "fast"
    """Fast: attacks on copies with BatchNorm folded, channels-last, nothing computed twice or for nothing. Literal: the
    public code forward by forward in plain PyTorch, to compare with."""
    attack_precision: Literal["float32", "bfloat16"] = "float32"
    """Networks of the training attack in bfloat16; its steps, its projection and the outer loss stay in float32.
    Changes numbers. Large networks: some 20 times slower on processors without instructions for it."""
    winograd: bool = True
    """CPU: wide 3x3 convolutions by Winograd's products, a quarter of as many. The same numbers up to rounding."""
    heavy_kernels: bool = True
    """CPU: Winograd's products also in layers where their kernels, four times as large as weights, outweigh the maps
    of a batch. False, where memory is short: an attack on small batches takes some 10 % longer."""
    compile: bool = False
    """Compile the networks of the training attack with torch.compile: minutes at first, from a cache in the home
    afterwards. Needs a C++ compiler on a CPU."""
    tf32: bool = False
    """CUDA: let training multiply float32 with a mantissa of 10 bits, several times faster. Evaluation never does."""
    cuda_graphs: bool = False
    """CUDA: record the networks of the training attack once and replay them. The same numbers, sooner with small
    networks and with tf32 or bfloat16; takes more GPU memory. Networks that cannot be traced go without."""
