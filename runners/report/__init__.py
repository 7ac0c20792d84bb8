# SPDX-License-Identifier: Apache-2.0
"""The report: one self-contained page with a study's results, beside those of the papers that they concern."""

from runners.report.page import write

__all__ = ["write"]
