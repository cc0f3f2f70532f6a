"""tools/setup.sh with interpreters that only pretend: each condition gives its line, and nothing is installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINS = 'torch==2.0 # the pair\ntorchvision==1.0\nopencv-python-headless==4.0\nuv==0.1\n'

# Answers what setup.sh asks an interpreter; anything else it notes in calls.txt, and does nothing.
INTERPRETER = """#!/bin/sh
case "$*" in
{special}
*version_info*) echo {version} ;;
*ensurepip*) exit 0 ;;
'-m venv .venv') mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
--version) echo 'Python {version}' ;;
*) echo "$*" >>calls.txt ;;
esac
"""


def write_script(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def disk(folder: Path, free_mb: int) -> None:
    write_script(folder / 'bin/df', f'#!/bin/sh\necho Filesystem 1M-blocks Used Available\necho /dev/a 1 1 {free_mb}\n')


def interpreter(path: Path, version: str = '3.11', special: str = '') -> Path:
    return write_script(path, INTERPRETER.format(version=version, special=special))


class Project:
    """A folder with the set-up script, four pins and 7 GB of disk; its bin/ comes first on the PATH."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / 'tools').mkdir(parents=True)
        shutil.copy(ROOT / 'tools/setup.sh', folder / 'tools')
        (folder / 'requirements.txt').write_text(PINS)
        self.python = interpreter(folder / 'bin/python3')
        disk(folder, 7000)
        self.venv = folder / '.venv'

    def setup(self, **env: str) -> subprocess.CompletedProcess:
        clean = {key: value for key, value in os.environ.items() if key not in ('PYTHON', 'TORCH')}
        clean['PATH'] = f'{self.folder / "bin"}:/usr/bin:/bin'
        return subprocess.run(
            ['sh', str(self.folder / 'tools/setup.sh')], env=clean | env, cwd='/', capture_output=True, text=True
        )

    def refusal(self, **env: str) -> str:
        """The line that a failing run ends with."""
        result = self.setup(**env)
        assert result.returncode == 1, result.stdout
        assert not (self.venv / 'installed.txt').exists()
        return result.stderr.splitlines()[-1]

    def calls(self) -> list[str]:
        return (self.folder / 'calls.txt').read_text().splitlines()


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / 'my project')


@pytest.mark.integration
def test_python_too_old(project):
    old = interpreter(project.folder / 'bin/old', '3.9')
    assert project.refusal(PYTHON=str(old)) == (
        f'setup: needs Python 3.10 to 3.13 with venv: {old} is Python 3.9; '
        'install one, or name it: PYTHON=/path/to/python3'
    )
    assert not project.venv.exists()


@pytest.mark.integration
def test_python_that_is_not_there(project):
    assert 'found none as /nowhere/python3;' in project.refusal(PYTHON='/nowhere/python3')


@pytest.mark.integration
def test_an_old_python_first_on_the_path_is_passed_over(project):
    interpreter(project.python, '3.9')
    write_script(project.folder / 'bin/python3.13', '#!/bin/sh\nexit 127\n')
    interpreter(project.folder / 'bin/python3.12', '3.12')
    result = project.setup()
    assert result.returncode == 0, result.stderr
    assert 'making .venv with python3.12 ...' in result.stdout


@pytest.mark.integration
def test_python_without_venv(project):
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    (project.folder / 'broken').mkdir()
    (project.folder / 'broken/ensurepip.py').write_text('raise ImportError\n')
    text = f'#!/bin/sh\nPYTHONPATH="{project.folder / "broken"}" exec "{sys.executable}" "$@"\n'
    line = project.refusal(PYTHON=str(write_script(project.python, text)))
    assert f'({version}) lacks venv (Debian, Ubuntu: apt-get install python{version}-venv);' in line
    assert not project.venv.exists()


@pytest.mark.integration
@pytest.mark.parametrize('has_flock', [True, False])
def test_two_set_ups_at_once_make_one_venv(project, has_flock):
    """The first one is held where it installs; the second one waits for it and finds everything done."""
    gate, reached = project.folder / 'gate', project.folder / 'reached'
    os.mkfifo(gate)
    os.mkfifo(reached)
    interpreter(project.python, special=f"'-m uv'*) echo x >'{reached}'; cat '{gate}' ;;")
    if not has_flock:  # on macOS, say
        tools = project.folder / 'without'
        tools.mkdir()
        for path in (*Path('/usr/bin').iterdir(), *Path('/bin').iterdir()):
            if path.name != 'flock' and not (tools / path.name).exists():
                (tools / path.name).symlink_to(path)
    path = f'{project.folder / "bin"}:{"/usr/bin:/bin" if has_flock else tools}'
    own = {} if has_flock else {'PYTHON': str(project.python)}
    if not has_flock:
        interpreter(
            project.python,
            special=f"'-m uv'*) echo x >'{reached}'; cat '{gate}' ;;\n*fcntl*) exec {sys.executable} \"$@\" ;;",
        )
    command = ['sh', str(project.folder / 'tools/setup.sh')]
    env = {key: value for key, value in os.environ.items() if key not in ('PYTHON', 'TORCH')} | {'PATH': path} | own
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, 'text': True, 'env': env}
    with subprocess.Popen(command, **pipes) as first:
        reached.read_text()
        with subprocess.Popen(command, **pipes) as second:
            assert second.stdout.readline() == 'setup: another set-up is running in this folder; waiting for its end\n'
            gate.write_text('')
            assert second.stdout.read() == 'setup: .venv is ready (Python 3.11)\n'
        assert 'importing the libraries once' in first.stdout.read()
    assert (first.returncode, second.returncode) == (0, 0)


@pytest.mark.integration
def test_no_disk(project):
    disk(project.folder, 6999)
    assert project.refusal() == (
        f'setup: needs 7 GB of disk, but {project.folder} has 6999 MB: '
        'free some room, or move the project to a larger disk'
    )
    assert not project.venv.exists()
    interpreter(project.python, special='*torch.__path__*) echo /opt ;;\n*purelib*) echo .venv ;;')
    assert project.setup(TORCH='system').returncode == 0  # needs no room for torch


@pytest.mark.integration
def test_registry_that_does_not_answer(project):
    env = {
        'PYTHON': sys.executable,
        'PIP_CONFIG_FILE': os.devnull,
        'PIP_INDEX_URL': 'http://127.0.0.1:9/simple',
        'PIP_EXTRA_INDEX_URL': '',
        'PIP_FIND_LINKS': '',
        'PIP_RETRIES': '0',
    }
    line = project.refusal(**env)
    assert line.startswith('setup: the package registry does not answer: look at the network, the proxy')


@pytest.mark.integration
def test_second_run_finds_it_done_until_a_pin_changes(project):
    first = project.setup()
    assert first.returncode == 0, first.stderr
    assert all(re.fullmatch(r'setup: .+ \.\.\. \d+ s', line) for line in first.stdout.splitlines())
    calls = project.calls()
    assert calls[0] == '-m pip install uv==0.1'
    assert calls[1].startswith('-m uv pip install --python .venv/bin/python -r .venv/pins.txt')
    assert calls[2] == '-m pip install --force-reinstall --no-deps opencv-python-headless==4.0'
    assert calls[3] == '-m pip install --no-deps -e .'
    assert 'import cv2' in calls[4]
    assert (project.venv / 'pins.txt').read_text().splitlines() == [line.split(' #')[0] for line in PINS.splitlines()]

    (project.folder / 'requirements.txt').write_text('# another comment\n' + PINS)
    assert project.setup().stdout == 'setup: .venv is ready (Python 3.11)\n'
    assert project.calls() == calls

    (project.folder / 'requirements.txt').write_text(PINS.replace('uv==0.1', 'uv==0.2'))
    assert project.setup().returncode == 0
    assert project.calls()[len(calls)] == '-m pip install uv==0.2'


@pytest.mark.integration
def test_moved_project_is_set_up_again(project):
    assert project.setup().returncode == 0
    project.folder = project.folder.rename(project.folder.with_name('moved'))
    assert 'making .venv' in project.setup().stdout


@pytest.mark.integration
def test_active_venv_is_not_made_with_itself(project):
    assert project.setup().returncode == 0
    shutil.copy(project.venv / 'bin/python', project.venv / 'bin/python3')
    (project.folder / 'requirements.txt').write_text(PINS + 'tqdm==1.0\n')
    interpreter(project.python, '3.9')
    write_script(project.folder / 'bin/python3.13', '#!/bin/sh\nexit 127\n')
    interpreter(project.folder / 'bin/python3.12', '3.12')
    result = project.setup(PATH=f'{project.venv / "bin"}:{project.folder / "bin"}:/usr/bin:/bin')
    assert result.returncode == 0, result.stderr
    assert 'making .venv with python3.12 ...' in result.stdout


@pytest.mark.integration
def test_half_made_venv_is_made_anew(project):
    good = project.python.read_text()
    interpreter(project.python, special="*'import cv2'*) echo 'ImportError: libGL.so.1'; exit 1 ;;")
    result = project.setup()
    assert result.stderr.splitlines() == [
        'ImportError: libGL.so.1',
        'setup: an installed library cannot be imported; the log is .venv/install.log',
    ]
    (project.venv / 'left over').touch()
    project.python.write_text(good)
    assert project.setup().returncode == 0
    assert not (project.venv / 'left over').exists()
    assert (project.venv / 'installed.txt').exists()


@pytest.mark.integration
def test_somebody_elses_venv_stays(project):
    project.venv.mkdir()
    (project.venv / 'mine').touch()
    assert project.refusal() == (
        'setup: .venv is there, but this script did not make it: move it away, then run this again'
    )
    assert (project.venv / 'mine').exists()


@pytest.mark.integration
def test_pip_takes_over_from_uv(project):
    interpreter(project.python, special="'-m uv'*) echo 'Failed to fetch'; exit 1 ;;")
    result = project.setup()
    assert result.returncode == 0
    assert 'installing requirements.txt ... failed\nsetup: installing again, with pip ...' in result.stdout
    assert '-m pip install -r .venv/pins.txt' in project.calls()


@pytest.mark.integration
def test_full_disk_while_installing(project):
    interpreter(project.python, special="'-m uv'*) echo 'No space left on device'; exit 1 ;;")
    assert project.refusal() == 'setup: the disk is full: free 7 GB, then run this again'
    assert project.calls() == ['-m pip install uv==0.1']  # pip is not tried: it takes more room


@pytest.mark.integration
def test_system_torch_is_used_and_remembered(project):
    interpreter(project.python, special='*torch.__path__*) echo /opt/site ;;\n*purelib*) echo .venv ;;')
    assert project.setup(TORCH='system').returncode == 0
    assert (project.venv / 'torch.pth').read_text() == '/opt/site\n'
    assert (project.venv / 'pins.txt').read_text() == 'opencv-python-headless==4.0\nuv==0.1\n'
    assert (project.venv / 'excluded.txt').read_text() == 'playwright\ntorch\ntorchvision\n'
    assert project.setup().stdout == 'setup: .venv is ready (Python 3.11)\n'
    assert 'making .venv' in project.setup(TORCH='pinned').stdout


@pytest.mark.integration
def test_system_torch_that_is_not_there(project):
    interpreter(project.python, special='*torch.__path__*) exit 1 ;;')
    assert 'python3 cannot import torch and torchvision: name the Python that can' in project.refusal(TORCH='system')


@pytest.mark.integration
def test_cpu_torch_comes_from_its_index_and_is_remembered(project):
    disk(project.folder, 3000)
    assert project.setup(TORCH='cpu').returncode == 0
    index, installer, pair, others, *_ = project.calls()
    assert "urlopen('https://download.pytorch.org/whl/cpu/torch/'" in index
    assert installer == '-m pip install uv==0.1'
    assert pair == '-m uv pip install --python .venv/bin/python --torch-backend cpu torch==2.0 torchvision==1.0'
    assert others.startswith('-m uv pip install --python .venv/bin/python -r .venv/pins.txt --excludes')
    assert (project.venv / 'pins.txt').read_text() == 'opencv-python-headless==4.0\nuv==0.1\n'
    assert (project.venv / 'excluded.txt').read_text() == 'playwright\ntorch\ntorchvision\n'
    assert project.setup().stdout == 'setup: .venv is ready (Python 3.11)\n'


@pytest.mark.integration
def test_cpu_torch_whose_index_does_not_answer_leaves_the_environment(project):
    assert project.setup().returncode == 0
    before = sorted(project.venv.rglob('*'))
    interpreter(project.python, special='*download.pytorch.org*) exit 1 ;;')
    result = project.setup(TORCH='cpu')
    assert result.returncode == 1
    assert (result.stdout, result.stderr) == (
        '',
        "setup: TORCH=cpu, but PyTorch's index of CPU builds does not answer "
        '(https://download.pytorch.org/whl/cpu/torch/): make setup TORCH=pinned takes the build with CUDA from the '
        'package registry, 7 GB\n',
    )
    assert sorted(project.venv.rglob('*')) == before
    assert project.setup().stdout == 'setup: .venv is ready (Python 3.11)\n'


@pytest.mark.integration
def test_unknown_torch(project):
    assert project.refusal(TORCH='gpu').startswith('setup: TORCH=gpu is unknown: give TORCH=cpu, TORCH=system, or')


def test_requirements_are_exact_and_of_one_family():
    lines = [line.split('#')[0].strip() for line in (ROOT / 'requirements.txt').read_text().splitlines()]
    pins = [line for line in lines if line]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; python_version (>=|<) '3\.11')?", pin) for pin in pins), pins
    names = {pin.split('==')[0] for pin in pins}
    assert {'torch', 'torchvision', 'onedl-mmdetection', 'onedl-mmengine', 'onedl-mmcv', 'uv'} <= names
    assert not names & {'mmdet', 'mmengine', 'mmcv', 'opencv-python'}


@pytest.mark.skipif(Path(sys.prefix) != ROOT / '.venv', reason='not run by the .venv that tools/setup.sh makes')
def test_cv2_is_the_headless_one():
    import cv2

    assert re.search(r'GUI:\s+NONE', cv2.getBuildInformation())
