#!/usr/bin/env python3
"""Times anonymize and recover at 256 px on a GPU against PyTorch on the same GPU: same weights, inputs and noise, all in
one run, taking turns.

    build-cuda/bin/g2face model init --fill reference -o out/reference.safetensors
    bench/peer_torch_cuda.py build-cuda/bin/g2face_peer out/reference.safetensors --out out/gpu_check [--compile]

PyTorch runs the networks as
  P1 shipped     the reference's grouped modulated convolution, float32 with TF32 convolutions, cudnn.benchmark
  P2 eager       weights shared between samples, batch norms folded, unread heads left out, 16-bit storage, inference_mode,
                 contiguous and channels_last; filters and transposed convolutions in the form that is faster here
  P3 compile     P2 under torch.compile(mode="max-autotune"); takes minutes, so it has to be asked for
  P4 graph       P2 recorded as a CUDA graph
For each implementation: `device`, the time between CUDA events around a whole job whose input and result stay on the GPU,
and `wall`, with both copied from and to the host. Before it is timed, a result is compared with g2face's own strict f32
one (PSNR). Hidden bits are bits of floats, whose last ones are rounding: the anonymized images that are compared hide
random bits instead. The recovered image depends on bits that an untrained model reads, and may differ much.

Prints what it measures and writes results.json and results.md to the folder. --device cpu --dtype f32 shows that the
script works.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

from peer_networks import (Networks, fastest, filter_by_convolution, filter_by_slices, load_safetensors, make_image,
                           own_transposed, transposed_by_phases)

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


class Peer:
    """A g2face_peer process of one precision."""

    def __init__(self, args, precision):
        command = [args.peer, args.model, "--device", args.device, "--precision", precision]
        self.name = " ".join(command)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended at '{line}'")
        return float(answer)

    def result(self, shape):
        with tempfile.NamedTemporaryFile() as file:
            self.ask("save " + file.name)
            return torch.from_numpy(np.fromfile(file.name, np.float32).reshape(shape))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    def __init__(self, peer, job, n):
        self.peer, self.line, self.shape = peer, f"{job} {n}", (n, 3, 256, 256)
        self.check_line = self.line.replace("anonymize", "anonymize_random_bits")

    def check(self):
        self.peer.ask(self.check_line)
        return self.peer.result(self.shape)

    def wall(self):
        return self.peer.ask(self.line)

    def device(self, runs):  # what ran last
        self.wall()
        return [self.peer.ask("device 1") for _ in range(runs)]


class Torch:
    """`run` computes the result from an image on the device; `checked` the same with g2face's noise, or None."""

    def __init__(self, image, layout, run, checked):
        self.host, self.layout, self.run, self.checked = image, layout, run, checked
        self.on_gpu = DEVICE.type == "cuda"
        if self.on_gpu:
            self.host = image.pin_memory()
        self.x = self.upload()

    def upload(self):
        return self.host.to(DEVICE, non_blocking=True).contiguous(memory_format=self.layout)

    def check(self):
        return self.checked(self.x).float().cpu() if self.checked else None

    def wall(self):
        start = time.perf_counter()
        self.run(self.upload()).float().cpu()
        return time.perf_counter() - start

    def device(self, runs):
        times = []
        for _ in range(runs):
            if not self.on_gpu:
                start = time.perf_counter()
                self.run(self.x)
                times.append(time.perf_counter() - start)
                continue
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            torch.cuda.synchronize()
            begin.record()
            self.run(self.x)
            end.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(end) * 1e-3)
        return times


def inference(function):
    def run(*inputs):
        with torch.inference_mode():
            return function(*inputs)

    return run


def recorded(function, x):
    """A CUDA graph of function(x), and a call that copies its input in and replays it."""
    static = x.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function(static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function(static)

    def run(image):
        if image is not x:
            static.copy_(image)
        graph.replay()
        return result

    return run


def compiled(function, x):
    from torch.fx.experimental.proxy_tensor import make_fx

    function(x)  # what is computed once must not become a part of the graph
    module = make_fx(lambda image: function(image))(x)  # weights become buffers of a module, which are not copied
    run = torch.compile(module, mode="max-autotune", fullgraph=True, dynamic=False)

    def checked(image):
        torch.compiler.cudagraph_mark_step_begin()
        return run(image)

    for _ in range(3):
        assert bool(torch.isfinite(checked(x)).all())
    return checked


def faster_functions(layout, dtype):
    """Of the transposed convolution and the filter, at the widest layers."""
    size, channels = (64, 256) if DEVICE.type == "cuda" else (16, 64)
    x = torch.randn(1, channels, size, size, device=DEVICE, dtype=dtype).contiguous(memory_format=layout)
    w = torch.randn(channels, channels, 3, 3, device=DEVICE, dtype=dtype).contiguous(memory_format=layout)
    taps = torch.tensor([1.0, 3, 3, 1], device=DEVICE)
    kernel = (torch.outer(taps, taps) / 16).to(dtype).expand(channels, 1, 4, 4).contiguous()
    return (fastest([own_transposed, transposed_by_phases], x, w),
            fastest([filter_by_convolution, filter_by_slices], x, kernel, 4.0))


def report_left_out(name, error):
    print(f"  {name} is left out: {type(error).__name__}: {str(error)[:200]}", flush=True)


class TorchSide:
    def __init__(self, args, weights):
        self.args, dtype = args, DTYPES[args.dtype]
        self.shipped = Networks(weights, True, own_transposed)
        self.tuned, self.forms = {}, {}
        for name, layout in LAYOUTS.items():
            transposed, filter = faster_functions(layout, dtype)
            self.forms[name] = f"{transposed.__name__}, {filter.__name__}"
            self.tuned[name] = Networks(weights, False, transposed, filter=filter, tuned=True, dtype=dtype, layout=layout)
        if args.compile:
            self.fusable = Networks(weights, False, own_transposed, filter=filter_by_slices, tuned=True, dtype=dtype,
                                    layout=torch.channels_last)

    def settings(self, job, n):
        """Implementations by name; one that fails is reported and left out."""
        image, made = make_image("peer/image", n), {}

        def add(name, make):
            try:
                made[name] = make()
            except Exception as error:  # whatever an unusual build of PyTorch may say
                report_left_out(name, error)

        def with_our_noise(networks):
            drawn = networks.draw_as_g2face(image.to(DEVICE), 1)
            return inference(lambda x: getattr(networks, job)(x, drawn))

        shipped = getattr(self.shipped, job)
        add("P1 shipped", lambda: Torch(image, torch.contiguous_format, shipped, with_our_noise(self.shipped)))
        for name, networks in self.tuned.items():
            layout, run = LAYOUTS[name], inference(getattr(networks, job))
            add(f"P2 eager {self.args.dtype} {name}", lambda: Torch(image, layout, run, with_our_noise(networks)))
            if DEVICE.type == "cuda":
                def graph():
                    plain = Torch(image, layout, run, with_our_noise(networks))
                    plain.run = recorded(run, plain.x)
                    return plain

                add(f"P4 graph {self.args.dtype} {name}", graph)
        if self.args.compile:
            def compile():
                plain = Torch(image, torch.channels_last, None, None)
                plain.run = compiled(getattr(self.fusable, job), plain.x)
                return plain

            add(f"P3 compile {self.args.dtype}", compile)
        return made


def psnr(got, want):
    error = (got.double() - want.double()).square().mean().item()
    return 10 * math.log10(4 / max(error, 4e-20))  # 200 dB where nothing differs


def measure(implementations, args):
    """Times them in turns: several rounds, in each a share of the runs of every implementation."""
    rounds = 5
    times = {name: {"device": [], "wall": []} for name in implementations}
    shares = {}
    for name, one in implementations.items():
        start, runs = time.perf_counter(), 0
        while runs < args.warmup and time.perf_counter() - start < args.seconds / 2:
            one.wall()
            runs += 1
        seconds = (time.perf_counter() - start) / max(runs, 1)
        shares[name] = max(1, min(args.runs, int(args.seconds / seconds)) // rounds)
    for _ in range(rounds):
        for name, one in implementations.items():
            times[name]["device"] += one.device(shares[name])
            times[name]["wall"] += [one.wall() for _ in range(shares[name])]
    return times


def summary(times):
    ordered = sorted(times)
    return {"median_ms": statistics.median(times) * 1e3, "p95_ms": ordered[int(0.95 * (len(ordered) - 1))] * 1e3,
            "min_ms": ordered[0] * 1e3, "runs": len(times)}


def gpu_state():
    if DEVICE.type != "cuda":
        return "no GPU"
    query = "name,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw"
    try:
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return torch.cuda.get_device_name()


def markdown(report):
    rows, names = report["results"], []
    for row in rows:
        names += [name for name in row["implementations"] if name not in names]
    peers = [name for name in names if name.startswith("P")]
    text = "\n".join(f"{key}: {report[key]}  " for key in ("gpu before", "gpu after", "torch", "forms"))
    text += "\n\nMedian ms of a whole job, device / wall (with copies from and to the host). "
    text += "Ratio: the best PyTorch over g2face at its fastest.\n\n"
    text += "| job | N | " + " | ".join(names) + " | ratio device | ratio wall |\n" + "|---" * (len(names) + 4) + "|\n"
    for row in rows:
        cells, best = [], {}
        for name in names:
            figures = row["implementations"].get(name)
            cells.append(f"{figures['device']['median_ms']:.3f} / {figures['wall']['median_ms']:.3f}" if figures else "-")
        for kind in ("device", "wall"):
            values = {name: f[kind]["median_ms"] for name, f in row["implementations"].items()}
            theirs, ours = ([v for name, v in values.items() if (name in peers) == is_peer] for is_peer in (True, False))
            best[kind] = f"{min(theirs) / min(ours):.2f}" if theirs and ours else "-"
        text += f"| {row['job']} | {row['n']} | " + " | ".join(cells) + f" | {best['device']} | {best['wall']} |\n"
    text += "\n| job | N | implementation | device median, p95, min ms | wall median, p95, min ms | runs | PSNR dB |\n"
    text += "|---|---|---|---|---|---|---|\n"
    for row in rows:
        for name, f in row["implementations"].items():
            device, wall = (", ".join(f"{f[kind][key]:.3f}" for key in ("median_ms", "p95_ms", "min_ms"))
                            for kind in ("device", "wall"))
            decibels = "-" if f["psnr_db"] is None else f"{f['psnr_db']:.1f}"
            text += f"| {row['job']} | {row['n']} | {name} | {device} | {wall} | {f['device']['runs']} | {decibels} |\n"
    return text


def check_networks(weights, job, want):
    """The networks in PyTorch are those of g2face: in plain f32 both give the same."""
    tf32 = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    networks, image = Networks(weights, True, own_transposed), make_image("peer/image").to(DEVICE)
    decibels = psnr(getattr(networks, job)(image, networks.draw_as_g2face(image, 1)).cpu(), want)
    torch.backends.cudnn.allow_tf32 = tf32
    print(f"{job}: PyTorch in f32 against g2face strict: {decibels:.1f} dB")
    if job == "anonymize" and decibels < 60:
        sys.exit("peer_torch_cuda.py: PyTorch and g2face do not compute the same networks")


def main():
    global DEVICE
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer")
    parser.add_argument("model")
    parser.add_argument("--out", default="out/gpu_check", help="folder of results.json and results.md")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--jobs", default="anonymize,recover")
    parser.add_argument("--batches", default="1,4,16")
    parser.add_argument("--precisions", default="strict,tf32,bf16,f16", help="of g2face")
    parser.add_argument("--checked", default="1", help="batches whose results are compared; each costs g2face more plans")
    parser.add_argument("--dtype", default="bf16", choices=sorted(DTYPES), help="of PyTorch's tuned forms")
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2, help="for the runs of one implementation; the warm-up takes half")
    parser.add_argument("--compile", action="store_true", help="P3 as well")
    args = parser.parse_args()
    DEVICE = torch.device(args.device)
    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True

    report = {"gpu before": gpu_state(), "torch": f"{torch.__version__}, CUDA {torch.version.cuda}, "
              f"cuDNN {torch.backends.cudnn.version()}", "load": os.getloadavg()[0], "results": []}
    print(report["gpu before"], "| torch", report["torch"])
    weights = {name: t.to(DEVICE) for name, t in load_safetensors(args.model).items()}
    theirs = TorchSide(args, weights)
    report["forms"] = theirs.forms
    timed = args.precisions.split(",")
    peers = {precision: Peer(args, precision) for precision in dict.fromkeys(["strict", *timed])}
    os.makedirs(args.out, exist_ok=True)
    for job in args.jobs.split(","):
        for n in (int(size) for size in args.batches.split(",")):
            print(f"{job}, N = {n}")
            want = Ours(peers["strict"], job, n).check() if str(n) in args.checked.split(",") else None
            if n == 1 and want is not None:
                check_networks(weights, job, want)
            implementations = {f"g2face {p}": Ours(peers[p], job, n) for p in timed} | theirs.settings(job, n)
            quality = {}
            for name, one in list(implementations.items()):
                quality[name] = None
                try:
                    one.wall()
                    got = None if want is None else one.check()
                    if got is not None:
                        quality[name] = psnr(got, want)
                except Exception as error:
                    report_left_out(name, error)
                    del implementations[name]
            row = {"job": job, "n": n, "implementations": {}}
            for name, times in measure(implementations, args).items():
                row["implementations"][name] = {kind: summary(t) for kind, t in times.items()} | {"psnr_db": quality[name]}
                print(f"  {name:32}{statistics.median(times['device']) * 1e3:10.3f} ms on the device"
                      f"{statistics.median(times['wall']) * 1e3:10.3f} ms with copies"
                      + ("" if quality[name] is None else f"{quality[name]:8.1f} dB"), flush=True)
            report["results"].append(row)
            report["gpu after"] = gpu_state()
            with open(os.path.join(args.out, "results.json"), "w") as file:
                json.dump(report, file, indent=1)
            with open(os.path.join(args.out, "results.md"), "w") as file:
                file.write(markdown(report))
    for peer in peers.values():
        peer.close()
    print(f"written: {args.out}/results.json, {args.out}/results.md")


if __name__ == "__main__":
    main()
