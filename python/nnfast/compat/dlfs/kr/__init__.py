"""The modules of :mod:`nnfast.compat.dlfs` as the Korean edition (WegraLee) has them.

They differ in the update of ``Nesterov``, in the names of arguments (``X, T``) and in the name ``mean_squared_error``.
What crashes in the edition with today's NumPy (``step_function``, ``relu_grad``) or for a misspelt key
(``optimizer="rmsprop"``) works here.
"""

__all__: list[str] = []
