"""Fits as PEtab problems, version 1: `write_petab` and `read_petab`.

PEtab (Schmiester et al. 2021, PLoS Comput. Biol. 17, e1008646) is a folder: a model in SBML,
tables of conditions, observables, measurements and parameters, and a file that names them.
`formulas` translates expressions and priors both ways. Imports the model layer, the formats of
other programs and the fits.
"""

from .read import PetabProblem, read_petab
from .write import write_petab

__all__ = ["PetabProblem", "read_petab", "write_petab"]
