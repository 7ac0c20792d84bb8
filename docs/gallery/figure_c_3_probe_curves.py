"""
Figure C.3: loss of linear layers and of fine-tuning, by encoder
================================================================

How does the loss fall while encoders are evaluated?

**How to read it.** Each line is the training loss of a linear layer on the features of one encoder,
or of encoder and layer as they are fine-tuned on a fraction of the labels, mean over seeds. Grey
are the floors, the pixels themselves and an untrained encoder.

**Here.** VICReg on digits, after 8 epochs. Digits are easy for a linear layer on the 64 pixels,
whose loss falls furthest; VICReg's encoder is between them and an untrained one, in accuracy, too.

**When not to trust it.** It is the loss on training images: a low one, above all on few labels,
does not mean a high accuracy on test images, which the table has. An encoder that is no better than
an untrained one, or than pixels, has learnt nothing that a linear layer can use.
"""

import contextlib
import io
import tempfile

import dynamics
import figures
from analysis.framework import results
from runners import probe

folder = tempfile.TemporaryDirectory()
small = {
    "preset": "quick",
    "epochs": 8,
    "train_examples": 192,
    "width": 8,
    "panel_augmentations": 1,
    "runs": f"{folder.name}/runs",
    "study": "digits",
}
dynamics.train("vicreg", "digits", seeds=2, **small)

for how in ("--mode linear --min-steps 200", "--mode semi --fraction 0.1 --min-steps 60"):
    where = ["--run", f"{folder.name}/runs/digits/vicreg", "--results", f"{folder.name}/results"]
    with contextlib.redirect_stdout(io.StringIO()):
        probe.main([*where, *how.split()])

result = results.read(f"{folder.name}/results/digits", "evaluation")
figures.draw("probe-curves", result)

# %%
# Accuracies on test images.

print(result.table[["method", "mode", "fraction", "features", "top1"]].round(2).to_string(index=False))
