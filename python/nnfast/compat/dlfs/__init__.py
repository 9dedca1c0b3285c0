"""Stand-ins for the package ``common`` of *Deep Learning from Scratch* (Saito), module by module.

``from nnfast.compat.dlfs.layers import *`` takes the place of ``from common.layers import *``: the same names,
signatures, attributes, dtypes, writing in place, draws from the global ``np.random`` and printed lines, several times
faster. :mod:`nnfast.compat.dlfs.kr` has the same modules as the Korean edition has them, where the two differ.

What lies outside the ordinary (integers, float16, matrices that do not fit) goes through the book's formulas in NumPy,
so that values, dtypes and messages are NumPy's there too.
"""

__all__: list[str] = []
