// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {AAWallet, IMasterSigner} from "./AAWallet.sol";

/// @title Makes the users' wallets, each at an address that is known before it exists.
/// @notice An address follows from this manager, the ledger and the user's salted identifier, and from nothing else.
/// @dev Anyone may have a wallet deployed: the caller chooses neither its code nor who controls it.
contract WalletManager is IMasterSigner, Ownable2Step {
    address public immutable walletImplementation;
    bytes32 public immutable walletInitCodeHash;
    address public masterSigner;

    event WalletCreated(address indexed wallet, bytes32 indexed ledgerId, bytes32 indexed identifier);
    event MasterSignerUpdated(address indexed previous, address indexed current);

    error ZeroSigner();

    constructor(address admin, address masterSigner_) Ownable(admin) {
        address implementation = address(new AAWallet());
        walletImplementation = implementation;
        walletInitCodeHash = keccak256(_walletInitCode(implementation));
        _updateMasterSigner(masterSigner_);
    }

    /// @notice Where the wallet of a user is or will be.
    /// @param ledgerId The ledger's uuid, left-padded.
    /// @param identifier keccak256 of the ledger's secret salt and the user id; never the user id itself.
    function getWalletAddress(bytes32 ledgerId, bytes32 identifier) public view returns (address) {
        return Create2.computeAddress(_salt(ledgerId, identifier), walletInitCodeHash);
    }

    /// @notice Deploys the wallet if it does not exist yet and answers its address.
    function createAccount(bytes32 ledgerId, bytes32 identifier) external returns (address wallet) {
        wallet = getWalletAddress(ledgerId, identifier);
        if (wallet.code.length != 0) return wallet;
        Create2.deploy(0, _salt(ledgerId, identifier), _walletInitCode(walletImplementation));
        emit WalletCreated(wallet, ledgerId, identifier);
    }

    /// @notice Hands every wallet, deployed or not, to another signer. No address changes.
    function updateMasterSigner(address masterSigner_) external onlyOwner {
        _updateMasterSigner(masterSigner_);
    }

    function _updateMasterSigner(address masterSigner_) private {
        if (masterSigner_ == address(0)) revert ZeroSigner();
        emit MasterSignerUpdated(masterSigner, masterSigner_);
        masterSigner = masterSigner_;
    }

    function _salt(bytes32 ledgerId, bytes32 identifier) private pure returns (bytes32) {
        return keccak256(abi.encode(ledgerId, identifier));
    }

    function _walletInitCode(address implementation) private view returns (bytes memory) {
        bytes memory initialization = abi.encodeCall(AAWallet.initialize, (IMasterSigner(address(this))));
        return abi.encodePacked(type(ERC1967Proxy).creationCode, abi.encode(implementation, initialization));
    }
}
