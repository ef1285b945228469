"""How the learned initial weights of lmzip are made; `python -m training --help`.

Nothing here determines a bit of an archive: what does is the file that `export` writes, which lies
in the codec and is covered by its hash. In order of the data:

    corpus.py     documents, by kind, and what the codec's slots know at each of their positions
    network.py    the float twin of the codec's transformer, rounded as its weights file will be
    optimiser.py  Muon for the matrices of the layers, Adam for the rest
    run.py        a run that can be interrupted, and validation
    export.py     a run's weights as a file of the codec
"""
