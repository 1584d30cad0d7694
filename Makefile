# make demo | make test: each sets up what it needs on a machine with Python 3.11 to 3.13.
PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PEERS ?= .venv-peers
IGDM := $(BIN)/igdm
export OMP_NUM_THREADS ?= 1
.DELETE_ON_ERROR:
.PHONY: demo test test-peers test-faults lint bench lock clean

demo: $(STAMP)
	@echo "demo: trains a robust teacher and three students on digits and attacks them, about 4 minutes on 2 cores"
	@$(IGDM) run configs/digits.toml --name standard --set method.name=standard --set igdm.alpha=0
	@$(IGDM) run configs/digits.toml --name adaad --set igdm.alpha=0
	@$(IGDM) run configs/digits.toml --name adaad+igdm
	@echo
	@$(IGDM) compare $$($(IGDM) ls --json | $(BIN)/python -c 'import json, sys; print(*[run["id"] for run in json.load(sys.stdin)[2::-1]])')
	@echo
	@echo "next: source $(BIN)/activate; igdm-tui    (n: assemble a run, space and c: compare, ?: all keys)"

test: $(STAMP)
	@echo "test: 20 to 30 minutes on 2 cores; workers are started, killed and resumed"
	@$(BIN)/python -m pytest -q

# torchattacks pins an old requests and is needed by nothing else: it lies in a folder of its own.
test-peers: $(STAMP) $(PEERS)/.ready
	@echo "test-peers: attacks against those of torchattacks, half a minute"
	@PYTHONPATH=$(PEERS) $(BIN)/python -m pytest -q -m peers

test-faults: $(STAMP)
	@echo "test-faults: kills, full disks, damage and races by the hundred, half an hour to one hour on 2 cores (IGDM_FAULTS_KILLS, IGDM_FAULTS_SEED)"
	@IGDM_FAULTS_LARGE=1 $(BIN)/python -m pytest -q -s -m "faults or large" tests/faults tests/integration/test_evaluation_kills.py

$(PEERS)/.ready: | $(STAMP)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --upgrade --target $(PEERS) torchattacks==3.5.1
	@touch $@

test-slurm: $(STAMP)
	@echo "test-slurm: a real Slurm of one host on loopback, about 5 minutes; installed first where it is missing (root, Debian)"
	@test -x /usr/sbin/slurmctld || tests/slurm/cluster.sh install || echo "Slurm cannot be installed here: the tests are skipped"
	@IGDM_TEST_SLURM=1 $(BIN)/python -m pytest -q tests/slurm

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(STAMP)
	@$(BIN)/python benchmarks/all.py

$(BIN)/python:
	@$(PY) -c 'import sys; v=sys.version_info[:2]; sys.exit(0 if (3,11) <= v <= (3,13) else "needs Python 3.11 to 3.13, found %d.%d: make PY=/path/to/python3.12" % v)'
	@$(PY) -m venv $(VENV)

$(STAMP): pyproject.toml requirements.lock | $(BIN)/python
	@echo "setting up $(VENV): half a minute to two minutes, 5 GB (torch with its CUDA libraries)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.8
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@# As a path, not as an import hook, which would cost each command and worker a third of its start.
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --config-settings editable_mode=compat -e .
	@$(BIN)/python -W ignore -c 'import torch, torchvision' || { echo "torch and torchvision do not import together (a CPU-only torch beside a CUDA torchvision?): run 'make clean' and try again, or install a matching pair by hand"; exit 1; }
	@touch $@

lock: $(BIN)/python
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements.lock

clean:
	rm -rf -- $(VENV) $(PEERS)
