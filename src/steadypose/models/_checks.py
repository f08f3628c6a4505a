"""What a configuration of a network refuses."""

from __future__ import annotations

from steadypose.errors import DataError


def check_count(config: object, names: tuple[str, ...], least: int = 1, most: int = 65536) -> None:
    """Whole numbers within bounds: a damaged file cannot ask for a network that fills the memory."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise DataError(f"expected {name} as a whole number from {least} to {most}, found {value!r}")


def check_keep(config: object, names: tuple[str, ...]) -> None:
    """Probabilities of surviving dropout, which none survives at zero."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0.01 <= value <= 1:
            raise DataError(f"expected {name} as a probability from 0.01 to 1, found {value!r}")


def check_switch(config: object, names: tuple[str, ...]) -> None:
    """True or false, and nothing that only counts as such."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, bool):
            raise DataError(f"expected {name} as true or false, found {value!r}")


def check_dropout(config: object, names: tuple[str, ...] = ("dropout",)) -> None:
    """Probabilities of being dropped, which not everything is."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 0.99:
            raise DataError(f"expected {name} as a probability from 0 to 0.99, found {value!r}")
