# The two commands of the README are `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo
PYTEST_ARGS ?=
unexport PYTHONDONTWRITEBYTECODE # it would have every process of the tests compile all of hpctrain

.PHONY: demo test tests tutorial fast faults lint docs pythons dist bench bench-training bench-trainers clean

# hpctrain with the real trainer. tensorpotential is installed without its requirements: they
# would bring TensorFlow with every CUDA wheel; what it needs on a CPU is in the extra.
$(VENV)/trainer: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { \
	  echo "hpctrain needs Python 3.10 to 3.13 with the trainer: make PYTHON=/path/to/python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[pacemaker,grace]'
	$(BIN)/python -m pip install --quiet --no-deps 'tensorpotential==0.6.2.1' 'tf_keras==2.20.*'
	@touch $@

$(VENV)/tools: $(VENV)/trainer
	$(BIN)/python -m pip install --quiet --editable '.[pacemaker,grace,dev]'
	@touch $@

# The main job on this machine: a labelled database to a potential.
demo: $(VENV)/trainer
	@test -f $(DEMO)/hpctrain.yaml || $(BIN)/hpctrain init $(DEMO) --demo
	@cd $(DEMO) && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  echo '$$ hpctrain submit --site local' && hpctrain submit --site local && \
	  echo '$$ hpctrain status --watch' && hpctrain status --watch && \
	  echo '$$ hpctrain collect' && hpctrain collect "$$(ls runs | tail -n 1)"

# What the commands of the tutorial print, with the real trainer, written into its page: five minutes.
tutorial: $(VENV)/tools
	WRITE_TUTORIAL=1 $(BIN)/python -m pytest --quiet tests/test_tutorial.py -k walked $(PYTEST_ARGS)

lint: $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Everything, on the real trainer, and on a real Slurm where one can be installed; lint beside it.
test: $(VENV)/tools
	@$(MAKE) --no-print-directory --jobs 2 lint tests

tests: $(VENV)/tools
	bash tests/cluster/run.sh $(BIN)/python $(PYTEST_ARGS)

# Every point at which a command can be killed, interrupted or fail to write, on a real Slurm where
# one can be had: a quarter of an hour. `make test` takes a sixteenth of them, another each day.
faults: $(VENV)/tools
	EVERY_FAULT=1 bash tests/cluster/run.sh $(BIN)/python tests/faults $(PYTEST_ARGS)

# What needs neither the trainer nor a service.
fast: $(VENV)/tools
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m "not (slow or real_pacemaker \
	  or real_slurm or real_postgres or real_browser)" $(PYTEST_ARGS)

# The docs as a site: build/docs/index.html. Every warning is an error, a broken link too.
docs: $(VENV)/tools
	$(BIN)/python -m sphinx -W --keep-going -b html -d build/doctrees docs build/docs

# Without the trainer, on every supported Python that is installed here: 3.10 to 3.14.
pythons: $(VENV)/tools
	$(BIN)/python -m pip install --quiet nox
	$(BIN)/nox -- $(PYTEST_ARGS)

# What is published: sdist, and the wheel that is built from it.
dist: $(VENV)/tools
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

# What looking costs, the linear start against a plain loop, and the export against ASE, as ratios;
# see the files. They write into docs/training.md and docs/benchmarks.md. About 2 GB of disk for a
# moment; with STRUCTURES=1000000, 15 GB.
bench: $(VENV)/trainer
	$(BIN)/python benchmarks/bench_following.py
	$(BIN)/python benchmarks/bench_looking.py
	$(BIN)/python benchmarks/bench_linear_start.py
	$(BIN)/python benchmarks/bench_export.py $(STRUCTURES)

# The default settings against Pacemaker's own template, after equal time: ten minutes of training.
# Writes its table into docs/training.md.
bench-training: $(VENV)/trainer
	$(BIN)/python benchmarks/bench_training.py

# The trainers on the demo's data, five minutes each, and what their potentials cost: about three
# quarters of an hour on a quiet machine. Writes its table into docs/trainers.md.
bench-trainers: $(VENV)/trainer
	$(BIN)/python benchmarks/bench_trainers.py

clean:
	rm -rf $(VENV) $(DEMO) build dist .nox .pytest_cache .mypy_cache .ruff_cache .hypothesis
