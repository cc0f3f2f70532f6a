# `make help` lists the targets.
PYTHON_ENV := .venv/bin/python
DEMO := work_dirs/demo
MINI := configs/digits_frcnn_mini.py
unexport PYTHONDONTWRITEBYTECODE # without its bytecode torch takes 5 s longer to import

.PHONY: help setup demo demo-data test lint clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and install requirements.txt, unless that is done
	@sh tools/setup.sh

demo: setup $(DEMO)/trained ## draw photos, train the small detector, score it, write a submission and a picture
	$(PYTHON_ENV) tools/test.py $(MINI) --work-dir $(DEMO) --split valid --dump
	$(PYTHON_ENV) tools/draw_detections.py $(DEMO)/valid/pred.json --images data/synth/valid --ann data/synth/valid.json

# Mild photos, so that minutes of training are enough; for real ones leave --hardness at its default, 1.0.
# Done again, this says that they are there, or that something else is.
demo-data: setup
	$(PYTHON_ENV) tools/prepare_data.py synth --out data/synth --images 2400 --seed 0 --hardness 0.1

# --resume: a training run that was stopped goes on.
$(DEMO)/trained: | demo-data
	$(PYTHON_ENV) tools/train.py $(MINI) --work-dir $(DEMO) --resume
	@touch $@

lint: setup ## ruff and mypy
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy

test: lint ## everything that .ci/run checks: lint, then pytest
	$(PYTHON_ENV) -m pytest

clean: ## remove .venv and caches; data/ and work_dirs/ stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find configs custom tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
