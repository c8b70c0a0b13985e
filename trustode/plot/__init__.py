"""Figures of results: Axes in, Axes out, readable without colour.

Nothing here shows a window. A function that is given Axes draws there and touches nothing
else; one that is given none makes a figure with pyplot, as other libraries do. Each returns the
Axes. Arguments are told where users meet them, in the `plot` of each result. `parts` is shared;
`runs`, `bifurcations` and `fits` draw what they are called after.
"""

from .bifurcations import plot_bands as plot_bands
from .bifurcations import plot_branch as plot_branch
from .bifurcations import plot_curve as plot_curve
from .bifurcations import plot_cycles as plot_cycles
from .bifurcations import plot_diagram as plot_diagram
from .bifurcations import plot_periods as plot_periods
from .bifurcations import plot_regime_map as plot_regime_map
from .fits import FIT_PLOTS as FIT_PLOTS
from .fits import GROUP_PLOTS as GROUP_PLOTS
from .fits import mean_courses as mean_courses
from .fits import persons_size as persons_size
from .fits import plot_draws as plot_draws
from .fits import plot_means as plot_means
from .fits import plot_predictive as plot_predictive
from .fits import plot_profile as plot_profile
from .fits import plot_recovery as plot_recovery
from .parts import LINES as LINES
from .parts import name_label as name_label
from .parts import time_label as time_label
from .runs import plot_basins as plot_basins
from .runs import plot_ensemble as plot_ensemble
from .runs import plot_orbit_diagram as plot_orbit_diagram
from .runs import plot_phase as plot_phase
from .runs import plot_scan as plot_scan
from .runs import plot_solution as plot_solution
from .runs import plot_sweep as plot_sweep
