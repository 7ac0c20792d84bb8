# SPDX-License-Identifier: Apache-2.0
"""Command lines: they parse flags, call the library and show progress, without any mathematics."""

from dynamics.starting import end_quietly, import_siblings

end_quietly()
import_siblings()
