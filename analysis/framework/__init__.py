# SPDX-License-Identifier: Apache-2.0
"""What every analysis shares: its command line, its results on disk, its tables, the networks of a study."""
