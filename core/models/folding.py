"""Copies of a network for input gradients: the same function in eval mode, cheaper to differentiate.

BatchNorm is folded into the layer before it, sums and ReLUs overwrite what nobody else reads, weights lie
channels-last where that is quicker, wide convolutions on small maps take fewer products, parameters need no gradient.
A copy can follow a source that learns: `refresh` takes its weights over.
"""

import copy
import operator
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from core.device import full_precision
from core.models.fewer_products import WinogradConv2d, is_untouched, may_pay
from core.models.memory_order import answers_channels_last

# Forwards that branch on values, or are no plain Python, cannot be traced.
UNTRACEABLE = (fx.proxy.TraceError, TypeError, RuntimeError, LookupError, NameError, AttributeError, ValueError)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LAYERS = (*CONVOLUTIONS, nn.Linear)
ADDITIONS = (operator.add, torch.add)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
COMPARED_IMAGES = 4  # on which a folded copy must agree with its network
TOLERANCE = 1e-4  # of the largest logit: folding only rounds differently
GRADIENT_TOLERANCE = 0.05  # of the norm: rounding turns a few ReLUs over, a wrong gradient is as far off as it is long


class Fold(NamedTuple):
    """Names of a layer and of the BatchNorm after it, which are one layer in the copy."""

    layer: str
    norm: str


class FastCopy:
    """A copy of `source`, in eval mode and frozen: `network`. The source must keep its tensors, as optimisers do.

    folds: what was folded. precision: of weights and activations, None for the source's own. winograd: of wide
    convolutions, through which compilers do not see. heavy_kernels: also where its kernels outweigh the maps.
    channels_last: order of the weights.
    """

    def __init__(
        self,
        source: nn.Module,
        *,
        fold: bool = True,
        precision: torch.dtype | None = None,
        winograd: bool = True,
        heavy_kernels: bool = True,
        channels_last: bool = True,
    ) -> None:
        self.source = source
        self.network = copy.deepcopy(source).eval().requires_grad_(False)
        self.folds: tuple[Fold, ...] = ()
        if fold:
            self.network, self.folds = _fold(self.network)
        order = torch.channels_last if channels_last else torch.contiguous_format
        self.network.to(memory_format=order)  # type: ignore[call-overload]
        if precision is not None:
            _set_precision(self.network, precision)
        self._folded, self._kept = self._match()
        self._transformed = _with_fewer_products(self.network, heavy=heavy_kernels) if winograd else []
        self._released: list[tuple[torch.UntypedStorage, int]] = []
        self.refresh()

    @property
    def is_traced(self) -> bool:
        """Whether the network's forward was seen to do the same whatever the values are."""
        return isinstance(self.network, fx.GraphModule)

    @property
    def is_released(self) -> bool:
        """Whether nobody may ask the network."""
        return bool(self._released)

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the weights and statistics that the source has now."""
        for storage, size in self._released:
            storage.resize_(size)
        self._released.clear()
        for mine, owner, name in self._kept:
            mine.copy_(getattr(owner, name))
        for mine_layer, layer, norm in self._folded:
            weight, bias = _folded_weights(layer, norm)
            mine_layer.weight.copy_(weight)
            mine_layer.bias.copy_(bias)
        for layer in self._transformed:
            layer.wake()
        self.is_awake = True

    def rest(self) -> None:
        """Give back memory that only quick gradients want, until the next `refresh`."""
        for layer in self._transformed:
            layer.rest()
        self.is_awake = not self._transformed

    def release(self) -> None:
        """Give back all memory: nobody may ask the network until the next `refresh`."""
        self.rest()
        self.is_awake = False
        theirs = {tensor.untyped_storage().data_ptr() for tensor in _tensors(self.source)}  # some share what is copied
        for tensor in _tensors(self.network):
            storage = tensor.untyped_storage()
            if storage.nbytes() and storage.data_ptr() not in theirs:  # empty: of two tensors in one, released before
                self._released.append((storage, storage.nbytes()))
                storage.resize_(0)

    def _match(self) -> tuple[list[tuple[Any, Any, Any]], list[tuple[Tensor, nn.Module, str]]]:
        """Folded layers with their sources, and every other tensor with who has its source, and as what."""
        mine, theirs = self.network.get_submodule, self.source.get_submodule
        folded = [(mine(fold.layer), theirs(fold.layer), theirs(fold.norm)) for fold in self.folds]
        done = {f"{fold.layer}.{part}" for fold in self.folds for part in ("weight", "bias")}
        kept = []
        for name, tensor in (*self.network.named_parameters(), *self.network.named_buffers()):
            if name not in done:
                owner, _, attribute = name.rpartition(".")
                kept.append((tensor, theirs(owner), attribute))
        return folded, kept


def fast_copy(
    source: nn.Module,
    images: Tensor,
    *,
    precision: torch.dtype | None = None,
    winograd: bool = True,
    heavy_kernels: bool = True,
    channels_last: bool = True,
) -> FastCopy:
    """A copy that is folded where that leaves logits and input gradients as they are, and plain elsewhere.

    images: of those it will see, (B, C, H, W); on a few of them both are compared.
    """
    few = images[:COMPARED_IMAGES]
    return FastCopy(
        source,
        fold=_may_fold(source, few),
        precision=precision,
        winograd=winograd,
        heavy_kernels=heavy_kernels,
        channels_last=channels_last and answers_channels_last(source, few),
    )


def mixes_images(network: nn.Module) -> bool:
    """Whether logits in eval mode depend on the batch: BatchNorms without statistics of their own take its."""
    return any(isinstance(module, NORMS) and module.running_mean is None for module in network.modules())


def _may_fold(source: nn.Module, images: Tensor) -> bool:
    """Whether a folded copy has the logits and the input gradients of a network like this that has learned something.

    Fresh BatchNorms are the identity, which would hide a wrong fold. Traces show no blocks without gradient and no
    backward of one's own: there logits agree and gradients do not.
    """
    taught = copy.deepcopy(source).eval()
    if not {id(tensor) for tensor in _tensors(taught)}.isdisjoint(map(id, _tensors(source))):
        return False  # some parts, say they are frozen, are the same in all copies
    _teach(taught.requires_grad_(False))
    try:
        folded = FastCopy(taught, winograd=False, channels_last=False)
    except UNTRACEABLE:
        return False
    try:
        (wanted, gradient), (found, other) = _answers(taught, images), _answers(folded.network, images)
        logits_agree = (wanted - found).abs().max() <= TOLERANCE * wanted.abs().max().clamp(min=1.0)
        return bool(logits_agree and (gradient - other).norm() <= GRADIENT_TOLERANCE * gradient.norm())
    except torch.OutOfMemoryError:
        raise  # says nothing about the network
    except UNTRACEABLE:
        return False
    finally:
        folded.release()  # traced networks go only when Python looks for cycles


def _answers(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient of the sum of their squares."""
    variable = images.detach().clone().requires_grad_(True)
    with full_precision(), torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        logits = network(variable)
        (gradient,) = torch.autograd.grad(logits.square().sum(), variable)
    return logits.detach(), gradient


def _teach(network: nn.Module) -> None:
    """Move what BatchNorms hold away from where it begins."""
    generator = torch.Generator().manual_seed(0)

    def drawn(like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=generator, dtype=like.dtype).to(like.device)

    for norm in network.modules():
        if not isinstance(norm, NORMS):
            continue
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean += (drawn(norm.running_mean) - 0.5) * norm.running_var.sqrt()
            norm.running_var *= 0.5 + drawn(norm.running_var)
        if norm.affine:
            norm.weight.mul_(0.5 + drawn(norm.weight)).add_(0.1)
            norm.bias.add_(drawn(norm.bias) - 0.5)


def _fold(network: nn.Module) -> tuple[nn.Module, tuple[Fold, ...]]:
    """The network as a traced one with its BatchNorms gone, and which; as it was where it cannot be traced."""
    try:
        traced = fx.symbolic_trace(network)
    except UNTRACEABLE:
        return network, ()
    if {name for name, _ in _named_tensors(traced)} - {name for name, _ in _named_tensors(network)}:
        return network, ()  # tensors that are neither parameters nor buffers: nobody could follow them
    modules: dict[Any, Any] = dict(traced.named_modules())
    uses = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    shared = _tensors_with_two_owners(traced)
    once = {
        node: modules[node.target]
        for node in traced.graph.nodes
        if uses[node.target] == 1 and _is_its_own(modules[node.target], shared)
    }
    folds = []
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or len(before.users) > 1:
            continue
        layer: Any = once.get(before)
        norm: Any = once.get(node)
        if type(layer) in LAYERS and type(norm) in NORMS and norm.running_mean is not None:
            if layer.bias is None:
                layer.bias = nn.Parameter(torch.zeros_like(norm.running_mean), requires_grad=False)
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
            folds.append(Fold(str(before.target), str(node.target)))
        elif node.target in ADDITIONS and len(node.args) == 2 and not node.kwargs and type(layer) in (*LAYERS, *NORMS):
            node.target = _add_over
        elif node.target in (F.relu, torch.relu) and (
            type(layer) in (*LAYERS, *NORMS) or before.target in (*ADDITIONS, _add_over)
        ):
            node.target, node.args, node.kwargs = F.relu, (before,), {"inplace": True}
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced, tuple(folds)


def _with_fewer_products(network: nn.Module, *, heavy: bool) -> list[WinogradConv2d]:
    """Put Winograd's convolution in the place of each layer where it may pay and nobody watches; those put there."""
    direct = [(name, layer) for name, layer in network.named_modules() if may_pay(layer)]
    replaced = [WinogradConv2d(layer, heavy=heavy) for _, layer in direct]
    for (name, _), layer in zip(direct, replaced, strict=True):
        network.set_submodule(name, layer)
    return replaced


def _add_over(mine: Tensor, other: Any) -> Tensor:
    """The sum, in the place of `mine`, an output that nobody else reads and no gradient needs, where it fits there."""
    fits = isinstance(other, Tensor) and (other.shape, other.dtype) == (mine.shape, mine.dtype)
    return mine.add_(other) if fits else mine + other


def _tensors_with_two_owners(traced: fx.GraphModule) -> set[int]:
    """Tensors that two modules hold, or that the forward takes out of a module: folding one use would change both.

    The comparison of logits does not see it on a fresh network, whose BatchNorms are all the identity.
    """
    owners = Counter(
        id(tensor) for module in traced.modules() for tensor in module.parameters(recurse=False) if tensor is not None
    )
    read = {str(node.target) for node in traced.graph.nodes if node.op == "get_attr"}
    taken = {id(tensor) for name, tensor in traced.named_parameters(remove_duplicate=False) if name in read}
    return taken | {key for key, count in owners.items() if count > 1}


def _is_its_own(module: Any, shared: set[int]) -> bool:
    """No other use of its weights, and nobody who looks at what goes in or comes out."""
    return is_untouched(module) and not any(id(tensor) in shared for tensor in module.parameters(recurse=False))


def _folded_weights(layer: Any, norm: Any) -> tuple[Tensor, Tensor]:
    fuse = fuse_conv_bn_weights if isinstance(layer, CONVOLUTIONS) else fuse_linear_bn_weights
    return fuse(layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)


def _set_precision(network: nn.Module, precision: torch.dtype) -> None:
    """Compute in `precision` between images and logits of float32.

    BatchNorms that stayed keep float32 statistics. On a CPU depthwise convolutions stay in float32: their gradient in
    bfloat16 is several times slower.
    """
    for module in network.modules():
        if isinstance(module, NORMS):
            continue
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.weight.device.type == "cpu":
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
            module.register_forward_hook(lambda _, _inputs, output: output.to(precision))
            continue
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if tensor.is_floating_point():
                tensor.data = tensor.data.to(precision)
    network.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(precision),))
    network.register_forward_hook(lambda _, _inputs, logits: logits.float())


def _named_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers under all their names."""
    yield from network.named_parameters(remove_duplicate=False)
    yield from network.named_buffers(remove_duplicate=False)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Parameters and buffers."""
    yield from network.parameters()
    yield from network.buffers()
