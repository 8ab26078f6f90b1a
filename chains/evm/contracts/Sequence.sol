// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Makes calls one after the other, whatever becomes of each.  It is nowhere deployed: for the length of one
/// eth_call a wallet's own address has this code, so the contracts that are called see the wallet itself.
contract Sequence {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    struct Result {
        bool succeeded;
        bytes output;
    }

    receive() external payable {}

    function run(Call[] calldata calls) external returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            Call calldata each = calls[i];
            (bool succeeded, bytes memory output) = each.to.call{value: each.value}(each.data);
            results[i] = Result(succeeded, output);
        }
    }
}
