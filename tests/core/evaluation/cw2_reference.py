"""CW2 written out image by image from its description, for comparison with ours."""

import torch
from torch import Tensor, nn


def advertorch_cw2(network: nn.Module, images: Tensor, labels: Tensor, *, num_steps: int) -> Tensor:
    """advertorch's CarliniWagnerL2Attack with one search step at c = 0.1: variables in arctanh space, Adam, confidence
    0.01, a look at the loss after each tenth of the steps; the nearest success, else the image itself.
    """
    count = len(images)
    latent = torch.atanh((images * 2 - 1) * 0.999999)
    delta = torch.nn.Parameter(torch.zeros_like(images))
    optimiser = torch.optim.Adam([delta], lr=0.01)
    best, nearest = images.clone(), [1e10] * count
    previous = 1e10
    for step in range(num_steps):
        adv = 0.5 * (torch.tanh(latent + delta) + 1)
        logits = network(adv)
        distance = ((adv - 0.5 * (torch.tanh(latent) + 1)) ** 2).sum(dim=(1, 2, 3))
        total = 0.0
        values = logits.detach()
        for n in range(count):
            others = [k for k in range(logits.shape[1]) if k != labels[n]]
            best_other = max(others, key=lambda k: float(values[n, k]))
            total = total + 0.1 * torch.relu(logits[n, labels[n]] - logits[n, best_other] + 0.01) + distance[n]
        optimiser.zero_grad()
        total.backward()
        for n in range(count):
            raised = values[n].clone()
            raised[labels[n]] += 0.01
            if int(raised.argmax()) != int(labels[n]) and float(distance[n].detach()) < nearest[n]:
                nearest[n], best[n] = float(distance[n].detach()), adv[n].detach()
        optimiser.step()
        if step % (num_steps // 10) == 0:
            if float(total.detach()) > 0.999999 * previous:
                break
            previous = float(total.detach())
    return best
