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
# Two processes of one thread synchronise once per step; two threads of one process, in every layer.
TRAIN := PYTHON=$(PYTHON_ENV) sh tools/dist_train.sh
GPU = $(shell nvidia-smi -L 2>/dev/null)
unexport PYTHONDONTWRITEBYTECODE # without bytecode each import of torch takes 5 s longer

.PHONY: help setup wheel ray ray-test demo demo-data domains-data reader bench test faults lint clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and install requirements.txt, unless it is up to date
	@sh tools/setup.sh

wheel: setup $(MODEL) ## build dist/digits_reader-*.whl, the reader that needs numpy, pillow and onnxruntime alone
	cd tools/wheel && ../../$(PYTHON_ENV) -m hatchling build --target wheel --directory ../../dist

EXPORTED_BY := tools/export_onnx.py custom/commands/export_onnx.py custom/onnx_reader/model_file.py requirements.txt \
	$(wildcard custom/models/*.py configs/_base_/*.py) configs/digits_frcnn.py $(LITE).py
$(MODEL): weights/digits_frcnn_lite.safetensors weights/reader.json $(EXPORTED_BY) | setup
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
	$(if $(GPU),$(PYTHON_ENV) tools/train.py $(LITE).py --cfg-options,$(TRAIN) $(LITE).py 2 --cfg-options \
		train_dataloader.batch_size=8) train_cfg.max_epochs=5 --work-dir $(DEMO) --resume
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

SYNTH := $(PREPARE) synth --valid-fraction 0.025 --test-fraction 0.001
HOUSES := $(READER)/houses
DRAWN := $(READER)/synth
ROOTS := houses_root=$(HOUSES) synth_root=$(DRAWN)
TRAIN_READER := --resume --cfg-options train_dataloader.batch_size=8
ANY_USE := weights/any-use/digits_frcnn_lite.safetensors
EXPORT := $(PYTHON_ENV) tools/export_weights.py
CHECKPOINT = $$(cat $(READER)/$*/last_checkpoint)

# 1. houses: synthetic house numbers, from ImageNet weights. 2. domains: every domain of the generator and labelled photos
# whose licences allow any use. 3. svhn: REAL and UNLABELLED too, whose known numbers make pseudo-labels.
reader: $(READER)/domains/reader.json $(READER)/svhn/reader.json ## train both models of weights/: 2 to 4 h on 2 cores
	$(EXPORT) --reader $< $$(cat $(READER)/domains/last_checkpoint) $(ANY_USE)
	$(EXPORT) --reader $(word 2,$^) $$(cat $(READER)/svhn/last_checkpoint) weights/digits_frcnn_lite.safetensors

# The reader is tuned on sets that the model was not trained on. Photos of SVHN tune the model that was trained on SVHN.
PREDICT = $(PYTHON_ENV) tools/test.py $(LITE).py $(CHECKPOINT) --tta --reader none --dump $(@D)/tune
$(READER)/%/reader.json: $(READER)/%/trained $(READER)/choose/synth.json
	$(PREDICT)/drawn --split valid --cfg-options data_root=$(READER)/choose
	$(PREDICT)/wheels --images data/domains/kwh-meter-strips/train
	$(PREDICT)/photos --images data/domains/building-photos/train
	$(if $(filter svhn,$*),$(PREDICT)/svhn --split valid --cfg-options data_root=$(REAL))
	$(PYTHON_ENV) tools/tune_reader.py --out $@ $(@D)/tune/drawn/pred.json $(READER)/choose/valid.json \
		$(@D)/tune/wheels/pred.json data/domains/kwh-meter-strips/train.csv \
		$(@D)/tune/photos/pred.json data/domains/building-photos/train.csv \
		$(if $(filter svhn,$*),$(@D)/tune/svhn/pred.json $(REAL)/valid.json)

$(READER)/choose/synth.json: | setup
	$(PREPARE) synth --out $(@D) --images 420 --seed 3 --valid-fraction 0.97 --test-fraction 0.01 --hardness 0.7 \
		--domains houses=2,registers=2,displays=1,empty=2 --digit-crops $(DOMAINS)/meter-digit-crops

$(HOUSES)/synth.json: | setup
	$(SYNTH) --out $(@D) --images 30000 --seed 1

$(DRAWN)/synth.json: | setup
	$(SYNTH) --out $(@D) --images 24000 --seed 2 --digit-crops $(DOMAINS)/meter-digit-crops \
		--domains displays=6,registers=6,plaques=5,scenes=5,empty=3

$(READER)/houses-model/trained: $(HOUSES)/synth.json
	$(TRAIN) $(LITE)_mix.py 2 --work-dir $(@D) $(TRAIN_READER) train_dataloader.sampler.weights=[0,1] \
		data_root=$(HOUSES) synth_root=$(HOUSES) train_cfg.max_epochs=4
	@touch $@

$(READER)/domains/trained: $(READER)/houses-model/trained $(DRAWN)/synth.json | domains-data
	$(TRAIN) $(LITE)_domains.py 2 --work-dir $(@D) $(TRAIN_READER) $(ROOTS) load_from=$$(cat $(<D)/last_checkpoint)
	@touch $@

$(READER)/pseudo/labels.json: $(READER)/domains/trained
	$(PYTHON_ENV) tools/test.py $(LITE).py $$(cat $(<D)/last_checkpoint) --images $(UNLABELLED) --tta --reader none \
		--dump $(@D)
	$(PYTHON_ENV) tools/pseudo_label.py $(@D)/pred.json --images $(UNLABELLED) --numbers $(UNLABELLED)-numbers.csv \
		--exclude $(wildcard $(REAL)/valid $(REAL)/test) --out $@

$(READER)/svhn/trained: $(READER)/pseudo/labels.json
	$(TRAIN) $(LITE)_pseudo.py 2 --work-dir $(@D) $(TRAIN_READER) $(ROOTS) data_root=$(REAL) \
		pseudo_ann=$< pseudo_photos=$(UNLABELLED) load_from=$$(cat $(READER)/domains/last_checkpoint)
	@touch $@

bench: setup ## short benchmarks, to check that all of them work; docs/performance.md has the figures
	$(PYTHON_ENV) tools/benchmark.py all --short --pairs 3

lint: setup ## run ruff, mypy and the import contracts
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy
	.venv/bin/lint-imports --no-cache

# A process of tests needs up to 2 GB.
test: lint ## run all checks of .ci/run: lint, then pytest, whose slowest tests are listed
	$(PYTHON_ENV) -m pytest -n auto --maxprocesses 4 --dist worksteal --durations 15

faults: setup ## try faults on whole runs: kills, full disks, hostile files, two at once: 20 min on 2 cores
	PYTHONPATH=tests $(PYTHON_ENV) -m faults

ray: setup ## add Ray Data to .venv, for tools/predict.py --engine ray
	$(PYTHON_ENV) -m uv pip install --python $(PYTHON_ENV) -r requirements-ray.txt

ray-test: ray ## test it on clusters of this machine, where actors, nodes and drivers are killed
	$(PYTHON_ENV) -m pytest tests/distributed_inference

clean: ## remove .venv and caches; data/ and work_dirs/ stay
	rm -rf .venv dist digits_frcnn.egg-info .mypy_cache .pytest_cache .ruff_cache
	find configs custom tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
