# `make help` lists the targets.
PYTHON_ENV := .venv/bin/python
DEMO := work_dirs/demo
LITE := configs/digits_frcnn_lite
READER := work_dirs/reader
REAL ?= ../shared/data/nycu-mini
UNLABELLED ?= ../shared/data/svhn-unlabelled
unexport PYTHONDONTWRITEBYTECODE # without its bytecode torch takes 5 s longer to import

.PHONY: help setup demo demo-data reader bench test lint clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and install requirements.txt, unless that is done
	@sh tools/setup.sh

demo: setup $(DEMO)/trained ## draw photos, train the small detector, score it, write a submission, a picture, a report
	$(PYTHON_ENV) tools/test.py $(LITE).py --work-dir $(DEMO) --split valid --dump
	$(PYTHON_ENV) tools/draw_detections.py $(DEMO)/valid/pred.json --images data/synth/valid --ann data/synth/valid.json
	$(PYTHON_ENV) tools/report.py $(DEMO)

# Mild photos, so that minutes of training are enough; for real ones leave --hardness at its default, 1.0.
# Done again, this says that they are there, or that something else is.
demo-data: setup
	$(PYTHON_ENV) tools/prepare_data.py synth --out data/synth --images 2400 --seed 0 --hardness 0.1

# --resume: a training run that was stopped goes on.
$(DEMO)/trained: | demo-data
	$(PYTHON_ENV) tools/train.py $(LITE).py --work-dir $(DEMO) --resume
	@touch $@

# Two processes of one thread each wait for one another once a step; two threads of one process, in every layer.
TRAIN := PYTHON=$(PYTHON_ENV) sh tools/dist_train.sh
SOURCES := data_root=$(REAL) synth_root=$(READER)/synth
TRAIN_READER := --resume --cfg-options train_dataloader.batch_size=8 $(SOURCES)
WEIGHTS := $(READER)/digits_frcnn_lite.safetensors
SEE := tools/test.py $(LITE).py --images $(UNLABELLED)
TEST_READER := tools/test.py $(LITE).py $(WEIGHTS) --split valid --cfg-options data_root=$(REAL)
TUNE := tools/tune_reader.py
APART := $(foreach seed,0 1 2,$(READER)/again$(seed))
EXPORT := tools/export_weights.py $(foreach dir,$(APART),$$(cat $(dir)/last_checkpoint)) $(WEIGHTS)

# Drawn and labelled photos make the first model, mix. What it is sure of teaches three more, apart but for their seed:
# their mean is the model. It is tuned for one size and, as it is read by default, for several and a second look.
reader: $(APART:%=%/trained) ## the model of weights/, from REAL, UNLABELLED and drawn photos: under 2 hours on 2 cores
	$(PYTHON_ENV) $(EXPORT)
	$(PYTHON_ENV) $(TEST_READER) --reader none --no-tta --dump $(READER)/one_size
	$(PYTHON_ENV) $(TUNE) $(READER)/one_size/pred.json $(REAL)/valid.json
	$(PYTHON_ENV) $(EXPORT) --reader $(READER)/one_size/reader.json
	mv $(READER)/reader.json $(READER)/reader_one_size.json
	$(PYTHON_ENV) $(TEST_READER) --reader none --tta --dump $(READER)/views
	$(PYTHON_ENV) $(TUNE) $(READER)/views/pred.json $(REAL)/valid.json
	$(PYTHON_ENV) $(EXPORT) --reader $(READER)/views/reader.json
	$(PYTHON_ENV) $(TEST_READER) --dump $(READER)/valid

$(READER)/synth/synth.json: | setup
	$(PYTHON_ENV) tools/prepare_data.py synth --out $(READER)/synth --images 48000 --seed 1 --backgrounds $(UNLABELLED)

$(READER)/mix/trained: $(READER)/synth/synth.json
	$(TRAIN) $(LITE)_mix.py 2 --work-dir $(@D) $(TRAIN_READER)
	@touch $@

# Labels are made of what is read alike at one size and at several.
$(READER)/mix/labels.json: $(READER)/mix/trained
	$(PYTHON_ENV) $(SEE) --work-dir $(@D) --dump $(@D)/seen
	$(PYTHON_ENV) $(SEE) --work-dir $(@D) --tta --dump $(@D)/seen_tta
	$(PYTHON_ENV) tools/pseudo_label.py $(@D)/seen/pred.json $(@D)/seen_tta/pred.json --min-score 0.6 \
		--images $(UNLABELLED) --exclude $(wildcard $(REAL)/valid $(REAL)/test) --out $@

$(READER)/again%/trained: $(READER)/mix/labels.json
	$(TRAIN) $(LITE)_pseudo.py 2 --work-dir $(@D) $(TRAIN_READER) randomness.seed=$* \
		pseudo_ann=$< pseudo_photos=$(UNLABELLED) load_from=$$(cat $(<D)/last_checkpoint)
	@touch $@

bench: setup ## the benchmarks in short: shows that all of them work, not how fast; see docs/performance.md
	$(PYTHON_ENV) tools/benchmark.py all --short --pairs 3

lint: setup ## ruff, mypy and the contracts on imports
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy
	.venv/bin/lint-imports --no-cache

test: lint ## everything that .ci/run checks: lint, then pytest
	$(PYTHON_ENV) -m pytest

clean: ## remove .venv and caches; data/ and work_dirs/ stay
	rm -rf .venv digits_frcnn.egg-info .mypy_cache .pytest_cache .ruff_cache
	find configs custom tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
