"""The product kernels as steps of a program."""

from .product_narrow import narrow
from .product_subset import subset_sum
from .product_table import carry_save
from .program import arguments, step


@step
def _table(job):
    carry_save(*arguments(job, "u8:2 n n u8:3 n n n n u8:3 u1:2 u1:1"))


@step
def _subset(job):
    subset_sum(*arguments(job, "u8:2 n n u8:3 n n n n u8:3 u8:3 u1:2 u1:1"))


@step
def _narrow(job):
    narrow(*arguments(job, "here"))


STEPS = {"table": _table, "subset": _subset, "narrow": _narrow}  # by the kernel's name
