"""Yang, Shen, Xing, Tian, Li, Deng, Huang, Hua, *Quantization Networks*, CVPR 2019.

The quantization function, its initialisation and its training follow a converted copy of the paper, whose fractions the
conversion had flattened, and notes on the authors' released code. The theorems on it are qtheory's own.
"""

ORDER = ("gradients", "hard_limit", "temperature_gap", "slope_moments", "custom_estimator")
