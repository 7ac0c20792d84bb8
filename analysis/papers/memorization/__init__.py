# SPDX-License-Identifier: Apache-2.0
"""The memorization thesis (HSE, 2021): learning dynamics of SimCLR, of supervised and of random-label training."""

from analysis.papers import Paper, Results
from analysis.papers.memorization import figures, findings, recipe, tables, weaknesses
from dynamics.study import Study

__all__ = ["PAPER"]


def _concerns(study: Study, results: Results) -> bool:
    return bool(recipe.own_methods(study))


PAPER = Paper(
    title="the memorization thesis",
    about="CIFAR-10, ResNet-18, 30 seeds",
    concerns=_concerns,
    remarks=recipe.remarks,
    differences=recipe.differences,
    findings=findings.findings,
    tables=tables.tables,
    beside=figures.beside,
    weaknesses=weaknesses.weaknesses,
)
