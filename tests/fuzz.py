"""Random command lines on random damage: python -m tests.fuzz --times 500 --seed 0.

Every case draws a command, flags of its own with good and odd values, and in half of the cases a fault in the files
that it reads. It must end in time, without a traceback, with a documented status, with at most three lines on standard
error if it refuses, and may make nothing outside the folders that it was given. `--only 17` repeats case 17.
"""

import argparse
import importlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import analysis
from tests import forks
from tests.analysis.studies import STUDY, rising, write

ROOT = Path(__file__).parents[1]
SECONDS = 120.0
"""Time that a case may take before it counts as hanging."""
MAKING = [f"analysis.{name}" for name in ("learning", "binomial", "classes", "augmentations")]
RUNNERS = [f"runners.{name}" for name in ("seeds", "study", "sweep", "status", "ingest", "probe", "report")]
COMMANDS = [
    *RUNNERS,
    *RUNNERS,
    *(f"analysis.{name}" for name in analysis.names()),
    *["figures"] * 3,
    "benchmarks",
]
NEEDED = {
    "runners.seeds": [["--method", "supervised"], ["--preset", "quick"]],
    "runners.sweep": [["--method", "simclr"], ["--over", "lr", "1e-3", "1e-2"], ["--preset", "quick"]],
    "runners.study": [["quick"]],
    "runners.ingest": [["--method", "m"], ["--study", "fresh"], ["--correct", "correct.npy"]],
    "runners.probe": [["--run", f"runs/{STUDY}/simclr"]],
}
ALWAYS = {
    **{f"runners.{name}": ["--dry-run"] for name in ("seeds", "sweep", "study")},
    "benchmarks": ["--help"],
}
"""Flags that keep a case from taking hours."""
GOOD = [
    *(
        "0",
        "1",
        "2",
        "5",
        "0.5",
        "1e-3",
        "auto",
        "cpu",
        "simclr",
        "supervised",
        "vicreg",
        "quick",
        "thesis",
        "digits",
    ),
    *("folder", "learning", "sorted-curves", "4.1", STUDY, "True", "None", "3,4", "0-2", "n1", "fresh"),
    *(
        "runs",
        "results",
        "correct.npy",
        "labels.npy",
        "data",
        "new",
        "new/deeper",
        f"runs/{STUDY}/simclr/seed-0000",
    ),
]
ODD = [
    *("", "-1", "-0.0", "1e300", "1e-300", "nan", "inf", "-inf", "9" * 20, "9" * 5000, "0x10", "1_000", "५", "--", "-"),
    *("é✓名前", "e\u0301", "a/b", "a/../b", ".", "~", "~/x", "~nobody/x", "a b", "'", "$HOME", "\n", "x" * 300, "{}"),
    *("meta", "cuda:99", "mps", "[red]", "\x1b[31m", "‮abc", "=1+1", os.fsdecode(b"\xff\xfe"), "None,None", "9-1"),
    *("file", "empty", "pipe", "dangling", "loop", "folder.npy", "pickle.npy", "floats.npy", "huge.npy", "deep.json"),
    *("/dev/null", "/dev/full", "/proc/absent", "file/below", "dangling/below", "absent", "bad.toml", "latin.toml"),
]  # fmt: skip
DEEP = b"[" * 100_000
VALUES = [None, True, -1, 1e300, 10**400, "text", "../..", [], {}, [[]], {"a": {}}, "\ud800", ""]


@dataclass(frozen=True)
class Case:
    """One command in a folder of its own."""

    command: str
    words: list[str]
    damage: str
    in_process: bool

    def __str__(self) -> str:
        line = shlex.join(["python", "-m", self.command, *self.words])
        shown = line.encode("utf-8", "backslashreplace").decode()
        return f"{shown if len(shown) < 700 else shown[:700] + '...'}  [{self.damage}]"


def make_template(folder: Path, *, trained: bool) -> None:
    """Write a folder with a study, results of it, arrays and what is none of these."""
    rng = np.random.default_rng(0)
    for method in ("simclr", "supervised"):
        write(folder / "runs", method, rising(rng, seeds=3, epochs=5, examples=20), labels=np.arange(20) % 4)
    np.save(folder / "correct.npy", rng.random((2, 3, 2, 6)) < 0.5)
    np.save(folder / "labels.npy", np.arange(6))
    np.save(folder / "floats.npy", rng.random((2, 3, 2, 6)))
    np.save(folder / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    header = {"descr": "|b1", "fortran_order": False, "shape": (10**11, 10**11)}
    with (folder / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    (folder / "folder.npy").mkdir()
    (folder / "file").write_text("a file")
    (folder / "empty").touch()
    (folder / "deep.json").write_bytes(DEEP)
    (folder / "bad.toml").write_text("seeds = [")
    (folder / "latin.toml").write_bytes(b'name = "\xe9"')
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    if trained:
        tiny = (
            "--n 2 --epochs 2 --train-examples 64 --width 2 --panel-examples 16 --panel-batch 8 --workers 2"
        )
        seeds = f"-m runners.seeds --preset quick --method supervised --study trained --device cpu {tiny}"
        subprocess.run(
            [sys.executable, *seeds.split()],
            cwd=folder,
            env=environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    for name in MAKING:
        _, out, said = in_fork(name, ["--study", STUDY], folder)
        assert not said, (out, said)


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **changes}


def drawn(number: int, seed: int, folder: Path) -> Case:
    """Draw a case, and damage its folder."""
    rng = random.Random(f"{seed}/{number}")
    command = rng.choice(COMMANDS)
    words = [word for pair in NEEDED.get(command, []) if rng.random() < 0.95 for word in pair]
    flags = flags_of(command)
    for flag in rng.sample(flags, min(len(flags), rng.choice([0, 1, 1, 2, 3]))):
        words += with_value(flag, rng)
    if rng.random() < 0.05:
        words.insert(rng.randrange(len(words) + 1), rng.choice(ODD))
    if command.startswith("analysis.") and not {"--study"} & {*words}:
        words += [
            "--study",
            rng.choice([STUDY, "trained"]) if (folder / "runs" / "trained").exists() else STUDY,
        ]
    damage = damaged(folder, rng) if rng.random() < 0.5 else "nothing damaged"
    return Case(command, [*words, *ALWAYS.get(command, [])], damage, in_process=rng.random() < 0.95)


@cache
def flags_of(command: str) -> list[str]:
    """Return the flags that a command's help shows."""
    _, out, _ = in_fork(command, [*NEEDED.get(command, [[]])[0], "--help"], ROOT)
    return sorted({*re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", out)} - {"--help", "--download"})


def with_value(flag: str, rng: random.Random) -> list[str]:
    if rng.random() < 0.1:
        flag = flag[: rng.randrange(2, len(flag) + 1)]
    values = [rng.choice(GOOD if rng.random() < 0.5 else ODD) for _ in range(rng.choice([0, 1, 1, 1, 1, 2]))]
    return [f"{flag}={values[0]}"] if values and rng.random() < 0.2 else [flag, *values]


def damaged(folder: Path, rng: random.Random) -> str:
    """Damage one of the files that commands read; return what was done."""
    found = [path for place in ("runs", "results") for path in sorted((folder / place).rglob("*"))]
    path = rng.choice(
        [path for path in found if path.is_file() and (path.suffix == ".json" or rng.random() < 0.5)]
    )
    content = path.read_bytes()
    kinds: dict[str, Callable[[], object]] = {
        "cut": lambda: path.write_bytes(content[: rng.randrange(len(content) + 1)]),
        "flipped": lambda: path.write_bytes(flipped(content, rng)),
        "empty": lambda: path.write_bytes(b""),
        "deep": lambda: path.write_bytes(DEEP),
        "other JSON": lambda: path.write_text(json.dumps(rng.choice(VALUES))),
        "altered": lambda: path.write_bytes(altered(content, rng)),
        "gone": path.unlink,
        "a folder": lambda: (path.unlink(), path.mkdir()),
        "a dead link": lambda: (path.unlink(), path.symlink_to("nowhere")),
        "a loop": lambda: (path.unlink(), path.symlink_to(path.name)),
        "a pipe": lambda: (path.unlink(), os.mkfifo(path)),
        "its folder gone": lambda: shutil.rmtree(path.parent),
    }
    kind = rng.choice([*kinds, "altered", "altered", "altered"])
    kinds[kind]()
    return f"{path.relative_to(folder)}: {kind}"


def flipped(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\0"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def altered(content: bytes, rng: random.Random) -> bytes:
    """Replace or remove one entry of a JSON document, however deep; flip a bit of what is none."""
    try:
        document = json.loads(content)
    except ValueError:
        return flipped(content, rng)
    places = [(document, key) for key in entries(document)]
    for holder, key in places:
        places += [(holder[key], below) for below in entries(holder[key])]
    if places:
        holder, key = rng.choice(places)
        if rng.random() < 0.3:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)
    return json.dumps(document).encode()


def entries(value: object) -> list:
    return (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )


def in_fork(command: str, words: list[str], folder: Path) -> tuple[int | None, str, str]:
    """Run a command in a child of this process, which has imported everything; return status, output and errors."""
    return forks.in_fork(command, words, folder, environment(HOME=str(folder / "home")), seconds=SECONDS)


def in_subprocess(command: str, words: list[str], folder: Path) -> tuple[int | None, str, str]:
    """Run a command as a shell does, in a terminal that knows only ASCII."""
    process = subprocess.Popen(
        [sys.executable, "-m", command, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(HOME=str(folder / "home"), LC_ALL="C", PYTHONIOENCODING="ascii"), start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, "", ""


def faults(case: Case, folder: Path, before: set[str]) -> tuple[int | None, list[str]]:
    """Run a case; return its status, and what is wrong with how it ended."""
    run = in_fork if case.in_process else in_subprocess
    status, _, err = run(case.command, case.words, folder)
    wrong = []
    if status is None:
        return None, [f"still running after {SECONDS:.0f} s"]
    if status not in (0, 1, 2, 130) or (
        status == 1 and case.command not in ("runners.status", "runners.seeds")
    ):
        wrong.append(f"status {status}")
    if "Traceback" in err or re.search(r"\.py:\d+: \w*Warning", err):
        wrong.append("a traceback or warning")
    refusal = [line for line in err.splitlines() if not line.startswith("note: ")]
    if status == 2 and not 1 <= len(refusal) <= 3:
        wrong.append(f"{len(refusal)} lines of errors")
    if status == 2 and len(err) > 3000:
        wrong.append(f"{len(err)} characters of errors")
    named = " ".join(case.words)
    made = {path.name for path in folder.iterdir()} - before - {"home", "runs", "results"}
    if stray := [name for name in made if name not in named or name.startswith("~")]:
        wrong.append(f"made {stray}")
    home = folder / "home"
    asked = any(word.split("=")[-1].startswith("~") for word in case.words)
    at_home = [path.name for path in home.iterdir()] if home.exists() and not asked else []
    if stray := [name for name in at_home if name not in (".cache", ".config")]:
        wrong.append(f"made {stray} at home")
    return status, [*wrong, "  " + err[-1500:].strip().replace("\n", "\n  ")] if wrong else []


def import_everything() -> None:
    """Import what commands need once, so that a case takes milliseconds; nothing is computed: no threads are made."""
    for name in (
        "torch",
        "torchvision",
        "zarr",
        "pandas",
        "sklearn.manifold",
        "seaborn",
        "matplotlib.pyplot",
        "xarray",
    ):
        importlib.import_module(name)
    for name in (
        "dynamics.training.study",
        "dynamics.evaluation.encoder",
        "runners.report",
        "figures",
        "analysis.sweep",
    ):
        importlib.import_module(name)
    for name in analysis.names():
        importlib.import_module(f"analysis.{name}")
    for name in [name for name in sys.modules if name.startswith("analysis.") and name.count(".") == 1]:
        if name != "analysis.framework":  # runpy warns of a command that is imported already
            del sys.modules[name]


def fuzz(numbers: range, seed: int, *, trained: bool) -> int:
    """Try all cases; print those that fail, and return how many do."""
    import_everything()
    failed = 0
    statuses: Counter[int | None] = Counter()
    with tempfile.TemporaryDirectory() as name:
        outside = Path(name)
        template = outside / "template"
        template.mkdir()
        make_template(template, trained=trained)
        for number in numbers:
            folder = outside / "case"
            shutil.copytree(template, folder, symlinks=True, copy_function=copied)
            case = drawn(number, seed, folder)
            status, wrong = faults(case, folder, {path.name for path in template.iterdir()})
            statuses[status] += 1
            if others := {path.name for path in outside.iterdir()} - {"template", "case"}:
                wrong.append(f"made {others} beside its folder")
            if wrong:
                failed += 1
                print(f"case {number}: {case}\n  {wrong[0]}\n" + "\n".join(wrong[1:]), flush=True)
            shutil.rmtree(folder)
    ends = ", ".join(f"{count} of status {status}" for status, count in statuses.most_common())
    print(f"{len(numbers)} cases of seed {seed}: {failed} failed; {ends}")
    return failed


def copied(source: str, target: str) -> None:
    """Copy a file, and make a pipe for a pipe."""
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--only", type=int)
    chosen = arguments.parse_args()
    numbers = range(chosen.times) if chosen.only is None else range(chosen.only, chosen.only + 1)
    sys.exit(bool(fuzz(numbers, chosen.seed, trained=True)))


if __name__ == "__main__":
    main()
