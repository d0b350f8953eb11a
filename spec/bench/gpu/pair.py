"""python pair.py JSON: the step of the auxiliary + main pair in PyTorch, on the GPU where there is one. Prints one line of JSON a result.

JSON  {"model": PairConfig, "rows": of a micro-batch, "microBatches": of a step, "seq", "slots": masked places of a row, "steps",
       "precision": "f32" | "f16", "compiled": bool, "matmul": n or 0, "software": go on without a GPU}
Post-LN layers with relative bias, dropout in the main model, tied tables, MLM + CLM + 50 RTD, AdamW with clipping, autocast and a
gradient scaler in f16; TF32 is off. Attention is torch's own.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

job = json.loads(sys.argv[1])
c, half = job["model"], job["precision"] == "f16"
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
D, H, T, V = c["hidden"], c["heads"], job["seq"], c["vocab"]


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.wide, self.narrow = nn.Linear(D, c["ffn"]), nn.Linear(c["ffn"], D)

    def forward(self, x, bias, drop, drop_attention):
        B = x.shape[0]
        q, k, v = self.qkv(x).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), dropout_p=drop_attention)
        x = self.norm1(x + F.dropout(self.out(y.transpose(1, 2).reshape(B, T, D)), drop))
        return self.norm2(x + F.dropout(self.narrow(F.gelu(self.wide(x))), drop))


class Encoder(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.position = nn.Embedding(T, D)
        self.norm = nn.LayerNorm(D)
        self.bias = nn.Embedding(c["buckets"], H)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        # Where a distance falls does not change the time: linear buckets.
        distance = torch.arange(T)[None, :] - torch.arange(T)[:, None]
        half_buckets = c["buckets"] // 2
        self.register_buffer("buckets", distance.clamp(1 - half_buckets, half_buckets - 1) + half_buckets - 1)

    def forward(self, tokens, drop, drop_attention):
        bias = self.bias(self.buckets).permute(2, 0, 1)[None]
        x = F.dropout(self.norm(tokens + self.position.weight), drop)
        for layer in self.layers:
            x = layer(x, bias, drop, drop_attention)
        return x


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, D)
        self.aux, self.main = Encoder(c["auxLayers"]), Encoder(c["mainLayers"])
        self.dense, self.norm = nn.Linear(D, D), nn.LayerNorm(D)
        self.mlm_bias, self.clm_bias = nn.Parameter(torch.zeros(V)), nn.Parameter(torch.zeros(V))
        self.detect = nn.Linear(D, 1)
        nn.init.normal_(self.table.weight, std=c["initStd"])

    def at(self, x, positions):
        return x.gather(1, positions[..., None].expand(-1, -1, D))

    def forward(self, tokens, masked, positions, targets, count):
        h = self.at(self.aux(self.table(masked), 0.0, 0.0), positions)
        logits = F.linear(self.norm(F.gelu(self.dense(h))), self.table.weight, self.mlm_bias)
        mlm = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / count[0]
        with torch.no_grad():
            noise = -torch.log(-torch.log(torch.rand_like(logits, dtype=torch.float32).clamp_min(1e-20)))
            drawn = (logits.float() + noise).argmax(-1)
        corrupted = tokens.scatter(1, positions, drawn)
        h = self.main(self.table(corrupted), c["dropout"], c["attentionDropout"])
        logits = F.linear(self.at(h, positions), self.table.weight, self.clm_bias)
        clm = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / count[0]
        same = (corrupted == tokens).float()
        rtd = F.binary_cross_entropy_with_logits(self.detect(h).squeeze(-1).float(), same, reduction="sum") / count[1]
        return mlm + clm + 50 * rtd


def measure():
    torch.manual_seed(1)
    pair = Pair().to(device)
    loss_of = torch.compile(pair) if job["compiled"] else pair
    optimizer = torch.optim.AdamW(pair.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-6, fused=device == "cuda")
    scaler = torch.amp.GradScaler(device, enabled=half and device == "cuda")
    B, K, n = job["rows"], job["slots"], job["microBatches"]
    count = torch.tensor([B * K * n, B * T * n], dtype=torch.float32, device=device)
    batches = []
    for _ in range(n):
        tokens = torch.randint(5, V, (B, T), device=device)
        positions = torch.stack([torch.randperm(T)[:K].sort().values for _ in range(B)]).to(device)
        batches.append((tokens, tokens.scatter(1, positions, 4), positions, tokens.gather(1, positions)))

    def step():
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for batch in batches:
            with torch.autocast(device, dtype=torch.float16 if device == "cuda" else torch.bfloat16, enabled=half):
                loss = loss_of(*batch, count)
            scaler.scale(loss).backward()
            total = total + loss.detach()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(pair.parameters(), 2.0)
        scaler.step(optimizer)
        scaler.update()
        return total

    losses = [step().item() for _ in range(2)]
    wait()
    ms = []
    for _ in range(job["steps"]):
        began = time.perf_counter()
        loss = step()
        wait()
        ms.append((time.perf_counter() - began) * 1e3)
        losses.append(loss.item())
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return {"what": "step", "ms": ms, "losses": losses, "peakBytes": peak}


def measure_product(n):
    dtype = torch.float16 if half else torch.float32
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    wait()
    ms = []
    for _ in range(10):
        began = time.perf_counter()
        a @ b
        wait()
        ms.append((time.perf_counter() - began) * 1e3)
    return {"what": "matmul", "ms": ms}


if device == "cpu" and not job["software"]:
    sys.exit("PyTorch finds no GPU")
name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
print(json.dumps({"what": "ready", "version": torch.__version__, "device": name}), flush=True)
if job["matmul"] > 0:
    print(json.dumps(measure_product(job["matmul"])), flush=True)
print(json.dumps(measure()), flush=True)
