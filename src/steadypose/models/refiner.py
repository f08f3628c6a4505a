"""A refining network with its spec: normalised windows in, the same windows steadier out."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from torch import Tensor, nn

from steadypose.errors import DataError
from steadypose.models.smoothnet import MotionAwareConfig, MotionAwareSmoothNet, SmoothNet, SmoothNetConfig
from steadypose.models.spatiotemporal import SpatioTemporal, SpatioTemporalConfig
from steadypose.models.steadynet import SteadyNet, SteadyNetConfig
from steadypose.models.tcn import TCN, TCNConfig
from steadypose.models.transformer import TemporalTransformer, TransformerConfig
from steadypose.refine.windows import WindowSpec

__all__ = ["NETWORKS", "RefinerNet", "build_refiner"]

# Configuration and network of every kind. All map (N, C, T) to (N, C, T). A network that also takes a context
# (N, C, F) says how many numbers in its configuration's field ``context``.
NETWORKS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "smoothnet": (SmoothNetConfig, SmoothNet),
    "motion_aware": (MotionAwareConfig, MotionAwareSmoothNet),
    "tcn": (TCNConfig, TCN),
    "transformer": (TransformerConfig, TemporalTransformer),
    "spatiotemporal": (SpatioTemporalConfig, SpatioTemporal),
    "steadynet": (SteadyNetConfig, SteadyNet),
}
# These work along the last axis whatever comes before it. Without an axis for a single channel their layers
# are products of matrices, which ONNX Runtime computes together with bias and non-linearity.
_OF_ANY_SHAPE = (SmoothNet, MotionAwareSmoothNet, SteadyNet)


class RefinerNet(nn.Module):
    """A network for windows that :func:`steadypose.refine.windows.normalise` has made.

    Parameters
    ----------
    network
        One of ``NETWORKS``.
    spec
        Length, rate and normalisation of the windows.

    Attributes
    ----------
    channels : int or None
        How many channels the network takes together; None: each by itself.

    Raises
    ------
    DataError
        If the network does not fit the spec.
    """

    def __init__(self, network: nn.Module, spec: WindowSpec) -> None:
        super().__init__()
        config: Any = network.config
        expected = _fitted(config, spec)
        if config != expected:
            raise DataError(f"expected a network for its spec, {expected}, found {config}")
        self.network, self.spec = network, spec
        self.channels: int | None = getattr(config, "channels", None)

    def forward(self, windows: Tensor, context: Tensor | None = None) -> Tensor:
        """Normalised windows to refined ones of the same shape.

        Parameters
        ----------
        windows
            (N, length), each of any channel; or (N, channels, length), which is the only way for a network
            that takes the channels of a body together.
        context
            (N, numbers), or (N, channels, numbers), where the spec has a context.
        """
        single = windows.ndim == 2 and not isinstance(self.network, _OF_ANY_SHAPE)
        x = windows[:, None] if single else windows
        if not self.spec.context:
            y: Tensor = self.network(x)
        elif context is None:
            raise DataError(f"expected a context of {self.spec.context} numbers a window, found none")
        else:
            y = self.network(x, context[:, None] if single else context)
        return y[:, 0] if single else y


def build_refiner(config: Any, spec: WindowSpec) -> RefinerNet:
    """A new refiner whose network has the switches of ``config`` and the window that ``spec`` asks for.

    Parameters
    ----------
    config
        Of one of ``NETWORKS``.
    spec
        Its length and context replace the configuration's.

    Raises
    ------
    DataError
        If no network has such a configuration, or the spec asks for what it cannot do.
    """
    for kind, network in NETWORKS.values():
        if isinstance(config, kind):
            return RefinerNet(network(_fitted(config, spec)), spec)
    known = ", ".join(kind.__name__ for kind, _ in NETWORKS.values())
    raise DataError(f"expected a configuration among {known}, found {type(config).__name__}")


def _fitted(config: Any, spec: WindowSpec) -> Any:
    known = {f.name for f in fields(config)}
    if spec.context and "context" not in known:
        name = type(config).__name__
        raise DataError(f"expected a spec without context for {name}, found {spec.context} numbers")
    if getattr(config, "output", None) not in (None, spec.length):
        raise DataError(
            f"expected a network that puts out all {spec.length} frames of a window, found {config.output}"
        )
    wanted = {"length": spec.length, "context": spec.context}
    return replace(config, **{name: value for name, value in wanted.items() if name in known})
