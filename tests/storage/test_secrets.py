"""What must never be read in a log is found, and what must be read stays."""

import pytest

from storage.secrets import redacted

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
BASE58 = "5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLrFXFtZ7dEZSmMZmEtDpMg3VbR3tSXnZ7yQ9Uaw"[:88]
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key 0x{KEY}", KEY),
        (f"key={KEY.upper()}.", KEY.upper()),
        (f"pair {KEY}{KEY}", KEY),
        (f"keypair {BASE58}", BASE58),
        (f'"{BASE58[:87]}"', BASE58[:87]),
        (f"file: [{', '.join(str(n % 256) for n in range(100, 164))}]", "131"),
        (f"file: [{','.join(str(n) for n in range(100, 132))}]", "131"),
        (f"recover with {WORDS}", "sausage"),
        (f"recover with\n{WORDS} {WORDS}", "sausage"),
        (f"recover with {WORDS.replace(' ', ', ')}", "sausage"),
        (f"password={SECRET}", SECRET),
        (f"PASSWORD = '{SECRET} with spaces'", "spaces"),
        (f'{{"private_key": "{SECRET}", "a": 1}}', SECRET),
        (f"keystore_passphrase: {SECRET}", SECRET),
        (f"TELEGRAM_BOT_TOKEN={SECRET}", SECRET),
        (f"api-key: {SECRET}", SECRET),
        (f"JUPITER_API_KEY={SECRET}", SECRET),
        (f"Authorization: Bearer {SECRET}", SECRET),
        (f"{{'Authorization': 'Basic {SECRET}'}}", SECRET),
        (f"authorization={SECRET}", SECRET),
        (f"sent bearer {SECRET}", SECRET),
        (f"https://user:{SECRET}@host/path", SECRET),
        (f"postgres://{SECRET}@host", SECRET),
        ("wss://mainnet.example.io/ws/v3/84842078b09946638c03157f83405213", "84842078b0994663"),
        ("https://eth-mainnet.example.com/v2/aB3-x9_Qw7LmN2pR5tYu8iOk", "aB3-x9_Qw7LmN2pR5tYu8iOk"),
        (f"https://rpc.example.com/?api-key={SECRET}&a=1", SECRET),
        (f"https://rpc.example.com/?a=1&token={SECRET}", SECRET),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g", "dBjftJeZ4CVP"),
    ],
)
def test_a_secret_is_taken_out(text, secret):
    assert secret in text
    assert secret not in redacted(text)
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "portfolio refuses buy:momentum:paper:WETH:1658188860: max_positions",
        "token=paper:WETH tokens: ALFA, BRAVO",
        "pool 0x45dda9cb7c25131df268515131f647d726f50608 of 0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640",
        "https://api.geckoterminal.com/api/v2/networks/eth/pools/0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640",
        "mint EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        "free 123456789012345678901234567890123456789012345678901234567890 wei",
        "the run has ended at bar 50390 and all its books agree with the venue",
        "[1, 2, 3]",
        "/work/data/holdfast-0123456789/recordings/2022-07-19_2022-08-22.csv.gz",
    ],
)
def test_what_an_operator_needs_stays_as_it_is(text):
    assert redacted(text) == text


def test_the_same_hash_has_the_same_fingerprint_and_another_has_another():
    first, again, other = redacted(f"0x{KEY}"), redacted(KEY), redacted(f"0x{KEY[::-1]}")
    assert first == again != other
    assert not any(first.strip("[]").split()[1] in text for text in (KEY, KEY[::-1]))


def test_what_stands_around_a_secret_stays():
    assert redacted(f"a password={SECRET}, b") == "a password=[redacted] b"  # A comma may be part of it.
    assert redacted(f"https://user:{SECRET}@host/path?x=1") == "https://[redacted]@host/path?x=1"


def test_a_long_text_does_not_take_long():
    text = ("abc " * 9 + "abcdefghijk ") * 5_000 + "[" + "1," * 50_000 + "/" * 50_000 + "a" * 50_000
    assert redacted(text) == text
