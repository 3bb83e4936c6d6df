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

    /// @dev Where ERC20 keeps balances and total supply. A test compares them with the compiler's storage layout.
    uint256 private constant BALANCES_SLOT = 0;
    bytes32 private constant TOTAL_SUPPLY_SLOT = bytes32(uint256(2));

    uint256 private constant RECORD_BYTES = 32;
    /// @dev The smallest int96: it announces that the amount follows as an int256.
    int256 private constant LONG_FORM = -0x800000000000000000000000;

    // Assembly takes literals only. Tests decode these events and errors through the ABI.
    bytes32 private constant TRANSFER_TOPIC = 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef;
    bytes32 private constant DEBIT_SKIPPED_TOPIC = 0x1e070e2733adc55f3c0ea3648f03baa9a97bdcbdf35c4ab556d76eed378176a3;
    uint256 private constant DELTAS_MALFORMED = 0x12c55183;
    uint256 private constant DELTA_ZERO_ADDRESS = 0x67e87648;
    uint256 private constant DELTA_ZERO_AMOUNT = 0x4a3e4b2f;
    uint256 private constant DELTA_NOT_CANONICAL = 0x6116a165;

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
    /// @dev The supply and a batch's credits exceed 256 bits; its debits do not make room.
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

        (uint256 minted, uint256 burned, bool overflow) = _applyDeltas(batchId, deltas);
        if (overflow) revert SupplyOverflow();
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
                // At most the grown supply, which is checked below.
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

    /// @notice Sends from the caller to every recipient or to none, with the outcome of single transfers in order.
    function batchTransfer(address[] calldata recipients, uint256[] calldata amounts)
        external
        whenNotPaused
        returns (bool)
    {
        if (recipients.length != amounts.length) revert LengthMismatch();
        mapping(address => uint256) storage balances = _balanceOf();
        // The caller's balance is read and written once.
        uint256 remaining = balances[msg.sender];
        for (uint256 i = 0; i < recipients.length; ++i) {
            address recipient = recipients[i];
            uint256 amount = amounts[i];
            if (recipient == address(0)) revert ERC20InvalidReceiver(address(0));
            if (remaining < amount) revert ERC20InsufficientBalance(msg.sender, remaining, amount);
            if (recipient != msg.sender) {
                unchecked {
                    remaining -= amount;
                    balances[recipient] += amount;
                }
            }
            emit Transfer(msg.sender, recipient, amount);
        }
        balances[msg.sender] = remaining;
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

    /// @dev `deltas` must be a whole number of 32-byte words. With `overflow` the sums mean nothing.
    function _applyDeltas(uint256 batchId, bytes calldata deltas)
        private
        returns (uint256 minted, uint256 burned, bool overflow)
    {
        // Why assembly: the same loop in Solidity costs 240 gas more per account, 3 % of everything that is ever
        // settled: bounds checks of slices, the free memory pointer at each event, checks repeated per branch.
        // Memory: only the scratch space. The word at 0x20 keeps the mapping's slot for the hash of each key.
        assembly ("memory-safe") {
            function refuse(selector, argument) {
                mstore(0x00, selector)
                mstore(0x20, argument)
                revert(0x1c, 0x24)
            }

            mstore(0x20, BALANCES_SLOT)
            let position := deltas.offset
            let end := add(position, deltas.length)
            let longMinted := 0
            for {} lt(position, end) { position := add(position, RECORD_BYTES) } {
                let word := calldataload(position)
                let account := shr(96, word)
                if iszero(account) { refuse(DELTA_ZERO_ADDRESS, sub(position, deltas.offset)) }
                mstore(0x00, account)
                let slot := keccak256(0x00, 0x40)
                let amount := signextend(11, word)

                // A short credit, the common case, needs none of what is inside.
                if slt(amount, 1) {
                    if iszero(amount) { refuse(DELTA_ZERO_AMOUNT, sub(position, deltas.offset)) }
                    if eq(amount, LONG_FORM) {
                        position := add(position, RECORD_BYTES)
                        if eq(position, end) { refuse(DELTAS_MALFORMED, deltas.length) }
                        amount := calldataload(position)
                        // The smallest int96 itself fits, but stands for the long form.
                        if and(eq(signextend(11, amount), amount), iszero(eq(amount, LONG_FORM))) {
                            refuse(DELTA_NOT_CANONICAL, sub(sub(position, RECORD_BYTES), deltas.offset))
                        }
                    }
                    if slt(amount, 0) {
                        let debit := sub(0, amount)
                        let held := sload(slot)
                        if lt(held, debit) {
                            mstore(0x00, debit)
                            mstore(0x20, held)
                            log3(0x00, 0x40, DEBIT_SKIPPED_TOPIC, batchId, account)
                            mstore(0x20, BALANCES_SLOT)
                            continue
                        }
                        // Cannot overflow: everything burned was held or minted by this batch.
                        burned := add(burned, debit)
                        sstore(slot, sub(held, debit))
                        mstore(0x00, debit)
                        log3(0x00, 0x20, TRANSFER_TOPIC, account, 0)
                        continue
                    }
                    longMinted := add(longMinted, amount)
                    if lt(longMinted, amount) {
                        overflow := 1
                        break
                    }
                }

                // The balance is at most the grown supply, whose overflow reverts the batch.
                minted := add(minted, amount)
                sstore(slot, add(sload(slot), amount))
                mstore(0x00, amount)
                log3(0x00, 0x20, TRANSFER_TOPIC, 0, account)
            }
            // Short credits alone stay far below 2^256, so the sum wrapped exactly if it is below its long part.
            overflow := or(overflow, lt(minted, longMinted))
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
        // Why assembly: there is no other way to name a slot of a base contract.
        assembly ("memory-safe") {
            balances.slot := BALANCES_SLOT
        }
    }
}
