"""
Figure D.2: agreement of difficulty scores
==========================================

Do scores of difficulty call the same examples hard?

**How to read it.** Each cell is the rank correlation over examples of two scores of one method,
freed of the noise of few seeds, and positive where both call the same examples hard. On the
diagonal, in italics, is the reliability of a score: its correlation with that of as many new seeds.
An empty cell could not be computed, or the score has no hard side.

**Here.** In supervised training the area (mean of r over epochs), confidence, AUM and loss rank
agree with one another at .97 to 1.00: one of them is enough. EL2N, of the first epochs, agrees best
with the epoch at which an example is first learnt, .97. Random labels without augmentation have
reliabilities of .20 to .57 with eight seeds: there is little to agree on.

**When not to trust it.** Where a reliability is low, a corrected correlation rests on little; the
table says how many seeds a score needs for a reliability of .9. Agreement does not say that a score
is right about what is hard.
"""

import dynamics
import figures
from analysis import scores

study = dynamics.open_study("published/runs/cifar-small")
result = scores.analyse(study)
figures.draw("score-agreement", result)

# %%
# How reliable each score of supervised training is, and how many seeds it needs.

own = result.table.query("method == 'supervised' and other == method and score == other_score")
print(own[["score", "hard", "reliability", "seeds_for_90"]].round(2).to_string(index=False))
