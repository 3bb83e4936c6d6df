// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @notice What a wallet needs to know of the manager that made it.
interface IMasterSigner {
    function masterSigner() external view returns (address);
}

/// @title A user's wallet. It obeys the master signer of the manager that made it.
/// @dev The signer is asked for at each call and is no part of the wallet's code or storage, so that changing it
/// moves no address.
contract AAWallet is Initializable {
    IMasterSigner public manager;

    error NotMasterSigner(address caller);

    constructor() {
        _disableInitializers();
    }

    receive() external payable {}

    /// @dev Called by the proxy's constructor, in the transaction that creates it.
    function initialize(IMasterSigner manager_) external initializer {
        manager = manager_;
    }

    /// @notice Calls `target`. A failure of the call is passed on.
    function execute(address target, uint256 value, bytes calldata data) external returns (bytes memory) {
        if (msg.sender != manager.masterSigner()) revert NotMasterSigner(msg.sender);
        // A target without code is allowed: a wallet must be able to pay a plain account.
        (bool success, bytes memory result) = target.call{value: value}(data);
        return Address.verifyCallResult(success, result);
    }
}
