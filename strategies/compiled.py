"""Machine code for the steps of strategies and for the backtest, kept on disk from one start to the next.

Functions are marked, and stay the Python that they are: a `part` is compiled with those that call it, and
what is `compiled` is an entry that Python calls.  Its code is made once, by a process of its own that alone
loads numba (strategies/compiling.py), and is read from its file by all others (strategies/native.py), who are
spared a second and fifty megabytes.

The files are in a folder whose name is the digest of all code that can take part and of the compiler's
version: no change anywhere meets old code.  What can not be kept is made at every start.

With NUMBA_DISABLE_JIT=1 all of it runs as Python, with the same results to the bit: fastmath stays off, and
nothing is used that numba and Python round differently.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property, update_wrapper
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

HERE = Path(__file__).resolve().parent
F = TypeVar("F", bound=Callable[..., object])

# numba's `njit`, in a process that compiles.
compiler: Callable[..., Any] | None = None
# Of entries, by their full names: what they are called with.
likes: dict[str, tuple[object, ...]] = {}


def digest() -> str:
    """Of every file whose functions or numbers can be compiled in, and of the compiler."""
    found = blake2b(digest_size=8)
    for path in [*sorted(HERE.rglob("*.py")), HERE.parent / "actors/messages.py"]:
        found.update(path.read_bytes())
    found.update(f"{version('numba')} {version('llvmlite')}".encode())
    return found.hexdigest()


OURS = digest()  # Of the code that is running, whatever becomes of its files.


def places() -> Iterator[Path]:
    """Where machine code may be kept: in the checkout, else in the user's own cache, if he has one."""
    yield HERE.parent / ".kernels"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "")
    with suppress(RuntimeError):  # Of a user without a home.
        yield (cache if cache.is_absolute() else Path("~/.cache").expanduser()) / "holdfast"


def kept_in(folders: Iterator[Path]) -> Path | None:
    """The first of the folders that can be written to."""
    for folder in folders:
        try:
            (folder / OURS).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder / OURS, os.W_OK):
            return folder / OURS
    return None


@cache
def folder() -> Path | None:
    return kept_in(places())


def in_python() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}


class Entry:
    """A function that Python calls, and that runs as machine code."""

    def __init__(self, function: Callable[..., object], like: tuple[object, ...]) -> None:
        update_wrapper(self, function)
        self.function, self.like = function, like

    def __call__(self, *given: object) -> object:
        return self.code(*given)

    @cached_property
    def code(self) -> Callable[..., object]:
        if in_python():
            return self.function
        from strategies.native import machine_code  # noqa: PLC0415  Only those that call it load it.

        return machine_code(self.function, self.like, folder())


def compiled(*like: object) -> Callable[[F], F]:
    """An entry, called with values like these: floats, whole numbers, arrays, tuples of them.

    TypeError, ValueError, OverflowError or ctypes.ArgumentError, if it is called with others; RuntimeError,
    if it fails or can not be compiled.  It gives a float, a whole number, a bool or nothing, and makes no
    arrays: to count references to them would take longer than all else that is done to a bar.
    """

    def mark(function: F) -> F:
        if compiler is None:
            return cast(F, Entry(function, like))
        likes[f"{function.__module__}.{function.__qualname__}"] = like
        return part(function)

    return mark


def part(function: F) -> F:
    """Called by what is compiled, and by Python as the Python that it is."""
    return function if compiler is None else cast(F, compiler(nogil=True, _nrt=False)(function))


def inlined(function: F) -> F:
    """A part that costs less than calling it, or is called at one place only."""
    if compiler is None:
        return function
    return cast(F, compiler(nogil=True, _nrt=False, forceinline=True)(function))
