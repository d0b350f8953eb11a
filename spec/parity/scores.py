"""Figures of tasks by scikit-learn, scipy and plain Python: questions as JSON on standard input, answers as JSON on standard output.

A question is {"kind", ...} as spec/parity/scores.spec.ts asks it; an answer is a list of numbers, null for NaN.
"""

import json
import math
import re
import string
import sys
import warnings
from collections import Counter

import numpy as np
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")


def classes(q):
    y, t = q["answered"], q["right"]
    per_class = metrics.f1_score(t, y, labels=range(q["classes"]), average=None, zero_division=0)
    return [
        metrics.accuracy_score(t, y),
        per_class[1],
        float(np.mean(per_class)),
        metrics.matthews_corrcoef(t, y),
    ]


def values(q):
    y, t = q["answered"], q["right"]
    return [float(stats.pearsonr(y, t)[0]), float(stats.spearmanr(y, t)[0]), *stats.rankdata(y)]


def grouped(q):
    y, t, g = map(np.array, (q["answered"], q["right"], q["groups"]))
    return [
        metrics.f1_score(t, y, zero_division=0),
        float(np.mean([np.array_equal(y[g == k], t[g == k]) for k in np.unique(g)])),
    ]


def words(text):
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def overlap(one, other):
    common = sum((Counter(one) & Counter(other)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(one), common / len(other)
    return 2 * precision * recall / (precision + recall)


def texts(q):
    given = words(q["answered"])
    return [
        max(overlap(given, words(text)) for text in q["right"]),
        float(any(given == words(text) for text in q["right"])),
        len(q["answered"].split()),
    ]


kinds = {"classes": classes, "values": values, "grouped": grouped, "texts": texts}
answers = [[None if math.isnan(x) else x for x in kinds[q["kind"]](q)] for q in json.load(sys.stdin)]
json.dump(answers, sys.stdout)
