"""The compiler, in a process of its own: `python -m strategies.compiling MODULE ENTRY DIGEST FILE`.

What it writes is for strategies/native.py, which says in what form.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

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


def needed_of_numba(library: Any) -> list[str]:
    """What the code calls and no process has without numba: LLVM would end one that links it."""
    here = ctypes.CDLL(None)
    called = [each.name for each in library._final_module.functions if each.is_declaration]
    return [each for each in called if not each.startswith("llvm.") and not hasattr(here, each)]


def main() -> None:
    """TypeError, if the entry gives something else than it says, or calls what is not there without numba."""
    module, name, digest, path = sys.argv[1:]
    load_without_blas()
    import numba  # noqa: PLC0415  After what it looks for is hidden.

    typeof: Callable[[object], object] = numba.typeof
    compiled.compiler = partial(numba.njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    import_module("strategies.kernel.in_128_bits")
    entry = getattr(import_module(module), name)
    kinds = tuple(typeof(each) for each in compiled.likes[f"{module}.{name}"])
    entry.compile(kinds)
    if compiled.digest() != digest:
        raise RuntimeError("its files have changed since the program was started: start it again")
    made = entry.overloads[kinds]
    if made.library.has_dynamic_globals:
        raise TypeError(f"{name} has the address of an array in it; of a small one, in order, it has a copy")
    says = entry.py_func.__annotations__["return"]
    if says not in GIVES or made.signature.return_type != typeof(says and says()):
        raise TypeError(f"{name} gives {made.signature.return_type}, and says that it gives {says}")
    if strangers := needed_of_numba(made.library):
        raise TypeError(f"{name} needs {', '.join(strangers)}, which are there with numba alone")
    _, _, (code, _) = made.library.serialize_using_object_code()
    write(Path(path), made.fndesc.llvm_func_name, code)


if __name__ == "__main__":
    main()
