"""Practice clusters: file-backed stand-ins for PBS and Slurm, for learning hpctrain and for tests.

``python -m hpctrain.schedulers.practice_cluster FOLDER qsub …``.
The whole cluster is in FOLDER, and its jobs really
run, on this machine, each looked after as on the site ``local``; what is imitated is how PBS and
Slurm are asked, and how they answer. There is no daemon, and nothing waits for a fixed time. What
they answer is pinned, by tests, to what the real ones answered.

``FOLDER/bin`` holds the programs under their own names: with it on the PATH, they can be tried by
hand. A file ``FOLDER/down`` makes the server unreachable, until it is removed.
"""
