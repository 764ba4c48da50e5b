# The commands of a fresh clone. All that is needed beforehand is Python 3.10 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Nothing here may depend on what a hub answers today: every model that is used lies in the repository.
export HF_HUB_OFFLINE := 1

.PHONY: gate test lint wheel clean

# The shipped suite against the embedded model: what a release pipeline runs.
gate: $(READY)
	$(BIN)/pytest --vlm tiny -n 4

# A hung test is a failed test.
test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal --timeout 300

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

wheel: $(READY)
	$(BIN)/python -m build --wheel --no-isolation

# The stamp is written last, so that an install that broke off is taken up again. Compiling all of torch and
# transformers ahead would take longer than running the little of them that is used.
$(READY): pyproject.toml tests/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c tests/constraints.txt -e '.[test,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist vsc-report .mypy_cache .pytest_cache .ruff_cache .hypothesis
