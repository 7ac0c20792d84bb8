# SPDX-License-Identifier: Apache-2.0
"""The explorer: one page with linked pictures of a study's examples, that opens anywhere and loads nothing."""

from runners.explorer.page import write

__all__ = ["write"]
