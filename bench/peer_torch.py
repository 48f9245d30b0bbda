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
import os
import statistics
import subprocess
import time

import torch

from peer_networks import Networks, fastest, load_safetensors, make_image, own_transposed, transposed_by_phases


def faster_transposed(layout):
    x = torch.randn(1, 256, 32, 32).contiguous(memory_format=layout)
    return fastest([own_transposed, transposed_by_phases], x, torch.randn(256, 256, 3, 3))


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
        x, transposed = image.contiguous(memory_format=fmt), faster_transposed(fmt)
        print(f"{layout}: transposed convolutions {'by phases' if transposed is transposed_by_phases else 'of its own'}")
        for form in ("grouped", "shared", "shared optimized"):
            networks = Networks(weights, form == "grouped", transposed, layout=fmt)
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
