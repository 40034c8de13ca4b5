# Everything happens in .venv; the stamp files keep a second run from installing again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := console screens cache
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check bench clean

demo: $(VENV)/.installed
	@$(BIN)/mde-console --demo $(ARGS)

test: $(VENV)/.installed-check
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/.installed-check
	$(BIN)/ruff format --check $(SOURCES) tests
	$(BIN)/ruff check $(SOURCES) tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-check
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mde-console needs Python 3.11 or later; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once)…"
	$(PIP) install --constraint constraints.txt --editable '.[simulator]'
	$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@

$(VENV)/.installed-check: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once)…"
	$(PIP) install --constraint constraints.txt --editable '.[check]'
	$(BIN)/python -m compileall -q $(SOURCES)
	@touch $(VENV)/.installed $@
