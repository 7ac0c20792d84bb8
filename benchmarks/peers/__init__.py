# SPDX-License-Identifier: Apache-2.0
"""What ours is compared with: the loops and views that a user would write or find."""
