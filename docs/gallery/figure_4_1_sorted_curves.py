"""
Sorted learning probabilities after every epoch
===============================================

How to read it.
"""

import dynamics
import figures
from analysis import learning

study = dynamics.open_study("published/runs/cifar-small")
figures.draw("sorted-curves", learning.analyse(study))
