"""Machine code for the steps of strategies and for the backtest, kept on disk from one start to the next.

numba keeps a function's machine code until that function's own file changes, and does not see a change in a
function that it calls.  So the code is kept in a folder whose name is the digest of all files that take part:
no change anywhere in them meets old code.  Without a folder to write to, it is compiled anew at every start.

Arrays are made by few, who say so: for all others numba need not count references to arrays (`_nrt`), which
would take longer than all else that is done to a bar.

With NUMBA_DISABLE_JIT=1 everything here runs as the Python that it is, with the same results to the bit:
fastmath stays off, and nothing is used that numba and Python round differently.
"""

import os
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

HERE = Path(__file__).resolve().parent
F = TypeVar("F", bound=Callable[..., object])


def digest() -> str:
    """Of every file that is compiled, and of those whose numbers are compiled in."""
    found = blake2b(digest_size=8)
    for path in [*sorted(HERE.rglob("*.py")), HERE.parent / "actors/messages.py"]:
        text = path.read_bytes()
        if b"strategies.compiled" in text or path.name in {"compiled.py", "layout.py", "messages.py"}:
            found.update(text)
    return found.hexdigest()


def places() -> Iterator[Path]:
    """Where machine code may be kept: in the checkout, else in the user's own cache."""
    yield HERE.parent / ".kernels"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"


def kept_in(folders: Iterator[Path]) -> Path | None:
    """The first of the folders that can be written to."""
    for folder in folders:
        try:
            (folder / digest()).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder / digest(), os.W_OK):
            return folder / digest()
    return None


def load_without_blas() -> None:
    """As it first compiles, numba looks for SciPy's BLAS, for numpy.dot, which nothing here uses; looking
    alone would load all of scipy.linalg, which takes longer than everything else.
    """
    if "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # As if it were not there.
    try:
        import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


load_without_blas()
FOLDER = kept_in(places())
if FOLDER is not None:
    numba.config.CACHE_DIR = str(FOLDER)  # type: ignore[attr-defined]  # numba makes these as it is imported.


_PLAIN: dict[str, Any] = {"nogil": True, "_nrt": False}
_KEPT: dict[str, Any] = {"cache": FOLDER is not None}


def compiled(function: F) -> F:
    """An entry: called from Python, and kept on disk with all that it calls."""
    return cast(F, numba.njit(**_PLAIN, **_KEPT)(function))


def allocating(function: F) -> F:
    """An entry that makes arrays."""
    return cast(F, numba.njit(**{**_PLAIN, "_nrt": True}, **_KEPT)(function))


def part(function: F) -> F:
    """Called by compiled functions only, and kept with them."""
    return cast(F, numba.njit(**_PLAIN)(function))


def inlined(function: F) -> F:
    """A part that costs less than calling it, or is called at one place only."""
    return cast(F, numba.njit(**_PLAIN, forceinline=True)(function))
