"""Early stopping in configs that also test."""

from mmdet.registry import HOOKS
from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner


@HOOKS.register_module()
class EarlyStopHook(EarlyStoppingHook):
    """`EarlyStoppingHook` that does nothing in a test run, where the parent fails."""

    def before_run(self, runner: Runner) -> None:
        """Check the rule, in a training run."""
        if runner._train_loop is not None:
            super().before_run(runner)
