# SPDX-License-Identifier: Apache-2.0
"""Pure functions on arrays: the statistics that the analyses apply. No files, no printing, no torch."""
