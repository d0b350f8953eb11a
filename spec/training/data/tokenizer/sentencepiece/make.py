"""Makes the models of this folder and ids.jsonl, the library's own ids, with `pip install sentencepiece` (0.2.2 was used).

usage: node --import tsx spec/training/data/tokenizer/sentencepiece/texts.ts | python make.py
standard input: {"corpus": lines to train on, "texts": texts to encode}
"""
import json, sys, tempfile
from pathlib import Path
import sentencepiece as spm

here = Path(__file__).parent
given = json.load(sys.stdin)
rules = [
    ("ﬁ", "fi"), ("é", "e"), ("e\u0301", "e"), ("\u3000", " "), ("\t", " "), ("\n", " "), ("\u00a0", " "), ("\u200b", ""),
    ("½", "1/2"), ("Ⅷ", "VIII"), ("Ａ", "A"), ("Ａ\u0301", "Á"), ("“", '"'), ("”", '"'),
]
hexed = lambda s: " ".join("%X" % ord(c) for c in s)
with tempfile.TemporaryDirectory() as tmp:
    corpus, tsv = Path(tmp, "corpus.txt"), Path(tmp, "rules.tsv")
    corpus.write_text("\n".join(given["corpus"]))
    tsv.write_text("".join(f"{hexed(a)}\t{hexed(b)}\n" for a, b in rules))
    models = {
        "unigram": dict(model_type="unigram", vocab_size=300, normalization_rule_tsv=str(tsv),
                        user_defined_symbols=["<sep>", "the end"], control_symbols=["[MASK]"]),
        "unigram-bytes": dict(model_type="unigram", vocab_size=450, normalization_rule_name="identity", byte_fallback=True,
                              remove_extra_whitespaces=False),
        "bpe": dict(model_type="bpe", vocab_size=500, normalization_rule_tsv=str(tsv), byte_fallback=True, split_digits=True,
                    user_defined_symbols=["<sep>", "the end"]),
        "bpe-suffix": dict(model_type="bpe", vocab_size=200, normalization_rule_name="identity",
                           treat_whitespace_as_suffix=True),
        "word": dict(model_type="word", vocab_size=100, normalization_rule_name="identity"),
    }
    ids = {}
    for name, settings in models.items():
        spm.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(here / name), minloglevel=2, **settings)
        (here / f"{name}.vocab").unlink()
        sp = spm.SentencePieceProcessor(model_file=str(here / f"{name}.model"))
        if name != "word":
            ids[name] = [[sp.encode(t), sp.decode(sp.encode(t))] for t in given["texts"]]
rows = [{"text": t, "ids": {n: ids[n][i] for n in ids}} for i, t in enumerate(given["texts"])]
(here / "ids.jsonl").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
