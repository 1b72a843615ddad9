"""stub"""
from typing import NamedTuple
class Optimum(NamedTuple):
    w: object
    value: float
    certificate: object = None
def optimum(p):
    return Optimum(*p.closed_form())
