"""The description length as an instrument: where the bits of an archive go, and why.

`lengths` measures (per byte and per part of the model), `comparison` sets levels side by side,
`likeness` scores texts by one another; `plots`, `colouring`, `visible` and `page` show it.
"""
