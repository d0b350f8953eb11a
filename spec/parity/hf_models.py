"""Tiny random models of transformers, saved as save_pretrained does, each in FOLDER/CLASS, and what they compute.

    hf_models.py FOLDER vocab.txt CLASS... < rows.json > answers.json

rows.json is a list of rows of ids of any lengths, which are padded on the right; the answer has hidden states of all places, and logits of a
masked LM where the class has its head.
"""

import json
import shutil
import sys

import torch
import transformers


def answer_of(name, folder, vocab, rows):
    kind = next(k for k in ("Bert", "Electra", "Roberta", "MPNet") if name.startswith(k))
    # RoBERTa's and MPNet's positions begin behind the padding's id, which is 1.
    first = 2 if kind in ("Roberta", "MPNet") else 0
    sizes = dict(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=12 + first,
        layer_norm_eps=1e-3,  # not emend's own: a difference of it shows
        initializer_range=0.5,
        pad_token_id=1,
    )
    if kind == "Electra":
        sizes["embedding_size"] = 16
    if kind != "MPNet":
        sizes["type_vocab_size"] = 2
    torch.manual_seed(3)
    model = getattr(transformers, name)(getattr(transformers, kind + "Config")(**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms too, which begin at 0 and 1
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder, safe_serialization=True)
    shutil.copy(vocab, folder + "/vocab.txt")
    model = model.double()  # of the same weights: what differs from emend is no rounding
    T = max(map(len, rows))
    ids = torch.tensor([row + [1] * (T - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (T - len(row)) for row in rows])
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    hidden = out.hidden_states[-1]
    answer = {"shape": list(hidden.shape), "hidden": hidden.flatten().tolist()}
    if name.endswith(("ForMaskedLM", "ForPreTraining")) and kind != "Electra":
        logits = out.prediction_logits if name.endswith("ForPreTraining") else out.logits
        answer["logits"] = logits.flatten().tolist()
    return answer


def main():
    folder, vocab, *names = sys.argv[1:]
    rows = json.load(sys.stdin)
    json.dump({name: answer_of(name, folder + "/" + name, vocab, rows) for name in names}, sys.stdout)


main()
