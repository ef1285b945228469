"""Priors: how they are kept, found and learned; `lmzip.prior` is what others use of them."""
