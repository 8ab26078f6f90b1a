"""What a trade is measured against must itself trade."""

from tests.bench.parts.naive import Naive


def test_the_naive_script_trades_as_often_as_it_is_timed(devnet):
    before = devnet.balance("LINK", devnet.trader.address)
    devnet.set_automine(False)
    try:
        assert len(Naive(devnet, "LINK").times_ms(2)) == 2
    finally:
        devnet.set_automine(True)
    assert devnet.balance("LINK", devnet.trader.address) > before
