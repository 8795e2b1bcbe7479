"""How much memory a training step needs at least, counted on the meta device.

Nothing is computed and nothing allocated: a network of 100 GB can be counted on a laptop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_BYTES = 4  # float32


@dataclass(frozen=True)
class Count:
    """Elements that a network and one pass of it hold.

    Attributes:
        activations: Outputs of all layers; an activation function in place counts as an output.
        parameters: Of the layers.
        inputs: Of the network.
    """

    activations: int
    parameters: int
    inputs: int


def count(network: nn.Module, run: Callable[[], Tensor], inputs: int) -> tuple[Count, Tensor]:
    """Count what one forward pass holds.

    Args:
        network: Whose layers are counted.
        run: Passes something through it.
        inputs: Elements of what is passed through.

    Returns:
        The count, and what ``run`` returned.
    """
    activations = 0

    def add(_: nn.Module, __: object, output: Tensor) -> None:
        nonlocal activations
        activations += output.numel()

    layers = [module for module in network.modules() if not list(module.children())]
    handles = [layer.register_forward_hook(add) for layer in layers]
    output = run()
    for handle in handles:
        handle.remove()
    parameters = sum(p.numel() for p in network.parameters())
    return Count(activations, parameters, inputs), output


def lower_bound(generator: Count, discriminator: Count) -> int:
    """Bytes of one training step of a pair at batch size 1 in float32.

    One forward and one backward pass of both networks, their parameters and gradients, and the
    images; without the optimiser's state. Uzunova et al. 2020, section 3.1: twice the activations
    and the parameters of both, once their inputs.
    """
    pair = (generator, discriminator)
    doubled = sum(c.activations + c.parameters for c in pair)
    return _BYTES * (2 * doubled + sum(c.inputs for c in pair))


def saved_bytes(run: Callable[[], object], *networks: nn.Module) -> int:
    """Bytes that autograd keeps for the backward pass of what ``run`` computes.

    Args:
        run: Returns what is to be differentiated, so that its graph lives while it is counted.
        networks: Their parameters and buffers are not counted.
    """
    known = {
        tensor.untyped_storage()._cdata
        for network in networks
        for tensor in (*network.parameters(), *network.buffers())
    }
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = run()
    del graph
    return sum(storage.nbytes() for storage in kept.values())
