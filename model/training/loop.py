"""The training loop: update, look, save, go on; and the best weights at the end."""

from __future__ import annotations

import collections
import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from model import progress
from model.durations import format_seconds
from model.errors import CheckpointError, ConfigurationError, DataError, TryAgainError
from model.training.adamw import AdamW
from model.training.batches import BatchReader
from model.training.checkpoints import CheckpointStore, SavedState
from model.training.history import Curves, Measurement
from model.training.plan import BatchPlan
from model.training.schedule import gumbel_temperature, learning_rate
from model.training.settings import TrainingSettings
from model.training.steps import Scalars, Steps
from model.training.strategy import compiles, share_of
from model.training.tasks import Score, Task
from model.training.tensorboard import EventLog

_LOG = logging.getLogger(__name__)
_REPORT_EVERY_SECONDS = 1.0
_MAX_CURVE_POINTS = 200
# Steps over which the loss is averaged to tell whether training has diverged, and how far it may rise.
_DIVERGENCE_STEPS = 20
_ABOVE_LOWEST, _ABOVE_FIRST = 10.0, 2.0
_SHOWN_UTTERANCES = 5


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """What a training reads.

    Attributes:
      reader: Of the training split.
      plan: Its batches.
      validation_reader: Of the validation split.
      validation_plan: Its batches.
    """

    reader: BatchReader
    plan: BatchPlan
    validation_reader: BatchReader
    validation_plan: BatchPlan


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How training went; the model holds the best weights by then.

    Attributes:
      measurements: In the order of the steps.
      best_step: The step of the best measurement.
      averaged_steps: The steps whose weights were averaged into the model's; that of the best alone where the average
        was worse, or none was asked for.
      final: What was measured of the weights that the model holds.
      steps: Updates done; fewer than asked for where training ended early.
      seconds: Time spent in the loop, by all processes that went on with it one after another.
      epochs: Passes over the training split.
      utterances: Utterances seen, an utterance counted each time.
      without_path: Those of them that had fewer frames than their labels need, and so gave no loss.
      samples: Samples seen, padding not counted.
      padding_share: Share of padding in all samples that were computed.
      interruptions: How often training was stopped and went on.
      curves: Loss, rate, norm of gradients and share of padding, by step.
    """

    measurements: tuple[Measurement, ...]
    best_step: int
    averaged_steps: tuple[int, ...]
    final: Mapping[str, float]
    steps: int
    seconds: float
    epochs: float
    utterances: int
    without_path: int
    samples: int
    padding_share: float
    interruptions: int
    curves: Mapping[str, Sequence[float]]


@dataclasses.dataclass
class _State:
    """What a saved state holds besides weights: everything that the rest of the training depends on."""

    step: int = 0
    seconds: float = 0.0
    interruptions: int = 0
    finished: bool = False
    # Whether the validation split is to be measured before the next step.
    measure_due: bool = False
    totals: dict[str, float] = dataclasses.field(default_factory=dict)
    since: dict[str, float] = dataclasses.field(default_factory=dict)
    measurements: list[Measurement] = dataclasses.field(default_factory=list)
    # Score and step of the best measurements, the best first.
    best: list[tuple[Score, int]] = dataclasses.field(default_factory=list)
    # The steps of the best measurements in the states that are kept: should the newest be damaged, others are needed.
    best_of_kept: list[list[int]] = dataclasses.field(default_factory=list)
    recent: list[float] = dataclasses.field(default_factory=list)
    first_mean: float | None = None
    lowest_mean: float | None = None
    curves: Curves = dataclasses.field(default_factory=Curves)
    averaged: list[int] = dataclasses.field(default_factory=list)
    final: dict[str, float] = dataclasses.field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> _State:
        known = dict(value)
        known["measurements"] = [Measurement(**one) for one in value["measurements"]]
        known["best"] = [(tuple(score), step) for score, step in value["best"]]
        known["curves"] = Curves(**value["curves"])
        return cls(**known)


def make_optimizer(model: Any, settings: TrainingSettings) -> AdamW:
    """Returns AdamW over a model's trainable variables; to be called in the scope of the strategy."""
    return AdamW(
        model.trainable_variables,
        weight_decay=settings.weight_decay,
        beta_1=settings.adam_beta_1,
        beta_2=settings.adam_beta_2,
        epsilon=settings.adam_epsilon,
    )


class Training:
    """One training, from its start or from where it was stopped to its end.

    Args:
      model: The model to start from, made in the scope of the strategy; trained in place.
      task: What is learned.
      data: What is read.
      settings: What to do.
      strategy: On what devices.
      store: Where states are saved; None for nowhere. Of several workers each reads there, and the chief writes.
      is_chief: Whether this process writes.
      should_stop: Asked after each step whether somebody wants the training to stop.
    """

    def __init__(
        self,
        model: Any,
        task: Task,
        data: TrainingData,
        settings: TrainingSettings,
        strategy: tf.distribute.Strategy | None = None,
        store: CheckpointStore | None = None,
        is_chief: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._model = model
        self._task = task
        self._data = data
        self._settings = settings
        self._strategy = strategy or tf.distribute.get_strategy()
        self._store = store
        self._is_chief = is_chief
        self._should_stop = should_stop
        with self._strategy.scope():
            self._optimizer = make_optimizer(model, settings)
        share = share_of(self._strategy)
        self._is_sole = share.count == share.replicas
        compiled = compiles(self._strategy, settings)
        self._steps = Steps(self._strategy, model, task, self._optimizer, settings, share, compiled)
        self._state = _State()
        self._restore(store.latest() if store is not None else None)
        self._events = EventLog(store.directory if store is not None and is_chief else None, self._state.step)

    def run(self) -> TrainingResult:
        """Trains.

        Raises:
          ConfigurationError: several workers begin at different states.
          DataError: a record is damaged, a label is foreign, or the loss is no number or has diverged.
          TryAgainError: somebody asked for a stop; the state is saved.
          DiskFullError: there is no room for a state; those that were saved stay.
        """
        self._require_agreement()
        if not self._state.finished:
            self._learn()
            # The best weights may be written by the chief only now, and all workers read them.
            self._meet()
            self._choose_weights()
            self._state.finished = True
            self._save()
        self._meet()
        if self._store is not None and self._is_chief:
            self._store.clear()
        return self._result()

    def _learn(self) -> None:
        state, settings = self._state, self._settings
        if state.measure_due:
            self._measure()
        batches = self._data.reader.training(self._data.plan, state.step * settings.accumulate_batches)
        started, saved, reported = time.monotonic(), time.monotonic(), 0.0
        samples_before, seconds_before = state.totals.get("samples", 0.0), state.seconds
        looked_seconds = 0.0
        while state.step < settings.steps and not self._is_hopeless():
            step = state.step + 1
            taken = [next(batches) for _ in range(settings.accumulate_batches)]
            counts = self._steps.train(
                taken, self._scalars(step), self._random_seeds(step), head_only=step <= settings.head_only_steps
            )
            self._check(step, counts, taken)
            state.step = step
            self._count(step, counts)
            now = time.monotonic()
            state.seconds = seconds_before + now - started
            if now - reported > _REPORT_EVERY_SECONDS or step == settings.steps:
                reported = now
                rate = (state.totals["samples"] - samples_before) / max(now - started - looked_seconds, 1e-6)
                seconds_each = (now - started) / (step - self._restored_step)
                self._report(rate, seconds_each * (settings.steps - step))
            state.measure_due = step % settings.evaluate_every_steps == 0 or step == settings.steps
            measures = state.measure_due
            if counts["stop"] > 0 and step < settings.steps:
                self._stop()
            if measures:
                self._measure()
                looked_seconds += time.monotonic() - now
            if measures or time.monotonic() - saved > settings.checkpoint_every_seconds:
                self._save()
                saved = time.monotonic()

    def _stop(self) -> NoReturn:
        state = self._state
        state.interruptions += 1
        self._save()
        raise TryAgainError(
            f"Training was asked to stop, at step {state.step} of {self._settings.steps}; its state is saved, and the"
            " same command goes on from there."
        )

    def _meet(self) -> None:
        """Waits until every worker of the training has come so far."""
        self._steps.over_workers({"workers": 1.0})

    def _require_agreement(self) -> None:
        """Holds where the workers of a training begin against each other: each reads the states that it finds."""
        step = float(self._state.step)
        sums = self._steps.over_workers({"step": step, "square": step * step, "workers": 1.0})
        if sums["step"] ** 2 != sums["workers"] * sums["square"]:
            raise ConfigurationError(
                "All workers of a training must find the same states, and this one found those of step"
                f" {self._state.step}, others another's; let the staging directory lie where all of them see it."
            )

    def _random_seeds(self, step: int) -> list[int]:
        """Returns a seed for each batch of an update; what they are for is drawn on the devices."""
        settings = self._settings
        sequence = np.random.SeedSequence([settings.seed, step, 1])
        return sequence.generate_state(settings.accumulate_batches).astype(np.uint32).view(np.int32).tolist()

    def _scalars(self, step: int) -> Scalars:
        settings = self._settings
        return Scalars(
            learning_rate=learning_rate(settings, step),
            update_number=step,
            body_update_number=max(step - settings.head_only_steps, 1),
            temperature=gumbel_temperature(settings, step),
            random_seed=np.int32(0),
            stop=float(self._should_stop()),
        )

    def _check(self, step: int, counts: Mapping[str, Any], batches: Sequence[Mapping[str, Any]]) -> None:
        """Ends a training that makes no sense any more, before its weights are saved."""
        loss = float(counts["loss"]) / max(float(counts["weight"]), 1.0)
        norm = float(counts["gradient_norm"])
        state = self._state
        if not math.isfinite(loss) or not math.isfinite(norm):
            where = f"at step {step}, {self._position(step, batches)}"
            if math.isfinite(loss):
                raise DataError(f"The gradients must be numbers, and their norm is {norm} {where}; {self._mend}.")
            raise DataError(f"The training loss must be a number, and is {loss} {where}; {self._mend}.")
        state.recent = [*state.recent, loss][-_DIVERGENCE_STEPS:]
        if len(state.recent) < _DIVERGENCE_STEPS:
            return
        mean = sum(state.recent) / _DIVERGENCE_STEPS
        if state.first_mean is None or state.lowest_mean is None:
            state.first_mean = state.lowest_mean = mean
        state.lowest_mean = min(state.lowest_mean, mean)
        if mean > _ABOVE_LOWEST * state.lowest_mean and mean > _ABOVE_FIRST * state.first_mean:
            raise DataError(
                f"The training loss must fall, and has diverged at step {step}: its mean over {_DIVERGENCE_STEPS} steps"
                f" is {mean:.3g}, after {state.lowest_mean:.3g} at its lowest; {self._position(step, batches)};"
                f" {self._mend}."
            )

    @property
    def _mend(self) -> str:
        return f"lower train.peak_learning_rate, now {self._settings.peak_learning_rate:g}"

    def _position(self, step: int, batches: Sequence[Mapping[str, Any]]) -> str:
        first = (step - 1) * self._settings.accumulate_batches
        epoch, index = divmod(first, self._data.plan.batches_per_epoch)
        ids = [identity.decode() for batch in batches for identity in batch["utterance_ids"].numpy() if identity]
        more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
        return f"in batch {index + 1} of epoch {epoch + 1} ({', '.join(ids[:8])}{more})"

    def _count(self, step: int, counts: Mapping[str, Any]) -> None:
        state, settings = self._state, self._settings
        scalars = {name: float(value) for name, value in counts.items() if np.ndim(value) == 0}
        for totals in (state.totals, state.since):
            for name, value in scalars.items():
                totals[name] = totals.get(name, 0.0) + value
        every = max(1, settings.steps // _MAX_CURVE_POINTS)
        if state.curves.add(step, scalars, learning_rate(settings, step), every):
            self._events.write_point(state.curves)

    def _is_hopeless(self) -> bool:
        state, patience = self._state, self._settings.patience
        if patience is None or not state.best:
            return False
        best_step = state.best[0][1]
        return sum(measurement.step > best_step for measurement in state.measurements) >= patience

    # === Validation ===

    def _measure(self) -> None:
        state, settings = self._state, self._settings
        measures, score, shown = self._validated()
        loss = state.since["loss"] / max(state.since["weight"], 1.0)
        measurement = Measurement(state.step, loss, measures)
        _LOG.info("%s", measurement)
        state.measurements.append(measurement)
        state.since = {}
        state.measure_due = False
        self._events.write_measurement(measurement, shown)
        ranked = sorted([*state.best, (score, state.step)])[: settings.average_best]
        if (score, state.step) in ranked and self._store is not None and self._is_chief:
            self._store.save_weights(state.step, self.weights())
        elif (score, state.step) in ranked:
            self._kept_weights[state.step] = self.weights()
        state.best = ranked
        for step in set(self._kept_weights) - {step for _, step in ranked}:
            del self._kept_weights[step]

    def _validated(self) -> tuple[dict[str, float], Score, list[str]]:
        temperature = gumbel_temperature(self._settings, max(self._state.step, 1))
        totals: dict[str, Any] = collections.defaultdict(float)
        shown: list[str] = []
        for batch in self._data.validation_reader.once(self._data.validation_plan):
            # Of several workers none may leave the others alone.
            if self._is_sole and self._should_stop():
                self._stop()
            counts, outputs = self._steps.validate(batch, temperature)
            looked, lines = self._task.look({name: value.numpy() for name, value in batch.items()}, outputs)
            shown += lines
            for name, value in {**counts, **looked}.items():
                totals[name] = totals[name] + value
        if not totals:
            raise DataError("The validation split must hold an utterance; it holds none.")
        measures, score = self._task.measures(self._steps.over_workers(totals))
        if not all(math.isfinite(value) for value in score):
            # Nothing is worse.
            score = tuple(math.inf for _ in score)
        every = max(1, len(shown) // _SHOWN_UTTERANCES)
        return measures, score, shown[::every][:_SHOWN_UTTERANCES]

    def _choose_weights(self) -> None:
        """Leaves the best weights in the model, or the average of some of the best where that is no worse."""
        state = self._state
        best_score, best_step = state.best[0]
        steps = sorted(step for _, step in state.best)
        final = next(one.validation for one in state.measurements if one.step == best_step)
        best = self._saved_weights(best_step)
        chosen = [best_step]
        if len(steps) > 1:
            total = {name: np.zeros(value.shape, np.float64) for name, value in best.items()}
            for step in steps:
                for name, value in self._saved_weights(step).items():
                    total[name] += value
            self._assign_weights({name: (value / len(steps)).astype(np.float32) for name, value in total.items()})
            measures, score, _ = self._validated()
            _LOG.info("The average of the weights of steps %s: %s", steps, measures)
            if score <= best_score:
                chosen, final = steps, measures
        if chosen == [best_step]:
            self._assign_weights(best)
        state.averaged, state.final = chosen, dict(final)

    # === States ===

    def _restore(self, saved: SavedState | None) -> None:
        self._kept_weights: dict[int, dict[str, np.ndarray[Any, Any]]] = {}
        self._restored_step = 0
        if saved is None:
            return
        try:
            self._state = _State.from_mapping(saved.state)
            self._assign_weights(
                {n.removeprefix("weights/"): a for n, a in saved.arrays.items() if n.startswith("weights/")}
            )
            if not self._state.finished:
                for kind, moments in self._moments().items():
                    for name, variable in moments.items():
                        variable.assign(saved.arrays[f"{kind}/{name}"])
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The state of step {saved.step} must fit this training, and does not ({error}); remove the directory"
                " of its states to begin anew."
            ) from error
        self._restored_step = self._state.step
        _LOG.info("Going on from step %d.", self._state.step)

    def _save(self) -> None:
        if self._store is None or not self._is_chief:
            return
        arrays = {f"weights/{name}": value for name, value in self.weights().items()}
        if not self._state.finished:
            for kind, moments in self._moments().items():
                arrays |= {f"{kind}/{name}": _local(variable) for name, variable in moments.items()}
        state = self._state
        named = [*state.best_of_kept, [step for _, step in state.best]]
        # One more than are kept: a state may be saved twice at one step.
        state.best_of_kept = named[-self._settings.keep_checkpoints - 1 :]
        self._store.save(state.step, arrays, state.to_mapping())
        self._store.keep_weights(step for steps in state.best_of_kept for step in steps)

    def _moments(self) -> dict[str, dict[str, Any]]:
        return {"first_moment": self._optimizer.first_moments, "second_moment": self._optimizer.second_moments}

    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """Returns the model's weights, by name."""
        return {name: _local(variable.value) for name, variable in self._model.named_weights().items()}

    def _assign_weights(self, values: Mapping[str, np.ndarray[Any, Any]]) -> None:
        for name, variable in self._model.named_weights().items():
            variable.assign(values[name])

    def _saved_weights(self, step: int) -> dict[str, np.ndarray[Any, Any]]:
        if step in self._kept_weights:
            return self._kept_weights[step]
        assert self._store is not None
        return self._store.weights(step)

    # === Telling ===

    def _report(self, samples_per_second: float, seconds_left: float) -> None:
        state = self._state
        parts = []
        if state.since.get("weight"):
            parts.append(f"loss {state.since['loss'] / state.since['weight']:.2f}")
        if state.measurements:
            parts.append(state.measurements[-1].words())
        parts += [f"{samples_per_second:,.0f} samples/s", f"{format_seconds(seconds_left)} left"]
        progress.report(state.step, self._settings.steps, "steps", ", ".join(parts))

    def _result(self) -> TrainingResult:
        state, totals = self._state, self._state.totals
        return TrainingResult(
            measurements=tuple(state.measurements),
            best_step=state.best[0][1],
            averaged_steps=tuple(state.averaged),
            final=state.final,
            steps=state.step,
            seconds=state.seconds,
            epochs=state.step * self._settings.accumulate_batches / self._data.plan.batches_per_epoch,
            utterances=int(totals["utterances"]),
            without_path=int(totals.get("without_path", 0)),
            samples=int(totals["samples"]),
            padding_share=1.0 - totals["samples"] / totals["computed_samples"],
            interruptions=state.interruptions,
            curves=state.curves.to_mapping(),
        )


def _local(variable: Any) -> np.ndarray[Any, Any]:
    """Returns a variable's value on the first device of this process; all devices have the same."""
    return variable.numpy() if hasattr(variable, "numpy") else variable.read_value().numpy()
