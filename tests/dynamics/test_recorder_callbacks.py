# SPDX-License-Identifier: Apache-2.0
"""The callbacks in the real libraries, where training does not go in one piece: killed, resumed, stopped early."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from dynamics import snapshots

ROOT = Path(__file__).resolve().parents[2]

LIGHTNING = """
import lightning, torch, dynamics
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset
from dynamics.recording.lightning import RecordPanel

class Net(lightning.LightningModule):
    def __init__(self, killed=None):
        super().__init__()
        self.net, self.killed = torch.nn.Linear(4, 2), killed
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, index):
        if self.current_epoch == self.killed:
            raise RuntimeError("killed")
        loss = torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_epoch=True, on_step=False)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

x, y = torch.randn(64, 4), torch.arange(64) % 2
panel, loader = dynamics.Panel(x[:16], y[:16]), DataLoader(TensorDataset(x, y), 16)
beside = {"held_out": dynamics.Panel(x[-8:], y[-8:]), "in_training": [True] * 15 + [False]}
def fit(seed, *more, killed=None, **options):
    callbacks = [ModelCheckpoint("kept", save_top_k=-1, filename="{epoch}"), *more]
    callbacks.append(RecordPanel(f"runs/s/net/seed-{seed:04d}", panel, scalars=["loss"], **beside))
    trainer = lightning.Trainer(max_epochs=5, accelerator="cpu", logger=False, enable_progress_bar=False,
                                enable_model_summary=False, callbacks=callbacks)
    trainer.fit(Net(killed), loader, **options)

try:
    fit(0, killed=2)
except RuntimeError:
    fit(0, ckpt_path="kept/epoch=1.ckpt", weights_only=False)
fit(1, EarlyStopping("loss", mode="max", patience=1))
"""
HUGGING_FACE = """
import torch, dynamics
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments
from dynamics.recording.huggingface import RecordPanel

ids = torch.randint(3, 20, (64, 6))
labels = (ids[:, 0] > 10).long()
panel, held_out = (dynamics.Panel({"input_ids": ids[part]}, labels[part]) for part in (slice(16), slice(-8, None)))
beside = {"held_out": held_out, "in_training": [True] * 15 + [False]}
data = [{"input_ids": one, "labels": label} for one, label in zip(ids, labels)]
class Killed(TrainerCallback):
    def on_epoch_begin(self, args, state, control, **more):
        if state.epoch and state.epoch >= 2:
            raise RuntimeError("killed")
class Early(TrainerCallback):
    def on_epoch_end(self, args, state, control, **more):
        control.should_training_stop = state.epoch >= 2
def train(seed, *more, **options):
    model = BertForSequenceClassification(BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1,
                                                     num_attention_heads=2, intermediate_size=16))
    settings = TrainingArguments(output_dir="kept", num_train_epochs=5, per_device_train_batch_size=16, use_cpu=True,
                                 report_to=[], disable_tqdm=True, save_strategy="epoch")
    record = RecordPanel(f"runs/s/net/seed-{seed:04d}", panel, **beside)
    Trainer(model=model, args=settings, train_dataset=data, callbacks=[record, *more]).train(**options)

try:
    train(0, Killed())
except RuntimeError:
    train(0, resume_from_checkpoint="kept/checkpoint-8")
train(1, Early())
"""
KERAS = """
import keras, numpy, dynamics
from dynamics.recording.keras import RecordPanel

x, y = numpy.random.default_rng(0).normal(size=(64, 4)).astype("float32"), numpy.arange(64) % 2
panel = dynamics.Panel(x[:16], y[:16])
beside = {"held_out": dynamics.Panel(x[-8:], y[-8:]), "in_training": [True] * 15 + [False]}
class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("killed")
def net():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), optimizer="sgd")
    return model
def fit(model, seed, *more, **options):
    record = RecordPanel(f"runs/s/net/seed-{seed:04d}", panel, outputs="logits", **beside)
    model.fit(x, y, epochs=5, verbose=0, callbacks=[record, *more], **options)

model = net()
try:
    fit(model, 0, Killed())
except RuntimeError:
    fit(model, 0, initial_epoch=2)
fit(net(), 1, keras.callbacks.EarlyStopping("loss", mode="max", patience=1))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "code"), [("lightning", LIGHTNING), ("transformers", HUGGING_FACE), ("keras", KERAS)]
)
def test_a_killed_fit_goes_on_and_one_that_stops_early_is_finished(
    tmp_path: Path, library: str, code: str
) -> None:
    if find_spec(library) is None:
        pytest.skip(f"no {library}")
    (tmp_path / "page.py").write_text(code)
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch",
        "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    resumed, early = (snapshots.Run(tmp_path / f"runs/s/net/seed-{seed:04d}") for seed in (0, 1))
    assert resumed.complete and resumed.epochs == (1, 2, 3, 4, 5)
    assert early.complete and early.epochs == (1, 2)
    assert resumed.read("held_out_correct").shape == (5, 1, 1, 8)
    in_training = resumed.coordinate("in_training")
    assert in_training is not None and in_training.sum() == 15
