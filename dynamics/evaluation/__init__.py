# SPDX-License-Identifier: Apache-2.0
"""What is an encoder worth for telling classes: a linear layer on it, frozen, or all fine-tuned on few labels.

The protocol of the VICReg coursework (its "linear" and "semi-supervised" modes), for any run and any images.
"""

from dynamics.evaluation.network import Evaluation, Report, choose_labels
from dynamics.evaluation.outcome import Outcome
from dynamics.evaluation.recipe import EvaluationRecipe

__all__ = ["Evaluation", "EvaluationRecipe", "Outcome", "Report", "choose_labels"]
