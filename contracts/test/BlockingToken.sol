// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev Somebody else's token: it refuses whoever is on its list, and can be settled with a guard or without one, by one operator. Its batch calls return nothing.
contract BlockingToken is ERC20 {
    mapping(uint256 batchId => bool) public isBatchUsed;
    mapping(address account => bool) public isBlocked;
    bool public paused;
    /// @dev Of each mint, burned at once: what is moved is not what was asked for.
    uint256 public feeBaseUnits;
    address private immutable admin;
    address private immutable operator;

    event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned);
    event DebitSkipped(uint256 indexed batchId, address indexed account, uint256 amount, uint256 balance);

    error BatchAlreadyUsed(uint256 batchId);
    error Blocked(address account);
    error LengthMismatch();
    error NotAllowed();
    error Paused();

    constructor(address admin_, address operator_) ERC20("Blocking", "BLOCK") {
        admin = admin_;
        operator = operator_;
    }

    modifier onlyAdmin() {
        if (msg.sender != admin) revert NotAllowed();
        _;
    }

    modifier onlyOperator() {
        if (msg.sender != operator) revert NotAllowed();
        if (paused) revert Paused();
        _;
    }

    function setBlocked(address account, bool blocked) external onlyAdmin {
        isBlocked[account] = blocked;
    }

    function pause() external onlyAdmin {
        paused = true;
    }

    function unpause() external onlyAdmin {
        paused = false;
    }

    function setFee(uint256 feeBaseUnits_) external onlyAdmin {
        feeBaseUnits = feeBaseUnits_;
    }

    function mint(address to, uint256 amount) external onlyOperator {
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external onlyOperator {
        _burn(from, amount);
    }

    function batchMint(address[] calldata recipients, uint256[] calldata amounts) external onlyOperator {
        if (recipients.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < recipients.length; ++i) {
            _mint(recipients[i], amounts[i]);
            if (feeBaseUnits > 0) _burn(recipients[i], feeBaseUnits);
        }
    }

    function batchBurn(address[] calldata accounts, uint256[] calldata amounts) external onlyOperator {
        if (accounts.length != amounts.length) revert LengthMismatch();
        for (uint256 i = 0; i < accounts.length; ++i) _burn(accounts[i], amounts[i]);
    }

    function settle(uint256 batchId, bytes calldata deltas) external onlyOperator {
        if (isBatchUsed[batchId]) revert BatchAlreadyUsed(batchId);
        isBatchUsed[batchId] = true;
        uint256 minted;
        uint256 burned;
        for (uint256 i = 0; i < deltas.length; i += 32) {
            address account = address(bytes20(deltas[i:i + 20]));
            int256 amount = int96(uint96(bytes12(deltas[i + 20:i + 32])));
            if (amount > 0) {
                _mint(account, uint256(amount));
                minted += uint256(amount);
            } else if (balanceOf(account) < uint256(-amount)) {
                emit DebitSkipped(batchId, account, uint256(-amount), balanceOf(account));
            } else {
                _burn(account, uint256(-amount));
                burned += uint256(-amount);
            }
        }
        emit BatchSettled(batchId, keccak256(deltas), minted, burned);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlocked[from]) revert Blocked(from);
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, value);
    }
}
