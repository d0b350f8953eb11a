"""Hidden states of an exported encoder, by a program that knows nothing of emend: config.json and model.safetensors are all it reads.

    hf_encoder.py FOLDER torch|transformers < ids.json > hidden.json

ids.json is a list of rows of ids of one length. `torch` builds the encoder of torch.nn's own layers; `transformers` loads the folder with AutoModel.
"""

import json
import math
import struct
import sys

import torch
from torch import nn


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", entry
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data[begin:end], dtype=torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def t5_bucket(distance, buckets, max_distance):
    """T5's bucket of key - query, written from its description."""
    half = buckets // 2
    exact = half // 2
    n = abs(distance)
    base = half if distance > 0 else 0
    if n < exact:
        return base + n
    return base + min(half - 1, exact + int(math.log(n / exact) / math.log(max_distance / exact) * (half - exact)))


def bias_of(config, p, T):
    """[H, T, T] of the architectures that have a relative bias, else None."""
    kind = config["model_type"]
    if kind == "bert":
        return None
    if kind == "mpnet":  # its 32 and 128 are fixed
        table, furthest = p["encoder.relative_attention_bias.weight"], 128
    else:
        table, furthest = p["encoder.rel_pos_bias.weight"].t(), config["max_rel_pos"]
        table = table / math.sqrt(config["hidden_size"] // config["num_attention_heads"])
    rows = [[t5_bucket(j - i, len(table), furthest) for j in range(T)] for i in range(T)]
    return table[torch.tensor(rows)].permute(2, 0, 1)


def with_torch(folder, ids):
    with open(folder + "/config.json") as file:
        config = json.load(file)
    p = read_safetensors(folder + "/model.safetensors")
    eps = config["layer_norm_eps"]
    heads = config["num_attention_heads"]
    kind = config["model_type"]
    B, T = ids.shape
    first = 0 if kind == "bert" else config["pad_token_id"] + 1
    x = p["embeddings.word_embeddings.weight"][ids] + p["embeddings.position_embeddings.weight"][first : first + T]
    if kind != "mpnet":
        x = x + p["embeddings.token_type_embeddings.weight"][0]
    if kind == "layoutlmv3":  # a box of zeros
        parts = [p["embeddings.%s_position_embeddings.weight" % name][0] for name in ("x", "y", "x", "y", "h", "w")]
        x = x + torch.cat(parts)
    x = nn.functional.layer_norm(
        x, x.shape[-1:], p["embeddings.LayerNorm.weight"], p["embeddings.LayerNorm.bias"], eps
    )
    bias = bias_of(config, p, T)
    mask = None if bias is None else bias.repeat(B, 1, 1)  # [B * H, T, T]
    if kind == "mpnet":
        names = ("attn.q", "attn.k", "attn.v", "attn.o", "LayerNorm")
    else:
        names = ("self.query", "self.key", "self.value", "output.dense", "output.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        at = "encoder.layer.%d." % i
        layer = nn.TransformerEncoderLayer(
            config["hidden_size"], heads, config["intermediate_size"], 0.0, "gelu", eps, batch_first=True, norm_first=False
        ).eval()
        q, k, v = (at + "attention." + name for name in names[:3])
        own = {
            "self_attn.in_proj_weight": torch.cat([p[n + ".weight"] for n in (q, k, v)]),
            "self_attn.in_proj_bias": torch.cat([p[n + ".bias"] for n in (q, k, v)]),
        }
        for theirs, name in {
            "self_attn.out_proj": "attention." + names[3],
            "norm1": "attention." + names[4],
            "linear1": "intermediate.dense",
            "linear2": "output.dense",
            "norm2": "output.LayerNorm",
        }.items():
            for part in ("weight", "bias"):
                own[theirs + "." + part] = p[at + name + "." + part]
        layer.load_state_dict(own)
        x = layer(x, src_mask=mask)
    return x


def with_transformers(folder, ids):
    from transformers import AutoModel, AutoTokenizer

    model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    unused = [name for name in info["unexpected_keys"]]
    missing = [name for name in info["missing_keys"] if not name.startswith("pooler.")]
    assert not unused and not missing, (unused, missing)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.mask_token_id is not None
    return model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state


def main():
    # The fast path takes masks that are added for masks that are true or false.
    torch.backends.mha.set_fastpath_enabled(False)
    folder, how = sys.argv[1:]
    ids = torch.tensor(json.load(sys.stdin))
    with torch.no_grad():
        hidden = (with_torch if how == "torch" else with_transformers)(folder, ids)
    json.dump({"shape": list(hidden.shape), "data": hidden.flatten().tolist()}, sys.stdout)


main()
