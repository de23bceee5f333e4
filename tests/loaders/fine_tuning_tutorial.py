"""The steps of TensorFlow Hub's tutorial «Fine-tuning Wav2Vec2 with an LM head», with the handle of another model.

    TF_USE_LEGACY_KERAS=1 python fine_tuning_tutorial.py HANDLE SPEECH.npz DIRECTORY [--samples N]

hub.KerasLayer is a layer of Keras 2, which TensorFlow 2.16 and newer call `tf.keras` only where that variable says so.
The tutorial's package `wav2vec2` is replaced by what it gave: normalisation, letters and a CTC loss. Prints one JSON
document.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

LETTERS = "|ETAOINHSRDLUMWCFGYPBVK'XJQZ"
FIRST_LETTER, VOCABULARY_SIZE = 4, 32
LABEL_MAXLEN, BATCH_SIZE, LEARNING_RATE = 256, 2, 5e-5

parser = argparse.ArgumentParser()
parser.add_argument("handle")
parser.add_argument("speech")
parser.add_argument("directory", type=Path)
parser.add_argument("--samples", type=int, default=246_000)
arguments = parser.parse_args()
AUDIO_MAXLEN = arguments.samples
told = {}

# === The model ===
pretrained_layer = hub.KerasLayer(arguments.handle, trainable=True)
inputs = tf.keras.Input(shape=(AUDIO_MAXLEN,))
hidden_states = pretrained_layer(inputs)
outputs = tf.keras.layers.Dense(VOCABULARY_SIZE)(hidden_states)
model = tf.keras.Model(inputs=inputs, outputs=outputs)
told["output_shape"] = list(model(tf.random.uniform(shape=(BATCH_SIZE, AUDIO_MAXLEN))).shape)
model.summary(print_fn=lambda _: None)
told["trainable"] = len(model.trainable_weights)


def ctc_loss(labels, logits):
    """The sum over the batch, divided by its size."""
    label_lengths = tf.reduce_sum(tf.cast(labels != 0, tf.int32), axis=1)
    frames = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    losses = tf.nn.ctc_loss(
        tf.cast(labels, tf.int32), logits, label_lengths, frames, logits_time_major=False, blank_index=0
    )
    return tf.reduce_sum(losses) / BATCH_SIZE


# === The data ===
def normalised(speech):
    return (speech - speech.mean()) / np.sqrt(speech.var() + 1e-5)


def letters(text):
    return [LETTERS.index("|" if letter == " " else letter) + FIRST_LETTER for letter in text]


def utterances():
    with np.load(arguments.speech) as file:
        for index in range(len(file.files) // 2):
            speech = normalised(file[f"waveform_{index}"][:AUDIO_MAXLEN])
            yield tf.constant(speech, tf.float32), tf.constant(letters(str(file[f"text_{index}"])), tf.int32)


signature = (tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32))
dataset = tf.data.Dataset.from_generator(utterances, output_signature=signature)
shapes = ((AUDIO_MAXLEN,), (LABEL_MAXLEN,))
dataset = dataset.padded_batch(BATCH_SIZE, padded_shapes=shapes, padding_values=(0.0, 0)).prefetch(tf.data.AUTOTUNE)
validation, train = dataset.take(1), dataset.skip(1)

# === Training, evaluation, saving ===
before = {weight.name: weight.numpy() for weight in model.trainable_weights}
model.compile(tf.keras.optimizers.Adam(LEARNING_RATE), loss=ctc_loss)
history = model.fit(train, validation_data=validation, epochs=3, verbose=0)
told |= {name: [float(value) for value in values] for name, values in history.history.items()}
told["untouched"] = [
    weight.name for weight in model.trainable_weights if np.array_equal(weight.numpy(), before[weight.name])
]
told["evaluated"] = float(model.evaluate(validation, verbose=0))
model.save(arguments.directory / "finetuned", include_optimizer=False)


@tf.function(jit_compile=True)
def eval_fwd(batch):
    return tf.argmax(model(batch, training=False), axis=-1)


((speech, _),) = validation.as_numpy_iterator()
calm, again = model(speech, training=False).numpy(), model(speech, training=False).numpy()
wild, wilder = model(speech, training=True).numpy(), model(speech, training=True).numpy()
told["repeated"] = float(np.abs(calm - again).max())
told["dropout"] = [float(np.abs(wild - calm).max()), float(np.abs(wild - wilder).max())]
told["same_letters_compiled"] = float((eval_fwd(speech).numpy() == calm.argmax(-1)).mean())

# === Inference with what was saved ===
finetuned = tf.keras.models.load_model(arguments.directory / "finetuned", custom_objects={"ctc_loss": ctc_loss})
told["loaded"] = float(np.abs(finetuned(speech).numpy() - calm).max())
print(json.dumps(told))
