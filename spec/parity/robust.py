"""A stochastic answer network and one step of virtual adversarial training in plain PyTorch: what emend is compared with.

Reads a list of problems as JSON from standard input and writes their answers as JSON to standard output. Needs nothing but torch.
Written from the papers' formulas and from the names and shapes of the parameters: the gated unit is torch.nn.GRUCell, gradients are
torch.autograd's.

problem  {"task": "san", "turns": K, "params": {path: array}, "hidden": array, "segments": array, "weights": array}
         {"task": "vat", "divergence": name, "norm": name, "eps": x, "params": {path: array}, "embedded": array, "isToken": array,
          "start": array}
         array: {"shape": [...], "data": [...]}
answer   {"value": [...], "noise": [...] (vat only), "grads": {path: [...]}}
"""

import json
import math
import sys

import torch

torch.set_default_dtype(torch.float64)


def array(a):
    return torch.tensor(a["data"]).reshape(a["shape"])


def dense(p, name, x):
    return x @ p[name + "/weight"] + p[name + "/bias"]


def san(problem, p):
    hidden, segments = array(problem["hidden"]), array(problem["segments"])
    cell = torch.nn.GRUCell(hidden.shape[-1], hidden.shape[-1])
    weights = {
        "weight_ih": p["gru/input/weight"].t(),
        "weight_hh": p["gru/state/weight"].t(),
        "bias_ih": p["gru/input/bias"],
        "bias_hh": p["gru/state/bias"],
    }

    def pooled(scores, mask):
        shares = torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)
        return (shares.unsqueeze(-1) * hidden).sum(1)

    state = pooled((hidden @ p["summary/weight"]).squeeze(-1), segments == 2)
    posteriors = []
    for _ in range(problem["turns"]):
        query = dense(p, "attention", state)
        read = pooled((hidden * query.unsqueeze(1)).sum(-1), segments == 1)
        state = torch.func.functional_call(cell, weights, (read, state))
        features = torch.cat([state, read, (state - read).abs(), state * read], dim=-1)
        posteriors.append(torch.softmax(dense(p, "out", features), dim=-1))
    value = torch.log(torch.stack(posteriors).mean(0))
    return value, (value * array(problem["weights"])).sum(), {}


def divergence(name, clean, noisy):
    p, q = clean.exp(), noisy.exp()
    if name == "kl":
        return (p.detach() * (clean.detach() - noisy)).sum(-1)
    if name == "symmetric-kl":
        return 0.5 * (divergence("kl", clean, noisy) + divergence("kl", noisy, clean))
    if name == "hellinger":
        return 0.5 * (p.sqrt() - q.sqrt()).square().sum(-1)
    m = torch.log((p + q) / 2)
    return 0.5 * (p * (clean - m)).sum(-1) + 0.5 * (q * (noisy - m)).sum(-1)


def of_length_one(name, x):
    order = {"l2": 2, "l1": 1, "linf": math.inf}[name]
    length = torch.linalg.vector_norm(x, ord=order, dim=-1, keepdim=True)
    return torch.where(length > 0, x / torch.where(length > 0, length, 1), 0)


def vat(problem, p):
    embedded, is_token = array(problem["embedded"]), array(problem["isToken"]).bool().unsqueeze(-1)

    def posterior(noise):
        states = torch.tanh((embedded + noise) @ p["mix"])
        mean = (states * is_token).sum(1) / is_token.sum(1)
        return torch.log_softmax(dense(p, "out", mean), dim=-1)

    clean = posterior(0)
    start = array(problem["start"]).requires_grad_()
    inner = divergence(problem["divergence"], clean.detach(), posterior(start)).sum()
    (slope,) = torch.autograd.grad(inner, [start])
    noise = problem["eps"] * of_length_one(problem["norm"], slope).detach()
    value = divergence(problem["divergence"], clean, posterior(noise))
    return value, value.mean(), {"noise": noise.flatten().tolist()}


def answer(problem):
    p = {path: array(a).requires_grad_() for path, a in problem["params"].items()}
    value, total, more = {"san": san, "vat": vat}[problem["task"]](problem, p)
    grads = torch.autograd.grad(total, list(p.values()))
    return {
        "value": value.flatten().tolist(),
        "grads": {path: g.flatten().tolist() for path, g in zip(p, grads)},
        **more,
    }


json.dump([answer(problem) for problem in json.load(sys.stdin)], sys.stdout)
