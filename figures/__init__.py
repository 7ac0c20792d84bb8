# SPDX-License-Identifier: Apache-2.0
"""Numbers from results/ to PDF and PNG, one file a figure."""
