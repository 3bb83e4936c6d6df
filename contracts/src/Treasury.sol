// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title Treasury: pays the credits of a batch out in any ERC-20, each batch once.
/// @notice Whoever funds it sends tokens to its address. The operator pays batches; the admin withdraws, pauses and grants
/// roles. While paused nothing is paid; a batch can still be cancelled, and the admin can still withdraw.
/// @dev A token that calls back while it is being paid out gains nothing: the id is used before anything is paid, every call that
/// pays needs a role, and what a call inside of another one takes of the same token fails the outer one's sum.
contract Treasury is AccessControl, Pausable {
    using SafeERC20 for IERC20;

    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    uint256 private constant RECORD_BYTES = 32;
    /// @dev The smallest int96: it announces that the amount follows as an int256.
    int256 private constant LONG_FORM = type(int96).min;

    /// @dev One bit per batch id, whatever the token: an id names a ledger and its batch, so no two tokens share one.
    mapping(uint256 word => uint256 bits) private _usedBatches;

    /// @notice A batch was paid. `contentHash` is keccak256 of the deltas, `minted` their sum; nothing is ever burned.
    event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned);
    /// @notice A batch id was burned: it can never be paid.
    event BatchCancelled(uint256 indexed batchId);

    error BatchAlreadyUsed(uint256 batchId);
    /// @dev Empty, not a whole number of records, or cut short inside a long record.
    error DeltasMalformed(uint256 length);
    error DeltaZeroAddress(uint256 offset);
    error DeltaZeroAmount(uint256 offset);
    /// @dev The long form was used for an amount that fits the short one.
    error DeltaNotCanonical(uint256 offset);
    /// @dev The treasury cannot take tokens from anybody.
    error DebitNotSupported(uint256 offset);
    error TreasuryBalanceTooLow(address token, uint256 balance, uint256 needed);
    /// @dev What arrived, or what the treasury was charged, is not what was sent.
    error FeeOnTransferToken(address token, address account, uint256 sent, uint256 moved);

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Pays every credit of a batch or none, once.
    /// @param batchId Refused when it was paid or cancelled before, in whatever token.
    /// @param deltas As the token's own `settle` takes them, without debits: records of address (20 bytes) and int96 amount
    /// (12 bytes, big endian), or the smallest int96 followed by an int256.
    function settle(address token, uint256 batchId, bytes calldata deltas)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
    {
        _useBatch(batchId);
        (uint256 needed, uint256 largest) = _survey(deltas);
        uint256 held = IERC20(token).balanceOf(address(this));
        // Said before anything is paid: a token's own word for it differs, and an expensive batch would fail at its end.
        if (held < needed) revert TreasuryBalanceTooLow(token, held, needed);
        for (uint256 offset = 0; offset < deltas.length;) {
            (address account, uint256 amount, uint256 next) = _read(deltas, offset);
            if (offset == largest) _payMeasured(token, account, amount);
            else IERC20(token).safeTransfer(account, amount);
            offset = next;
        }
        uint256 left = IERC20(token).balanceOf(address(this));
        if (held < left || held - left != needed) {
            revert FeeOnTransferToken(token, address(this), needed, held < left ? 0 : held - left);
        }
        emit BatchSettled(batchId, keccak256(deltas), needed, 0);
    }

    /// @notice Burns a batch id, also while paused, so that its changes may be settled under another one.
    function cancelBatch(uint256 batchId) external onlyRole(OPERATOR_ROLE) {
        _useBatch(batchId);
        emit BatchCancelled(batchId);
    }

    /// @notice Whether a batch id was paid or cancelled.
    function isBatchUsed(uint256 batchId) external view returns (bool) {
        return _usedBatches[batchId >> 8] & (1 << (batchId & 0xff)) != 0;
    }

    /// @notice Takes tokens out again, also while paused.
    function withdraw(address token, address to, uint256 amount) external onlyRole(DEFAULT_ADMIN_ROLE) {
        IERC20(token).safeTransfer(to, amount);
    }

    function pause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @dev A share that a token keeps shows here if it shows anywhere; at every recipient it would be measured for a fifth more gas.
    function _payMeasured(address token, address account, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(account);
        IERC20(token).safeTransfer(account, amount);
        uint256 grown = IERC20(token).balanceOf(account);
        if (grown < before || grown - before != amount) {
            revert FeeOnTransferToken(token, account, amount, grown < before ? 0 : grown - before);
        }
    }

    function _useBatch(uint256 batchId) private {
        uint256 bit = 1 << (batchId & 0xff);
        uint256 bits = _usedBatches[batchId >> 8];
        if (bits & bit != 0) revert BatchAlreadyUsed(batchId);
        _usedBatches[batchId >> 8] = bits | bit;
    }

    /// @dev Checks every record. `largest` is the offset of the largest amount, the first of several.
    function _survey(bytes calldata deltas) private pure returns (uint256 sum, uint256 largest) {
        // With both record forms a multiple of 32 bytes, only a long form can still run over the end.
        if (deltas.length == 0 || deltas.length % RECORD_BYTES != 0) revert DeltasMalformed(deltas.length);
        uint256 most;
        for (uint256 offset = 0; offset < deltas.length;) {
            (address account, uint256 amount, uint256 next) = _read(deltas, offset);
            if (account == address(0)) revert DeltaZeroAddress(offset);
            sum += amount;
            if (amount > most) (most, largest) = (amount, offset);
            offset = next;
        }
    }

    /// @dev `deltas` must be a whole number of words.
    function _read(bytes calldata deltas, uint256 offset)
        private
        pure
        returns (address account, uint256 amount, uint256 next)
    {
        unchecked {
            uint256 word = _wordAt(deltas, offset);
            account = address(uint160(word >> 96));
            int256 signed = int96(uint96(word));
            next = offset + RECORD_BYTES;
            // A short credit, the common case, needs none of what is inside.
            if (signed < 1) {
                if (signed == 0) revert DeltaZeroAmount(offset);
                if (signed != LONG_FORM) revert DebitNotSupported(offset);
                if (next == deltas.length) revert DeltasMalformed(deltas.length);
                signed = int256(_wordAt(deltas, next));
                // The smallest int96 itself fits, but stands for the long form.
                if (signed > LONG_FORM && signed <= type(int96).max) revert DeltaNotCanonical(offset);
                if (signed < 0) revert DebitNotSupported(offset);
                next += RECORD_BYTES;
            }
            amount = uint256(signed);
        }
    }

    function _wordAt(bytes calldata deltas, uint256 offset) private pure returns (uint256 word) {
        // Why assembly: a slice of calldata is checked against its bounds twice a record, for 8 % of what a batch costs.
        assembly ("memory-safe") {
            word := calldataload(add(deltas.offset, offset))
        }
    }
}
