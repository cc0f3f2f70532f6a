# `make help` lists the targets.
PYTHON_ENV := .venv/bin/python
DEMO := work_dirs/demo
LITE := configs/digits_frcnn_lite
READER := work_dirs/reader
# The model in the wheel; tools/wheel/pyproject.toml names it, too.
MODEL := work_dirs/wheel/digits_frcnn_lite.onnx
REAL ?= ../shared/data/nycu-mini
UNLABELLED ?= ../shared/data/svhn-unlabelled
DOMAINS ?= ../shared/data/domains
unexport PYTHONDONTWRITEBYTECODE # without bytecode each import of torch takes 5 s longer

.PHONY: help setup demo demo-data domains-data reader bench test lint clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and install requirements.txt, unless it is up to date
	@sh tools/setup.sh

wheel: setup $(MODEL) ## build dist/digits_reader-*.whl, the reader that needs numpy, pillow and onnxruntime alone
	cd tools/wheel && ../../$(PYTHON_ENV) -m hatchling build --target wheel --directory ../../dist

$(MODEL): weights/digits_frcnn_lite.safetensors weights/reader.json | setup
	$(PYTHON_ENV) tools/export_onnx.py $(LITE).py $< $@

demo: setup $(DEMO)/trained ## make synthetic images, train and test the light model, write submission and report
	$(PYTHON_ENV) tools/test.py $(LITE).py --work-dir $(DEMO) --split valid --dump
	$(PYTHON_ENV) tools/draw_detections.py $(DEMO)/valid/pred.json --images data/synth/valid --ann data/synth/valid.json
	$(PYTHON_ENV) tools/report.py $(DEMO)

# Low --hardness, so that minutes of training are enough; its default, 1.0, is for real photos.
# A second call keeps existing images, and refuses other content of the folder.
demo-data: setup
	$(PYTHON_ENV) tools/prepare_data.py synth --out data/synth --images 2400 --seed 0 --hardness 0.1

# --resume continues a stopped run.
$(DEMO)/trained: | demo-data
	$(PYTHON_ENV) tools/train.py $(LITE).py --work-dir $(DEMO) --resume
	@touch $@

# Real photos of other domains. One number, one source photo and near-duplicates are in one split. building-photos has
# the numbers of building-numbers in the same splits; most of its other numbers go to valid, which is small.
PREPARE := $(PYTHON_ENV) tools/prepare_data.py
BOXES := building-numbers meters-roboflow-real meters-roboflow-printed number-boards
domains-data: $(BOXES:%=data/domains/%/train.json) data/domains/building-photos/train.csv data/domains/kwh-meter-strips/train.csv

data/domains/building-numbers/train.json: KEYS := source
$(BOXES:%=data/domains/%/train.json): data/domains/%/train.json: | setup
	$(PREPARE) coco --src $(DOMAINS)/$*/coco.json --out $(@D) --valid-fraction 0.3 --group-by number $(KEYS)

data/domains/building-photos/train.csv: data/domains/building-numbers/train.json
	$(PREPARE) numbers --src $(DOMAINS)/building-photos/labels.csv --out $(@D) --valid-fraction 0.9 --like $(<D)

data/domains/kwh-meter-strips/train.csv: | setup
	$(PREPARE) numbers --src $(DOMAINS)/kwh-meter-strips/labels.csv --out $(@D) --valid-fraction 0.5

# Two processes of one thread synchronise once per step; two threads of one process, in every layer.
TRAIN := PYTHON=$(PYTHON_ENV) sh tools/dist_train.sh
SOURCES := data_root=$(REAL) synth_root=$(READER)/synth
TRAIN_READER := --resume --cfg-options train_dataloader.batch_size=8 $(SOURCES)
WEIGHTS := $(READER)/digits_frcnn_lite.safetensors
SEE := tools/test.py $(LITE).py --images $(UNLABELLED)
TEST_READER := tools/test.py $(LITE).py $(WEIGHTS) --split valid --cfg-options data_root=$(REAL)
TUNE := tools/tune_reader.py
APART := $(foreach seed,0 1 2,$(READER)/again$(seed))
EXPORT := tools/export_weights.py $(foreach dir,$(APART),$$(cat $(dir)/last_checkpoint)) $(WEIGHTS)

# The first model, mix, is trained on synthetic images and labelled photos. Its pseudo-labels train three more models with
# different seeds, whose weights are averaged. The reader is tuned for one view and, as the default, for test-time
# augmentation.
reader: $(APART:%=%/trained) ## train the model of weights/ on REAL, UNLABELLED and synthetic images: 2 h on 2 cores
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

# Pseudo-labels are numbers that are read alike with one view and with test-time augmentation.
$(READER)/mix/labels.json: $(READER)/mix/trained
	$(PYTHON_ENV) $(SEE) --work-dir $(@D) --dump $(@D)/seen
	$(PYTHON_ENV) $(SEE) --work-dir $(@D) --tta --dump $(@D)/seen_tta
	$(PYTHON_ENV) tools/pseudo_label.py $(@D)/seen/pred.json $(@D)/seen_tta/pred.json --min-score 0.6 \
		--images $(UNLABELLED) --exclude $(wildcard $(REAL)/valid $(REAL)/test) --out $@

$(READER)/again%/trained: $(READER)/mix/labels.json
	$(TRAIN) $(LITE)_pseudo.py 2 --work-dir $(@D) $(TRAIN_READER) randomness.seed=$* \
		pseudo_ann=$< pseudo_photos=$(UNLABELLED) load_from=$$(cat $(<D)/last_checkpoint)
	@touch $@

bench: setup ## short benchmarks, to check that all of them work; docs/performance.md has the figures
	$(PYTHON_ENV) tools/benchmark.py all --short --pairs 3

lint: setup ## run ruff, mypy and the import contracts
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy
	.venv/bin/lint-imports --no-cache

test: lint ## run all checks of .ci/run: lint, then pytest
	$(PYTHON_ENV) -m pytest

clean: ## remove .venv and caches; data/ and work_dirs/ stay
	rm -rf .venv dist digits_frcnn.egg-info .mypy_cache .pytest_cache .ruff_cache
	find configs custom tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
