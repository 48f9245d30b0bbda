#!/usr/bin/env python3
"""Writes mobilefacenet.json and .safetensors here and ../manifests/mobilefacenet.json: MobileFaceNet in float64 NumPy.

Written from the description of the network, not from this library's source. Needs numpy.
"""
import json
import math
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SQRT3 = 1.7320508075688772
MASK = (1 << 64) - 1
SQUARE = (0.105, 0.1055, 0.7919)  # x, y and size of what the network sees


def fill(name, shape, scale=1.0, offset=0.0):
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) & MASK
    n = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.uint64(h) + (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return (offset + scale * (2.0 * u - 1.0)).astype(np.float32).astype(np.float64).reshape(shape)


def make_image(name, n):
    lo = fill(name + "/lo", (n, 3, 32, 32)).repeat(8, 2).repeat(8, 3)
    return (0.6 * lo + 0.3 * fill(name + "/hi", (n, 3, 256, 256))).astype(np.float32).astype(np.float64)


manifest, weights = [], {}


def param(name, shape, scale, offset=0.0, kind="param"):
    if name not in weights:
        fill_name = "arcface_iresnet50/" + name  # all networks of the scope "arcface" take that prefix
        weights[name] = fill(fill_name, shape, scale, offset)
        manifest.append({"name": name, "shape": list(shape), "dtype": "float32", "kind": kind, "fill": "uniform",
                         "fill_name": fill_name, "fill_scale": scale, "fill_offset": offset})
    return weights[name]


def bn(x, name):
    c = x.shape[1]
    w, b = param(name + ".weight", (c,), 0.3, 1.0), param(name + ".bias", (c,), 0.1)
    mean = param(name + ".running_mean", (c,), 0.1, 0.0, "buffer")
    var = param(name + ".running_var", (c,), 0.5, 1.0, "buffer")
    counter = name + ".num_batches_tracked"
    if counter not in weights:
        weights[counter] = 0
        manifest.append({"name": counter, "shape": [], "dtype": "int64", "kind": "buffer", "fill": "constant",
                         "values": [0], "fill_scale": None, "fill_offset": None})
    f = (1, c) + (1,) * (x.ndim - 2)
    return (x - mean.reshape(f)) / np.sqrt(var.reshape(f) + 1e-5) * w.reshape(f) + b.reshape(f)


def conv(x, name, out, k, stride=1, pad=0, depthwise=False, gain=1.0):
    c = 1 if depthwise else x.shape[1]
    w = param(name + ".weight", (out, c, k, k), SQRT3 * math.sqrt(gain) / math.sqrt(c * k * k))
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::stride, ::stride]
    if depthwise:
        return np.einsum("nchwuv,cuv->nchw", windows, w[:, 0], optimize=True)
    return np.einsum("nchwuv,ocuv->nohw", windows, w, optimize=True)


def relu(x):
    return np.maximum(x, 0)


def relu6(x):
    return np.clip(x, 0, 6)


def resampled(x, size):
    def matrix(n, first):
        step = n * SQUARE[2] / size
        reach = max(1.0, step)
        centre = n * first + (np.arange(size) + 0.5) * step
        m = np.maximum(0, 1 - np.abs(np.arange(n)[None] + 0.5 - centre[:, None]) / reach)
        return m / m.sum(1, keepdims=True)

    return np.einsum("ih,nchw,jw->ncij", matrix(x.shape[2], SQUARE[1]), x, matrix(x.shape[3], SQUARE[0]), optimize=True)


def network(x):
    stages = []

    def stage(name, value):
        stages.append((name, value))
        return value

    x = stage("resized_input", resampled(x, 112))
    mean, deviation = (np.reshape(v, (1, 3, 1, 1)) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x = (x * 0.5 + 0.5 - mean) / deviation
    x = stage("conv1", relu6(bn(conv(x, "conv1.0", 64, 3, 2, 1), "conv1.1")))
    x = relu(bn(conv(x, "dw_conv.depthwise", 64, 3, 1, 1, True), "dw_conv.bn1"))
    x = stage("dw_conv", relu(bn(conv(x, "dw_conv.pointwise", 64, 1), "dw_conv.bn2")))
    block = 0
    for t, c, n, s in ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)):
        for i in range(n):
            name, stride, wide = f"features.{block}.conv.", s if i == 0 else 1, x.shape[1] * t
            y = relu6(bn(conv(x, name + "0.0", wide, 1, gain=4.0), name + "0.1"))
            y = relu6(bn(conv(y, name + "1.0", wide, 3, stride, 1, True), name + "1.1"))
            y = bn(conv(y, name + "2", c, 1, gain=0.5), name + "3")
            x = stage(f"features.{block}", x + y if stride == 1 and x.shape[1] == c else y)
            block += 1
    x = stage("conv2", relu6(bn(conv(x, "conv2.0", 512, 1), "conv2.1")))
    x = stage("gdconv", bn(conv(x, "gdconv.depthwise", 512, 7, depthwise=True), "gdconv.bn"))
    x = conv(x, "conv3", 128, 1)
    x = stage("conv3", x + param("conv3.bias", (128,), 0.1).reshape(1, 128, 1, 1))
    return stages, stage("bn", bn(x.reshape(x.shape[0], 128), "bn"))


def stats(x):
    return np.array([x.mean(), x.std(), np.sqrt((x * x).sum()), x.min(), x.max()])


def sample(x, count=64):
    flat = x.ravel()
    at = [i if flat.size <= count else ((i * 0x9E3779B1 + 0x7F4A7C15) & MASK) % flat.size for i in range(count)]
    return np.array([flat[i] if i < flat.size else 0 for i in at])


tensors, cases = {}, {}
for case, text, image in (
    ("n2_64", "fill(pub/mobilefacenet/n2_64/image,(2,3,64,64))", fill("pub/mobilefacenet/n2_64/image", (2, 3, 64, 64))),
    ("n1_256", "make_image(pub/mobilefacenet/n1_256/image,1)", make_image("pub/mobilefacenet/n1_256/image", 1)),
):
    stages, out = network(image)
    rows = [[n, list(v.shape), round(float(v.mean()), 6), round(float(v.std()), 6)] for n, v in stages]
    cases[case] = {"inputs": {"image": text}, "out_shape": list(out.shape), "stages": rows}
    tensors[case + "/out"] = out.astype(np.float32)
    tensors[case + "/out.stats"], tensors[case + "/out.sample"] = stats(out), sample(out)
    tensors[case + "/stage_stats"] = np.stack([stats(v) for _, v in stages])
    tensors[case + "/stage_sample"] = np.stack([sample(v) for _, v in stages])

facts = {"network": "mobilefacenet", "tag": "pub", "compute": "float64, mobilefacenet.py (of float32 weights and inputs)"}
header, data = {"__metadata__": {**facts, "cases": json.dumps(cases)}}, b""
for name, t in tensors.items():
    header[name] = {"dtype": "F32" if t.dtype == np.float32 else "F64", "shape": list(t.shape),
                    "data_offsets": [len(data), len(data) + t.nbytes]}
    data += t.tobytes()
text = json.dumps(header)
text += " " * (-len(text) % 8)
(HERE / "mobilefacenet.safetensors").write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)
rows = json.dumps({**facts, "cases": cases, "stage_columns": ["name", "shape", "mean", "std"]})
(HERE / "mobilefacenet.json").write_text(rows.replace('], ["', '],\n ["') + "\n")
entries = ",\n".join(json.dumps(e) for e in manifest)
(HERE.parent / "manifests" / "mobilefacenet.json").write_text(f"[\n{entries}\n]\n")
