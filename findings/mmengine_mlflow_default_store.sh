#!/bin/sh
# MMEngine's MLflow logger does not start with its default arguments, since MLflow refuses the store that it names.
#
# onedl-mmengine 0.10.12 with mlflow 3.17.2 and torch 2.14.1. Expected: MLflowVisBackend(save_dir) logs to files in
# save_dir, as its docstring shows. Seen: it sets the tracking URI to file://save_dir, and MLflow raises MlflowException:
# "The filesystem tracking backend … is in maintenance mode". tracking_uri='sqlite:///mlflow.db' works.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onedl-mmengine==0.10.12 mlflow==3.17.2 torch==2.14.1 setuptools==81.0.0
"$folder/venv/bin/pip" uninstall --quiet --yes opencv-python # needs libGL
"$folder/venv/bin/pip" install --quiet --force-reinstall --no-deps opencv-python-headless==4.12.0.88 numpy==2.2.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import warnings

import mlflow
from mmengine.logging import MMLogger
from mmengine.visualization import MLflowVisBackend

warnings.simplefilter('ignore')
MMLogger.get_instance('finding', log_level=logging.ERROR)
try:
    MLflowVisBackend('files').add_scalar('loss', 0.5, 1)
    raise SystemExit('the default arguments work: the finding is out of date')
except mlflow.exceptions.MlflowException as error:
    print(f'default arguments: {str(error)[:120]} …')
    assert 'filesystem tracking backend' in str(error)
MLflowVisBackend('other', tracking_uri='sqlite:///mlflow.db').add_scalar('loss', 0.5, 1)
(run,) = mlflow.search_runs(search_all_experiments=True, output_format='list')
print(f"tracking_uri='sqlite:///mlflow.db': loss {run.data.metrics['loss']}")
assert run.data.metrics == {'loss': 0.5}
PYTHON
