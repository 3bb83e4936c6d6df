// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev What the token must do, written as plainly as possible, to compare with. No roles, no packing, no assembly.
contract PlainToken is ERC20 {
    mapping(uint256 batchId => bool) public isBatchUsed;

    event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned);
    event DebitSkipped(uint256 indexed batchId, address indexed account, uint256 amount, uint256 balance);
    event BatchCancelled(uint256 indexed batchId);

    error BatchAlreadyUsed(uint256 batchId);
    error LengthMismatch();
    error SupplyOverflow();

    constructor() ERC20("Plain", "PLAIN") {}

    function settlePlainly(uint256 batchId, address[] memory accounts, int256[] memory amounts, bytes32 contentHash)
        external
    {
        useBatch(batchId);
        uint256 supplyBefore = totalSupply();
        uint256 minted;
        uint256 burned;
        for (uint256 i = 0; i < accounts.length; i++) {
            if (amounts[i] > 0) {
                _mint(accounts[i], uint256(amounts[i]));
                minted += uint256(amounts[i]);
            } else {
                uint256 debit = amounts[i] == type(int256).min ? 2 ** 255 : uint256(-amounts[i]);
                if (balanceOf(accounts[i]) < debit) {
                    emit DebitSkipped(batchId, accounts[i], debit, balanceOf(accounts[i]));
                } else {
                    _burn(accounts[i], debit);
                    burned += debit;
                }
            }
        }
        // A batch is held against the limit by its credits alone, whatever the order of its debits.
        if (minted > type(uint256).max - supplyBefore) revert SupplyOverflow();
        emit BatchSettled(batchId, contentHash, minted, burned);
    }

    function cancelBatch(uint256 batchId) external {
        useBatch(batchId);
        emit BatchCancelled(batchId);
    }

    function batchMint(address[] memory accounts, uint256[] memory amounts) external {
        if (accounts.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < accounts.length; i++) _mint(accounts[i], amounts[i]);
    }

    function batchBurn(address[] memory accounts, uint256[] memory amounts) external {
        if (accounts.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < accounts.length; i++) _burn(accounts[i], amounts[i]);
    }

    function batchTransfer(address[] memory accounts, uint256[] memory amounts) external returns (bool) {
        if (accounts.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < accounts.length; i++) transfer(accounts[i], amounts[i]);
        return true;
    }

    function batchTransferFrom(address[] memory senders, address[] memory recipients, uint256[] memory amounts)
        external
        returns (bool)
    {
        if (senders.length != recipients.length || senders.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < senders.length; i++) transferFrom(senders[i], recipients[i], amounts[i]);
        return true;
    }

    function useBatch(uint256 batchId) private {
        if (isBatchUsed[batchId]) revert BatchAlreadyUsed(batchId);
        isBatchUsed[batchId] = true;
    }
}
