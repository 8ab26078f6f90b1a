"""The compiler, in a process of its own: `python -m strategies.compiling MODULE ENTRY FILE`.

What it writes is for strategies/native.py, which says in what form.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from strategies import compiled
from strategies.native import GIVES, write


def load_without_blas() -> None:
    """As it first compiles, numba looks for SciPy's BLAS, for numpy.dot, which nothing here uses; looking
    alone would load all of scipy.linalg, which takes longer than everything else.
    """
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # As if it were not there.
    try:
        import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


def main() -> None:
    """TypeError, if the entry gives something else than it says."""
    module, name, path = sys.argv[1:]
    load_without_blas()
    import numba  # noqa: PLC0415  After what it looks for is hidden.

    typeof: Callable[[object], object] = numba.typeof
    compiled.compiler = partial(numba.njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    import_module("strategies.kernel.in_128_bits")
    entry = getattr(import_module(module), name)
    kinds = tuple(typeof(each) for each in compiled.likes[f"{module}.{name}"])
    entry.compile(kinds)
    made = entry.overloads[kinds]
    says = entry.py_func.__annotations__["return"]
    if says not in GIVES or made.signature.return_type != typeof(says and says()):
        raise TypeError(f"{name} gives {made.signature.return_type}, and says that it gives {says}")
    _, _, (code, _) = made.library.serialize_using_object_code()
    write(Path(path), made.fndesc.llvm_func_name, code)


if __name__ == "__main__":
    main()
