# Needs Python 3.11 or newer, make and git; everything else comes into .venv, pinned and hashed.
# `make PYTHON=/path/to/python` chooses the Python; `make run ARGS="--port 9000"` passes options on.

CANDIDATES = python3.11 python3.12 python3.13 python3.14 python3 python
PYTHON = $(shell for p in $(CANDIDATES); do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
SET_UP = @python="$(PYTHON)"; \
	test -n "$$python" || { echo "Antiphon needs Python 3.11 or newer; none of these is: $(CANDIDATES)" >&2; exit 1; }; \
	"$$python" scripts/set_up.py
IN = .venv/bin
WORKERS = -n auto --maxprocesses 4 --dist worksteal

.PHONY: help run test check format bench screenshots lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\): ## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name what; do \
		printf '  make %-12s %s\n' "$$name" "$$what"; done

run: ## start Antiphon and open its page
	$(SET_UP) run
	@exec $(IN)/antiphon $(ARGS)

test: ## prove it: every test, with a real browser
	$(SET_UP) dev
	@CHROMIUM="$$($(IN)/python scripts/chromium.py)" && export CHROMIUM && exec $(IN)/python -m pytest $(WORKERS) $(ARGS)

check: ## lint, types and import rules
	$(SET_UP) dev
	$(IN)/ruff check src tests bench scripts hatch_build.py
	$(IN)/ruff format --check src tests bench scripts hatch_build.py
	$(IN)/mypy
	$(IN)/lint-imports

format: ## lay out the code
	$(SET_UP) dev
	$(IN)/ruff format src tests bench scripts hatch_build.py
	$(IN)/ruff check --select I --fix src tests bench scripts hatch_build.py

bench: ## measure; ARGS chooses what and against which server
	$(SET_UP) dev
	@CHROMIUM="$$($(IN)/python scripts/chromium.py)" && export CHROMIUM && exec $(IN)/python -m bench $(ARGS)

screenshots: ## take the pictures in the documentation afresh
	$(SET_UP) dev
	@CHROMIUM="$$($(IN)/python scripts/chromium.py)" && export CHROMIUM && exec $(IN)/python -m bench.screenshots $(ARGS)

lock: ## pin the packages afresh, with hashes and without addresses; ARGS=--upgrade raises them
	$(SET_UP) dev
	@$(IN)/python scripts/lock.py $(ARGS)

clean: ## remove what make has made; data and browser stay
	rm -rf .venv build dist __pycache__ .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf src/antiphon/web/static/vendor
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
