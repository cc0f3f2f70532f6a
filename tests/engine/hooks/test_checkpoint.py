"""DigitCheckpointHook with a toy model whose loss is random."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from helpers.toy import FixedMetric, ToyModel, loader, photo, toy_runner
from helpers.weights import differing

from custom.engine.runner import DigitRunner
from custom.models.checkpoints import load_checkpoint, resume_from
from custom.runs.checkpoint_files import best_checkpoint
from custom.utils.errors import UserError

SCORES = [0.2, 0.5, 0.4, 0.6]  # of the validations: the second is better than the first, the third is not
HOOK = {
    'type': 'DigitCheckpointHook',
    'interval': 1,
    'save_best': 'digits/score',
    'rule': 'greater',
    'max_keep_ckpts': 2,
}
STOP = {'type': 'EarlyStopHook', 'monitor': 'digits/score', 'rule': 'greater', 'min_delta': 0, 'patience': 2}


class Killed(BaseException):
    """The end of the process."""


class RandomModel(ToyModel):
    """Its loss is multiplied by a random number."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = super().forward(inputs, data_samples, mode)
        return {'loss': out['loss'] * torch.rand(())} if mode == 'loss' else out


class EpochScore(FixedMetric):
    """The score of the epoch that is validated."""

    runner: DigitRunner

    def compute_metrics(self, results):
        return {'score': self.scores[self.runner.epoch - 1]}


def train(work_dir, epochs=3, scores=SCORES, hooks=(HOOK,), **settings):
    metric = EpochScore()
    metric.scores = scores
    runner = toy_runner(
        work_dir,
        RandomModel(),
        train_dataloader=loader([photo(i, value=float(i)) for i in range(4)]),
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        val_dataloader=loader([photo(1)]),
        val_evaluator=[metric],
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.05, 'momentum': 0.9}},
        param_scheduler={'type': 'ConstantLR', 'factor': 1.0},
        custom_hooks=list(hooks),
        randomness={'seed': 0},
        **settings,
    )
    metric.runner = runner
    runner.train()
    return runner


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == '.pth')


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The work dir of a run that nothing has stopped, and the number of its renames and removals."""
    work, count = tmp_path_factory.mktemp('whole') / 'work', 0

    def counting(method):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            return method(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ('replace', 'unlink'):
            patch.setattr(Path, name, counting(getattr(Path, name)))
        train(work)
    return work, count


@pytest.mark.integration
def test_a_run_that_is_killed_at_any_file_operation_resumes_to_the_same_end(tmp_path, whole, monkeypatch):
    work, count = whole
    assert names(work) == ['best_digits_score_epoch_2.pth', 'epoch_2.pth', 'epoch_3.pth']
    assert count > 20
    replace, unlink = Path.replace, Path.unlink
    for end in range(2, count, 3):
        killed, done = tmp_path / str(end), 0

        def stepping(method):
            def call(*args, **kwargs):
                nonlocal done
                done += 1
                if done >= end:  # noqa: B023 - called in this round only
                    raise Killed
                return method(*args, **kwargs)

            return call

        monkeypatch.setattr(Path, 'replace', stepping(replace))
        monkeypatch.setattr(Path, 'unlink', stepping(unlink))
        with pytest.raises(Killed):
            train(killed)
        monkeypatch.undo()
        for path in killed.glob('*.pth'):
            load_checkpoint(path)  # whole
        if any('best' in name for name in names(killed)):
            assert best_checkpoint(killed).name.startswith('best_')
        start = resume_from(killed, 'auto')
        train(killed, load_from=start and str(start), resume=bool(start))
        assert names(killed) == names(work), end
        for name in names(work):
            assert not differing(work / name, killed / name), (end, name)
        first, second = (load_checkpoint(place / 'epoch_3.pth') for place in (work, killed))
        assert torch.equal(first['random_states'][0]['torch'], second['random_states'][0]['torch'])
        assert first['validated'] == second['validated'] == 3


@pytest.mark.integration
def test_another_run_is_never_touched(tmp_path, whole):
    first = shutil.copytree(whole[0], tmp_path / 'first')
    before = {path.name: path.read_bytes() for path in first.glob('*.pth')}
    train(tmp_path / 'second', epochs=4, load_from=str(first / 'epoch_2.pth'), resume=True)
    assert {path.name: path.read_bytes() for path in first.glob('*.pth')} == before
    assert names(tmp_path / 'second') == ['best_digits_score_epoch_4.pth', 'epoch_3.pth', 'epoch_4.pth']
    train(tmp_path / 'third', epochs=3, load_from=str(first / 'epoch_2.pth'), resume=True)
    assert 'best_digits_score_epoch_2.pth' in names(tmp_path / 'third')  # copied: no later one is better


@pytest.mark.integration
@pytest.mark.parametrize('fault', ['torn', 'outside', 'missing'])
def test_names_in_a_checkpoint_stay_in_the_work_dir(tmp_path, whole, fault, capsys):
    work, victim = shutil.copytree(whole[0], tmp_path / 'work'), tmp_path / 'victim.pth'
    victim.write_text('mine')
    stored = torch.load(work / 'epoch_3.pth', weights_only=False)
    info = stored['message_hub']['runtime_info']
    if fault == 'outside':
        info.update(
            best_ckpt=str(victim), replaced_best=['../victim.pth', str(victim)], keep_ckpt_ids=['../../victim', 2]
        )
        torch.save(stored, work / 'epoch_3.pth')
    else:
        best = work / 'best_digits_score_epoch_2.pth'
        best.write_bytes(best.read_bytes()[:-100]) if fault == 'torn' else best.unlink()
    train(work, epochs=4, scores=[0.2, 0.5, 0.4, 0.3], load_from=str(work / 'epoch_3.pth'), resume=True)
    assert victim.read_text() == 'mine'
    assert 'best_digits_score_epoch_4.pth' in names(work)  # the first one after the resume
    assert 'is missing or torn: the next validation chooses the best checkpoint anew' in capsys.readouterr().err


@pytest.mark.integration
def test_the_patience_of_early_stopping_is_resumed(tmp_path):
    scores = [0.5, 0.4, 0.3, 0.9]
    assert train(tmp_path / 'a', 4, scores, [HOOK, STOP]).epoch == 3
    train(tmp_path / 'b', 2, scores, [HOOK, STOP])
    start = str(tmp_path / 'b/epoch_2.pth')
    assert train(tmp_path / 'b', 4, scores, [HOOK, STOP], load_from=start, resume=True).epoch == 3
    start = str(tmp_path / 'b/epoch_3.pth')
    assert train(tmp_path / 'b', 4, scores, [HOOK, STOP], load_from=start, resume=True).epoch == 3  # it had stopped


def test_a_torn_checkpoint_is_passed_over_for_the_one_before(tmp_path, whole, capsys):
    work = shutil.copytree(whole[0], tmp_path / 'work')
    newest = work / 'epoch_3.pth'
    newest.write_bytes(newest.read_bytes()[:2000])
    assert resume_from(work, 'auto') == work / 'epoch_2.pth'
    notes = capsys.readouterr().err
    assert 'epoch_3.pth: the end of this checkpoint is missing' in notes
    assert 'note: resuming from epoch_2.pth' in notes
    os.truncate(work / 'last_checkpoint', 0)
    os.truncate(work / 'epoch_2.pth', 0)
    with pytest.raises(UserError, match=r'epoch_2.pth: empty file'):
        resume_from(work, 'auto')


def test_without_the_pointer_the_epochs_are_found(tmp_path, whole, capsys):
    work = shutil.copytree(whole[0], tmp_path / 'work')
    (work / 'last_checkpoint').unlink()
    assert resume_from(work, 'auto') == work / 'epoch_3.pth'
    assert capsys.readouterr().err == 'note: resuming from epoch_3.pth\n'


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'meta': ['x']}, 'its meta is no dict'),
        ({'meta': {}}, r'holds no state of a training run \(no epoch and iter in meta\)'),
        (
            {'message_hub': 3, 'optimizer': 'x'},
            r'holds no state of a training run \(message_hub, optimizer of another kind\)',
        ),
    ],
)
def test_odd_states_are_refused(tmp_path, whole, change, said):
    stored = torch.load(whole[0] / 'epoch_3.pth', weights_only=False) | change
    torch.save(stored, tmp_path / 'odd.pth')
    with pytest.raises(UserError, match=f'odd.pth: {said}'):
        resume_from(tmp_path, str(tmp_path / 'odd.pth'))


@pytest.mark.integration
def test_an_unfinished_start_leaves_nothing(tmp_path, whole):
    work = shutil.copytree(whole[0], tmp_path / 'work')
    for log in work.glob('20*/'):  # a run that starts in the same second would write into it
        log.rename(work / f'19{log.name[2:]}')
    before = {path: path.read_bytes() for path in work.rglob('*') if path.is_file()}
    stored = torch.load(work / 'epoch_3.pth', weights_only=False)
    stored['optimizer'] = {'state': {}, 'param_groups': []}
    torch.save(stored, tmp_path / 'epoch_3.pth')
    shutil.copy(tmp_path / 'epoch_3.pth', work)
    before[work / 'epoch_3.pth'] = (work / 'epoch_3.pth').read_bytes()
    with pytest.raises(UserError, match='its state does not fit this config'):
        train(work, 4, load_from=str(work / 'epoch_3.pth'), resume=True)
    with pytest.raises(UserError, match='holds a trained run'):
        train(work)
    assert {path: path.read_bytes() for path in work.rglob('*') if path.is_file()} == before
    with pytest.raises(UserError, match='its state does not fit this config'):
        train(tmp_path / 'new/work', 4, load_from=str(tmp_path / 'epoch_3.pth'), resume=True)
    assert not (tmp_path / 'new').exists()
