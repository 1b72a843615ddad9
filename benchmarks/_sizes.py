"""How much smaller the perceptron is in bits than in single precision: its weights, its file, and in memory."""

import numpy as np
from safetensors.numpy import save

from qtheory.inference import files

from . import _mlp
from ._threads import network

WEIGHTS, FILE, MEMORY = "weights' words alone", "whole file", "laid out for the kernels"
LEAST = 30.0


def measured() -> dict[str, tuple[int, int]]:
    """Bytes in single precision, and packed.

    WEIGHTS are matrices against words of bits; FILE has everything, with thresholds for biases: safetensors both times;
    MEMORY is what a network that has run keeps of its weights, the words included.
    """
    packed, W = network(), _mlp.weights()
    layers = *packed.layers, packed.last
    dense = {f"{i}.weight": np.ascontiguousarray(w.T, np.float32) for i, w in enumerate(W)}
    biases = {f"{i}.bias": np.zeros(w.shape[1], np.float32) for i, w in enumerate(W)}
    weights, words = sum(w.nbytes for w in dense.values()), sum(layer.words.nbytes for layer in layers)
    laid_out = sum(x.nbytes for layer in layers for x in layer.prepared if isinstance(x, np.ndarray))
    return {
        WEIGHTS: (weights, words),
        FILE: (len(save(dense | biases)), len(files.dumps(packed))),
        MEMORY: (weights, words + laid_out),
    }
