"""
Figure C.3: loss of linear layers and of fine-tuning, by encoder
================================================================

How does the loss fall while encoders are evaluated?

**How to read it.** Each line is the training loss of a linear layer on the features of one encoder, or of encoder and layer as
they are fine-tuned on a fraction of the labels, mean over seeds. Grey are the floors, the pixels themselves and an untrained
encoder.

**Here.** Digits are easy for a linear layer on 64 pixels, whose loss falls furthest; of the encoders, 8 epochs old, the
trained ones are below the untrained one.

**When not to trust it.** It is the loss on training images: a low one, above all on few labels, does not mean a high accuracy on
test images, which the table has. An encoder that is no better than an untrained one, or than pixels, has learnt nothing
that a linear layer can use.
"""

import contextlib
import io
import tempfile

import dynamics
import figures
from analysis.framework import results
from runners import probe

folder = tempfile.TemporaryDirectory()
small = {"preset": "quick", "epochs": 8, "width": 8, "runs": f"{folder.name}/runs", "study": "digits"}
for method in ("supervised", "vicreg"):
    dynamics.train(method, "digits", seeds=1, **small)
    for how in (["--mode", "linear"], ["--mode", "semi", "--fraction", "0.1", "--min-steps", "100"]):
        where = ["--run", f"{folder.name}/runs/digits/{method}", "--results", f"{folder.name}/results"]
        with contextlib.redirect_stdout(io.StringIO()):
            probe.main([*where, *how])

result = results.read(f"{folder.name}/results/digits", "evaluation")
figures.draw("probe-curves", result)

# %%
# Accuracies on test images.

print(result.table[["method", "mode", "fraction", "features", "top1"]].round(2).to_string(index=False))
