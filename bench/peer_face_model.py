#!/usr/bin/env python3
"""Times the 3D face model at the size of the reference against PyTorch on the CPU, in one run: what the geometry loss
computes of coefficients (shape, projected landmarks, shading) and its gradient. PyTorch computes it as Deep3DFaceRecon
does: gathers, cross products, sums over eight neighbours.

    bench/peer_face_model.py build/bin/g2face_bench [--rounds 5] [--threads 2]

Needs python3-torch; the project itself does not.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

VERTICES, TRIANGLES, COLUMNS = 35709, 70789, 189


def sheet():
    rows = []
    while len(rows) < TRIANGLES:
        for a in range(VERTICES - COLUMNS - 1):
            if a % COLUMNS != COLUMNS - 1:
                rows += [[a, a + COLUMNS, a + 1], [a + 1, a + COLUMNS, a + COLUMNS + 1]]
    triangles = torch.tensor(rows[:TRIANGLES])
    neighbours = torch.full((VERTICES, 8), TRIANGLES)
    filled = [0] * VERTICES
    for f, corners in enumerate(triangles.tolist()):
        for v in corners:
            if filled[v] < 8:
                neighbours[v, filled[v]] = f
                filled[v] += 1
    return triangles, neighbours


class Model:
    def __init__(self):
        self.triangles, self.neighbours = sheet()
        index = torch.arange(VERTICES)
        grid = torch.stack([(index % COLUMNS) * 0.01, -(index // COLUMNS) * 0.01, 0.0 * index], 1)
        self.mean = (grid - grid.mean(0) + 0.002 * torch.randn(VERTICES, 3)).reshape(1, -1)
        self.identity = torch.randn(3 * VERTICES, 80) * 1e-4
        self.expression = torch.randn(3 * VERTICES, 64) * 1e-4
        self.landmarks = torch.arange(68) * 500
        self.projection = torch.tensor([[1015.0, 0, 112], [0, 1015, 112], [0, 0, 1]]).T
        self.ambient = torch.tensor([0.8] + [0.0] * 8).reshape(1, 1, 9)

    def normals(self, shape):
        v1, v2, v3 = (shape[:, self.triangles[:, k]] for k in range(3))
        n = F.normalize(torch.cross(v1 - v2, v2 - v3, dim=-1), dim=-1, p=2)
        n = torch.cat([n, torch.zeros(n.shape[0], 1, 3)], 1)
        return F.normalize(torch.sum(n[:, self.neighbours], dim=2), dim=-1, p=2)

    @staticmethod
    def rotation(angles):
        n = angles.shape[0]
        one, zero = torch.ones(n, 1), torch.zeros(n, 1)
        x, y, z = angles[:, :1], angles[:, 1:2], angles[:, 2:]
        sin, cos = torch.sin, torch.cos
        rx = torch.cat([one, zero, zero, zero, cos(x), -sin(x), zero, sin(x), cos(x)], 1).reshape(n, 3, 3)
        ry = torch.cat([cos(y), zero, sin(y), zero, one, zero, -sin(y), zero, cos(y)], 1).reshape(n, 3, 3)
        rz = torch.cat([cos(z), -sin(z), zero, sin(z), cos(z), zero, zero, zero, one], 1).reshape(n, 3, 3)
        return (rz @ ry @ rx).permute(0, 2, 1)

    def shading(self, normals, gamma):
        gamma = (gamma.reshape(-1, 3, 9) + self.ambient).permute(0, 2, 1)
        a0, a1, a2 = math.pi, 2 * math.pi / math.sqrt(3), 2 * math.pi / math.sqrt(8)
        c0, c1, c2 = 1 / math.sqrt(4 * math.pi), math.sqrt(3 / (4 * math.pi)), 3 * math.sqrt(5 / (12 * math.pi))
        x, y, z = normals[..., :1], normals[..., 1:2], normals[..., 2:]
        basis = torch.cat([a0 * c0 * torch.ones_like(x), -a1 * c1 * y, a1 * c1 * z, -a1 * c1 * x, a2 * c2 * x * y,
                           -a2 * c2 * y * z, 0.5 * a2 * c2 / math.sqrt(3) * (3 * z ** 2 - 1), -a2 * c2 * x * z,
                           0.5 * a2 * c2 * (x ** 2 - y ** 2)], -1)
        return basis @ gamma

    def loss_outputs(self, c):
        shape = (torch.einsum("ij,aj->ai", self.identity, c[:, :80]) +
                 torch.einsum("ij,aj->ai", self.expression, c[:, 80:144]) + self.mean).reshape(c.shape[0], -1, 3)
        rotation = self.rotation(c[:, 224:227])
        placed = shape @ rotation + c[:, 254:].unsqueeze(1)
        camera = torch.cat([placed[..., :2], 10 - placed[..., 2:]], -1)
        projected = camera @ self.projection
        landmarks = (projected[..., :2] / projected[..., 2:])[:, self.landmarks]
        return shape, landmarks, self.shading(self.normals(shape) @ rotation, c[:, 227:254])


def torch_seconds(model, n, backward):
    c = (torch.rand(n, 257) * 0.2 - 0.1).requires_grad_(backward)
    with torch.set_grad_enabled(backward):
        start = time.perf_counter()
        outputs = model.loss_outputs(c)
        if backward:
            torch.autograd.backward(outputs, [torch.ones_like(o) for o in outputs])
        return time.perf_counter() - start


def our_seconds(program, name, threads):
    text = subprocess.run([program, f"--benchmark_filter=^face_model/{name}/", "--benchmark_format=json",
                           "--benchmark_min_time=0.3"], check=True, capture_output=True, text=True,
                          env={**os.environ, "G2FACE_BENCH_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)})
    return json.loads(text.stdout)["benchmarks"][0]["real_time"] / 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Model()
    jobs = [(n, backward) for n in (1, 8) for backward in (False, True)]
    times = {job: ([], []) for job in jobs}
    for job in jobs:
        torch_seconds(model, *job)
    for _ in range(args.rounds):
        for n, backward in jobs:
            name = f"loss_gradient/n{n}" if backward else f"loss/n{n}"
            times[n, backward][0].append(our_seconds(args.program, name, args.threads))
            times[n, backward][1].append(min(torch_seconds(model, n, backward) for _ in range(3)))
    print(f"torch {torch.__version__}, {args.threads} threads, load {os.getloadavg()[0]:.1f}, {args.rounds} rounds")
    print(f"{'ms, median (min)':32}{'g2face':>20}{'torch':>20}{'ratio':>8}")
    for (n, backward), (ours, theirs) in times.items():
        texts = [f"{statistics.median(t) * 1e3:.1f} ({min(t) * 1e3:.1f})" for t in (ours, theirs)]
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"N={n} {'outputs and gradient' if backward else 'outputs':27}{texts[0]:>20}{texts[1]:>20}{ratio:8.1f}")


if __name__ == "__main__":
    main()
