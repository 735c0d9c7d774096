# One entry for every task. `make demo` and `make test` set up what they need.
#
# PYTHON chooses the interpreter; each version has a virtual environment of its own, so
# `make test PYTHON=python3.13` does not disturb `.venv`.

RECENT := import sys; sys.exit(sys.version_info < (3, 10))
DEFAULT_PYTHON := $(shell for name in python3.11 python3.12 python3.13 python3.10 python3; do \
	$$name -c '$(RECENT)' 2>/dev/null && command -v $$name && break; done)
PYTHON ?= $(DEFAULT_PYTHON)
ifeq ($(PYTHON),$(DEFAULT_PYTHON))
VENV := .venv
else
VENV := .venv/$(notdir $(PYTHON))
endif
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults soak interop conformance fuzz check format generate \
	bench bench-generate clean

help: ## what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the product itself needs; quick enough for a first look.
$(VENV)/.product: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.10 or newer is needed (python3.11, say); set PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[codegen]'
	@touch $@

# And what its tests, checks and benchmarks need.
$(VENV)/.dev: $(VENV)/.product
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[codegen,uvloop]' --group dev
	@touch $@

setup: $(VENV)/.dev ## the virtual environment, with everything

demo: $(VENV)/.product ## schemas in, acknowledged events out, over every transport
	@$(BIN)/python examples/demo.py

# Much of it waits for processes and sockets: more workers than processors are of use.
JOBS ?= 3
test: $(VENV)/.dev ## the whole test suite, in JOBS=n processes
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

# SHORT=1 for the short form; ARGS for the rest (--only WORDS, --over TRANSPORT, --jobs N).
faults: $(VENV)/.dev ## the fault matrix, every row; SHORT=1 takes two minutes; RACCOON_BIN=/path for a real server
	@$(BIN)/python -m tests.faults $(if $(SHORT),--short) $(ARGS)

MINUTES ?= 10
soak: $(VENV)/.dev ## load and random faults together, over all transports, for MINUTES=n
	@$(BIN)/python -m tests.faults --only soak --jobs 3 --minutes $(MINUTES) $(ARGS)

interop: $(VENV)/.dev ## the wire suite; RACCOON_HTTP=http://host:port RACCOON_GRPC=host:port for a real server
	$(BIN)/python -m pytest tests/interop $(ARGS)

conformance: $(VENV)/.dev ## Google's protobuf conformance suite against our codec
	$(BIN)/python tests/conformance/run.py $(ARGS)

fuzz: $(VENV)/.dev ## the codec beside google's on random and harmed input, for MINUTES=n
	@$(BIN)/python tests/codec/fuzz.py --minutes $(MINUTES) $(ARGS)

check: $(VENV)/.dev ## types, lint, format, and whether generated/ is what schemas/ gives
	$(BIN)/python -m mypy
	$(BIN)/python -m pyright --pythonpath $(BIN)/python
	$(BIN)/python -m ruff check
	$(BIN)/python -m black --quiet --check codegen runtime tests bench examples
	$(BIN)/raccoon-codegen --check

format: $(VENV)/.dev ## lay out the code
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m black --quiet codegen runtime tests bench examples

generate: $(VENV)/.product ## generated/ from schemas/
	$(BIN)/raccoon-codegen

bench: $(VENV)/.dev ## the codec, the transports and delivery beside their peers; RACCOON_BIN for a real server
	$(BIN)/python bench/bench_codec.py
	$(BIN)/python bench/bench_transport.py
	$(BIN)/python bench/bench_delivery.py
	$(BIN)/python bench/bench_submit.py
	$(BIN)/python bench/bench_spool.py

bench-generate: $(VENV)/.dev ## the generator against betterproto2_compiler
	$(BIN)/python bench/bench_generate.py

clean: ## remove the virtual environments and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
