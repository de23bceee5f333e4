"""The compiled parts of training: gradients, their sum over devices and batches, the update; and validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from model.settings import require
from model.training.adamw import AdamW
from model.training.batches import Share
from model.training.settings import TrainingSettings
from model.training.tasks import Sums, Task

# What a batch has for people, and no device takes.
_HOST_ONLY = ("utterance_ids",)
_RANKS = {
    "waveforms": (tf.float32, 2),
    "num_samples": (tf.int32, 1),
    "labels": (tf.int32, 2),
    "time_mask": (tf.bool, 2),
    "channel_mask": (tf.bool, 2),
    "negatives": (tf.int32, 3),
    "noise_seeds": (tf.int32, 2),
}
# So far apart are the random states of the layers: more than draws of one layer in one step.
_STATE_STRIDE = 1_000


class Scalars(NamedTuple):
    """What differs from step to step besides the batch.

    Attributes:
      learning_rate: Of the update.
      update_number: Of the head's variables, counted from 1.
      body_update_number: Of all others, which may learn from later on.
      temperature: Of the Gumbel softmax.
      random_seed: int32, of dropout and LayerDrop.
      stop: 1 where this process was asked to stop; summed over all.
    """

    learning_rate: Any
    update_number: Any
    body_update_number: Any
    temperature: Any
    random_seed: Any
    stop: Any


_SCALARS = Scalars(
    tf.TensorSpec([], tf.float32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.float32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.float32),
)


class Steps:
    """The steps of one training on one strategy.

    A step has no memory of its own: what dropout and LayerDrop draw is a function of the seed, the step and the
    replica.

    Args:
      strategy: Where the model and the optimizer were made.
      model: A `Wav2Vec2CTC` or a `Wav2Vec2PreTraining`.
      task: What is learned.
      optimizer: Over the model's trainable variables.
      settings: Of the training.
      share: The rows of this process.
      compiled: Whether XLA compiles the gradients; a TPU does so in any case.

    Raises:
      ConfigurationError: the task cannot be compiled on several devices.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        model: Any,
        task: Task,
        optimizer: AdamW,
        settings: TrainingSettings,
        share: Share,
        compiled: bool,
    ) -> None:
        self._strategy = strategy
        self._model = model
        self._task = task
        self._optimizer = optimizer
        self._settings = settings
        self._share = share
        self._on_tpu = isinstance(strategy, tf.distribute.TPUStrategy)
        self._is_alone = strategy.num_replicas_in_sync == 1
        # These have variables of their own kind, also for one device.
        mirrored = (
            tf.distribute.MirroredStrategy,
            tf.distribute.MultiWorkerMirroredStrategy,
            tf.distribute.TPUStrategy,
        )
        self._is_direct = self._is_alone and not isinstance(strategy, mirrored)
        self._compiled = compiled and not self._on_tpu
        self._random_states = [v for v in model.variables if "seed_generator_state" in v.path]
        require(
            not (self._compiled and not self._is_alone and task.adds_up_replicas),
            f"train.compilation must be 'graph' or 'auto' in pre-training on {strategy.num_replicas_in_sync} devices"
            " that are no TPU: what they add up on the way cannot be compiled.",
        )
        self._functions: dict[Any, Callable[..., Any]] = {}
        self._sums: list[tf.Variable] = []

    # === Called by the loop ===

    def train(
        self, batches: Sequence[Mapping[str, Any]], scalars: Scalars, random_seeds: Sequence[Any], head_only: bool
    ) -> dict[str, Any]:
        """Does one update with some batches.

        Args:
          batches: Those of the update.
          scalars: Of the update; its `random_seed` means nothing.
          random_seeds: int32, of dropout and LayerDrop, one for each batch.
          head_only: Whether the head learns alone.

        Returns:
          Counts summed over the batches and all devices, as NumPy values: `loss`, `weight`, `gradient_norm`, `stop`,
          and those of the task.
        """
        if len(batches) == 1:
            return self._call("train", head_only, batches[0], scalars._replace(random_seed=random_seeds[0]))
        totals: dict[str, Any] = {}
        for number, batch in enumerate(batches):
            kind = "begin" if number == 0 else "add"
            counts = self._call(kind, head_only, batch, scalars._replace(random_seed=random_seeds[number]))
            totals = {name: totals.get(name, 0.0) + value for name, value in counts.items()}
        totals |= self._call("update", head_only, None, scalars, tf.constant(totals["weight"], tf.float32))
        return totals

    def validate(self, batch: Mapping[str, Any], temperature: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Looks at a batch without learning from it.

        Returns:
          counts: Summed over the devices of this process.
          outputs: The task's, NumPy, the rows of this process.
        """
        function = self._function("validate", False, batch)
        counts, outputs = function(self._distributed(batch), tf.constant(temperature, tf.float32))
        summed = {name: sum(part.astype(np.float64) for part in self._local(value)) for name, value in counts.items()}
        return summed, {name: np.concatenate(self._local(value)) for name, value in outputs.items()}

    def _local(self, value: Any) -> list[np.ndarray[Any, Any]]:
        """Returns a value of each device of this process."""
        return [part.numpy() for part in self._strategy.experimental_local_results(value)]

    def over_workers(self, counts: Mapping[str, Any]) -> dict[str, Any]:
        """Sums what `validate` counted over all processes of the training."""
        if self._share.count == self._share.replicas:
            return dict(counts)

        def mine(context: Any) -> dict[str, tf.Tensor]:
            is_first = context.replica_id_in_sync_group == self._share.first
            factor = 1.0 if is_first else 0.0
            return {name: tf.constant(np.asarray(value) * factor, tf.float64) for name, value in counts.items()}

        values = self._strategy.experimental_distribute_values_from_function(mine)

        @tf.function
        def total(values: Any) -> Any:
            return self._strategy.run(
                lambda of_replica: tf.distribute.get_replica_context().all_reduce(
                    tf.distribute.ReduceOp.SUM, tf.nest.map_structure(tf.identity, of_replica)
                ),
                args=(values,),
            )

        summed = total(values)
        return {name: self._local(value)[0] for name, value in summed.items()}

    # === Inside the compiled functions, on each replica ===

    def _gradients(self, batch: Mapping[str, Any], scalars: Scalars, replica: Any, variables: Sequence[Any]) -> Any:
        with keras.StatelessScope(state_mapping=self._drawn_states(scalars.random_seed, replica)):
            with tf.GradientTape() as tape:
                sums: Sums = self._task.sums(self._model, batch, True, scalars.temperature)
            gradients = tape.gradient(sums.loss, [variable.value for variable in variables])
        counts = {
            "loss": sums.loss,
            "weight": sums.weight,
            "samples": tf.reduce_sum(tf.cast(batch["num_samples"], tf.float32)),
            "computed_samples": tf.cast(tf.size(batch["waveforms"]), tf.float32),
            "stop": tf.identity(scalars.stop),
            **sums.counts,
        }
        # A variable that a batch does not need, such as the masking vector where nothing is masked.
        filled = [
            tf.zeros(variable.shape) if gradient is None else tf.convert_to_tensor(gradient)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        return filled, counts

    def _drawn_states(self, seed: Any, replica: Any) -> list[tuple[Any, Any]]:
        """Returns a random state for each layer that draws: a function of the seed, the replica and the layer."""
        mapping = []
        for number, state in enumerate(self._random_states):
            first = tf.cast(seed, state.dtype) + tf.cast(replica, state.dtype) * 1_000_003
            mapping.append((state, tf.stack([first, tf.constant(number * _STATE_STRIDE, state.dtype)])))
        return mapping

    def _update(self, gradients: Sequence[Any], weight: Any, variables: Sequence[Any], scalars: Scalars) -> Any:
        """Applies gradients that are summed over all devices; returns their norm, once divided by the weight."""
        settings = self._settings
        divided = [gradient / tf.maximum(weight, 1.0) for gradient in gradients]
        if settings.feature_gradient_scale != 1.0:
            # All gradients of the convolutions pass through their output, so a factor there is one here.
            divided = [
                gradient * settings.feature_gradient_scale if "/feature_extractor/" in variable.path else gradient
                for gradient, variable in zip(divided, variables, strict=True)
            ]
        norm = tf.linalg.global_norm(divided)
        if settings.max_gradient_norm is not None:
            factor = tf.minimum(1.0, settings.max_gradient_norm / tf.maximum(norm, 1e-12))
            divided = [gradient * factor for gradient in divided]
        heads = {variable.path for variable in self._head_variables()}
        for is_head, number in ((True, scalars.update_number), (False, scalars.body_update_number)):
            chosen = [
                (gradient, variable)
                for gradient, variable in zip(divided, variables, strict=True)
                if (variable.path in heads) == is_head
            ]
            if chosen:
                gradients_of, variables_of = zip(*chosen, strict=True)
                self._optimizer.apply(gradients_of, variables_of, scalars.learning_rate, number)
        return norm

    def _reduced(self, values: Any) -> Any:
        if self._is_alone:
            return values
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def _replica(self) -> Any:
        return 0 if self._is_alone else tf.distribute.get_replica_context().replica_id_in_sync_group

    # === Making the functions ===

    def _variables(self, head_only: bool) -> list[Any]:
        if head_only:
            return self._head_variables()
        frozen = "/feature_extractor/" if self._settings.freeze_feature_encoder else None
        return [v for v in self._model.trainable_variables if frozen is None or frozen not in v.path]

    def _head_variables(self) -> list[Any]:
        backbone = f"/{self._model.backbone.name}/"
        return [variable for variable in self._model.trainable_variables if backbone not in variable.path]

    def _call(
        self, kind: str, head_only: bool, batch: Mapping[str, Any] | None, scalars: Scalars, *others: Any
    ) -> dict[str, Any]:
        function = self._function(kind, head_only, batch)
        values = Scalars(*(tf.constant(v, spec.dtype) for v, spec in zip(scalars, _SCALARS, strict=True)))
        given = [] if batch is None else [self._distributed(batch)]
        result = function(*given, values, *others)
        # Every replica has the sum over all.
        return {name: self._local(value)[0] for name, value in result.items()}

    def _function(self, kind: str, head_only: bool, batch: Mapping[str, Any] | None) -> Callable[..., Any]:
        # One for each bucket where shapes are static; else one whose shapes are open, for tracing takes seconds.
        shape = None if batch is None or self._has_open_shapes else tuple(batch["waveforms"].shape)
        key = (kind, head_only, shape)
        if key not in self._functions:
            names = () if batch is None else tuple(name for name in batch if name not in _HOST_ONLY)
            self._functions[key] = self._made(kind, head_only, names)
        return self._functions[key]

    @property
    def _has_open_shapes(self) -> bool:
        return self._is_direct and not self._compiled

    def _made(self, kind: str, head_only: bool, names: Sequence[str]) -> Callable[..., Any]:
        variables = self._variables(head_only)

        def gradients(batch: Any, scalars: Any, replica: Any) -> Any:
            return self._gradients(batch, scalars, replica, variables)

        if self._compiled and not self._is_direct:
            # Of a step on several replicas only what they do alone can be compiled.
            gradients = tf.function(gradients, jit_compile=True, autograph=False)

        def train(batch: Any, scalars: Any) -> Any:
            found, counts = gradients(batch, scalars, self._replica())
            found, counts = self._reduced((found, counts))
            return {**counts, "gradient_norm": self._update(found, counts["weight"], variables, scalars)}

        def begin(batch: Any, scalars: Any) -> Any:
            found, counts = gradients(batch, scalars, self._replica())
            for total, gradient in zip(self._sums, found, strict=True):
                total.assign(gradient)
            return self._reduced(counts)

        def add(batch: Any, scalars: Any) -> Any:
            found, counts = gradients(batch, scalars, self._replica())
            for total, gradient in zip(self._sums, found, strict=True):
                total.assign_add(gradient)
            return self._reduced(counts)

        def update(scalars: Any, weight: Any) -> Any:
            found = self._reduced([total.read_value() for total in self._sums])
            return {"gradient_norm": self._update(found, weight, variables, scalars)}

        def validate(batch: Any, temperature: Any) -> Any:
            sums = self._task.sums(self._model, batch, False, temperature)
            return {"loss": sums.loss, "weight": sums.weight, **sums.counts}, sums.outputs

        if kind in ("begin", "add", "update"):
            self._make_sums(variables)
        chosen: Any = {"train": train, "begin": begin, "add": add, "update": update, "validate": validate}[kind]

        def distributed(*arguments: Any) -> Any:
            return self._strategy.run(chosen, args=arguments)

        jit = True if self._compiled and self._is_direct else None
        if not self._has_open_shapes or kind == "update":
            return tf.function(chosen if self._is_direct else distributed, jit_compile=jit, autograph=False)
        signature = {name: tf.TensorSpec([None] * _RANKS[name][1], _RANKS[name][0]) for name in names}
        last = tf.TensorSpec([], tf.float32) if kind == "validate" else _SCALARS
        return tf.function(
            distributed if not self._is_alone else chosen, input_signature=[signature, last], autograph=False
        )

    def _make_sums(self, variables: Sequence[Any]) -> None:
        if len(self._sums) == len(variables):
            return
        with self._strategy.scope():
            # Each replica has its own, which are added up once for an update.
            self._sums = [
                tf.Variable(
                    tf.zeros(variable.shape),
                    trainable=False,
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.SUM,
                )
                for variable in variables
            ]

    def _distributed(self, batch: Mapping[str, Any]) -> Any:
        """Gives each device of this process its rows."""
        kept = {name: value for name, value in batch.items() if name not in _HOST_ONLY}
        if self._is_direct:
            return kept
        share = self._share
        rows = int(kept["num_samples"].shape[0]) // share.count

        def own(context: Any) -> dict[str, Any]:
            first = (context.replica_id_in_sync_group - share.first) * rows
            return {name: value[first : first + rows] for name, value in kept.items()}

        return self._strategy.experimental_distribute_values_from_function(own)
