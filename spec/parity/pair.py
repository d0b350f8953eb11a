"""The auxiliary + main pair and its loss in plain PyTorch: what emend is compared with.

Reads a list of problems as JSON from standard input and writes their answers as JSON to standard output. Needs nothing but torch.
Written from the recipe and from the names and shapes of the parameters, and not from the TypeScript: LayerNorm, gelu, softmax,
the cross-entropies, clipping and AdamW are torch's own.

problem  {"task": "gradients" | "train", "dtype": "float64" | "float32", "config": {...},
          "params": {path: {"shape": [...], "data": [...]}}, "batch": {name: {"shape": [...], "data": [...]}},
          "optimizer": {"b1", "b2", "eps", "weightDecay", "clipNorm", "rates": [one for each step]}}      (train only)
answer   {"loss", "terms": {"mlm", "clm", "rtd"}, "arrays": {path: [...]}, "norms": [...], "torch": version}
          arrays: the gradients, or the parameters after the last step; norms: the gradient's norm before clipping, by step
"""

import json
import math
import sys

import torch
from torch.nn import functional as F

DETECTION_WEIGHT = 50.0
LAYER_NORM_EPS = 1e-5


def relative_buckets(length, max_length, bins, max_distance):
    """COCO-LM's signed buckets: built for the longest text, shifted by their minimum, then cut to this length."""
    half = bins // 2
    m = half // 2
    rows = []
    for i in range(max_length):
        row = []
        for j in range(max_length):
            n = abs(j - i)
            if n < m:
                b = n
            else:
                b = m + math.ceil(math.log(n / m) / math.log((max_distance - 1) / m) * (half - 1 - m))
                b = min(b, half - 1)
            row.append(b if j > i else -b)
        rows.append(row)
    full = torch.tensor(rows)
    return (full - full.min())[:length, :length]


def dense(p, name, x):
    return F.linear(x, p[name + "/weight"].t(), p[name + "/bias"])


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[name + "/weight"], p[name + "/bias"], LAYER_NORM_EPS)


def self_attention(p, name, x, bias, heads):
    B, T, D = x.shape
    q, k, v = dense(p, name + "/qkv", x).split(D, dim=-1)
    q, k, v = (y.view(B, T, heads, D // heads).transpose(1, 2) for y in (q, k, v))
    q = q * (D // heads) ** -0.5
    probabilities = torch.softmax(q @ k.transpose(-1, -2) + bias, dim=-1)
    mixed = (probabilities @ v).transpose(1, 2).reshape(B, T, D)
    return dense(p, name + "/out", mixed)


def encode(p, model, layers, ids, config):
    B, T = ids.shape
    buckets = relative_buckets(T, config["maxLength"], config["buckets"], config["maxDistance"])
    bias = F.embedding(buckets, p[model + "/relativeBias"]).permute(2, 0, 1)
    x = F.embedding(ids, p["embedding/token"]) + p[model + "/embedding/position"][:T]
    x = norm(p, model + "/embedding/norm", x)
    for i in range(layers):
        name = "%s/layers/layer%02d" % (model, i)
        x = norm(p, name + "/norm1", x + self_attention(p, name + "/attention", x, bias, config["heads"]))
        wide = F.gelu(dense(p, name + "/ffn/in", x))
        x = norm(p, name + "/norm2", x + dense(p, name + "/ffn/out", wide))
    return x


def at(x, positions):
    """x[b, positions[b, k]]: [B, T, D] -> [B, K, D]."""
    return torch.stack([x[b, positions[b]] for b in range(x.shape[0])])


def masked_mean(logits, batch):
    B, K = batch["targets"].shape
    nats = F.cross_entropy(logits.reshape(B * K, -1), batch["targets"].reshape(B * K), reduction="none")
    return (nats * batch["weights"].reshape(B * K)).sum() / batch["maskCount"]


def pair_loss(p, batch, config):
    table = p["embedding/token"]
    positions = batch["positions"]

    h = at(encode(p, "aux", config["auxLayers"], batch["masked"], config), positions)
    h = norm(p, "head/mlm/norm", F.gelu(dense(p, "head/mlm/dense", h)))
    mlm = masked_mean(h @ table.t() + p["head/mlm/bias"], batch)

    corrupted = batch["tokens"].clone()
    for b in range(positions.shape[0]):
        for k in range(positions.shape[1]):
            if batch["weights"][b, k] > 0:
                corrupted[b, positions[b, k]] = batch["replaced"][b, k]

    h = encode(p, "main", config["mainLayers"], corrupted, config)
    clm = masked_mean(at(h, positions) @ table.t() + p["head/clm/bias"], batch)
    is_original = (corrupted == batch["tokens"]).to(table.dtype)
    detection = dense(p, "head/rtd", h).squeeze(-1)
    rtd = F.binary_cross_entropy_with_logits(detection, is_original, reduction="sum") / batch["tokenCount"]

    return mlm + clm + DETECTION_WEIGHT * rtd, {"mlm": mlm, "clm": clm, "rtd": rtd}


def tensors(arrays, dtype):
    whole = {"tokens", "masked", "positions", "targets", "replaced"}
    return {
        name: torch.tensor(a["data"], dtype=torch.int64 if name in whole else dtype).reshape(a["shape"])
        for name, a in arrays.items()
    }


def answer(problem):
    dtype = {"float64": torch.float64, "float32": torch.float32}[problem["dtype"]]
    config = problem["config"]
    batch = tensors(problem["batch"], dtype)
    params = {path: p.requires_grad_() for path, p in tensors(problem["params"], dtype).items()}
    norms = []

    if problem["task"] == "train":
        o = problem["optimizer"]
        optimizer = torch.optim.AdamW(
            params.values(), betas=(o["b1"], o["b2"]), eps=o["eps"], weight_decay=o["weightDecay"]
        )
        for rate in o["rates"]:
            optimizer.zero_grad()
            loss, terms = pair_loss(params, batch, config)
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(params.values(), o["clipNorm"]).item())
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        arrays = params
    else:
        loss, terms = pair_loss(params, batch, config)
        loss.backward()
        arrays = {path: p.grad for path, p in params.items()}

    return {
        "loss": loss.item(),
        "terms": {name: value.item() for name, value in terms.items()},
        "arrays": {path: a.detach().reshape(-1).tolist() for path, a in arrays.items()},
        "norms": norms,
        "torch": torch.__version__,
    }


torch.set_num_threads(1)
json.dump([answer(problem) for problem in json.load(sys.stdin)], sys.stdout)
