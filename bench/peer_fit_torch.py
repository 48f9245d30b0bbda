#!/usr/bin/env python3
"""Times the fit of a face model to 68 landmarks as one writes it in PyTorch: batched Gauss-Newton with the Jacobian in
closed form, one batched product and torch.linalg.cholesky a step. g2face's side is `g2face_fit_report speed`, whose
figures include finding the first pose and deciding when to stop; here steps alone are timed, `--steps` of them.

    bench/peer_fit_torch.py [--threads 2] [--steps 5] [--repeats 10]

Needs python3-torch; the project itself does not.
"""
import argparse
import os
import time

import torch


def cross_matrix(w):
    zero = torch.zeros_like(w[:, 0])
    return torch.stack([zero, -w[:, 2], w[:, 1], w[:, 2], zero, -w[:, 0], -w[:, 1], w[:, 0], zero], 1).view(-1, 3, 3)


def project(mean, flat_basis, rotation, translation, c):
    shape = mean + (c @ flat_basis.T).view(len(c), -1, 3)
    turned = shape @ rotation.transpose(1, 2)
    p = turned + translation[:, None]
    inverse = 1 / (10 - p[..., 2])
    return turned, p, inverse, 1160 * p[..., :2] * inverse[..., None] + 128


def step(mean, basis, flat_basis, prior, rotation, translation, c, landmarks):
    """One Gauss-Newton step from (rotation, translation, c), all [N,...]; basis [L,3,K]."""
    turned, p, inverse, seen = project(mean, flat_basis, rotation, translation, c)
    residual = (seen - landmarks).flatten(1)
    scale, zero = 1160 * inverse, torch.zeros_like(inverse)
    by_point = torch.stack([torch.stack([scale, zero, scale * p[..., 0] * inverse], -1),
                            torch.stack([zero, scale, scale * p[..., 1] * inverse], -1)], -2)  # [N,L,2,3]
    by_turn = torch.cross(turned[:, :, None].expand_as(by_point), by_point, dim=-1)
    by_modes = torch.matmul(by_point @ rotation[:, None], basis)  # [N,L,2,K]
    jacobian = torch.cat([by_turn, by_point, by_modes], -1).flatten(1, 2)
    matrix = jacobian.transpose(1, 2) @ jacobian + torch.diag(prior)
    right = -(jacobian.transpose(1, 2) @ residual[..., None])
    right[:, 6:] -= (prior[6:] * c)[..., None]
    delta = torch.cholesky_solve(right, torch.linalg.cholesky(matrix))[..., 0]
    return (torch.matrix_exp(cross_matrix(delta[:, :3])) @ rotation, translation + delta[:, 3:6], c + delta[:, 6:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    print(f"torch {torch.__version__}, {args.threads} threads, load {os.getloadavg()[0]:.1f}, {args.steps} steps\n")
    print("| model | faces | ms per fit | fits/s | CPU ms per fit | mean residual px |\n|---|---|---|---|---|---|")
    for name, modes in (("80 + 64", 144), ("100 + 53", 153)):
        mean, basis = 0.5 * torch.randn(68, 3), 0.02 * torch.randn(68, 3, modes)
        flat = basis.reshape(-1, modes)
        prior = torch.cat([torch.zeros(6), torch.ones(modes)])
        for faces in (1, 64):
            truth = torch.matrix_exp(cross_matrix(0.2 * torch.randn(faces, 3)))
            translation, c = torch.zeros(faces, 3), torch.randn(faces, modes)
            landmarks = project(mean, flat, truth, translation, c)[3] + torch.randn(faces, 68, 2)
            best, least_cpu = 1e9, 1e9
            for _ in range(args.repeats):
                state = (torch.eye(3).expand(faces, 3, 3), torch.zeros(faces, 3), torch.zeros(faces, modes))
                begin, cpu = time.perf_counter(), time.process_time()
                for _ in range(args.steps):
                    state = step(mean, basis, flat, prior, *state, landmarks)
                best = min(best, time.perf_counter() - begin)
                least_cpu = min(least_cpu, time.process_time() - cpu)
            error = (project(mean, flat, *state)[3] - landmarks).norm(dim=-1).mean().item()
            print(f"| {name} | {faces} | {1e3 * best / faces:.3f} | {faces / best:.0f} | {1e3 * least_cpu / faces:.3f} "
                  f"| {error:.2f} |")


if __name__ == "__main__":
    main()
