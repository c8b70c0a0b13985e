"""Draw the README's figure: ``python docs/figures/make_readme.py``."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import trustode as tr
from trustode.models.trust_forms import one_load

EPISODE = {"ev": tr.Episodes([5], height=-1)}

figure = Figure(figsize=(9, 3.4), layout="constrained")
left, right = figure.subplots(1, 2)
for profile, colour, style in (("healthy", "#0072B2", "-"), ("bpd-excitable", "#D55E00", "--")):
    model = tr.models.load("trust-updated", profile=profile)
    rest = tr.equilibria(model).stable[0]
    solution = tr.simulate(model, np.linspace(0, 60, 2001), initial=rest.state, inputs=EPISODE)
    solution.plot("T", ax=left).lines[-1].set(color=colour, linestyle=style, label=profile)
left.axvspan(4.5, 5.5, color="0.85")
left.set_title("one cancelled visit on day 5")
left.legend(loc="lower right")
tr.continuation(one_load("trust-updated"), "D", span=(0, 1)).plot("T", ax=right)
right.set_xlabel("developmental load D")
right.set_title("where the swinging begins (Hopf point)")
figure.savefig(Path(__file__).with_name("readme.png"), dpi=110)
