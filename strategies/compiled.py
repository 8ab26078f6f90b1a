"""Machine code for the steps of strategies and for the backtest, kept on disk from one start to the next.

Functions are marked, and stay the Python that they are: a `part` is compiled with those that call it, and
what is `compiled` is an entry that Python calls.  Its code is made once, by a process of its own that alone
loads numba (strategies/compiling.py), and is read from its file by all others (strategies/native.py), who are
spared a second and fifty megabytes.

The files are in a folder whose name is the digest of all code that takes part and of the compiler's version:
no change anywhere meets old code.  Without a folder to write to, it is made at every start.

With NUMBA_DISABLE_JIT=1 all of it runs as Python, with the same results to the bit: fastmath stays off, and
nothing is used that numba and Python round differently.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache, cached_property, update_wrapper
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

HERE = Path(__file__).resolve().parent
BESIDE = {
    "messages.py", "layout.py", "product.py", "in_128_bits.py", "compiled.py", "native.py", "compiling.py",
}  # fmt: skip
F = TypeVar("F", bound=Callable[..., object])

# numba's `njit`, in a process that compiles.
compiler: Callable[..., Any] | None = None
# Of entries, by their full names: what they are called with.
likes: dict[str, tuple[object, ...]] = {}


def digest() -> str:
    """Of every file that is compiled, of those whose numbers are compiled in, and of the compiler."""
    found = blake2b(digest_size=8)
    for path in [*sorted(HERE.rglob("*.py")), HERE.parent / "actors/messages.py"]:
        text = path.read_bytes()
        if b"strategies.compiled" in text or path.name in BESIDE:
            found.update(text)
    found.update(f"{version('numba')} {version('llvmlite')}".encode())
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

    TypeError, if it is called with others.  It gives a float, a whole number, a bool or nothing, and makes no
    arrays: their references need not be counted, which would take longer than all else that is done to a bar.
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
