"""The networks of G2Face in PyTorch, for the comparisons in peer_torch.py (CPU), peer_torch_cuda.py (GPU) and
peer_torch_train.py (training steps on the CPU).

They take the weights of a g2face model file, of any size with IResNet as identity network. In their plain form they
compute as the reference implementation does: batch norms of their own, one set of modulated weights for each sample,
every head of the face regressor. The tuned form shares weights between samples, folds batch norms into convolutions,
leaves out what nothing reads and may store in 16 bits.
"""
import json
import math
import struct
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


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def fill(name, shape):
    """g2face::fill: numbers between -1 and 1 that depend on the name alone."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (2.0 * ((z >> np.uint64(40)).astype(np.float64) * 2.0**-24) - 1.0).reshape(shape)


def make_image(name, n=1):
    lo = fill(name + "/lo", (n, 3, 32, 32)).repeat(8, 2).repeat(8, 3)
    return torch.from_numpy((0.6 * lo + 0.3 * fill(name + "/hi", (n, 3, 256, 256))).astype(np.float32))


def philox(seed, stream, k):
    """g2face::philox4x32: four 32-bit numbers for each block k of a stream."""
    s = fnv1a(stream)
    low = np.uint64(0xFFFFFFFF)
    c = [k & low, k >> np.uint64(32), np.full_like(k, s & 0xFFFFFFFF), np.full_like(k, s >> 32)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high[1] ^ c[1] ^ np.uint64(key[0]), p1 & low, high[0] ^ c[3] ^ np.uint64(key[1]), p0 & low]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return c


def random_normal(seed, stream, shape):
    """g2face::random_normal: Philox4x32-10 and Box-Muller, so that both sides draw the same noise."""
    blocks = (math.prod(shape) + 3) // 4
    c = philox(seed, stream, np.arange(blocks, dtype=np.uint64))
    u = [(v.astype(np.float64) + 0.5) * 2.0**-32 for v in c]
    normal = np.empty((blocks, 4))
    for i in (0, 2):
        radius, angle = np.sqrt(-2 * np.log(u[i])), 2 * np.pi * u[i + 1]
        normal[:, i], normal[:, i + 1] = radius * np.cos(angle), radius * np.sin(angle)
    return torch.from_numpy(normal.reshape(-1)[: math.prod(shape)].reshape(shape).astype(np.float32))


def own_transposed(x, w, groups=1):
    return F.conv_transpose2d(x, w, stride=2, groups=groups)


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


def filter_by_convolution(x, kernel, gain):
    return F.conv2d(x, kernel, groups=int(x.shape[1]))


def filter_by_slices(x, kernel, gain):
    """The same for the kernel [1,3,3,1] x [1,3,3,1] times a number: sums of shifted images, which a compiler can fuse."""
    taps = [0.125, 0.375, 0.375, 0.125]
    h, w = (int(size) - 3 for size in x.shape[2:])
    x = sum(t * x[:, :, i : i + h] for i, t in enumerate(taps))
    return sum(t * gain * x[:, :, :, i : i + w] for i, t in enumerate(taps))


def fastest(candidates, *args):
    """The function that takes the least time; all have to give the same."""
    device = args[0].device

    def seconds(run):
        times = []
        for _ in range(6):
            start = time.perf_counter()
            result = run(*args)
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        return min(times), result

    measured = [(*seconds(run), run) for run in candidates]
    want = measured[0][1].float()
    for _, got, run in measured:
        assert (got.float() - want).norm() < 2e-2 * want.norm(), run.__name__
    return min(measured, key=lambda m: m[0])[2]


class Traced(torch.nn.Module):
    def __init__(self, run):
        super().__init__()
        self.forward = run


def optimized(run, *inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # shapes become constants, as they should
        module = torch.jit.trace(Traced(run).eval(), inputs, check_trace=False)
    return torch.jit.optimize_for_inference(torch.jit.freeze(module))


def fold_norms(weights):
    """Weights in which every convolution and linear layer holds the batch norm that follows it; those norms are gone."""
    w = dict(weights)
    pairs = []
    for name in weights:
        if not name.endswith(".running_mean"):
            continue
        norm = name[: -len(".running_mean")]
        parent, _, last = norm.rpartition(".")
        layer = {
            "arcface/bn1": "arcface/conv1", "arcface/features": "arcface/fc", "recon/backbone.bn1": "recon/backbone.conv1",
        }.get(norm)
        if layer is None and last == "1" and parent.endswith("downsample"):
            layer = parent + ".0"
        if layer is None and norm.startswith("arcface/layer"):
            layer = {"bn2": parent + ".conv1", "bn3": parent + ".conv2"}.get(last)
        if layer is None and norm.startswith("recon/backbone.layer"):
            layer = parent + "." + last.replace("bn", "conv")
        if layer is None and norm.startswith("hiding_extractor/"):
            layer = parent + "." + {"bn_branch_1_1": "conv1x1_branch_1", "bn_branch_1_2": "conv3x3_branch_1",
                                    "bn_branch_2_1": "conv1x1_branch_2"}[last]
        if layer is not None:
            pairs.append((layer, norm))
    for layer, norm in pairs:
        mean, var, gain, bias = (w.pop(f"{norm}.{n}") for n in ("running_mean", "running_var", "weight", "bias"))
        scale = gain * torch.rsqrt(var + 1e-5)
        weight = w[layer + ".weight"]
        w[layer + ".weight"] = weight * scale.view(-1, *[1] * (weight.dim() - 1))
        w[layer + ".bias"] = bias + (w.get(layer + ".bias", 0) - mean) * scale
    return w


class Networks:
    """`grouped`: modulated convolutions as the reference, one set of weights for each sample. `tuned`: see above; stores
    features in `dtype`. `transposed`, `filter`: which of the functions above to use."""

    def __init__(self, weights, grouped, transposed, *, filter=filter_by_convolution, tuned=False, dtype=torch.float32,
                 layout=torch.contiguous_format):
        self.grouped, self.transposed, self.filter, self.tuned, self.dtype = grouped, transposed, filter, tuned, dtype
        self.layout, self.constants = layout, {}
        weights = fold_norms(weights) if tuned else weights
        count = lambda p: len({n[len(p) :].split(".")[0] for n in weights if n.startswith(p)})
        self.arcface_blocks = [count(f"arcface/layer{stage}.") for stage in (1, 2, 3, 4)]
        self.recon_blocks = [count(f"recon/backbone.layer{stage}.") for stage in (1, 2, 3, 4)]
        self.extractor_blocks = count("hiding_extractor/body.")
        self.levels = count("generator/pyramid.")
        flat = weights["arcface/fc.weight"].shape[1] // weights["arcface/bn2.weight"].shape[0]
        self.arcface_size = 16 * math.isqrt(flat)
        self.branches = []
        for branch, repeat in (("low", self.levels - 1), ("middle", self.levels - 1), ("high", 2)):
            prefix = f"style_mlp/style_{branch}."
            names = {n[: -len(".weight")] for n in weights if n.startswith(prefix) and n.endswith(".weight")}
            self.branches.append((sorted(names, key=lambda n: int(n.split(".")[1])), repeat))
        self.w = {name: self.stored(name, t, weights) for name, t in weights.items()}

    def stored(self, name, t, weights):
        norm = name.rpartition(".")[0] + ".running_mean" in weights
        f32 = norm or t.dim() == 5 or ".modulation." in name or name.startswith(("style_mlp/", "map_2_id/"))
        return self.laid_out(t if f32 else t.to(self.dtype))

    def laid_out(self, t):
        return t.contiguous(memory_format=self.layout) if t.dim() == 4 else t

    def constant(self, key, make):
        if key not in self.constants:
            self.constants[key] = make()
        return self.constants[key]

    def prepared(self, key, make):
        """What is made of weights, kept as long as those do not change."""
        return self.constant(key, make)

    def leaky(self, x, slope):
        return F.leaky_relu(x, slope)

    def conv(self, name, x, stride=1, pad=0):
        return F.conv2d(x, self.w[name + ".weight"], self.w.get(name + ".bias"), stride, pad)

    def norm(self, name, x):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"], w[name + ".bias"])

    def conv_norm(self, conv, norm, x, stride=1, pad=0):
        y = self.conv(conv, x, stride, pad)
        return self.norm(norm, y) if norm + ".running_mean" in self.w else y

    def arcface(self, image):
        size = self.arcface_size
        x = image if image.shape[-1] == size else F.interpolate(image, (size, size))
        x = F.prelu(self.conv_norm("arcface/conv1", "arcface/bn1", x, 1, 1), self.w["arcface/prelu.weight"])
        for stage, blocks in enumerate(self.arcface_blocks, 1):
            for i in range(blocks):
                p, s = f"arcface/layer{stage}.{i}.", 2 if i == 0 else 1
                y = self.conv_norm(p + "conv1", p + "bn2", self.norm(p + "bn1", x), 1, 1)
                y = self.conv_norm(p + "conv2", p + "bn3", F.prelu(y, self.w[p + "prelu.weight"]), s, 1)
                if i == 0:
                    x = self.conv_norm(p + "downsample.0", p + "downsample.1", x, s)
                x = x + y
        x = self.norm("arcface/bn2", x).flatten(1)
        x = F.linear(x, self.w["arcface/fc.weight"], self.w["arcface/fc.bias"])
        return (self.norm("arcface/features", x) if "arcface/features.running_mean" in self.w else x).float()

    def geometry(self, x):
        """The coefficients of identity, expression and pose, which are all that the generator is given."""
        b = "recon/backbone."
        x = F.max_pool2d(F.relu(self.conv_norm(b + "conv1", b + "bn1", x, 2, 3)), 3, 2, 1)
        for stage, blocks in enumerate(self.recon_blocks, 1):
            for i in range(blocks):
                p, s = f"{b}layer{stage}.{i}.", 2 if i == 0 and stage > 1 else 1
                y = F.relu(self.conv_norm(p + "conv1", p + "bn1", x))
                y = F.relu(self.conv_norm(p + "conv2", p + "bn2", y, s, 1))
                y = self.conv_norm(p + "conv3", p + "bn3", y)
                if i == 0:
                    x = self.conv_norm(p + "downsample.0", p + "downsample.1", x, s)
                x = F.relu(x + y)
        x = x.mean((2, 3), keepdim=True)
        heads = [self.conv(f"recon/final_layers.{i}", x) for i in ((0, 1, 3) if self.tuned else range(7))]
        return torch.cat(heads if self.tuned else [heads[0], heads[1], heads[3]], 1).flatten(1).float()

    def map_2_id(self, z):
        w, p = self.w, "map_2_id/map_2_id."
        x = self.leaky(F.linear(z, w[p + "0.weight"], w[p + "0.bias"]), 0.2)
        x = self.leaky(F.linear(x, w[p + "2.weight"], w[p + "2.bias"]), 0.2)
        return self.norm(p + "4", x)

    def styles(self, identity, geometry):
        x = torch.cat([identity, geometry], 1)
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        out = []
        for names, repeat in self.branches:
            y = x
            for n in names:
                weight, bias = self.w[n + ".weight"], self.w[n + ".bias"]
                scaled = self.prepared(n, lambda w=weight, b=bias: (w * (0.01 / math.sqrt(w.shape[1])), 2 * 0.01 * b))
                y = self.leaky(F.linear(y, scaled[0]) + scaled[1], 0.2) * math.sqrt(2)
            out += [y] * repeat
        return out

    def blur(self, x, name, pad, up=1):
        n, c, h, width = (int(size) for size in x.shape)
        if up == 2:
            x = F.pad(x.reshape(n, c, h, 1, width, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * width)
        kernel, gain = self.constant(name, lambda: (
            torch.flip(self.w[name], (0, 1)).expand(c, 1, 4, 4).contiguous(), float(self.w[name].sum())))
        return self.filter(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), kernel, gain)

    def scaled_weights(self, p):
        w = self.w[p + ".weight"][0]
        return w / math.sqrt(math.prod(int(size) for size in w.shape[1:]))  # numbers, also while traced

    def modulated(self, p, x, style, demodulate=True, up=False):
        scale, shift = self.prepared(p + ".modulation", lambda: (
            self.w[p + ".modulation.weight"] / math.sqrt(int(style.shape[1])), self.w[p + ".modulation.bias"]))
        s = F.linear(style, scale, shift)
        n, _, h, width = x.shape
        d = None
        if self.grouped:  # as the reference: one set of weights for each sample
            w = self.scaled_weights(p)
            o, i, k = (int(size) for size in w.shape[:3])
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
            def prepare():
                w = self.scaled_weights(p)
                shared = self.laid_out((w.transpose(0, 1) if up else w).to(self.dtype))
                return shared, w.square().sum((2, 3)).t().contiguous()

            w, squares = self.prepared(p, prepare)
            x = x * s.to(self.dtype)[:, :, None, None]
            y = self.transposed(x, w) if up else F.conv2d(x, w, padding=int(w.shape[2]) // 2)
            if demodulate:
                d = torch.rsqrt(s.square() @ squares + 1e-8).to(self.dtype)
        if up:
            y = self.blur(y, p + ".blur.kernel", (1, 1))
        return y if d is None else y * d[:, :, None, None]

    def styled(self, p, x, style, noise, up=False):
        y = self.modulated(p + ".conv", x, style, True, up) + self.w[p + ".noise.weight"] * noise
        return self.leaky(y + self.w[p + ".activate.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)

    def to_rgb(self, p, x, style, skip=None):
        y = self.modulated(p + ".conv", x, style, False) + self.w[p + ".bias"]
        return y if skip is None else y + self.blur(skip, p + ".upsample.kernel", (2, 1), 2)

    def inject(self, p, bits, size):
        y = self.conv(p + ".conv", bits.reshape(bits.shape[0], -1, size, size))
        y = self.leaky(y + self.w[p + ".activate.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)
        return y * self.w[p + ".weight"]

    def fuse(self, level, generated, original, a=None, b=None):
        x = torch.cat([generated, original] + ([a] if a is not None else []), 1)
        m = torch.sigmoid(F.instance_norm(self.conv(f"generator/fusion_mask.{level}.conv", x)))
        y = m * generated + (1 - m) * original
        return y if b is None else y + b

    def generator(self, image, styles, bits, noise):
        features, x = [], image
        for level in range(self.levels):
            p = f"generator/pyramid.{level}."
            layer = lambda name, v, stride, pad: F.instance_norm(self.conv(p + name + ".conv", v, stride, pad))
            y = self.leaky(layer("conv1", x, 1, 1), 0.2)
            stride = 1 if level == 0 else 2
            x = (self.leaky(layer("conv2", y, stride, 1), 0.2) + layer("skip", x, stride, 1)) / math.sqrt(2)
            features.append(x)
        g = "generator/"
        top = self.levels - 1
        x = self.fuse(top, self.w[g + "input.input"].expand(image.shape[0], -1, -1, -1), features[top])
        x = self.styled(g + "conv1", x, styles[0], noise[0])
        rgb = self.to_rgb(g + "to_rgb1", x, styles[1])
        for j in range(top):
            level, size, i = top - 1 - j, 8 << j, 2 * j + 1
            x = self.styled(f"{g}convs.{2 * j}", x, styles[i], noise[2 * j + 1], True)
            a = b = None
            if level > 0:
                a = self.inject(f"{g}hiding_injects.{2 * j}", bits, size)
                b = self.inject(f"{g}hiding_injects.{2 * j + 1}", bits, size)
            x = self.fuse(level, x, features[level], a, b)
            x = self.styled(f"{g}convs.{2 * j + 1}", x, styles[i + 1], noise[2 * j + 2])
            rgb = self.to_rgb(f"{g}to_rgbs.{j}", x, styles[i + 2], rgb)
        return rgb

    def extractor(self, image):
        h, slope = "hiding_extractor/", 0.1
        x = self.leaky(self.conv(h + "conv1x1_input", image), slope)
        for i in range(self.extractor_blocks):
            p = f"{h}body.{i}."
            a = self.leaky(self.conv_norm(p + "conv1x1_branch_1", p + "bn_branch_1_1", x), slope)
            a = self.leaky(self.conv_norm(p + "conv3x3_branch_1", p + "bn_branch_1_2", a, 1, 1), slope)
            b = self.leaky(self.conv_norm(p + "conv1x1_branch_2", p + "bn_branch_2_1", x), slope)
            x = torch.cat([a, b], 1)
        return self.conv(h + "conv1x1_output", x, 2, 1).reshape(x.shape[0], -1, 32)

    def float_to_bits(self, x):
        shifts = self.constant("shifts", lambda: torch.arange(31, -1, -1, dtype=torch.int32, device=x.device))
        values = torch.where(x == 0, torch.full_like(x, 1e-8), x).view(torch.int32)
        return ((values[..., None] >> shifts) & 1).to(self.dtype)

    def bits_to_float(self, bits):
        exponents = self.constant("exponents", lambda: 2.0 ** torch.arange(7, -1, -1, device=bits.device))
        fractions = self.constant("fractions", lambda: 2.0 ** torch.arange(-1, -24, -1, device=bits.device).float())
        bits = bits.float()
        magnitude = (1 + (bits[..., 9:] * fractions).sum(-1)) * torch.exp2((bits[..., 1:9] * exponents).sum(-1) - 127)
        return torch.where(magnitude > 50, torch.zeros_like(magnitude), (1 - 2 * bits[..., 0]) * magnitude)

    def noise_layers(self):
        """Names and sizes of the styled convolutions, in the order in which they take their noise."""
        return [("conv1", 4)] + [(f"convs.{k}", 8 << (k // 2)) for k in range(2 * self.levels - 2)]

    def identity_dim(self):
        return int(self.w["arcface/fc.weight"].shape[0])

    def bit_rows(self):
        return 4**self.levels // 32

    def draw(self, image):
        """The random inputs of a call: the virtual identity's z and the noise of each styled convolution."""
        n, device = image.shape[0], image.device
        noise = [torch.randn(n, 1, s, s, device=device, dtype=self.dtype) for _, s in self.noise_layers()]
        return torch.randn(n, self.identity_dim(), device=device), noise, None

    def draw_as_g2face(self, image, seed):
        """What g2face draws for this seed; with the bits that anonymize hides when nobody shall recover."""
        n, device = image.shape[0], image.device
        noise = [random_normal(seed, f"generator/{name}.noise", (n, 1, s, s)).to(device, self.dtype)
                 for name, s in self.noise_layers()]
        bits = random_normal(seed, "bits that mean nothing", (n, self.bit_rows(), 32)) > 0
        z = random_normal(seed, "virtual identity", (n, self.identity_dim()))
        return z.to(device), noise, bits.to(device, self.dtype)

    def anonymize(self, image, drawn=None):
        z, noise, bits = drawn or self.draw(image)
        image = image.to(self.dtype)
        identity_bits = self.float_to_bits(self.arcface(image))
        geometry = self.geometry((image + 1) / 2)
        styles = self.styles(self.map_2_id(z), geometry)
        return self.generator(image, styles, identity_bits if bits is None else bits, noise)

    def recover(self, image, drawn=None):
        _, noise, _ = drawn or self.draw(image)
        image = image.to(self.dtype)
        bits = (self.extractor(image) > 0).to(self.dtype)
        geometry = self.geometry((image + 1) / 2)
        return self.generator(image, self.styles(self.bits_to_float(bits), geometry), bits, noise)

    def optimize(self, image):
        """Replaces the three large networks by their traced, frozen and optimized forms."""
        plain, inputs = self.generator, []
        self.generator = lambda *a: inputs.append(a) or plain(*a)
        self.anonymize(image)
        self.arcface = optimized(self.arcface, image)
        self.geometry = optimized(self.geometry, image)
        self.generator = optimized(plain, *inputs[0])
        return self
