"""Errors on one of several ranks: the run ends soon, with one line."""

import os
import re
import sys

import pytest
from helpers.forked_ranks import run_ranks
from helpers.project import ROOT
from helpers.rank_training import CONFIG, WEIGHTS, scenes, trainer  # noqa: F401 - fixtures
from PIL import Image

from custom.commands import parser
from custom.engine import ranks
from custom.runs import config
from custom.utils.errors import UserError

GONE = r'error: rank {} is gone \(killed\?\), and the run ends: start again \(training: with --resume\), with fewer .*'
MISHAPS = {
    'killed in training': ((1, 'after_train_iter', 2, 'kill'), [1, -9], GONE.format(1)),
    'the first one is killed': ((0, 'after_train_iter', 2, 'kill'), [-9, 1], GONE.format(0)),
    'killed in validation': ((1, 'after_val_iter', 2, 'kill'), [1, -9], GONE.format(1)),
    'killed between them': ((1, 'after_train_epoch', 1, 'kill'), [1, -9], GONE.format(1)),
    'a mistake of the user': (
        (1, 'before_train_iter', 2, 'mistake'),
        [1, 2],
        r'error: rank 1: 3\.png: damaged; put .*',
    ),
    'hangs': (
        (1, 'before_val_epoch', 1, 'hang'),
        [1, 1],
        r'error: rank 0 has no answer from the others, and the run .*',
    ),
}


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize('name', MISHAPS)
def test_a_rank_ends_the_run_with_one_line(trainer, name):  # noqa: F811
    (rank, at, call, kind), codes, line = MISHAPS[name]
    mishap = {'type': 'Mishap', 'rank': rank, 'at': at, 'call': call, 'kind': kind}
    trainer.change(custom_hooks=[mishap], env_cfg={'dist_cfg': {'timeout': 4 if kind == 'hang' else 600}})
    done = trainer.start(2, 'train_dataloader.batch_size=1')
    # Without torchrun the ranks meet at the first one, and when that has ended, the others cannot know what it said.
    said = re.sub('Loads checkpoint .*\n', '', done.err[0] if kind == 'hang' else ''.join(done.err), count=1)
    assert done.codes == codes, said
    assert 'Traceback' not in said
    assert re.fullmatch(f'{line}\n', said)


@pytest.mark.integration
def test_a_bug_on_a_rank_ends_with_its_traceback_alone(trainer):  # noqa: F811
    trainer.change(custom_hooks=[{'type': 'Mishap', 'rank': 1, 'at': 'after_train_iter', 'call': 1, 'kind': 'bug'}])
    done = trainer.start(2, 'train_dataloader.batch_size=1')
    assert done.codes == [1, 1]
    assert 'Traceback' not in done.err[0]
    assert 'error' not in done.err[0]
    assert done.err[1].count('Traceback') == 1
    assert done.err[1].endswith('\nerror: rank 1: failed, see above (no such thing)\n')


@pytest.mark.integration
def test_an_error_on_all_ranks_is_printed_once(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(
        'import time, torch.distributed as dist\n'
        'from custom.commands.parser import run_tool\n'
        'from custom.engine import ranks\n'
        'from custom.utils import errors\n'
        'def main():\n'
        '    dist.init_process_group("gloo")\n'
        '    ranks.register_ranks()\n'
        '    time.sleep(dist.get_rank() / 2)\n'
        '    raise errors.UserError("no such photo")\n'
        'run_tool(main)\n'
    )
    done = run_ranks(3, script, cwd=tmp_path)
    assert done.codes == [2, 2, 2]
    assert ''.join(done.err) == 'error: rank 0: no such photo\n'


@pytest.mark.integration
def test_a_photo_that_is_broken_on_one_rank(scenes, tmp_path):  # noqa: F811
    (tmp_path / 'photos').mkdir()
    for number, photo in enumerate(sorted((scenes / 'valid').glob('*.png'))[:3]):
        Image.open(photo).save(tmp_path / f'photos/{number}.jpg')
    broken = tmp_path / 'photos/1.jpg'
    broken.write_bytes(broken.read_bytes()[:-500])  # its header is whole
    args = [CONFIG, WEIGHTS, '--images', tmp_path / 'photos', '--dump', 'out', '--work-dir', 'work']
    options = ['test_dataloader.batch_size=1', 'test_dataloader.num_workers=1', 'model.backbone.init_cfg=None']
    args += ['--launcher', 'pytorch', '--cfg-options', *options]
    done = run_ranks(2, ROOT / 'tools/test.py', *args, cwd=tmp_path)
    assert done.codes == [1, 2], done.err
    assert ''.join(done.out) == ''
    assert re.fullmatch(f'error: rank 1: {broken}: .*\n', ''.join(done.err))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'error', [MemoryError(), RuntimeError('CUDA out of memory. Tried to allocate 2 GiB'), ValueError('another')]
)
def test_a_lack_of_memory_ends_without_a_traceback(error, capsys):
    def main():
        raise error

    if isinstance(error, ValueError):
        with pytest.raises(ValueError, match='another'):
            parser.run_tool(main)
        return
    with pytest.raises(SystemExit) as end:
        parser.run_tool(main)
    assert end.value.code == 1
    assert capsys.readouterr().err == f'error: {str(error) or "MemoryError"}: {ranks.WAY_OUT}\n'


def test_the_first_rank_of_a_machine_prints_the_error(monkeypatch, capsys):
    monkeypatch.setattr(ranks.time, 'sleep', lambda seconds: None)
    for local_rank in ('1', '0'):
        monkeypatch.setenv('LOCAL_RANK', local_rank)
        ranks.print_error(f'by {local_rank}')
    assert capsys.readouterr().err == 'error: by 0\n'


def test_an_error_is_printed_after_the_store_is_lost_before_the_ranks_are_registered(monkeypatch, capsys):
    class Lost:
        @property
        def distributed_c10d(self):
            raise RuntimeError('Connection reset by peer')

        def get_rank(self):
            return 1

    monkeypatch.setattr(ranks, 'group', Lost)
    monkeypatch.setattr(ranks, '_processes', [])
    ranks.print_error('no such photo')
    assert capsys.readouterr().err == 'error: rank 1: no such photo\n'


SLURM = {'PROCID': '5', 'NTASKS': '8', 'LOCALID': '1', 'NNODES': '2', 'JOB_ID': '30007', 'NODELIST': 'n[3-4]'}


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """The sixth task of eight, on the second of two machines; scontrol is in the folder returned."""
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, 'put back to what it was when the test is over')
        monkeypatch.delenv(name)
    for name, value in SLURM.items():
        monkeypatch.setenv(f'SLURM_{name}', value)
    monkeypatch.delenv('SLURM_STEP_NODELIST', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text(f'#!{sys.executable}\nimport sys\nassert sys.argv[3] == "n[3-4]"\nprint("n3\\nn4")\n')
    scontrol.chmod(0o755)
    return tmp_path


def test_slurm_sets_the_rendezvous(slurm):
    ranks.set_rendezvous('slurm')
    found = [os.environ[name] for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')]
    assert found == ['5', '8', '1', 'n3', '20007']


def test_slurm_gives_the_local_rank_before_the_rendezvous(slurm):
    config.load_config(CONFIG, launcher='slurm')
    assert ranks.local_rank() == 1


def test_on_one_machine_scontrol_is_not_needed(slurm, monkeypatch):
    (slurm / 'scontrol').unlink()
    monkeypatch.setenv('SLURM_NNODES', '1')
    ranks.set_rendezvous('slurm')
    assert os.environ['MASTER_ADDR'] == '127.0.0.1'


def test_unknown_machine_names_are_an_error(slurm):
    (slurm / 'scontrol').unlink()
    with pytest.raises(UserError, match=r"does not list the names of 'n\[3-4\]'; set MASTER_ADDR"):
        ranks.set_rendezvous('slurm')


@pytest.mark.parametrize(('launcher', 'way'), [('pytorch', 'tools/dist_train.sh'), ('slurm', 'tools/slurm_train.sh')])
def test_a_launcher_that_did_not_start_the_process_is_named(monkeypatch, launcher, way):
    for name in ('RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=f'--launcher {launcher}: start it by {way}'):
        ranks.set_rendezvous(launcher)
