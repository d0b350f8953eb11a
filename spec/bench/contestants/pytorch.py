"""python pytorch.py THREADS FOLDER: the step in PyTorch on the processor, eager, fused Adam. FOLDER holds problem.json and params.f32."""

import json
import resource
import sys
import time

import torch
from torch.nn import functional as F

threads, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(threads)


def open_step():
    with open(folder + "/problem.json") as file:
        c = json.load(file)
    with open(folder + "/params.f32", "rb") as file:
        flat = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    p = {}
    at = 0
    for name, shape in c["params"]:
        size = 1
        for n in shape:
            size *= n
        p[name] = flat[at : at + size].reshape(shape).clone().requires_grad_()
        at += size
    B, S, H, A = c["B"], c["S"], c["H"], c["A"]
    ids = torch.tensor(c["ids"]).view(B, S)
    positions = torch.tensor(c["positions"])
    labels = torch.tensor(c["labels"])

    def norm(x, weight, bias):
        return F.layer_norm(x, (H,), p[weight], p[bias], c["lnEps"])

    def loss_of():
        x = norm(p["tok"][ids] + p["pos"], "eg", "eb")
        for l in range(c["L"]):

            def of(k):
                return p["%d.%s" % (l, k)]

            def heads(k):
                return (x @ of("w" + k) + of("b" + k)).view(B, S, A, H // A).transpose(1, 2)

            q, k, v = heads("q"), heads("k"), heads("v")
            weights = torch.softmax(q @ k.transpose(-1, -2) * (H // A) ** -0.5, -1)
            mixed = (weights @ v).transpose(1, 2).reshape(B, S, H)
            x = norm(x + mixed @ of("wo") + of("bo"), "%d.g1" % l, "%d.c1" % l)
            wide = F.gelu(x @ of("w1") + of("b1"))
            x = norm(x + wide @ of("w2") + of("b2"), "%d.g2" % l, "%d.c2" % l)
        m = norm(F.gelu(x.reshape(B * S, H)[positions] @ p["hw"] + p["hb"]), "hg", "hc")
        return F.cross_entropy(m @ p["tok"].T + p["db"], labels)

    o = c["adam"]
    optimizer = torch.optim.Adam(p.values(), lr=o["lr"], betas=(o["b1"], o["b2"]), eps=o["eps"], fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def open_matmul(n):
    a, b = torch.rand(n, n), torch.rand(n, n)

    def product():
        a @ b

    for _ in range(20):
        product()
    return product


def timed(times, call):
    ms, values = [], []
    for _ in range(times):
        began = time.perf_counter()
        values.append(call())
        ms.append((time.perf_counter() - began) * 1e3)
    return ms, values


def tell(answer):
    print(json.dumps(answer), flush=True)


tell({"ready": {"version": torch.__version__, "backend": "CPU, eager", "threads": threads}})
step = None
products = {}
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "step":
        step = step or open_step()
        ms, losses = timed(request["times"], step)
        tell({"ms": ms, "losses": losses})
    elif request["do"] == "matmul":
        n = request["n"]
        products[n] = products.get(n) or open_matmul(n)
        tell({"ms": timed(request["times"], products[n])[0]})
    else:
        tell({"rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
