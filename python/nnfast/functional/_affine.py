"""The fully connected layer and the product that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = ["affine", "affine_backward", "gemm"]


def affine(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, out: Floats | None = None) -> Floats:
    """y = x W + b. ONNX Gemm.

    Parameters
    ----------
    x : array_like (..., in)
        Any number of leading dimensions, also none.
    W : array_like (in, out)
    b : array_like (out,) or (1, out), a number, or None
    out : ndarray (..., out), optional
        Where y goes. Must not overlap x, W or b.

    Returns
    -------
    y : ndarray (..., out)

    Raises
    ------
    ValueError
        The shapes do not fit.
    TypeError
        An argument does not hold real numbers.

    Examples
    --------
    >>> affine([[1.0, 2.0]], [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], [10.0, 20.0, 30.0])
    array([[11., 22., 34.]])
    """
    return _core.affine(x, W, b, out)


def affine_backward(dy: ArrayLike, x: ArrayLike, W: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """dx = dy W^T,  dW = x^T dy,  db = sum of dy over the batch.

    Parameters
    ----------
    dy : array_like (..., out)
    x : array_like (..., in)
    W : array_like (in, out)

    Returns
    -------
    dx : ndarray (..., in)
    dW : ndarray (in, out)
    db : ndarray (out,)

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> dx, dW, db = affine_backward([[1.0], [2.0]], [[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]])
    >>> dx
    array([[ 5.,  6.],
           [10., 12.]])
    >>> dW
    array([[ 7.],
           [10.]])
    >>> db
    array([3.])
    """
    return _core.affine_backward(dy, x, W)


def gemm(
    a: ArrayLike, b: ArrayLike, c: Floats | None = None, *, alpha: float = 1.0, beta: float = 0.0
) -> Floats:
    """C = alpha A B + beta C, the product behind :func:`affine` (BLAS xGEMM).

    Element (i, j) starts at beta C(i, j) and takes fma(alpha A(i, p), B(p, j), .) for p = 0, 1, ..., k-1: its bits
    depend on nothing else. Where beta is 0, C is not read, even if it holds NaN. Subnormal numbers (below 1.2e-38 in
    float32) count as 0, as in every product and every update of parameters: one of them would slow down some
    processors two hundred times.

    Parameters
    ----------
    a : array_like (m, k)
    b : array_like (k, n)
    c : ndarray (m, n) of the operands' common dtype, optional
        Updated in place and returned. Any strides; must not overlap a or b.
    alpha, beta : float

    Returns
    -------
    ndarray (m, n)
        c where it was given.

    Raises
    ------
    ValueError
        The shapes do not fit, c is read-only or overlaps a or b, beta is not 0 and there is no c.
    TypeError
        c has another dtype than the product.

    Examples
    --------
    >>> gemm([[1.0, 2.0]], [[3.0], [4.0]], alpha=2.0)
    array([[22.]])
    """
    return _core.gemm(a, b, c, alpha, beta)
