"""The compiler, in a process of its own: `python -m strategies.compiling MODULE ENTRY DIGEST FILE...`.

What it writes, into the first of the files that it can, is for strategies/native.py, which says in what form.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from contextlib import suppress
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


def addresses_in(library: Any) -> list[str]:
    """Of what is in this process alone, but for functions that are passed on: of them numba uses none."""
    begins = "numba.dynamic.globals."
    names = [each.name for each in library._final_module.global_variables]
    passed = {f"{begins}{id(each):x}" for each in gc.get_objects() if type(each).__name__ == "CPUDispatcher"}
    return [each for each in names if each.startswith(begins) and each not in passed]


def main() -> None:
    """TypeError, if the entry gives something else than it says, or calls what is not there without numba."""
    module, name, digest, *paths = sys.argv[1:]
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
    if addresses_in(made.library):
        raise TypeError(f"{name} has the address of an array in it; of a small one, in order, it has a copy")
    says = entry.py_func.__annotations__["return"]
    if says not in GIVES or made.signature.return_type != typeof(says and says()):
        raise TypeError(f"{name} gives {made.signature.return_type}, and says that it gives {says}")
    if strangers := needed_of_numba(made.library):
        raise TypeError(f"{name} needs {', '.join(strangers)}, which are there with numba alone")
    _, _, (code, _) = made.library.serialize_using_object_code()
    for path in paths:
        with suppress(OSError):
            write(Path(path), made.fndesc.llvm_func_name, code)
            return
    raise OSError(f"it can be written to none of {', '.join(paths)}")


if __name__ == "__main__":
    main()
