"""Checkpoints that survive a kill at any moment, and from which a run resumes exactly."""

import re
import shutil
from collections import deque
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, get_rank, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...datasets.seeded import random_states, restore_random_states
from ...runs.checkpoint_files import is_whole
from ...utils.files import replacing
from ...utils.messages import say


@HOOKS.register_module()
class DigitCheckpointHook(CheckpointHook):
    """`CheckpointHook` whose files are whole at any moment, and from which a run resumes exactly on CPUs.

    The parent deletes the best checkpoint before the better one is written, writes `last_checkpoint` in place, and
    deletes the files that a checkpoint names, wherever they are. Here a file is deleted after its successor is
    complete, and names of files are relative to the work dir.

    The checkpoint of an epoch is saved before its validation and again after it. A run that resumes from the first one
    validates before it goes on. A checkpoint also holds the random states of all ranks. The state of other hooks is
    theirs to save.

    A best checkpoint that the work dir lacks is copied from the folder of the resumed checkpoint. If that lacks it too,
    the next validation chooses the best one anew.
    """

    validated: int | None = None  # epoch or iteration of the last validation
    saved: int | None = None  # of the last checkpoint
    replaced: list[str]  # names of former best checkpoints, deleted when a checkpoint that names the new one is saved
    resumed: dict[str, Any] | None = None  # parts of the checkpoint that the run resumes from
    keep_ckpt_ids: deque[int]
    states: list[dict[str, Any]]  # random states of the ranks at the last save
    _waits: bool = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the random states and the last validation of the checkpoint that the run resumes from."""
        if runner._resume:
            self.resumed = {key: checkpoint.get(key) for key in ('random_states', 'validated')}
            self._restore_random_states(runner)  # raises here what is wrong with them

    def _restore_random_states(self, runner: Runner) -> bool:
        """Restore the random state of this rank; return False if the checkpoint lacks the states of these ranks."""
        states = (self.resumed or {}).get('random_states')
        if not isinstance(states, list) or len(states) != runner.world_size:
            return False
        restore_random_states(states[get_rank()])
        return True

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; after a resume, do what an uninterrupted run has done at this point."""
        self.replaced = []
        runner.message_hub.update_info('keep_ckpt_ids', self._stored(runner, 'keep_ckpt_ids', int))
        super().before_train(runner)
        if self.save_best is not None:
            self._find_best(runner)
        if self.resumed is None:
            return
        self.saved = step = runner.epoch if self.by_epoch else runner.iter
        if not self._restore_random_states(runner) and is_main_process():
            say('note: the checkpoint lacks the random states of these processes: the run goes on with other ones')
        self.validated = self.resumed['validated']
        loop, is_known = runner.train_loop, isinstance(self.validated, int)
        last = runner.max_epochs if self.by_epoch else runner.max_iters
        is_due = step % loop.val_interval == 0 or step == last
        if is_known and self.validated != step and is_due and runner.val_loop is not None and step >= loop.val_begin:
            runner.val_loop.run()

    @staticmethod
    def _stored(runner: Runner, key: str, kind: type) -> list:
        """Return the items of this type in a list of the message hub."""
        stored = runner.message_hub.get_info(key)
        return [item for item in stored if type(item) is kind] if isinstance(stored, list) else []

    def _infos(self) -> dict[str, str]:
        """Return the metric of each best checkpoint with the suffix of its names in the message hub."""
        single = len(self.key_indicators) == 1
        return {metric: '' if single else f'_{metric}' for metric in self.key_indicators}

    def _best(self) -> dict[str, str | None]:
        """Return the path of the best checkpoint by each metric."""
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return {metric: self.best_ckpt_path_dict.get(metric) for metric in self.key_indicators}

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        else:
            self.best_ckpt_path_dict = dict(paths)

    def _find_best(self, runner: Runner) -> None:
        """Take the names of best checkpoints relative to the work dir; copy them from where the run was resumed."""
        hub, folder, found = runner.message_hub, Path(self.out_dir), dict(self._best())
        for metric, suffix in self._infos().items():
            stored = found[metric]
            if not stored:
                continue
            path = folder / Path(str(stored)).name
            former = Path(runner._load_from or path).parent / path.name
            if is_main_process() and not is_whole(path) and is_whole(former):
                with replacing(path) as beside:
                    shutil.copyfile(former, beside)
            whole = all(all_gather_object(not is_main_process() or is_whole(path)))
            found[metric] = str(path) if whole else None
            if whole:
                hub.update_info(f'best_ckpt{suffix}', found[metric])
            else:
                hub.pop_info(f'best_ckpt{suffix}')
                hub.pop_info(f'best_score{suffix}')
                if is_main_process():
                    say(f'note: {path} is missing or torn: the next validation chooses the best checkpoint anew')
        self._set_best(found)
        self._delete(self._stored(runner, 'replaced_best', str))

    def _delete(self, names: list[str]) -> None:
        """Delete former best checkpoints of the work dir."""
        current = {Path(path).name for path in self._best().values() if path}
        for name in names if is_main_process() else []:
            if re.fullmatch(r'best_[^/\\]+\.pth', name) and name not in current:
                Path(self.out_dir, name).unlink(missing_ok=True)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Save the best checkpoint, then the checkpoint of the epoch again; delete the former best one last."""
        self.validated = step = runner.epoch if self.by_epoch else runner.iter
        before = self._best() if self.save_best else {}
        if self.save_best:
            self._set_best(dict.fromkeys(before))  # the parent would delete them first
            self._waits = True
            try:
                super().after_val_epoch(runner, metrics or {})
            finally:
                self._waits = False
            after = {metric: new or before.get(metric) for metric, new in self._best().items()}
            self._set_best(after)
            former = [path for metric, path in before.items() if path and path != after[metric]]
            self.replaced += [Path(path).name for path in former]
        if self.saved == step:
            self._save_checkpoint_with_step(runner, step, {'epoch': runner.epoch, 'iter': runner.iter})

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the random states and the last validation, unless it is a best checkpoint."""
        if 'optimizer' in checkpoint:
            checkpoint.update(validated=self.validated or 0, random_states=self.states)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save a checkpoint, name it in `last_checkpoint`, then delete what it replaces."""
        if self._waits:  # `after_val_epoch` saves later
            return
        kept = list(self.keep_ckpt_ids) if self.max_keep_ckpts > 0 else []
        kept += [step] * (step not in kept)
        if self.max_keep_ckpts > 0:
            runner.message_hub.update_info('keep_ckpt_ids', kept)  # a resumed run deletes those above the limit
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        runner.message_hub.update_info('replaced_best', list(self.replaced))
        path = Path(self.out_dir, self.filename_tmpl.format(step))
        self.saved, self.last_ckpt = step, str(path)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        options = {'save_optimizer': self.save_optimizer, 'save_param_scheduler': self.save_param_scheduler}
        self.states = all_gather_object(random_states())
        runner.save_checkpoint(self.out_dir, path.name, meta=meta, by_epoch=self.by_epoch, **options, **self.args)
        if is_main_process():
            with replacing(Path(runner.work_dir, 'last_checkpoint')) as beside:
                beside.write_text(self.last_ckpt, encoding='utf-8')
            for old in kept[: -self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []:
                Path(self.out_dir, self.filename_tmpl.format(old)).unlink(missing_ok=True)
            if self.save_best:
                self._delete(self.replaced)
        self.replaced = []

    def after_train(self, runner: Runner) -> None:
        """Delete former best checkpoints that no later checkpoint replaced; publish as the parent does."""
        if self.save_best:
            self._delete(self.replaced)
        super().after_train(runner)
