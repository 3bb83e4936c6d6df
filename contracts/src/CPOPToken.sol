// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";

/// @title CPOP token: an ERC-20 whose balance changes can be settled many at a time, each batch once.
/// @notice The admin grants every other role and pauses; minter and burner change the supply; the operator settles.
/// While paused nothing moves: transfers, mints, burns and settlements revert. A batch can still be cancelled.
contract CPOPToken is ERC20, ERC20Permit, AccessControl, Pausable {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    bytes32 public constant BURNER_ROLE = keccak256("BURNER_ROLE");
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @dev Where ERC20 keeps the total supply. A test compares it with the compiler's storage layout.
    bytes32 private constant TOTAL_SUPPLY_SLOT = bytes32(uint256(2));

    uint256 private constant RECORD_BYTES = 32;

    /// @dev One bit per batch id. Ids count upwards, so 256 neighbours share a word.
    mapping(uint256 word => uint256 bits) private _usedBatches;

    /// @notice A batch was settled. `contentHash` is keccak256 of the deltas that were executed.
    event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned);
    /// @notice A debit was left out because the account holds less than `amount`.
    event DebitSkipped(uint256 indexed batchId, address indexed account, uint256 amount, uint256 balance);
    /// @notice A batch id was burned: it can never settle.
    event BatchCancelled(uint256 indexed batchId);

    error BatchAlreadyUsed(uint256 batchId);
    /// @dev Empty, not a whole number of records, or cut short inside a long record.
    error DeltasMalformed(uint256 length);
    error DeltaZeroAddress(uint256 offset);
    error DeltaZeroAmount(uint256 offset);
    /// @dev The long form was used for an amount that fits the short one.
    error DeltaNotCanonical(uint256 offset);
    error SupplyOverflow();
    error LengthMismatch();

    constructor(string memory name, string memory symbol, address admin) ERC20(name, symbol) ERC20Permit(name) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Applies signed balance changes once. Positive amounts are minted, negative ones burned.
    /// @param batchId Refused when it was settled or cancelled before.
    /// @param deltas Records of address (20 bytes) and int96 amount (12 bytes, big endian). An amount that an int96
    /// cannot hold is written as the smallest int96 followed by an int256 (32 bytes).
    function settle(uint256 batchId, bytes calldata deltas) external onlyRole(OPERATOR_ROLE) whenNotPaused {
        _useBatch(batchId);
        // With both record forms a multiple of 32 bytes, only a long form can still run over the end.
        if (deltas.length == 0 || deltas.length % RECORD_BYTES != 0) revert DeltasMalformed(deltas.length);

        mapping(address => uint256) storage balances = _balanceOf();
        uint256 minted;
        uint256 burned;
        uint256 offset;
        while (offset < deltas.length) {
            uint256 recordOffset = offset;
            (address account, int256 amount, uint256 next) = _readDelta(deltas, offset);
            offset = next;
            if (account == address(0)) revert DeltaZeroAddress(recordOffset);
            if (amount == 0) revert DeltaZeroAmount(recordOffset);
            unchecked {
                if (amount > 0) {
                    uint256 credit = uint256(amount);
                    minted += credit;
                    if (minted < credit) revert SupplyOverflow();
                    balances[account] += credit;
                    emit Transfer(address(0), account, credit);
                } else {
                    uint256 debit = uint256(-amount);
                    uint256 balance = balances[account];
                    if (balance < debit) {
                        emit DebitSkipped(batchId, account, debit, balance);
                    } else {
                        burned += debit;
                        balances[account] = balance - debit;
                        emit Transfer(account, address(0), debit);
                    }
                }
            }
        }
        _changeSupply(minted, burned);
        emit BatchSettled(batchId, keccak256(deltas), minted, burned);
    }

    /// @notice Burns a batch id, also while paused, so that its changes may be settled under another one.
    function cancelBatch(uint256 batchId) external onlyRole(OPERATOR_ROLE) {
        _useBatch(batchId);
        emit BatchCancelled(batchId);
    }

    /// @notice Whether a batch id was settled or cancelled.
    function isBatchUsed(uint256 batchId) external view returns (bool) {
        return _usedBatches[batchId >> 8] & (1 << (batchId & 0xff)) != 0;
    }

    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    /// @notice Burns from any account; no allowance is needed.
    function burn(address from, uint256 amount) external onlyRole(BURNER_ROLE) {
        _burn(from, amount);
    }

    /// @notice Mints to every recipient or to none.
    function batchMint(address[] calldata recipients, uint256[] calldata amounts)
        external
        onlyRole(MINTER_ROLE)
        whenNotPaused
    {
        if (recipients.length != amounts.length) revert LengthMismatch();
        mapping(address => uint256) storage balances = _balanceOf();
        uint256 minted;
        for (uint256 i = 0; i < recipients.length; ++i) {
            address recipient = recipients[i];
            uint256 amount = amounts[i];
            if (recipient == address(0)) revert ERC20InvalidReceiver(address(0));
            unchecked {
                minted += amount;
                if (minted < amount) revert SupplyOverflow();
                balances[recipient] += amount;
            }
            emit Transfer(address(0), recipient, amount);
        }
        _changeSupply(minted, 0);
    }

    /// @notice Burns from every account or from none; no allowance is needed.
    function batchBurn(address[] calldata accounts, uint256[] calldata amounts)
        external
        onlyRole(BURNER_ROLE)
        whenNotPaused
    {
        if (accounts.length != amounts.length) revert LengthMismatch();
        mapping(address => uint256) storage balances = _balanceOf();
        uint256 burned;
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            uint256 amount = amounts[i];
            if (account == address(0)) revert ERC20InvalidSender(address(0));
            uint256 balance = balances[account];
            if (balance < amount) revert ERC20InsufficientBalance(account, balance, amount);
            unchecked {
                // Everything burned was held, so it is at most the total supply.
                burned += amount;
                balances[account] = balance - amount;
            }
            emit Transfer(account, address(0), amount);
        }
        _changeSupply(0, burned);
    }

    /// @notice Sends from the caller to every recipient or to none.
    function batchTransfer(address[] calldata recipients, uint256[] calldata amounts) external returns (bool) {
        if (recipients.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < recipients.length; ++i) {
            _transfer(msg.sender, recipients[i], amounts[i]);
        }
        return true;
    }

    /// @notice Makes every transfer, each out of the allowance its owner gave the caller, or none.
    function batchTransferFrom(address[] calldata senders, address[] calldata recipients, uint256[] calldata amounts)
        external
        returns (bool)
    {
        if (senders.length != recipients.length || senders.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < senders.length; ++i) {
            _spendAllowance(senders[i], msg.sender, amounts[i]);
            _transfer(senders[i], recipients[i], amounts[i]);
        }
        return true;
    }

    function pause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    function _update(address from, address to, uint256 value) internal override whenNotPaused {
        super._update(from, to, value);
    }

    function _useBatch(uint256 batchId) private {
        uint256 bit = 1 << (batchId & 0xff);
        uint256 bits = _usedBatches[batchId >> 8];
        if (bits & bit != 0) revert BatchAlreadyUsed(batchId);
        _usedBatches[batchId >> 8] = bits | bit;
    }

    /// @dev `offset` must be inside `deltas`, whose length is a multiple of 32.
    function _readDelta(bytes calldata deltas, uint256 offset)
        private
        pure
        returns (address account, int256 amount, uint256 next)
    {
        uint256 word;
        // A slice would check bounds that the caller has checked once for all records.
        assembly ("memory-safe") {
            word := calldataload(add(deltas.offset, offset))
        }
        account = address(uint160(word >> 96));
        amount = int96(uint96(word));
        unchecked {
            next = offset + RECORD_BYTES;
            if (amount != type(int96).min) return (account, amount, next);
            if (next == deltas.length) revert DeltasMalformed(deltas.length);
            assembly ("memory-safe") {
                amount := calldataload(add(deltas.offset, next))
            }
            if (amount > type(int96).min && amount <= type(int96).max) revert DeltaNotCanonical(offset);
            next += RECORD_BYTES;
        }
    }

    /// @dev Once per batch instead of once per account. Nothing burned was not held, so only the sum can overflow.
    function _changeSupply(uint256 minted, uint256 burned) private {
        StorageSlot.Uint256Slot storage supply = StorageSlot.getUint256Slot(TOTAL_SUPPLY_SLOT);
        unchecked {
            uint256 grown = supply.value + minted;
            if (grown < minted) revert SupplyOverflow();
            supply.value = grown - burned;
        }
    }

    /// @dev ERC20's own balances, which it keeps private and lets one change only together with the supply.
    function _balanceOf() private pure returns (mapping(address account => uint256) storage balances) {
        // There is no other way to name a slot of a base contract. A test compares it with the compiler's layout.
        assembly ("memory-safe") {
            balances.slot := 0
        }
    }
}
