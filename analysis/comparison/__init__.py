# SPDX-License-Identifier: Apache-2.0
"""The memorization thesis's printed numbers beside ours: which agree, and which of its findings hold."""
