"""python encoder.py THREADS FOLDER: a main model of emend with a head on [CLS], in PyTorch on the processor. FOLDER holds work.json.

Answers { do: predict } with the milliseconds of all batches and their scores, { do: epoch } with the seconds of one pass of AdamW and its losses.
"""

import json
import resource
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

threads, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(threads)
with open(folder + "/work.json") as file:
    work = json.load(file)
c, dropout = work["model"], work["dropout"]
D, H, T_most = c["hidden"], c["heads"], work["seq"]
buckets = torch.tensor(work["buckets"])


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or not name.startswith("params/"):
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data[begin:end], dtype=torch.float32)
        tensors[name[len("params/") :]] = flat.reshape(entry["shape"]).clone()
    return tensors


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.wide, self.narrow = nn.Linear(D, c["ffn"]), nn.Linear(c["ffn"], D)

    def forward(self, x, mask):
        B, T, _ = x.shape
        drop = dropout if self.training else 0.0
        q, k, v = self.qkv(x).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=drop)
        x = self.norm1(x + F.dropout(self.out(y.transpose(1, 2).reshape(B, T, D)), drop, self.training))
        return self.norm2(x + F.dropout(self.narrow(F.gelu(self.wide(x))), drop, self.training))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.position = nn.Embedding(c["vocab"], D), nn.Embedding(c["maxLength"], D)
        self.norm = nn.LayerNorm(D)
        self.bias = nn.Embedding(c["buckets"], H)
        self.layers = nn.ModuleList(Layer() for _ in range(c["mainLayers"]))
        self.dense, self.out = nn.Linear(D, D), nn.Linear(D, work["classes"])

    def forward(self, ids, lengths):
        T = ids.shape[1]
        places = torch.arange(T)
        distance = places[None, :] - places[:, None] + T_most - 1
        bias = self.bias(buckets[distance]).permute(2, 0, 1)[None]
        unseen = (places[None, :] >= lengths[:, None])[:, None, None, :]
        mask = bias.masked_fill(unseen, float("-inf"))  # [B, H, T, T]
        x = F.dropout(self.norm(self.table(ids) + self.position.weight[:T]), dropout, self.training)
        for layer in self.layers:
            x = layer(x, mask)
        x = F.dropout(x[:, 0], dropout, self.training)
        return self.out(F.dropout(torch.tanh(self.dense(x)), dropout, self.training))


def load(model, p):
    own = {"table.weight": p["embedding/token"], "position.weight": p["main/embedding/position"]}

    def take(name, path):
        if path + "/weight" in p:
            weight = p[path + "/weight"]
            own[name + ".weight"] = weight.t() if weight.dim() == 2 else weight
            own[name + ".bias"] = p[path + "/bias"]

    take("norm", "main/embedding/norm")
    own["bias.weight"] = p["main/relativeBias"]
    for i in range(c["mainLayers"]):
        at = "main/layers/layer%02d/" % i
        names = {"qkv": "attention/qkv", "out": "attention/out", "norm1": "norm1", "wide": "ffn/in", "narrow": "ffn/out", "norm2": "norm2"}
        for name, path in names.items():
            take("layers.%d.%s" % (i, name), at + path)
    take("dense", "tasks/%s/dense" % work["task"])
    take("out", "tasks/%s/out" % work["task"])
    missing, unexpected = model.load_state_dict(own, strict=False)
    assert not unexpected and all(name.split(".")[0] in ("dense", "out") for name in missing), (missing, unexpected)


model = Classifier()
load(model, read_safetensors(work["from"]))
batches = [{key: torch.tensor(value) if isinstance(value, list) else value for key, value in b.items()} for b in work["batches"]]


def predict():
    model.eval()
    scores = [None] * work["rows"]
    with torch.inference_mode():
        for batch in batches:
            answers = model(batch["ids"], batch["lengths"]).tolist()
            for row, answer in zip(batch["rows"].tolist(), answers):
                scores[row] = answer
    return scores


def epoch():
    model.train()
    o = work["optimizer"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=o["lr"], betas=(0.9, 0.98), eps=1e-6, weight_decay=o["weightDecay"], fused=True)
    losses = []
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        each = F.cross_entropy(model(batch["ids"], batch["lengths"]), batch["targets"], reduction="none")
        loss = (each * batch["weights"]).sum() / batch["weights"].sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def tell(answer):
    print(json.dumps(answer), flush=True)


tell({"ready": {"version": torch.__version__, "backend": "CPU, eager", "threads": threads}})
for line in sys.stdin:
    request = json.loads(line)
    began = time.perf_counter()
    if request["do"] == "predict":
        scores = predict()
        tell({"ms": [(time.perf_counter() - began) * 1e3], "scores": scores})
    elif request["do"] == "epoch":
        losses = epoch()
        tell({"ms": [(time.perf_counter() - began) * 1e3], "losses": losses})
    else:
        tell({"rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
