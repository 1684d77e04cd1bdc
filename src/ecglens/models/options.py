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
            "Each convolution takes one of either.",
        )
    return list(zip(first, second, strict=True))
