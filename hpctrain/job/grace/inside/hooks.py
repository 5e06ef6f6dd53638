"""The hooks in gracemaker's training: where the watch looks on, and where it steps in.

Seen with tensorpotential 0.6.2.1: ``cli.train.train_adam`` tells each epoch's errors to
``dump_metrics``, then keeps a new best by ``tp.save_checkpoint(suffix=".best_test_loss")``, and
then calls its callbacks. Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

from typing import Any

from .watch import Watch

BEST = ".best_test_loss"


def install(watch: Watch) -> None:
    """Put the hooks in; what is not found raises, before anything was trained."""
    import tensorflow as tf
    from tensorpotential.cli import gracemaker, train

    train_adam, dump_metrics, callback_list = (
        gracemaker.train_adam, train.dump_metrics, train.CallbackList
    )  # fmt: skip

    class Callback(tf.keras.callbacks.Callback):  # type: ignore[misc]
        """What gracemaker calls after each batch and each epoch."""

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
            watch.begin()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            # Batches that a checkpoint holds already are passed over with empty logs.
            if logs:
                watch.end_batch()

        on_batch_end = on_train_batch_end

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            watch.end_epoch()

    def with_callback(callbacks: Any, *rest: Any, **named: Any) -> Any:
        watch.schedule = next((one for one in callbacks if hasattr(one, "cooldown_counter")), None)
        return callback_list([*callbacks, Callback()], *rest, **named)

    def watched_dump(filename: str, metrics: Any, *rest: Any, **named: Any) -> None:
        watch.note(filename, metrics)
        dump_metrics(filename, metrics, *rest, **named)

    def watched_train(tp: Any, *rest: Any, **named: Any) -> Any:
        batches = train.get_dataset_num_batches(named.get("train_ds"))
        watch.take(tp, max(1, batches // tp.strategy.num_replicas_in_sync))
        if tp.use_ema:
            # Before gracemaker looks whether there are averages to swap: else it would go on from
            # the averaged parameters.
            tp.optimizer.build(tp.model.variables_to_train)
        save = tp.save_checkpoint

        def save_checkpoint(suffix: str = "", **more: Any) -> None:
            # gracemaker forgets at each restart which loss was the best.
            if suffix != BEST or watch.is_best():
                save(suffix=suffix, **more)

        tp.save_checkpoint = save_checkpoint
        done = train_adam(tp, *rest, **named)
        watch.end()
        return done

    gracemaker.train_adam = watched_train
    train.dump_metrics = watched_dump
    train.CallbackList = with_callback
