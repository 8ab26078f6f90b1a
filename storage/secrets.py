"""Finds what must never be read in a log, whoever wrote it there: keys, passwords, words of a wallet.

A private key looks like a transaction's hash, and a keypair like a Solana signature, so both go.  In place of
something that long stands a fingerprint: the same hash can be followed through the log, and tells nothing.
"""

import re
from collections.abc import Callable
from hashlib import blake2b

_ANY_CASE = re.IGNORECASE
GONE = "[redacted]"
_NAME = (
    r"pass(?:word|wd|phrase)?|pwd|secret|mnemonic|api[_-]?key|private[_-]?key|seed[_ -]?phrase|credentials?"
)
_NAMES = rf"(?:[\w-]*?)(?:{_NAME}|(?:access|auth|refresh|bearer|bot)[_-]?token)(?:[_-]\w+)?"
_VALUE = r"""(?:\[redacted\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&"']+)"""


def _fingerprint(match: re.Match[str]) -> str:
    return f"[key {blake2b(match[0].removeprefix('0x').encode(), digest_size=3).hexdigest()}]"


def _second(match: re.Match[str]) -> str:
    """Keep what names the secret, and drop the secret."""
    return match[1] + GONE


def _segment(match: re.Match[str]) -> str:
    """A long part of a URL's path that is no contract address is taken for an API key."""
    return re.sub(r"(?<=/)(?!0x[0-9a-fA-F]{40}(?![\w-]))(?=[^/\s]*\d)[\w-]{20,}", GONE, match[0])


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # Authorization: Bearer abc; also as a dict or JSON shows it.
    (re.compile(r"""(authorization["']?\s*[:=]\s*["']?)(?:\w+\s+)?[^\s"',}]+""", _ANY_CASE), _second),
    (re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{12,}", _ANY_CASE), _second),
    # https://user:password@host, and https://host/v3/0123456789abcdef0123.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#@]+(?=@)", _ANY_CASE), _second),
    (re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+", _ANY_CASE), _segment),
    (re.compile(r"([?&][\w.-]*(?:key|token|secret|auth|sig|pass)[\w.-]*=)[^\s&\"'#]+", _ANY_CASE), _second),
    # password=..., "private_key": "..."; the quotes go with the value.
    (re.compile(rf"""(?<![\w-])({_NAMES}["']?\s*[:=]\s*){_VALUE}""", _ANY_CASE), _second),
    # JSON Web Tokens; keys and keypairs as hex, base58 and as a list of bytes.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), _fingerprint),
    (re.compile(r"(?<![0-9a-fA-F])(?:0x)?(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{64})(?![0-9a-fA-F])"), _fingerprint),
    (re.compile(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{85,88}(?![A-Za-z0-9])"), _fingerprint),
    (re.compile(r"\[\s*(?:\d{1,3}\s*,\s*)(?:(?:\d{1,3}\s*,\s*){30}|(?:\d{1,3}\s*,\s*){62})\d{1,3}\s*,?\s*\]"),
     _fingerprint),
    # Twelve or more short lower-case words in a row: the words of a wallet, or a sentence nobody misses.
    (re.compile(r"(?<![A-Za-z])(?:[a-z]{3,8}[\s,]+){11,}[a-z]{3,8}(?![A-Za-z])"), lambda _: GONE),
)  # fmt: skip


def redacted(text: str) -> str:
    """The text without its secrets; a text without any comes back as it is."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
