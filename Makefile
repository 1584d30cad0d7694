# make demo | make test: each sets up what it needs on a machine with Python 3.11 to 3.13.
PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
.DELETE_ON_ERROR:
.PHONY: demo test lint lock clean

$(BIN)/python:
	@$(PY) -c 'import sys; v=sys.version_info[:2]; sys.exit(0 if (3,11) <= v <= (3,13) else "needs Python 3.11 to 3.13, found %d.%d: make PY=/path/to/python3.12" % v)'
	@$(PY) -m venv $(VENV)

$(STAMP): pyproject.toml requirements.lock | $(BIN)/python
	@echo "setting up $(VENV): about half a minute and 5 GB (torch with CUDA libraries)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.8
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -c 'import torch, torchvision' || { echo "torch and torchvision do not import together (a CPU-only torch beside a CUDA torchvision?): run 'make clean' and try again, or install a matching pair by hand"; exit 1; }
	@touch $@

lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements.lock

clean:
	rm -rf -- $(VENV)
