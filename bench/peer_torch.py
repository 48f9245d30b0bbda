#!/usr/bin/env python3
"""Times anonymize at 256 px, N = 1, against PyTorch on the CPU: same weights, same input, one process each, pairs
interleaved. PyTorch runs the networks in each setting that might suit it (contiguous or channels_last, the reference's
grouped modulated convolution or the shared-weight form, the latter also traced, frozen and optimized for inference) and
is quoted at its best. Transposed convolutions are PyTorch's own or four small ones, one for each phase of the output,
whichever is faster here: some builds of PyTorch have no fast one.

    build/bin/g2face model init --fill reference -o out/reference.safetensors
    bench/peer_torch.py build/bin/g2face_peer out/reference.safetensors [--pairs 10] [--threads 2]

Needs python3-torch and python3-numpy; the project itself does not.
"""
import argparse
import json
import math
import os
import statistics
import struct
import subprocess
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F


def load_safetensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        data = np.memmap(path, np.uint8, "r", offset=8 + size)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end].tobytes(), np.float32).reshape(entry["shape"]).copy())
    return tensors


def fill(name, shape, scale=1.0):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (scale * (2.0 * ((z >> np.uint64(40)).astype(np.float64) * 2.0**-24) - 1.0)).reshape(shape)


def make_image(name):
    lo = fill(name + "/lo", (1, 3, 32, 32)).repeat(8, 2).repeat(8, 3)
    return torch.from_numpy((0.6 * lo + 0.3 * fill(name + "/hi", (1, 3, 256, 256))).astype(np.float32))


def transposed_by_phases(x, w, groups=1):
    """conv_transpose2d(x, w, stride=2) for 3x3 weights: output rows and columns 2i take two taps, 2i + 1 one."""
    n, c, h, width = x.shape
    o = w.shape[1]
    w = w.reshape(groups, c // groups, o, 3, 3).transpose(1, 2).reshape(groups * o, c // groups, 3, 3)
    y = x.new_empty(n, groups * o, 2 * h + 1, 2 * width + 1)
    even, odd = [2, 0], [1]
    for a, rows in enumerate((even, odd)):
        for b, columns in enumerate((even, odd)):
            taps = w[:, :, rows][:, :, :, columns]
            y[:, :, a::2, b::2] = F.conv2d(x, taps, padding=(1 - a, 1 - b), groups=groups)
    return y


def faster_transposed(layout):
    x, w = torch.randn(1, 256, 32, 32), torch.randn(256, 256, 3, 3)
    x = x.contiguous(memory_format=layout)
    own = lambda x, w, groups=1: F.conv_transpose2d(x, w, stride=2, groups=groups)
    assert (own(x, w) - transposed_by_phases(x, w)).norm() < 1e-5 * own(x, w).norm()

    def seconds(run):
        times = []
        for _ in range(4):
            start = time.perf_counter()
            run(x, w)
            times.append(time.perf_counter() - start)
        return min(times)

    return min(own, transposed_by_phases, key=seconds)


class Traced(torch.nn.Module):
    def __init__(self, run):
        super().__init__()
        self.forward = run


def optimized(run, *inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # shapes become constants, as they should
        module = torch.jit.trace(Traced(run).eval(), inputs, check_trace=False)
    return torch.jit.optimize_for_inference(torch.jit.freeze(module))


class Networks:
    def __init__(self, weights, grouped, transposed):
        self.w, self.grouped, self.transposed = weights, grouped, transposed

    def conv(self, name, x, stride=1, pad=0):
        return F.conv2d(x, self.w[name + ".weight"], self.w.get(name + ".bias"), stride, pad)

    def norm(self, name, x):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"], w[name + ".bias"])

    def arcface(self, image):
        x = F.interpolate(image, (112, 112))
        x = F.prelu(self.norm("arcface/bn1", self.conv("arcface/conv1", x, 1, 1)), self.w["arcface/prelu.weight"])
        for stage, blocks in enumerate((3, 4, 14, 3), 1):
            for i in range(blocks):
                p, s = f"arcface/layer{stage}.{i}.", 2 if i == 0 else 1
                y = self.conv(p + "conv1", self.norm(p + "bn1", x), 1, 1)
                y = F.prelu(self.norm(p + "bn2", y), self.w[p + "prelu.weight"])
                y = self.norm(p + "bn3", self.conv(p + "conv2", y, s, 1))
                if i == 0:
                    x = self.norm(p + "downsample.1", self.conv(p + "downsample.0", x, s))
                x = x + y
        x = self.norm("arcface/bn2", x).flatten(1)
        return self.norm("arcface/features", F.linear(x, self.w["arcface/fc.weight"], self.w["arcface/fc.bias"]))

    def recon(self, x):
        b = "recon/backbone."
        x = F.max_pool2d(F.relu(self.norm(b + "bn1", self.conv(b + "conv1", x, 2, 3))), 3, 2, 1)
        for stage, blocks in enumerate((3, 4, 6, 3), 1):
            for i in range(blocks):
                p, s = f"{b}layer{stage}.{i}.", 2 if i == 0 and stage > 1 else 1
                y = F.relu(self.norm(p + "bn1", self.conv(p + "conv1", x)))
                y = F.relu(self.norm(p + "bn2", self.conv(p + "conv2", y, s, 1)))
                y = self.norm(p + "bn3", self.conv(p + "conv3", y))
                if i == 0:
                    x = self.norm(p + "downsample.1", self.conv(p + "downsample.0", x, s))
                x = F.relu(x + y)
        x = x.mean((2, 3), keepdim=True)
        return torch.cat([self.conv(f"recon/final_layers.{i}", x) for i in range(7)], 1).flatten(1)

    def map_2_id(self, z):
        w, p = self.w, "map_2_id/map_2_id."
        x = F.leaky_relu(F.linear(z, w[p + "0.weight"], w[p + "0.bias"]), 0.2)
        x = F.leaky_relu(F.linear(x, w[p + "2.weight"], w[p + "2.bias"]), 0.2)
        return self.norm(p + "4", x)

    def styles(self, identity, geometry):
        x = torch.cat([identity, geometry], 1)
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        out = []
        for branch, repeat in (("low", 6), ("middle", 6), ("high", 2)):
            y = x
            names = sorted((n for n in self.w if n.startswith(f"style_mlp/style_{branch}.") and n.endswith("weight")),
                           key=lambda n: int(n.split(".")[1]))
            for n in names:
                weight, bias = self.w[n], self.w[n[:-6] + "bias"]
                y = F.linear(y, weight * (0.01 / math.sqrt(weight.shape[1])))
                y = F.leaky_relu(y + 2 * 0.01 * bias, 0.2) * math.sqrt(2)
            out += [y] * repeat
        return out

    def blur(self, x, kernel, pad, up=1):
        n, c, h, width = x.shape
        if up == 2:
            x = F.pad(x.reshape(n, c, h, 1, width, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * width)
        x = F.pad(x, (pad[0], pad[1], pad[0], pad[1]))
        k = torch.flip(kernel, (0, 1)).expand(c, 1, *kernel.shape)
        return F.conv2d(x, k.contiguous(), groups=c)

    def modulated(self, p, x, style, demodulate=True, up=False):
        w = self.w[p + ".weight"][0]
        o, i, k = (int(size) for size in w.shape[:3])  # a number, also while traced
        s = F.linear(style, self.w[p + ".modulation.weight"] / math.sqrt(int(style.shape[1])), self.w[p + ".modulation.bias"])
        w = w / math.sqrt(i * k * k)
        n, _, h, width = x.shape
        d = None
        if self.grouped:  # as the reference: one set of weights for each sample
            w = w[None] * s[:, None, :, None, None]
            if demodulate:
                w = w * torch.rsqrt(w.square().sum((2, 3, 4), keepdim=True) + 1e-8)
            x = x.reshape(1, n * i, h, width)
            if up:
                y = self.transposed(x, w.transpose(1, 2).reshape(n * i, o, k, k), groups=n)
            else:
                y = F.conv2d(x, w.reshape(n * o, i, k, k), padding=k // 2, groups=n)
            y = y.reshape(n, o, *y.shape[2:])
        else:
            x = x * s[:, :, None, None]
            y = self.transposed(x, w.transpose(0, 1)) if up else F.conv2d(x, w, padding=k // 2)
            if demodulate:
                d = torch.rsqrt(s.square() @ w.square().sum((2, 3)).t() + 1e-8)
        if up:
            y = self.blur(y, self.w[p + ".blur.kernel"], (1, 1))
        return y if d is None else y * d[:, :, None, None]

    def styled(self, p, x, style, noise, up=False):
        y = self.modulated(p + ".conv", x, style, True, up) + self.w[p + ".noise.weight"] * noise
        return F.leaky_relu(y + self.w[p + ".activate.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)

    def to_rgb(self, p, x, style, skip=None):
        y = self.modulated(p + ".conv", x, style, False) + self.w[p + ".bias"]
        return y if skip is None else y + self.blur(skip, self.w[p + ".upsample.kernel"], (2, 1), 2)

    def inject(self, p, bits, size):
        y = self.conv(p + ".conv", bits.reshape(bits.shape[0], -1, size, size))
        y = F.leaky_relu(y + self.w[p + ".activate.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)
        return y * self.w[p + ".weight"]

    def fuse(self, level, generated, original, a=None, b=None):
        x = torch.cat([generated, original] + ([a] if a is not None else []), 1)
        m = torch.sigmoid(F.instance_norm(self.conv(f"generator/fusion_mask.{level}.conv", x)))
        y = m * generated + (1 - m) * original
        return y if b is None else y + b

    def generator(self, image, styles, bits, noise):
        features, x = [], image
        for level in range(7):
            p = f"generator/pyramid.{level}."
            layer = lambda name, v, stride, pad: F.instance_norm(self.conv(p + name + ".conv", v, stride, pad))
            y = F.leaky_relu(layer("conv1", x, 1, 1), 0.2)
            stride = 1 if level == 0 else 2
            x = (F.leaky_relu(layer("conv2", y, stride, 1), 0.2) + layer("skip", x, stride, 1)) / math.sqrt(2)
            features.append(x)
        g = "generator/"
        x = self.fuse(6, self.w[g + "input.input"], features[6])
        x = self.styled(g + "conv1", x, styles[0], noise[0])
        rgb = self.to_rgb(g + "to_rgb1", x, styles[1])
        for j in range(6):
            level, size, i = 5 - j, 8 << j, 2 * j + 1
            x = self.styled(f"{g}convs.{2 * j}", x, styles[i], noise[2 * j + 1], True)
            a = b = None
            if size < 256:
                a = self.inject(f"{g}hiding_injects.{2 * j}", bits, size)
                b = self.inject(f"{g}hiding_injects.{2 * j + 1}", bits, size)
            x = self.fuse(level, x, features[level], a, b)
            x = self.styled(f"{g}convs.{2 * j + 1}", x, styles[i + 1], noise[2 * j + 2])
            rgb = self.to_rgb(f"{g}to_rgbs.{j}", x, styles[i + 2], rgb)
        return rgb

    def anonymize(self, image):
        identity = self.arcface(image)
        c = self.recon((image + 1) / 2)
        values = identity.numpy().view(np.uint32)
        bits = torch.from_numpy(((values[..., None] >> np.arange(31, -1, -1, dtype=np.uint32)) & 1).astype(np.float32))
        geometry = torch.cat([c[:, :144], c[:, 224:227]], 1)
        sizes = [4] + [8 << (k // 2) for k in range(12)]
        noise = [torch.randn(1, 1, s, s) for s in sizes]
        return self.generator(image, self.styles(self.map_2_id(torch.randn(1, 512)), geometry), bits, noise)

    def optimize(self, image):
        """Replaces the three large networks by their traced, frozen and optimized forms."""
        plain, inputs = self.generator, []
        self.generator = lambda *a: inputs.append(a) or plain(*a)
        self.anonymize(image)
        self.arcface = optimized(self.arcface, image)
        self.recon = optimized(self.recon, image)
        self.generator = optimized(plain, *inputs[0])
        return self


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", default="f32")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)

    weights = load_safetensors(args.model)
    image = make_image("peer/image")
    settings = {}
    for layout in ("contiguous", "channels_last"):
        fmt = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        laid_out = {n: t.contiguous(memory_format=fmt) if t.dim() == 4 else t for n, t in weights.items()}
        x, transposed = image.contiguous(memory_format=fmt), faster_transposed(fmt)
        print(f"{layout}: transposed convolutions {'by phases' if transposed is transposed_by_phases else 'of its own'}")
        for form in ("grouped", "shared", "shared optimized"):
            networks = Networks(laid_out, form == "grouped", transposed)
            if form == "shared optimized":
                networks.optimize(x)
            settings[f"torch {layout} {form}"] = lambda n=networks, x=x: n.anonymize(x)

    peer = subprocess.Popen([args.peer, args.model, "--threads", str(args.threads), "--precision", args.precision],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ours():
        peer.stdin.write("anonymize\n")
        peer.stdin.flush()
        return float(peer.stdout.readline())

    times = {name: [] for name in ["g2face", *settings]}
    for pair in range(args.pairs + 2):  # two to warm up
        for name, run in settings.items():
            start = time.perf_counter()
            run()
            torch_seconds = time.perf_counter() - start
            g2face_seconds = ours()
            if pair >= 2:
                times[name].append(torch_seconds)
                times["g2face"].append(g2face_seconds)
    peer.stdin.close()

    print(f"torch {torch.__version__}, {args.threads} threads, load {os.getloadavg()[0]:.1f}, {args.pairs} pairs each")
    print(f"{'':32}{'median ms':>12}{'min ms':>12}")
    for name, t in times.items():
        print(f"{name:32}{statistics.median(t) * 1e3:12.1f}{min(t) * 1e3:12.1f}")
    best = min(settings, key=lambda n: statistics.median(times[n]))
    ratio = statistics.median(times[best]) / statistics.median(times["g2face"])
    print(f"g2face is {ratio:.2f} times as fast as {best} (medians), "
          f"{min(times[best]) / min(times['g2face']):.2f} times (minima)")


if __name__ == "__main__":
    main()
