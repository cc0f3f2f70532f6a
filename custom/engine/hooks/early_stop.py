"""Early stopping in configs that also test, and in resumed runs."""

from mmdet.registry import HOOKS
from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner


@HOOKS.register_module()
class EarlyStopHook(EarlyStoppingHook):
    """`EarlyStoppingHook` that does nothing in a test run, where the parent fails, and that a resumed run continues."""

    priority = 'LOW'  # before DigitCheckpointHook saves the state

    def before_run(self, runner: Runner) -> None:
        """Check the rule, in a training run."""
        if runner._train_loop is not None:
            super().before_run(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the best score and the number of validations without a better one."""
        checkpoint['early_stop'] = {'wait_count': self.wait_count, 'best_score': float(self.best_score)}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the state in a resumed run; a run that had stopped stops again."""
        state = checkpoint.get('early_stop')
        if runner._resume and state:
            self.wait_count, self.best_score = state['wait_count'], state['best_score']
            runner.train_loop.stop_training = self.wait_count >= self.patience
