"""Every method's outer loss and its order of forwards, written out once more and independently of core.methods.

Each function takes `s`, which forwards the student in train mode, the teacher `t`, and the images; it calls `s` in the
documented order. K(a, b) is (1/N) sum KL(softmax(a) || softmax(b)), as in the papers.
"""

import torch
import torch.nn.functional as F


def K(reference, logits):  # noqa: N802 - the papers' letter
    p, q = F.softmax(reference, dim=1), F.softmax(logits, dim=1)
    return (p * (p.log() - q.log())).sum() / len(logits)


def per_image(reference, logits):
    p, q = F.softmax(reference, dim=1), F.softmax(logits, dim=1)
    return (p * (p.log() - q.log())).sum(dim=1)


def ce(logits, y):
    return -F.log_softmax(logits, dim=1)[torch.arange(len(y)), y].mean()


def standard(s, t, x, a, y, epoch, o):
    return ce(s(x), y)


def pgd_at(s, t, x, a, y, epoch, o):
    return ce(s(a), y)


def trades(s, t, x, a, y, epoch, o):
    clean, adv, again = s(x), s(a), s(x)
    return ce(clean, y) + o.trades_beta * K(again, adv)


def mart(s, t, x, a, y, epoch, o):
    p, q = F.softmax(s(x), dim=1), F.softmax(s(a), dim=1)
    return mart_loss(p, q, y, o)


def mart_loss(p, q, y, o):
    rows = torch.arange(len(y))
    top = q.argsort(dim=1)[:, -2:]
    wrong = torch.where(top[:, -1] == y, top[:, -2], top[:, -1])
    boosted = -torch.log(q[rows, y]).mean() - torch.log(1.0001 - q[rows, wrong] + 1e-12).mean()
    divergence = (p * (torch.log(p) - torch.log(q + 1e-12))).sum(dim=1)
    return boosted + o.mart_beta * (divergence * (1.0000001 - p[rows, y])).mean()


def ard(s, t, x, a, y, epoch, o):
    clean, adv = s(x), s(a)
    return ard_loss(clean, adv, t, x, y, o)


def ard_loss(clean, adv, t, x, y, o):
    temperature, weight = o.temperature, o.ard_lambda
    return weight * temperature**2 * K(t(x) / temperature, adv / temperature) + (1 - weight) * ce(clean, y)


def trust(t, a, y):
    return F.softmax(t(a), dim=1)[torch.arange(len(y)), y] ** 0.1


def iad(s, t, x, a, y, epoch, o):
    adv, _, clean = s(a), s(a), s(x)
    if epoch > o.iad_begin:
        s(x)
    return iad_loss(clean, adv, t, x, a, y, epoch, o)


def iad_loss(clean, adv, t, x, a, y, epoch, o):
    loss = per_image(t(x), adv)
    if epoch > o.iad_begin:
        weight = trust(t, a, y)
        loss = (weight if o.iad_teacher_weight == "reliability" else 1) * loss + (1 - weight) * per_image(clean, adv)
    return loss.mean()


def akd(s, t, x, a, y, epoch, o):
    return akd_loss(s(a), t, x, a, y, o)


def akd_loss(adv, t, x, a, y, o):
    return (1 - o.akd_mix) * ce(adv, y) + o.akd_mix * K(t(a if o.akd_teacher_input == "adv" else x), adv)


def rslad(s, t, x, a, y, epoch, o):
    adv, clean = s(a), s(x)
    return 0.1 * (5 / 6 * K(t(x), adv) + 1 / 6 * K(t(x), clean))


def adaad(s, t, x, a, y, epoch, o):
    clean, adv = s(x), s(a)
    return adaad_loss(clean, adv, t, x, a, o)


def adaad_loss(clean, adv, t, x, a, o):
    return o.adaad_lambda * K(t(a), adv) + (1 - o.adaad_lambda) * K(t(x), clean)


def adaiad(s, t, x, a, y, epoch, o):
    _, adv, clean = s(x), s(a), s(x)
    if epoch > o.iad_begin:
        s(x)
    return adaiad_loss(clean, adv, t, a, y, epoch, o)


def adaiad_loss(clean, adv, t, a, y, epoch, o):
    loss = K(t(a), adv)
    if epoch > o.iad_begin:
        loss = loss + ((1 - trust(t, a, y)) * per_image(clean, adv)).mean()
    return loss


LOSSES = {
    "standard": standard, "pgd-at": pgd_at, "trades": trades, "mart": mart, "ard": ard, "iad": iad, "akd": akd,
    "rslad": rslad, "adaad": adaad, "adaiad": adaiad,
}  # fmt: skip


def with_igdm(name, s, t, x, a, y, epoch, o, *, beta=1.0, gamma=1.0):
    """(base loss, IGDM term) with the forwards of the public code, or by analogy, adv and plus forwarded once."""
    delta = a - x
    plus, minus = x + beta * delta, x - gamma * delta
    if name == "trades":
        clean, z_plus, again, z_minus = s(x), s(plus), s(x), s(minus)
        base = ce(clean, y) + o.trades_beta * K(again, z_plus)
    elif name == "mart":
        clean, z_plus, z_minus = s(x), s(plus), s(minus)
        base = mart_loss(F.softmax(clean, dim=1), F.softmax(z_plus, dim=1), y, o)
    else:
        z_plus, clean, z_minus = s(plus), s(x), s(minus)
        base = {
            "pgd-at": lambda: ce(z_plus, y),
            "ard": lambda: ard_loss(clean, z_plus, t, x, y, o),
            "iad": lambda: iad_loss(clean, z_plus, t, x, a, y, epoch, o),
            "akd": lambda: akd_loss(z_plus, t, x, a, y, o),
            "rslad": lambda: 0.1 * (5 / 6 * K(t(x), z_plus) + 1 / 6 * K(t(x), clean)),
            "adaad": lambda: adaad_loss(clean, z_plus, t, x, a, o),
            "adaiad": lambda: adaiad_loss(clean, z_plus, t, a, y, epoch, o),
        }[name]()
    return base, K(t(plus) - t(minus), z_plus - z_minus)


ORDERS = {
    ("standard", False): ["clean"],
    ("pgd-at", False): ["adv"],
    ("trades", False): ["clean", "adv", "clean"],
    ("mart", False): ["clean", "adv"],
    ("ard", False): ["clean", "adv"],
    ("iad", False): ["adv", "adv", "clean", "clean"],
    ("iad-2", False): ["adv", "clean"],
    ("akd", False): ["adv"],
    ("rslad", False): ["adv", "clean"],
    ("adaad", False): ["clean", "adv"],
    ("adaiad", False): ["clean", "adv", "clean", "clean"],
    ("pgd-at", True): ["adv", "clean", "minus"],
    ("trades", True): ["clean", "adv", "clean", "minus"],
    ("mart", True): ["clean", "adv", "minus"],
    ("ard", True): ["adv", "clean", "minus"],
    ("iad", True): ["adv", "clean", "minus"],
    ("iad-2", True): ["adv", "clean", "minus"],
    ("akd", True): ["adv", "clean", "minus"],
    ("rslad", True): ["adv", "clean", "minus"],
    ("adaad", True): ["adv", "clean", "minus"],
    ("adaiad", True): ["adv", "clean", "minus"],
}
LITERAL_ORDERS = {
    "rslad": ["adv", "plus", "clean", "minus"],
    "adaad": ["plus", "clean", "minus", "adv"],
    "adaiad": ["plus", "clean", "minus", "adv"],
    "ard": ["plus", "clean", "minus"],
}
