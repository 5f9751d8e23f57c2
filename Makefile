# `make demo` and `make test` do all the set-up themselves; see README.md.
PYTHON ?= python3
RUN := .venv/bin/
METERS ?= 13
SECONDS ?= 60
TELEGRAMS := ../shared/telegrams/good
export PYTHON

.PHONY: help demo test unit check format bench soak screenshots clean setup develop

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:
	@tools/setup.sh run

develop:
	@tools/setup.sh develop

demo: setup ## a simulated bus and the gateway in front of it, until Ctrl-C
	@$(RUN)mbusmaster demo --meters $(METERS) $(if $(wildcard $(TELEGRAMS)),--replay $(TELEGRAMS))

test: develop ## all tests
	@$(RUN)pytest -n 2 --dist worksteal

unit: develop ## the quick part of the tests
	@$(RUN)pytest -n 2 --dist worksteal -m "not peers and not process"

check: develop ## format, lint, strict types, import rules, all tests
	@$(RUN)ruff format --check .
	@$(RUN)ruff check .
	@$(RUN)mypy
	@$(RUN)lint-imports --no-cache
	@$(MAKE) --no-print-directory test

format: develop ## rewrite the sources as the formatter wants them
	@$(RUN)ruff check --fix .
	@$(RUN)ruff format .

bench: develop ## the tables of figures, with peers measured in the same run
	@PYTHONPATH=tests $(RUN)python -m bench

soak: develop ## programs that others wrote read the gateway at once while it scans: make soak SECONDS=600
	@PYTHONPATH=tests $(RUN)python -m bench.soak --seconds $(SECONDS)

screenshots: develop ## the pages as they look, into docs/images
	@PYTHONPATH=tests $(RUN)python -m browser.screenshots

clean: ## remove what was built here
	rm -rf .venv .tools tests/peers/node_modules tests/browser/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
