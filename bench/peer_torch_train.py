#!/usr/bin/env python3
"""Times a step of training (anonymize, recover, discriminate) and its peak memory against PyTorch on the CPU: the same
networks, weights, images and random numbers, the losses of the first step compared, and then a process for each round,
theirs and ours in turn.

    bench/peer_torch_train.py build/bin/g2face_bench build/bin/g2face [--model full|slim64] [--r1] [--rounds 2]

PyTorch runs as one would write it by hand who wants it fast: weights of modulated convolutions shared by samples, batch
norms of frozen networks folded, frozen parameters without gradients, photos seen without a graph, features of the photo
for LPIPS computed once, activations in place, gains of activations in the weights, and Adam with beta1 = 0 keeping one
tensor for each parameter. Convolutions by oneDNN; transposed ones by their phases if that is faster.

A table is void if other processes had more than a twentieth of a core. Needs python3-torch and python3-numpy; the
project itself does not.
"""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

from peer_networks import (Networks, fill, fold_norms, load_safetensors, own_transposed, philox, random_normal,
                           transposed_by_phases)

FROZEN = ("arcface/", "recon/", "lpips/")
NORMALISED = ("generator/pyramid.", "generator/fusion_mask.")  # whose biases an instance norm takes away
BUFFERS = (".running_mean", ".running_var", ".kernel")
PRIOR_RATE, RATE = 1e-4, 1e-3
ROOT2 = math.sqrt(2)
MODELS = {  # of bench/models/train_step_bench.cpp; what a configuration does not name is as in g2face-256
    "full": {"images": 2, "config": {}},
    "slim64": {"images": 16, "config": {
        "name": "slim64", "resolution": 64, "channels": {"4": 128, "8": 128, "16": 128, "32": 64, "64": 32},
        "style_dim": 128, "identity_dim": 32, "mlp_depth": 2, "style_bands": [4, 4, 2], "extractor_width": 32,
        "extractor_blocks": 2, "arcface_depth": 18, "arcface_width": 8, "arcface_size": 64, "recon_width": 8,
        "recon_blocks": [1, 1, 1, 1], "lpips_width": 8}},
}
# Of the first step, and how far they may be apart: what follows a step of Adam follows signs that rounding decides.
LOSSES = {"anonymize/total": 1e-3, "recover/total": 5e-2, "discriminate/real": 1e-3, "discriminate/fake": 5e-2,
          "discriminate/r1": 1e-2}
IDLE = 0.05  # cores that other processes may use


class TransposedByPhases(torch.autograd.Function):
    """conv_transpose2d(x, w, stride=2), whose gradients are those of an ordinary convolution the other way round."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return transposed_by_phases(x, w)

    @staticmethod
    def backward(ctx, gy):
        x, w = ctx.saved_tensors
        gw = torch.ops.aten.convolution_backward(
            x, gy, w, None, [2, 2], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])[1]
        return F.conv2d(gy, w, stride=2), gw


class TrainedNetworks(Networks):
    """What peer_networks.py has, with weights that change, and the networks that only training needs."""

    def __init__(self, weights, transposed, layout):
        frozen = {n: t for n, t in weights.items() if n.startswith(FROZEN)}
        trained = {n: t for n, t in weights.items() if not n.startswith(FROZEN)}
        super().__init__(fold_norms(frozen) | trained, False, transposed, layout=layout)
        self.trained = [n for n in trained if not n.endswith(BUFFERS)]
        for name in self.trained:
            self.w[name].requires_grad_(True)

    def prepared(self, key, make):
        return make()

    def leaky(self, x, slope):
        return F.leaky_relu(x, slope, inplace=True)

    def norm(self, name, x):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"],
                            w[name + ".bias"], training=not name.startswith(FROZEN))

    def conv(self, name, x, stride=1, pad=0):
        bias = None if name.startswith(NORMALISED) else self.w.get(name + ".bias")
        return F.conv2d(x, self.w[name + ".weight"], bias, stride, pad)

    def fuse(self, level, generated, original, a=None, b=None):
        x = torch.cat([generated, original] + ([a] if a is not None else []), 1)
        m = torch.sigmoid_(F.instance_norm(self.conv(f"generator/fusion_mask.{level}.conv", x)))
        y = torch.lerp(original, generated, m)
        return y if b is None else y.add_(b)

    def styled(self, p, x, style, noise, up=False):
        added = self.w[p + ".noise.weight"] * noise
        y = self.modulated(p + ".conv", x, style, True, up).add_(added)
        return self.leaky(y.add_(self.w[p + ".activate.bias"].view(1, -1, 1, 1)).mul_(ROOT2), 0.2)

    # ---- discriminator ----

    def conv_layer(self, p, x, stride=1, pad=0, activation=True):
        w, b = self.w[p + ".weight"], None
        gain = (ROOT2 if activation else 1) / math.sqrt(w[0].numel())
        if activation:
            prefix, _, index = p.rpartition(".")
            b = self.w[f"{prefix}.{int(index) + 1}.bias"] * ROOT2
        y = F.conv2d(x, w * gain, b, stride, pad)
        return self.leaky(y, 0.2) if activation else y

    def discriminator(self, x):
        d = "discriminator/"
        x = self.conv_layer(d + "convs.0.0", x)
        for k in range(1, self.levels):
            p = f"{d}convs.{k}."
            y = self.conv_layer(p + "conv1.0", x, 1, 1)
            y = self.conv_layer(p + "conv2.1", self.blur(y, p + "conv2.0.kernel", (2, 2)), 2)
            # A 1x1 convolution that looks at every second pixel: the blur need not compute the others.
            c = x.shape[1]
            kernel = self.w[p + "skip.0.kernel"].expand(c, 1, 4, 4)
            skip = F.conv2d(x, kernel, stride=2, padding=1, groups=c)
            x = (y + self.conv_layer(p + "skip.1", skip, activation=False)) * math.sqrt(0.5)
        n, c, h, w = x.shape
        members = x.view(min(n, 4), -1, c, h, w)
        spread = torch.sqrt(members.var(0, unbiased=False) + 1e-8).mean((1, 2, 3))
        spread = spread.view(1, -1, 1, 1, 1).expand(min(n, 4), -1, 1, h, w).reshape(n, 1, h, w)
        x = self.conv_layer(d + "final_conv.0", torch.cat([x, spread], 1), 1, 1).flatten(1)
        for k, gain in ((0, ROOT2), (1, 1)):
            weight = self.w[f"{d}final_linear.{k}.weight"]
            x = F.linear(x, weight * (gain / math.sqrt(weight.shape[1])), self.w[f"{d}final_linear.{k}.bias"] * gain)
            if k == 0:
                x = self.leaky(x, 0.2)
        return x

    # ---- LPIPS ----

    def features(self, x):
        """Of VGG16 at five depths, of unit length at each pixel."""
        x = (x - self.w["lpips/scaling_layer.shift"]) / self.w["lpips/scaling_layer.scale"]
        out = []
        for k, layers in enumerate(((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)), 1):
            if k > 1:
                x = F.max_pool2d(x, 2)
            for i in layers:
                x = F.relu(self.conv(f"lpips/net.slice{k}.{i}", x, 1, 1), inplace=True)
            out.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return out

    def lpips(self, x, features):
        pairs = zip(self.features(x), features)
        return sum(F.conv2d((a - b).square(), self.w[f"lpips/lin{k}.model.1.weight"]).mean()
                   for k, (a, b) in enumerate(pairs))


class Adam:
    """beta1 = 0: the first moment is the gradient and is not kept. And averages of the generating networks."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.average = {name: p.detach().clone() for name, p in parameters.items() if "discriminator/" not in name}
        self.steps = dict.fromkeys(parameters, 0)

    @torch.no_grad()
    def step(self, rate_of):
        for name, p in self.parameters.items():
            if p.grad is None:
                continue
            self.steps[name] += 1
            second = self.second[name].mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            root = (second / (1 - 0.999 ** self.steps[name])).sqrt_().add_(1e-8)
            p.addcdiv_(p.grad, root, value=-rate_of(name))
            p.grad = None

    @torch.no_grad()
    def follow(self, networks):
        for name, average in self.average.items():
            if name.startswith(networks):
                average.lerp_(self.parameters[name], 1 - 0.999)


def is_prior(name):
    new = ("generator/pyramid.", "generator/fusion_mask.", "generator/hiding_injects.")
    return name.startswith("generator/") and not name.startswith(new)


def cosine(a, b):
    return F.cosine_similarity(a, b, eps=1e-12)


def fair_bits(n, rows):
    return torch.randint(0, 2, (n, rows, 32)).float()


class Training:
    """The weights of preset g2face without a face model."""

    def __init__(self, networks, images, lpips):
        self.net, self.images, self.with_lpips = networks, images, lpips
        self.adam = Adam({name: networks.w[name] for name in networks.trained})
        self.discriminator = [networks.w[n] for n in networks.trained if n.startswith("discriminator/")]

    def draw(self):
        z, noise, _ = self.net.draw(self.images)
        return z, noise, fair_bits(len(self.images), self.net.bit_rows()), torch.randn_like(self.images)

    def draw_as_g2face(self, stage):
        """What g2face draws in its first step with seed 0."""
        n, net = len(self.images), self.net
        r = philox(0, stage, np.arange(n, dtype=np.uint64))
        seeds = [(int(r[0][i]) << 32 | int(r[1][i])) >> 11 for i in range(n)]
        draw = lambda stream, *shape: torch.stack([random_normal(s, stream, shape) for s in seeds])
        noise = [draw(f"generator/{name}.noise", 1, s, s) for name, s in net.noise_layers()]
        bits = (draw("bits", net.bit_rows(), 32) > 0).float()
        return draw("virtual identity", net.identity_dim()), noise, bits, draw("channel", *self.images.shape[1:])

    def generate(self, image, identity, geometry, bits, noise, channel_noise):
        net = self.net
        picture = net.generator(image, net.styles(identity, geometry), bits, noise)
        sent = (picture + 0.01 * channel_noise).clamp_(-1, 1)
        with torch.no_grad():
            rounded = ((sent * 127.5 + 127.5).round_() / 127.5 - 1) - sent
        return picture, net.extractor(sent + rounded)

    def picture_loss(self, picture, logits, bits, features):
        loss = (picture - self.images).abs().mean() + F.softplus(-self.net.discriminator(picture)).mean()
        if self.with_lpips:
            loss = loss + self.net.lpips(picture, features)
        return loss + 10 * F.binary_cross_entropy_with_logits(logits, bits)

    def update(self, loss):
        loss.backward()
        self.adam.step(lambda name: PRIOR_RATE if is_prior(name) else RATE)

    def anonymize(self, drawn):
        z, noise, bits, channel_noise = drawn
        net, image = self.net, self.images
        with torch.no_grad():
            identity, geometry = net.arcface(image), net.geometry((image + 1) / 2)
            features = net.features(image) if self.with_lpips else None
        virtual = net.map_2_id(z)
        picture, logits = self.generate(image, virtual, geometry, bits, noise, channel_noise)
        seen, unit = net.arcface(picture), F.normalize(virtual)
        alike = F.relu(unit @ unit.t()) * (1 - torch.eye(len(unit)))
        loss = alike.mean() + (1 - cosine(virtual, seen)).mean() + F.relu(cosine(identity, seen)).mean()
        loss = loss + self.picture_loss(picture, logits, bits, features)
        self.update(loss)
        self.adam.follow("map_2_id/")
        with torch.no_grad():
            picture = picture.detach()
            return loss.item(), picture, identity, net.geometry((picture + 1) / 2), (logits > 0).float(), features

    def recover(self, drawn, anonymized, identity, geometry, bits, features):
        _, noise, _, channel_noise = drawn
        picture, logits = self.generate(anonymized, identity, geometry, bits, noise, channel_noise)
        loss = (1 - cosine(identity, self.net.arcface(picture))).mean()
        loss = loss + self.picture_loss(picture, logits, bits, features)
        self.update(loss)
        self.adam.follow(("generator/", "style_mlp/", "hiding_extractor/"))
        return loss.item(), picture.detach()

    def discriminate(self, fake, with_r1):
        real = self.images.detach().requires_grad_(with_r1)
        for p in self.discriminator:
            p.requires_grad_(True)
        logits = self.net.discriminator(real)
        losses = [F.softplus(-logits).mean(), F.softplus(self.net.discriminator(fake)).mean()]
        if with_r1:
            slope = torch.autograd.grad(logits.sum(), real, create_graph=True)[0]
            losses.append(5 * slope.square().sum() / len(real))
        sum(losses).backward(inputs=self.discriminator)
        self.adam.step(lambda name: RATE)
        for p in self.discriminator:
            p.requires_grad_(False)
        return [loss.item() for loss in losses]

    def step(self, with_r1, draw):
        for p in self.discriminator:
            p.requires_grad_(False)
        anonymize, picture, *seen = self.anonymize(draw("anonymize"))
        recover, picture = self.recover(draw("recover"), picture, *seen)
        del seen
        return dict(zip(LOSSES, [anonymize, recover, *self.discriminate(picture, with_r1)]))


def run_torch(args):
    """In a process of its own: a step with the random numbers of g2face, to compare and to warm up, then steps by the
    clock."""
    torch.set_num_threads(args.threads)
    layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
    transposed = TransposedByPhases.apply if args.transposed == "phases" else own_transposed
    networks = TrainedNetworks(load_safetensors(args.weights), transposed, layout)
    size = 2 << networks.levels
    faces = (fill("bench/faces", (MODELS[args.model]["images"], 3, size, size)) * 0.9).astype(np.float32)
    training = Training(networks, torch.from_numpy(faces).contiguous(memory_format=layout), args.model == "full")
    losses = training.step(args.r1, training.draw_as_g2face)
    still = [n for n, steps in training.adam.steps.items() if steps == 0 and not n.startswith(NORMALISED)]
    assert not still, f"parameters without gradient: {still}"
    seconds = []
    for _ in range(args.steps):
        start = time.perf_counter()
        training.step(args.r1, lambda stage: training.draw())
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(seconds), "peak MB": peak, "losses": losses}))


def run_g2face(args):
    name = f"train_step/{args.model}{'_r1' if args.r1 else ''}/"
    out = subprocess.run([args.bench, f"--benchmark_filter={name}", "--benchmark_format=json"], check=True, text=True,
                         capture_output=True, env=os.environ | {"G2FACE_BENCH_THREADS": str(args.threads)}).stdout
    result = json.loads(out)["benchmarks"][0]
    return {"seconds": result["real_time"] / 1e3, "peak MB": result["peak MB"],
            "losses": {n: result[n] for n in LOSSES if n in result}}


def busy_seconds():
    """Of all processors since the machine started, and of this process's children."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(v) for v in f.readline().split()[1:9])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ((user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"),
            children.ru_utime + children.ru_stime)


def compare(args):
    rounds, foreign = {"g2face": [], "PyTorch": []}, 0
    print(f"torch {torch.__version__}, {args.threads} threads, load before {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        config, weights = os.path.join(folder, "config.json"), os.path.join(folder, "weights.safetensors")
        with open(config, "w") as f:
            json.dump(MODELS[args.model]["config"], f)
        subprocess.run([args.g2face, "model", "init", "--quiet", "--config", config, "-o", weights], check=True)
        theirs = [sys.executable, __file__, *sys.argv[1:], "--weights", weights]
        for _ in range(args.rounds):
            for name, run in (("g2face", lambda: run_g2face(args)),
                              ("PyTorch", lambda: json.loads(subprocess.check_output(theirs, text=True)))):
                start, before = time.perf_counter(), busy_seconds()
                last = run()
                after, wall = busy_seconds(), time.perf_counter() - start
                others = (after[0] - before[0] - (after[1] - before[1])) / wall
                foreign = max(foreign, others)
                rounds[name].append(last)
                print(f"{name:10}{last['seconds']:9.2f} s{last['peak MB']:9.0f} MB   others used {others:.2f} cores")

    ours, theirs = rounds["g2face"][0]["losses"], rounds["PyTorch"][0]["losses"]
    print(f"\n{'first step':22}{'g2face':>12}{'PyTorch':>12}")
    for name in theirs:
        print(f"{name:22}{ours[name]:12.6f}{theirs[name]:12.6f}")
        assert abs(ours[name] - theirs[name]) < LOSSES[name] * abs(theirs[name]), f"{name}: not the same computation"

    result = {name: (statistics.median(r["seconds"] for r in all_), max(r["peak MB"] for r in all_))
              for name, all_ in rounds.items()}
    print(f"\n{args.model + (' with R1' if args.r1 else ''):22}{'s a step':>12}{'peak MB':>12}")
    for name, (seconds, peak) in result.items():
        print(f"{name:22}{seconds:12.2f}{peak:12.0f}")
    ratios = [b / a for a, b in zip(*result.values())]
    print(f"{'PyTorch / g2face':22}{ratios[0]:12.2f}{ratios[1]:12.2f}      load after {os.getloadavg()[0]:.2f}")
    if foreign > IDLE:
        sys.exit(f"VOID: other processes used {foreign:.2f} cores")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the program g2face_bench")
    parser.add_argument("g2face", help="the program g2face")
    parser.add_argument("--model", choices=MODELS, default="full")
    parser.add_argument("--r1", action="store_true", help="steps with R1")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2, help="of PyTorch in a round, after one to warm up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", choices=("contiguous", "channels_last"), default="contiguous")
    parser.add_argument("--transposed", choices=("phases", "own"), default="phases")
    parser.add_argument("--weights", help=argparse.SUPPRESS)  # PyTorch's side of a round
    args = parser.parse_args()
    (run_torch if args.weights else compare)(args)


if __name__ == "__main__":
    main()
