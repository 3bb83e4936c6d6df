// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Keeps the roots of ledgers' logs, so that nobody can write a ledger's past anew.
/// @notice The admin grants the anchoring role. Nothing that is stored can be changed or removed, by nobody.
contract AuditAnchor is AccessControl {
    bytes32 public constant ANCHOR_ROLE = keccak256("ANCHOR_ROLE");

    mapping(bytes32 ledgerId => mapping(uint64 treeSize => bytes32 root)) private _roots;
    mapping(bytes32 ledgerId => uint64 treeSize) private _newestTreeSizes;

    /// @notice `root` is the Merkle root (RFC 6962) over the first `treeSize` events of the ledger.
    event CheckpointAnchored(bytes32 indexed ledgerId, uint64 treeSize, bytes32 root);

    /// @dev The very same checkpoint is here already: whoever sent it, there is nothing left to do.
    error CheckpointAlreadyAnchored(bytes32 ledgerId, uint64 treeSize);
    error RootDiffers(bytes32 ledgerId, uint64 treeSize, bytes32 anchoredRoot);
    /// @dev A larger tree is anchored. A smaller one is proven from it, and has no need to be here.
    error TreeSizeNotNewer(bytes32 ledgerId, uint64 treeSize, uint64 newestTreeSize);
    error EmptyCheckpoint();

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Stores a root for good. Tree sizes of a ledger only grow.
    /// @param ledgerId The ledger's uuid, left-padded.
    /// @param treeSize How many events the root covers; more than any that is stored for this ledger.
    function anchor(bytes32 ledgerId, uint64 treeSize, bytes32 root) external onlyRole(ANCHOR_ROLE) {
        if (treeSize == 0 || root == 0) revert EmptyCheckpoint();
        uint64 newestTreeSize = _newestTreeSizes[ledgerId];
        if (treeSize <= newestTreeSize) {
            bytes32 anchoredRoot = _roots[ledgerId][treeSize];
            if (anchoredRoot == root) revert CheckpointAlreadyAnchored(ledgerId, treeSize);
            if (anchoredRoot != 0) revert RootDiffers(ledgerId, treeSize, anchoredRoot);
            revert TreeSizeNotNewer(ledgerId, treeSize, newestTreeSize);
        }
        _roots[ledgerId][treeSize] = root;
        _newestTreeSizes[ledgerId] = treeSize;
        emit CheckpointAnchored(ledgerId, treeSize, root);
    }

    /// @notice The root of a ledger's first `treeSize` events; zero where none is anchored for that size.
    function rootOf(bytes32 ledgerId, uint64 treeSize) external view returns (bytes32) {
        return _roots[ledgerId][treeSize];
    }

    /// @notice The largest tree that is anchored for a ledger; both zero where there is none.
    function newestCheckpoint(bytes32 ledgerId) external view returns (uint64 treeSize, bytes32 root) {
        treeSize = _newestTreeSizes[ledgerId];
        root = _roots[ledgerId][treeSize];
    }
}
