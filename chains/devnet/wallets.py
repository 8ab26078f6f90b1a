"""The accounts that anvil makes from its published test mnemonic: everybody knows their keys.

"test test test test test test test test test test test junk", m/44'/60'/0'/0/0 and so on; derived once.
"""

from msgspec import Struct


class Wallet(Struct, frozen=True):
    address: str  # Checksummed.
    private_key: str  # 0x-prefixed hex.


# Owns the contracts, the tokens' mints, and the liquidity.
OWNER = Wallet(
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
)
# The bot's: holds the quote token and ether, and has approved nothing.
TRADER = Wallet(
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)
# Moves the prices.
MAKER = Wallet(
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)
# Whoever else is needed: a thief of nonces, a spender, a whale.
STRANGER = Wallet(
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
)
