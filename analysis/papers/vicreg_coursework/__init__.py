# SPDX-License-Identifier: Apache-2.0
"""The VICReg coursework (MSU, 2024) and the loss-modification slides (MIPT, 2023): accuracies of trained encoders."""

from analysis.papers import Paper
from analysis.papers.vicreg_coursework import tables

__all__ = ["PAPER"]

PAPER = Paper(
    title="the VICReg coursework and the loss-modification slides",
    about="CIFAR-10 and Tiny ImageNet; five convolutions (N1) and ResNet-18; one network each",
    concerns=tables.concerns,
    tables=tables.tables,
)
