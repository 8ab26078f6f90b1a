"""Machine code from its file to a function that Python can call, without the compiler.

A file is a digest of the rest, the function's name in it, and an object file of LLVM's, linked here by MCJIT
(llvmlite.binding).  How its arguments are passed is numba's convention (numba/core/callconv.py, CPUCallConv,
and the ArrayModel of numba/core/datamodel/models.py): a place for what it gives, one for what it raises, and
then all arguments, tuples and arrays taken apart; an array is its owner and parent (none), its items, their
bytes, its data, its shape and its strides.
"""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from llvmlite import binding  # type: ignore[import-untyped]
from loguru import logger

from storage.locks import locked
from strategies import compiled

ROOT = Path(__file__).resolve().parent.parent
DIGEST_SIZE = 16
GIVES = {float: ctypes.c_double, int: ctypes.c_int64, bool: ctypes.c_bool, None: ctypes.c_void_p}
LINKED: list[Any] = []  # Their code is there as long as they are.
PATIENCE_SECONDS = 120
Code = Callable[..., object]
Made = tuple[str, bytes]  # The function's name in it, and an object file.


def machine_code(function: Code, like: tuple[object, ...], folder: Path | None) -> Code:
    """RuntimeError, with what the compiler says, if it can not be compiled."""
    name, code = _compiled(function, None, ()) if folder is None else _kept(function, folder)
    return _callable(function, like, name, code)


def _kept(function: Code, folder: Path) -> Made:
    """Of several that want it at once one makes it.  The digest is of the file in which the function is."""
    source = blake2b(Path(function.__code__.co_filename).read_bytes(), digest_size=8).hexdigest()
    path = folder / f"{_name(function)}.{_processor()}.{source}"
    if found := _read(path):
        return found
    with _in_turn(path) as lock:
        return _read(path) or _compiled(function, path, lock)


@contextmanager
def _in_turn(path: Path) -> Iterator[tuple[int, ...]]:
    """The lock, for a compiler to hold too.  It saves work, and no more: after a while, or where there is
    none, it goes on without.
    """
    try:
        lock = path.with_name(f"{path.name}.lock").open("a")
    except OSError:
        yield ()
        return
    with lock:
        end = time.monotonic() + PATIENCE_SECONDS
        with suppress(OSError):
            while not locked(lock) and time.monotonic() < end:
                time.sleep(0.1)
        yield (lock.fileno(),)


def _read(path: Path) -> Made | None:
    """Nothing of a file that is not there, not whole, or not for us to read."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    if kept[:DIGEST_SIZE] != blake2b(kept[DIGEST_SIZE:], digest_size=DIGEST_SIZE).digest():
        return None
    name, _, code = kept[DIGEST_SIZE:].partition(b"\n")
    return name.decode(), code


def write(path: Path, name: str, code: bytes) -> None:
    """What `_read` finds whole or not at all."""
    kept = name.encode() + b"\n" + code
    passing = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        passing.write_bytes(blake2b(kept, digest_size=DIGEST_SIZE).digest() + kept)
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)


def _compiled(function: Code, kept: Path | None, lock: tuple[int, ...]) -> Made:
    """By a compiler that goes on, holds the lock, and keeps what it makes if its parent is killed meanwhile.

    Its file says if it has succeeded, for another may have taken the exit code.  What NUMBA_ variables say
    would be in the code, and in no file's name.
    """
    logger.info("{} is compiled: once, for up to a minute", _name(function))
    with TemporaryDirectory() as passing:
        paths = [*filter(None, [kept]), Path(passing) / "code"]
        of_it = (function.__module__, function.__name__, compiled.OURS, *map(str, paths))
        words = [sys.executable, "-m", "strategies.compiling", *of_it]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        ran = subprocess.run(  # noqa: S603
            words, capture_output=True, text=True, check=False, env=environment, cwd=passing, pass_fds=lock
        )
        found = next(filter(None, map(_read, paths)), None)
    if found is None:
        raise RuntimeError(f"{_name(function)} can not be compiled: {ran.stderr[-2_000:]}")
    return found


def _name(function: Code) -> str:
    return f"{function.__module__}.{function.__name__}"


@cache
def _processor() -> str:
    """Its name, and what it can do: code for another one may not run here."""
    _initialize()
    features = binding.get_host_cpu_features().flatten()
    return f"{binding.get_host_cpu_name()}-{blake2b(features.encode(), digest_size=4).hexdigest()}"


@cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _linker() -> Any:
    """One for each: numba numbers what it compiles, so in two files one name may stand for two functions."""
    _initialize()
    machine = binding.Target.from_default_triple().create_target_machine()
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _callable(function: Code, like: tuple[object, ...], name: str, code: bytes) -> Code:
    linker = _linker()
    linker.add_object_file(binding.ObjectFileRef.from_data(code))
    linker.finalize_object()
    LINKED.append(linker)
    gives: Any = GIVES[function.__annotations__["return"]]
    kinds = [ctypes.c_void_p, ctypes.c_void_p, *(kind for each in like for kind in _kinds(each))]
    called = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(linker.get_function_address(name))
    apart = [_taking_apart(each) for each in like]

    def call(*given: object) -> object:
        found, raised = gives(), ctypes.c_void_p()
        words: list[Any] = []
        for each, words_of in zip(given, apart, strict=True):
            words += words_of(each)
        if called(ctypes.addressof(found), ctypes.addressof(raised), *words) != 0:
            raise RuntimeError(f"{_name(function)} has failed; with NUMBA_DISABLE_JIT=1 Python says where")
        return found.value

    return call


def _kinds(like: object) -> Iterator[Any]:
    match like:
        case np.ndarray():
            yield from [ctypes.c_void_p] * 2 + [ctypes.c_ssize_t] * 2 + [ctypes.c_void_p]
            yield from [ctypes.c_ssize_t] * (2 * like.ndim)
        case tuple():
            yield from (kind for each in like for kind in _kinds(each))
        case float():
            yield ctypes.c_double
        case int() if not isinstance(like, bool):
            yield ctypes.c_int64
        case _:
            raise TypeError(f"no entry is called with {type(like).__name__}")


def _taking_apart(like: object) -> Callable[[Any], Iterable[Any]]:
    """To the words of one argument.  ctypes looks at floats; what it would not look at is refused here."""
    if isinstance(like, np.ndarray):
        return partial(_words_of_array, like.dtype, like.ndim)
    if isinstance(like, tuple):
        return partial(_words_of_tuple, [_taking_apart(each) for each in like])
    return _whole if isinstance(like, int) else _alone


def _words_of_array(dtype: np.dtype[Any], dimensions: int, given: Any) -> tuple[Any, ...]:
    """As numba means it: in the order of C, aligned, and to be written to."""
    right = type(given) in {np.ndarray, np.recarray} and given.ndim == dimensions and given.flags.carray
    if not right or (given.dtype is not dtype and given.dtype != dtype):
        raise TypeError(f"an array of {dtype} in {dimensions} dimensions, in order, is wanted")
    return (None, None, given.size, given.itemsize, given.ctypes.data, *given.shape, *given.strides)


def _words_of_tuple(apart: list[Callable[[Any], Iterable[Any]]], given: Any) -> list[Any]:
    return [word for each, words_of in zip(given, apart, strict=True) for word in words_of(each)]


def _whole(given: int) -> tuple[int]:
    if not -(2**63) <= given < 2**63:
        raise OverflowError(f"{given} does not fit into 64 bits")  # ctypes would cut it off.
    return (given,)


def _alone(given: float) -> tuple[float]:
    return (given,)
