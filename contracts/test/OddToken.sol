// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev Somebody else's plain ERC-20, with the oddities that such tokens have; each is switched on by the admin. Six decimals.
contract OddToken is ERC20 {
    /// @dev 0: true, as the standard wants it; 1: nothing at all; 2: false, and nothing is moved.
    uint256 public answer;
    /// @dev Taken from what arrives, as the dollar's best known token can.
    uint256 public feeBasisPoints;
    /// @dev Charged to the sender on top of what is sent.
    uint256 public surcharge;
    mapping(address account => bool) public isBlocked;
    bool public paused;
    /// @dev Called, with `callback`, when tokens are transferred the next time; its failure fails the transfer.
    address public listener;
    bytes public callback;
    address private immutable admin;

    error Blocked(address account);
    error NotAllowed();
    error Paused();
    error ListenerFailed(bytes reason);

    constructor(address admin_) ERC20("Odd Dollar", "ODD") {
        admin = admin_;
    }

    modifier onlyAdmin() {
        if (msg.sender != admin) revert NotAllowed();
        _;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external onlyAdmin {
        _mint(to, amount);
    }

    function setAnswer(uint256 answer_) external onlyAdmin {
        answer = answer_;
    }

    function setFee(uint256 basisPoints) external onlyAdmin {
        feeBasisPoints = basisPoints;
    }

    function setSurcharge(uint256 surcharge_) external onlyAdmin {
        surcharge = surcharge_;
    }

    function setBlocked(address account, bool blocked) external onlyAdmin {
        isBlocked[account] = blocked;
    }

    function setListener(address listener_, bytes calldata callback_) external onlyAdmin {
        (listener, callback) = (listener_, callback_);
    }

    function pause() external onlyAdmin {
        paused = true;
    }

    function unpause() external onlyAdmin {
        paused = false;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (answer == 2) return false;
        if (paused) revert Paused();
        if (isBlocked[msg.sender]) revert Blocked(msg.sender);
        if (isBlocked[to]) revert Blocked(to);
        address called = listener;
        if (called != address(0)) {
            listener = address(0);
            (bool isDone, bytes memory reason) = called.call(callback);
            if (!isDone) revert ListenerFailed(reason);
        }
        uint256 fee = amount * feeBasisPoints / 10_000;
        _transfer(msg.sender, to, amount - fee);
        if (fee > 0) _transfer(msg.sender, admin, fee);
        if (surcharge > 0) _transfer(msg.sender, admin, surcharge);
        if (answer == 1) {
            // Why assembly: a function that is declared to return something cannot return nothing.
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return true;
    }
}
