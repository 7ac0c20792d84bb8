# Everything runs in .venv, which is built when there is none. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-slow test-cluster kernels oldest docs check clean

demo: .venv/installed
	$(BIN)/python -m runners.study --preset quick --study demo

PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile
test: .venv/installed check
	$(PYTEST) -m "not slow"

# Kills and resumes, simulations of tests, whole studies and benchmarks: what takes more than a few seconds each.
test-slow: .venv/installed
	$(PYTEST) -m slow

# Real schedulers on this machine, whose parts are killed: Debian's slurm-wlm and munge, and root, or Ray alone.
# CLUSTER_KILLS=30 CLUSTER_EPOCHS=60 for a long run.
test-cluster: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[slurm,ray]'
	TEST_CLUSTER=1 $(BIN)/python -m pytest tests/cluster

# The site, docs/_build/html: its pages are executed; a warning or a block of code that fails stops it.
docs: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test,docs]'
	rm -rf docs/_build docs/_gallery docs/reference/api
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet --jobs auto docs docs/_build/html
	$(BIN)/python -m pytest tests/site

# No test may depend on which kernels a processor chooses: some that train, with those of older processors.
KERNELS := $(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "kernels and not gpu"
kernels: .venv/installed
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Prescott $(KERNELS)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=AVX2 OPENBLAS_CORETYPE=Haswell $(KERNELS)

# The oldest versions of all libraries that pyproject.toml allows, PyTorch among them (6 GB), in an environment of their own:
# the tests that take seconds. What today's Python or newer libraries warn old ones of is not ours.
OLDEST := .venv-oldest/bin/python
oldest: .venv/installed
	test -x $(OLDEST) || $(BIN)/python -m venv .venv-oldest
	$(BIN)/python -m uv pip install --quiet --python $(OLDEST) --resolution lowest-direct --editable '.[test]'
	$(OLDEST) -m pytest --numprocesses auto --dist loadfile --override-ini filterwarnings= --disable-warnings \
		-m "not slow and not gpu" --ignore tests/site

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-oldest .mypy_cache .ruff_cache .pytest_cache .hypothesis
