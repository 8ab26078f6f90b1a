"""Parts as machine code that Python can call: modules that are read again, by the compiler."""

import sys
from importlib import import_module

import numba

import strategies
from strategies import compiled


def jitted(*modules):
    """The modules of these names; everybody else keeps those he has."""
    ours = {each: module for each, module in sys.modules.items() if _is_read_again(each)}
    names = dict(vars(strategies))
    _forget()
    compiled.compiler = numba.njit
    try:
        import_module("strategies.kernel.in_128_bits")
        return tuple(map(import_module, modules))
    finally:
        compiled.compiler = None
        _forget()
        sys.modules.update(ours)
        vars(strategies).clear()
        vars(strategies).update(names)


def _is_read_again(name):
    return name.startswith("strategies.") and name != "strategies.compiled"


def _forget():
    for each in list(filter(_is_read_again, sys.modules)):
        del sys.modules[each]
