# SPDX-License-Identifier: Apache-2.0
"""Between disk and arrays: counts from a study's snapshots, results to and from results/."""
