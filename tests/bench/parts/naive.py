"""What evm.py is measured against: one process, plain web3, the same calls one after the other, no log.

It quotes, simulates buying and selling, estimates, signs and sends; whoever kills it has lost track.
"""

import time

from eth_account import Account
from web3 import HTTPProvider, Web3

from chains.devnet.devnet import Devnet
from chains.devnet.wallets import TRADER
from chains.evm.calldata import ALLOWANCE, APPROVE, BALANCE_OF, GET_AMOUNTS_OUT, Swap
from chains.evm.routes import Route, Version, swap_call

AMOUNT = 100 * 10**6


class Naive:
    def __init__(self, net: Devnet, symbol: str) -> None:
        self.net, self.w3 = net, Web3(HTTPProvider(net.url))
        self.quote, self.token = net.address_of(net.addresses.quote), net.address_of(symbol)
        self.router = net.addresses.v2_router
        self.route = Route(Version.V2, (self.quote, self.token), (3_000,))

    def times_ms(self, orders: int) -> list[float]:
        net = self.net
        allowed = self._sent(APPROVE.on(self.quote, self.router, 2**255), 0, 100_000)
        net.mine(1)
        assert self.w3.eth.get_transaction_receipt(allowed)["status"] == 1
        return [self._order() for _ in range(orders)]

    def _order(self) -> float:
        began = time.monotonic()
        self._trade()
        took = (time.monotonic() - began) * 1_000
        self.net.mine(1)
        return took

    def _trade(self) -> None:
        eth, me = self.w3.eth, TRADER.address
        nonce = eth.get_transaction_count(me)
        base = eth.get_block("latest")["baseFeePerGas"]
        tip = eth.max_priority_fee
        out = self._read(GET_AMOUNTS_OUT.on(self.router, AMOUNT, self.route.path))
        bought = int.from_bytes(out[-32:])
        self._read(ALLOWANCE.on(self.quote, me, self.router))
        back = self._swap(self.route.backwards, bought, 1)
        calls = [
            BALANCE_OF.on(self.token, me), self._swap(self.route, AMOUNT, 1), BALANCE_OF.on(self.token, me),
            APPROVE.on(self.token, self.router, bought), back, BALANCE_OF.on(self.quote, me),
        ]  # fmt: skip
        asked = [{"from": me, "to": each.to, "data": "0x" + each.data.hex()} for each in calls]
        answers = eth.simulate_v1({"blockStateCalls": [{"calls": asked}]}, "latest")
        assert all(each["status"] == 1 for each in answers[0]["calls"])
        swap = self._swap(self.route, AMOUNT, bought * 995 // 1_000)
        gas = eth.estimate_gas({"from": me, "to": swap.to, "data": "0x" + swap.data.hex()})
        self._sent(swap, nonce, gas * 5 // 4, 2 * base + tip, tip)

    def _read(self, call) -> bytes:
        return bytes(self.w3.eth.call({"to": call.to, "data": "0x" + call.data.hex()}))

    def _swap(self, route: Route, amount: int, least: int):
        swap = Swap(
            path=route.path, amount_in=amount, min_amount_out=least, recipient=TRADER.address, deadline=2**40
        )
        return swap_call(route, {Version.V2: self.router}, swap)

    def _sent(self, call, nonce: int, gas: int, fee: int = 10**10, tip: int = 10**9):
        wanted = {
            "chainId": self.net.chain_id, "nonce": nonce, "to": call.to, "value": 0, "gas": gas,
            "data": "0x" + call.data.hex(), "maxFeePerGas": fee, "maxPriorityFeePerGas": tip, "type": 2,
        }  # fmt: skip
        signed = Account.sign_transaction(wanted, TRADER.private_key)
        return self.w3.eth.send_raw_transaction(signed.raw_transaction)
