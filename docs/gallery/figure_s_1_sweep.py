"""
Figure S.1: loss and probe accuracy by hyperparameter
=====================================================

How do the loss and the probe accuracy depend on a hyperparameter?

**How to read it.** Left, the training loss by epoch for each value, mean over seeds, with a band
from the lowest to the highest; a cross marks where a seed failed. Right, the accuracy of a linear
probe on test images for each value, with the standard deviation over seeds, beside those on raw
pixels and on untrained networks.

**Here.** VICReg on 128 digits for 8 epochs: the largest learning rate gives the lowest loss and the
best probe, and all are far from the raw pixels. So few steps only show that the smaller rates are
too slow.

**When not to trust it.** The best value after few epochs is not that after many. A lower loss is a
better network only as long as the probe agrees, and where weights of the loss are varied, losses
are in different units.
"""

import contextlib
import io
import tempfile

import figures
from analysis.framework import results
from runners import sweep

folder = tempfile.TemporaryDirectory()
where = ["--study", "rates", "--runs", f"{folder.name}/runs", "--results", f"{folder.name}/results"]
small = [
    "--preset",
    "quick",
    "--epochs",
    "8",
    "--width",
    "4",
    "--train-examples",
    "128",
    "--panel-examples",
    "64",
]
with contextlib.redirect_stdout(io.StringIO()):
    sweep.main(["--method", "vicreg", "--over", "lr", "1e-3", "3e-3", "1e-2", "--n", "2", *small, *where])

result = results.read(f"{folder.name}/results/rates", "sweep")
figures.draw("sweep", result)

# %%
# The numbers after the last epoch.

print(result.table[["lr", "seeds", "loss", "test", "test_sd", "test_pixels"]].round(3).to_string(index=False))
