// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Coin} from "Coin.sol";

/// A token that misbehaves in every way that a trader must live through, as its owner switches it.
contract OddToken is Coin {
    enum ApprovalMode {
        Ordinary,
        ReturnsFalse, // And changes nothing.
        ReturnsNothing, // As USDT does; the allowance is set.
        Reverts,
        ResetFirst // As USDT does: from one non-zero allowance to another it reverts.
    }

    struct Behaviour {
        ApprovalMode approval;
        uint16 transferFeeBps; // Of every transfer, to the owner.
        uint16 sellFeeBps; // On top of it, of a transfer to a pool.
        bool sellsBlocked; // A honeypot: whoever is not the owner may buy, and never sell.
        bool paused;
        bool returnsNothing; // transfer and transferFrom, as USDT's do.
    }

    uint256 private constant BPS = 10_000;

    Behaviour public behaviour;
    mapping(address account => bool) public isPool;

    error Paused();
    error SellsAreBlocked(address seller, uint256 value);

    constructor(string memory symbol_, uint8 decimals_) Coin(symbol_, decimals_) {}

    function behave(Behaviour calldata wanted) external onlyOwner {
        require(wanted.transferFeeBps + wanted.sellFeeBps <= BPS, "fees above 100 %");
        behaviour = wanted;
    }

    function setPool(address account, bool value) external onlyOwner {
        isPool[account] = value;
    }

    function approve(address spender, uint256 value) external override returns (bool) {
        ApprovalMode mode = behaviour.approval;
        require(mode != ApprovalMode.Reverts, "approve: blocked");
        if (mode == ApprovalMode.ReturnsFalse) return false;
        if (mode == ApprovalMode.ResetFirst) {
            require(value == 0 || allowance[msg.sender][spender] == 0, "approve: set it to 0 first");
        }
        _approve(spender, value);
        if (mode == ApprovalMode.ReturnsNothing) _returnNothing();
        return true;
    }

    function transfer(address to, uint256 value) external override returns (bool) {
        _send(msg.sender, to, value);
        if (behaviour.returnsNothing) _returnNothing();
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external override returns (bool) {
        _spend(from, value);
        _send(from, to, value);
        if (behaviour.returnsNothing) _returnNothing();
        return true;
    }

    function _send(address from, address to, uint256 value) internal override {
        Behaviour memory now_ = behaviour;
        if (now_.paused) revert Paused();
        if (now_.sellsBlocked && isPool[to] && from != owner) revert SellsAreBlocked(from, value);
        uint256 bps = uint256(now_.transferFeeBps) + (isPool[to] ? now_.sellFeeBps : 0);
        uint256 fee = value * bps / BPS;
        _move(from, to, value - fee);
        if (fee > 0) _move(from, owner, fee);
    }

    /// Ends the call with an empty answer, whatever the function's signature promises.
    function _returnNothing() private pure {
        assembly {
            return(0, 0)
        }
    }
}
