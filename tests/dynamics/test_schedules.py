import warnings

import pytest
import torch

from dynamics.schedules import cosine
from dynamics.study_file import preset


def rates_of_torch(base: float, period: int, epochs: int, *, start: int) -> list[float]:
    """Step PyTorch's scheduler at the end of every epoch from epoch `start` (counted from 0) on."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=period)
    rates = []
    for epoch in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        if epoch >= start:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no gradients here: nothing was stepped before
                schedule.step()
    return rates


@pytest.mark.parametrize(("period", "start", "epochs"), [(200, 0, 500), (195, 10, 200)])
def test_equals_torchs_scheduler_stepped_as_the_thesis_did(period: int, start: int, epochs: int) -> None:
    ours = [cosine(t, base=3e-4, period=period, start=start) for t in range(1, epochs + 1)]
    assert ours == pytest.approx(rates_of_torch(3e-4, period, epochs, start=start), abs=1e-12)


def test_simclr_ends_near_zero_and_random_labels_aug_comes_back() -> None:
    simclr = preset("simclr", "thesis")
    rates = [
        cosine(t, base=simclr.lr, period=simclr.schedule_period, start=simclr.schedule_start)
        for t in (11, 200)
    ]
    assert rates[0] == simclr.lr
    assert rates[1] < 0.003 * simclr.lr
    assert cosine(201, base=1.0, period=200) == pytest.approx(0, abs=1e-12)
    assert cosine(401, base=1.0, period=200) == pytest.approx(1)


def test_epochs_count_from_one() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        cosine(0, base=1.0, period=10)
