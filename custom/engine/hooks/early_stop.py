"""mmengine's early stop, in configs that are tested with, too."""

from mmdet.registry import HOOKS
from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner


@HOOKS.register_module()
class EarlyStopHook(EarlyStoppingHook):
    """`EarlyStoppingHook`, which fails in a run that does not train; here it has nothing to do there."""

    def before_run(self, runner: Runner) -> None:
        """As the parent does, when training is to come."""
        if runner._train_loop is not None:
            super().before_run(runner)
