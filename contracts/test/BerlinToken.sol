// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Settles like our token, for one operator, with nothing that a chain without EIP-1559 does not know: no import, no assembly, credits in the short form.
contract BerlinToken {
    mapping(uint256 batchId => bool) public isBatchUsed;
    mapping(address account => uint256) public balanceOf;
    address private immutable operator;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned);

    error BatchAlreadyUsed(uint256 batchId);
    error NotTheOperator();

    constructor(address operator_) {
        operator = operator_;
    }

    function settle(uint256 batchId, bytes calldata deltas) external {
        if (msg.sender != operator) revert NotTheOperator();
        if (isBatchUsed[batchId]) revert BatchAlreadyUsed(batchId);
        isBatchUsed[batchId] = true;
        uint256 minted;
        for (uint256 i = 0; i < deltas.length; i += 32) {
            address account = address(bytes20(deltas[i:i + 20]));
            uint256 amount = uint96(bytes12(deltas[i + 20:i + 32]));
            balanceOf[account] += amount;
            minted += amount;
            emit Transfer(address(0), account, amount);
        }
        emit BatchSettled(batchId, keccak256(deltas), minted, 0);
    }
}
