# SPDX-License-Identifier: Apache-2.0
"""One self-contained page that sets a study's results beside the memorization thesis's."""

from runners.report.page import write

__all__ = ["write"]
