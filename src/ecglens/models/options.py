"""Options of a model that must fit one another, checked where the model is built."""

from collections.abc import Sequence

from ecglens.errors import ParameterError


def paired(model: str, **options: Sequence[int]) -> list[tuple[int, int]]:
    """Return the numbers of two options side by side.

    Parameters
    ----------
    model : str
        Whose options they are, for the message.
    **options : sequence of int
        Two, under their names.

    Raises
    ------
    ParameterError
        If one has more numbers than the other.

    Examples
    --------
    >>> paired("cnn", filters=(32, 64), kernels=(5, 3))
    [(32, 5), (64, 3)]
    """
    first, second = options.values()
    if len(first) != len(second):
        one, other = options
        raise ParameterError(
            f"{model}: {one}, {other}",
            f"{len(first)} and {len(second)} numbers, {list(first)} and {list(second)}",
            "as many of the one as of the other",
            "They belong together, number by number.",
        )
    return list(zip(first, second, strict=True))


def check_odd(what: str, kernels: Sequence[int]) -> None:
    """Refuse even kernels: padded alike on both sides, they change the length.

    Parameters
    ----------
    what : str
        The option, for the message.
    kernels : sequence of int

    Raises
    ------
    ParameterError
        If one is even.
    """
    if even := [kernel for kernel in kernels if kernel % 2 == 0]:
        raise ParameterError(what, f"{even[0]}", "an odd number, padded alike on both sides")


def check_places(what: str, numbers: Sequence[int], count: int, parts: str) -> None:
    """Refuse to do something at a part of the network that there is not.

    Parameters
    ----------
    what : str
        The option, for the message.
    numbers : sequence of int
        Of parts, counted from 1.
    count : int
        Of parts that there are.
    parts : str
        What they are called.

    Raises
    ------
    ParameterError
        If a number is not one of theirs.
    """
    if beyond := [number for number in numbers if not 1 <= number <= count]:
        raise ParameterError(what, f"{beyond[0]} of {count} {parts}", f"1 to {count}")
