# SPDX-License-Identifier: Apache-2.0
"""Code that the analyses share: command lines, results on disk, tables, access to a study's networks."""
